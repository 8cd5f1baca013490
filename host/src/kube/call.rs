//! One request to the API server: bounded in time, and its failure in words that the machine and people can use.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bellows_core::event::ApiFailure;
use kube::core::Status;

/// Longest wait for one answer. The API server itself gives up on a request after 60 s; one that takes 10 s is in
/// trouble that another attempt does not add to, because attempts back off in the machine.
pub(super) const CALL_TIME_MAX: Duration = Duration::from_secs(10);

/// There is no answer, or it is a refusal.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the API server refused")]
    Refused(#[source] Box<Status>),
    #[error("the API server could not be asked")]
    Unasked(#[source] Box<kube::Error>),
    #[error("the API server did not answer within {} s", CALL_TIME_MAX.as_secs())]
    Late,
}

/// Sends one request.
pub(super) async fn call<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_TIME_MAX, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(CallError::Refused(status)),
        Ok(Err(error)) => Err(CallError::Unasked(Box::new(error))),
        Err(_) => Err(CallError::Late),
    }
}

/// An answer of which "there is no such thing" is one.
pub(super) fn if_found<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

impl CallError {
    /// The HTTP status, 0 where there is none.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Refused(status) => status.code,
            Self::Unasked(_) | Self::Late => 0,
        }
    }

    /// Why, for people.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Refused(status) if status.message.is_empty() => format!("{self}: HTTP {}", status.code),
            Self::Refused(status) => status.message.clone(),
            Self::Unasked(error) => format!("{self}: {error}"),
            Self::Late => self.to_string(),
        }
    }

    /// Whether the same request may succeed later. A missing permission counts: roles arrive, and are cached for
    /// seconds, after the pods that need them.
    pub(super) fn retry(&self) -> bool {
        !matches!(self.code(), 400 | 404 | 405 | 406 | 410 | 413 | 415 | 422)
    }

    /// The same for the machine. `doing` completes "cannot …".
    pub(super) fn failure(&self, doing: impl fmt::Display) -> ApiFailure {
        ApiFailure { message: format!("cannot {doing}: {}", self.reason()), retry: self.retry() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> CallError {
        CallError::Refused(Box::new(Status { code, message: message.into(), ..Status::default() }))
    }

    #[test]
    fn what_the_server_finds_invalid_is_not_sent_again_and_what_it_could_not_do_is() {
        let cases =
            [(409, true), (429, true), (500, true), (503, true), (403, true), (422, false), (400, false), (404, false)];
        for (code, retry) in cases {
            assert_eq!(refused(code, "no").failure("write").retry, retry, "{code}");
        }
        assert!(CallError::Late.retry());
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        assert_eq!(
            refused(409, "it changed").failure("write the status of shop/web").message,
            "cannot write the status of shop/web: it changed"
        );
    }
}
