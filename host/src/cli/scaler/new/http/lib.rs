//! A number in the JSON that an HTTP API answers with.

use bellows_sdk::http::unexpected;
use bellows_sdk::prelude::*;

settings! {
    /// Scales on a number in the answer of an HTTP API.
    pub struct Waiting("@name@") over http {
        /// Address of what is asked for, path and query included.
        url: String = "url" feeds "uri",
        /// Field of the answer that holds the number.
        field: String = "field" or "waiting",
        /// What each replica is to have of it.
        target: f64 = "target" or 10,
        /// A workload at zero is started when there is more than this.
        activation: f64 = "activation" or 0,
    }
}

impl Scaler for Waiting {
    /// What the HorizontalPodAutoscaler watches: its name must not change from call to call.
    fn metric(&self) -> Metric {
        Metric::average_value(format!("@name@-{}", self.field), self.target)
    }

    /// What is wrong with settings that are fine by their types.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.target <= 0.0 {
            problems.push(Problem::of("target", "accepted is a number above 0"));
        }
        problems
    }

    /// Questions of all triggers of a call travel together, and `?` passes a failure on: an outage is never a number.
    async fn measure(&self, _at: Instant, http: &Http) -> Result<Reading> {
        let response = http.get(self.path()).await?;
        let number = response.json()?.field(&self.field).and_then(|field| field.number());
        let number = number.ok_or_else(|| unexpected(format!("the answer has no number {:?}", self.field)))?;
        Ok(Reading::above(number, self.activation))
    }
}

impl Waiting {
    /// What follows the origin. The host dials the origin itself, and adds the credentials.
    fn path(&self) -> String {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = rest.find(['/', '?']).and_then(|start| rest.get(start..)).unwrap_or("/");
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }
}

scaler!(Waiting);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Waiting>(include_str!("../cases.toml")), Ok(()));
    }
}
