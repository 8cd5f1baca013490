//! A number in the answer of an HTTP API: one question, and a place in the JSON that comes back.

mod location;

use bellows_sdk::prelude::*;

use location::Location;

const URL: &str = "accepted is an address that begins with http:// or https://";

settings! {
    /// Scales on a number in the answer of an HTTP API.
    pub struct Number("metrics-api") over http {
        /// Address of what is asked for, path and query included.
        url: String = "url" feeds "uri",
        /// Where the number is in the answer: keys and indexes, separated by dots.
        location: String = "valueLocation",
        /// What each replica is to have of it.
        target: f64 = "targetValue",
        /// A workload at zero is started when there is more than this.
        activation: f64 = "activationTargetValue" or 0,
        /// What the answer is written in: json.
        format: String = "format" or "json",
        /// Refused: one question to each pod behind a Service.
        aggregate: bool = "aggregateFromKubeServiceEndpoints" or false,
        /// Of no effect without the former.
        aggregation: Option<String> = "aggregationType",
        /// How long an answer may take, such as 3s, or a number of milliseconds.
        timeout: Option<String> = "timeout" feeds "timeout",
    }
}

impl Scaler for Number {
    fn metric(&self) -> Metric {
        Metric::average_value(format!("metric-api-{}", self.location), self.target)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.path().is_none() {
            problems.push(Problem::of("url", URL));
        }
        if Location::parse(&self.location).is_none() {
            problems.push(Problem::of("valueLocation", location::ACCEPTED));
        }
        if self.target <= 0.0 {
            problems.push(Problem::of("targetValue", "accepted is a number above 0"));
        }
        if self.format != "json" {
            problems.push(Problem::of("format", "not supported by this release of Bellows; accepted is json"));
        }
        if self.aggregate {
            let message = "not supported by this release of Bellows: give an address that answers for all pods";
            problems.push(Problem::of("aggregateFromKubeServiceEndpoints", message));
        }
        problems
    }

    async fn measure(&self, _at: Instant, http: &Http) -> Result<Reading> {
        let path = self.path().ok_or_else(|| Failure::invalid("settings", URL))?;
        let location =
            Location::parse(&self.location).ok_or_else(|| Failure::invalid("settings", location::ACCEPTED))?;
        let response = http.get(path).await?;
        Ok(Reading::above(location.read(response.json()?)?, self.activation))
    }
}

impl Number {
    /// What follows the origin, without a fragment, which is nobody's business but a browser's.
    fn path(&self) -> Option<String> {
        let (scheme, rest) = self.url.split_once(':')?;
        let rest = rest.strip_prefix("//")?.split('#').next()?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return None;
        }
        let start = rest.find(['/', '?']).unwrap_or(rest.len());
        let path = rest.get(start..)?;
        Some(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }
}

scaler!(Number);

#[cfg(test)]
mod tests {
    use bellows_sdk::component::trigger_type;
    use bellows_sdk::http::{Request, Response};
    use bellows_sdk::testing::{NEW_YEAR, Script, cases, measure, trigger};

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Number>(include_str!("../cases.toml")), Ok(()));
    }

    #[test]
    fn triggers_that_look_into_one_answer_ask_once() {
        let of = |location| {
            let settings = [("url", "http://api/load"), ("valueLocation", location), ("targetValue", "5")];
            trigger::<Number>(&settings)
        };
        let mut server = Script::<Request, Result<Response>>::new()
            .on(Request::get("/load"), Ok(Response::new(200, *br#"{"a":1,"b":[2,3]}"#)));
        let measured = measure::<Number>(NEW_YEAR, &["a", "b.1", "c"].map(of), &mut server);
        let values: Vec<_> =
            measured.into_iter().map(|measured| measured.map(|measured| measured.reading.value)).collect();
        let nothing = Failure::transient("unexpected-reply", "valueLocation \"c\" leads to nothing in the answer");
        assert_eq!(values, [Ok(1.0), Ok(3.0), Err(nothing)]);
        assert_eq!(server.rounds, [[Request::get("/load")]]);
    }

    #[test]
    fn no_credential_reaches_the_scaler() {
        let parameters = trigger_type::<Number>().parameters;
        for secret in ["username", "password", "bearerToken", "token", "apiKey", "keyParamName", "cert", "key"] {
            let parameter = parameters.iter().find(|parameter| parameter.name == secret).unwrap();
            assert!(
                parameter.feeds.is_some_and(|field| !["uri", "timeout", "auth-modes"].contains(&field)),
                "{secret}"
            );
        }
    }
}
