//! What one operation says to one registry: it logs in as it is told to, once, and keeps that for its next requests. Every
//! answer but success is an error with its own name.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, Uri};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::challenge::{self, Challenge};
use super::error::OciError;
use super::keyring::{Keyring, Login};
use super::reference::Reference;
use super::transport::{Ask, Transport, complaint, header, same_origin, whole};

/// A token is some kilobytes.
const TOKEN_BYTES_MAX: usize = 256 * 1024;
/// The longest that a registry's wish to be left alone is believed: a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// What is to be done in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Pull,
    Push,
}

/// A conversation about one repository.
pub(super) struct Session<'a> {
    transport: &'a Transport,
    reference: &'a Reference,
    keyring: &'a Keyring,
    intent: Intent,
    base: Uri,
    login: Option<Login>,
    authorization: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        transport: &'a Transport,
        reference: &'a Reference,
        keyring: &'a Keyring,
        intent: Intent,
    ) -> Result<Self, OciError> {
        let base = transport.url(reference.authority(), "/v2/")?;
        Ok(Self { transport, reference, keyring, intent, base, login: None, authorization: None })
    }

    /// The URL of a path below the repository: `manifests/1.0`.
    pub(super) fn url(&self, path: &str) -> Result<Uri, OciError> {
        let path = format!("/v2/{}/{path}", self.reference.repository());
        self.transport.url(self.reference.authority(), &path)
    }

    /// The URL that the registry named in an answer to `from`.
    pub(super) fn named(&self, from: &Uri, location: &str, subject: &str) -> Result<Uri, OciError> {
        self.transport.named(from, location, subject)
    }

    /// The answer to a request, after a login where one is wanted and wherever it is sent on to: success, or what is
    /// among `also`.
    pub(super) async fn send(
        &mut self,
        uri: &Uri,
        ask: &Ask,
        subject: &str,
        also: &[u16],
    ) -> Result<Response<Incoming>, OciError> {
        // A registry may have uploads go elsewhere, where our login is nobody's business.
        let ours = same_origin(uri, &self.base);
        let authorization = self.authorization.clone().filter(|_| ours);
        let mut response = self.transport.send(uri, ask, authorization.as_ref(), subject).await?;
        if response.status() == 401 && ours {
            // One try: what a login does not open, it does not open the second time.
            self.log_in(&response, subject).await?;
            drop(response);
            response = self.transport.send(uri, ask, self.authorization.as_ref(), subject).await?;
        }
        let authorization = self.authorization.as_ref().filter(|_| ours);
        let response = self.transport.follow(uri, ask, authorization, response, subject).await?;
        let status = response.status();
        if status.is_success() || also.contains(&status.as_u16()) {
            return Ok(response);
        }
        Err(self.refusal(response, subject).await)
    }

    async fn refusal(&self, response: Response<Incoming>, subject: &str) -> OciError {
        let subject = subject.to_owned();
        let status = response.status().as_u16();
        let advice = || self.keyring.advice(self.reference, self.login.as_ref());
        match status {
            401 => OciError::Unauthorized { subject, advice: advice() },
            403 => OciError::Forbidden { subject, advice: advice(), said: complaint(response).await },
            404 => OciError::NotFound { subject, said: complaint(response).await },
            429 => {
                let seconds = header(&response, RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
                let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
                OciError::TooManyRequests { subject, retry_after }
            }
            500.. => OciError::RegistryFailed { status, subject, said: complaint(response).await },
            _ => OciError::Refused { status, subject, said: complaint(response).await },
        }
    }

    /// Does what a refusal asks for.
    async fn log_in(&mut self, response: &Response<Incoming>, subject: &str) -> Result<(), OciError> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let texts = headers.iter().filter_map(|value| value.to_str().ok());
        let mut challenges: Vec<Challenge> = texts.flat_map(challenge::read).collect();
        // A token is good for one repository and an hour, a password for more.
        challenges.sort_by_key(|challenge| *challenge == Challenge::Basic);
        self.login = self.keyring.login(self.reference).await?;
        let unauthorized = || OciError::Unauthorized {
            subject: subject.to_owned(),
            advice: self.keyring.advice(self.reference, self.login.as_ref()),
        };
        let authorization = match (challenges.first(), &self.login) {
            (Some(Challenge::Bearer { realm, service, scope }), login) => {
                let token = self.token(realm, service.as_deref(), scope.as_deref(), login.as_ref(), subject).await?;
                self.secret(&format!("Bearer {token}"))?
            }
            (Some(Challenge::Basic), Some(Login::Basic { username, password })) => {
                self.basic(username, password.expose())?
            }
            (Some(Challenge::Basic) | None, _) => return Err(unauthorized()),
        };
        self.authorization = Some(authorization);
        Ok(())
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        login: Option<&Login>,
        subject: &str,
    ) -> Result<String, OciError> {
        let realm = self.transport.named(&self.base, realm, subject)?;
        let actions = if self.intent == Intent::Push { "pull,push" } else { "pull" };
        let usual = format!("repository:{}:{actions}", self.reference.repository());
        let mut parameters = vec![("scope", scope.unwrap_or(&usual))];
        parameters.extend(service.map(|service| ("service", service)));
        let (uri, ask, authorization) = match login {
            Some(Login::Identity(token)) => {
                parameters.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "bellows"),
                    ("refresh_token", token.expose()),
                ]);
                let mut ask = Ask::new(Method::POST);
                ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                ask.body = Bytes::from(form(&parameters));
                (realm, ask, None)
            }
            Some(Login::Basic { username, password }) => {
                let basic = self.basic(username, password.expose())?;
                (asked(&realm, &parameters, subject)?, Ask::new(Method::GET), Some(basic))
            }
            None => (asked(&realm, &parameters, subject)?, Ask::new(Method::GET), None),
        };
        let response = self.transport.send(&uri, &ask, authorization.as_ref(), subject).await?;
        // Who gives tokens answers a wrong password with 400 too.
        if matches!(response.status().as_u16(), 400 | 401) {
            let advice = self.keyring.advice(self.reference, login);
            return Err(OciError::Unauthorized { subject: subject.to_owned(), advice });
        }
        if !response.status().is_success() {
            return Err(self.refusal(response, subject).await);
        }
        let body = whole(response, TOKEN_BYTES_MAX, subject).await?;
        let token = serde_json::from_slice::<Token>(&body).ok().and_then(|token| token.token.or(token.access_token));
        token.filter(|token| !token.is_empty()).ok_or_else(|| OciError::NoRegistry {
            subject: subject.to_owned(),
            why: "who is to give a token gives none".to_owned(),
        })
    }

    fn basic(&self, username: &str, password: &str) -> Result<HeaderValue, OciError> {
        self.secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
    }

    fn secret(&self, text: &str) -> Result<HeaderValue, OciError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| OciError::Credentials {
            origin: self.reference.registry().to_owned(),
            why: "it has characters that HTTP does not carry".to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn form(parameters: &[(&str, &str)]) -> String {
    let encoded = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    parameters.iter().map(encoded).collect::<Vec<_>>().join("&")
}

/// A URL with further parameters in its query.
pub(super) fn asked(uri: &Uri, parameters: &[(&str, &str)], subject: &str) -> Result<Uri, OciError> {
    let separator = if uri.query().is_some() { '&' } else { '?' };
    format!("{uri}{separator}{}", form(parameters)).parse().map_err(|_| OciError::NoRegistry {
        subject: subject.to_owned(),
        why: "the address that it names makes no URL".to_owned(),
    })
}
