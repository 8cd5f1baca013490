//! The files of a new scaler, one set for each kind of source. Tokens between at signs are filled in.

use super::sdk::Sdk;

/// What a scaler asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Over {
    /// A Redis server: the length of a list
    Redis,
    /// An HTTP endpoint: a number in JSON
    Http,
    /// An AMQP broker: a queue's messages that are ready
    Amqp,
    /// A broker, over AMQP or over the HTTP API of RabbitMQ: a queue's messages
    Broker,
    /// The cluster: pods of another workload
    Workload,
    /// Nobody: the hours of the day
    Nothing,
}

/// The files of a scaler, by their paths in its folder.
pub(super) type Files = Vec<(&'static str, String)>;

/// What differs from source to source.
pub(super) struct Template {
    pub(super) label: &'static str,
    pub(super) summary: &'static str,
    code: &'static str,
    pub(super) cases: &'static str,
    pub(super) example: &'static str,
}

/// A text with its tokens filled in.
pub(super) fn filled(text: &str, tokens: &[(&str, &str)]) -> String {
    tokens.iter().fold(text.to_owned(), |text, (token, value)| text.replace(token, value))
}

macro_rules! template {
    ($folder:literal, $summary:literal) => {
        Template {
            label: $folder,
            summary: $summary,
            code: include_str!(concat!($folder, "/lib.rs")),
            cases: include_str!(concat!($folder, "/cases.toml")),
            example: include_str!(concat!($folder, "/example.yaml")),
        }
    };
}

impl Over {
    pub(super) fn template(self) -> Template {
        match self {
            Self::Redis => template!("redis", "Scales on the length of a Redis list."),
            Self::Http => template!("http", "Scales on a number in the answer of an HTTP API."),
            Self::Amqp => template!("amqp", "Scales on the messages of an AMQP queue that wait for a consumer."),
            Self::Broker => template!("broker", "Scales on the messages of a queue, over AMQP or HTTP."),
            Self::Workload => template!("workload", "Scales on the number of pods of another workload."),
            Self::Nothing => template!("nothing", "Scales to a number of replicas between two hours of the day."),
        }
    }

    /// As it is written on the command line.
    pub(super) fn label(self) -> &'static str {
        self.template().label
    }

    /// All files of a scaler in Rust.
    pub(super) fn files(self, name: &str, sdk: &Sdk) -> Files {
        let template = self.template();
        let repository = match sdk {
            Sdk::Git(url) => url.clone(),
            Sdk::Folder(_) | Sdk::Version(_) => "${{ vars.BELLOWS_REPOSITORY }}".to_owned(),
        };
        let tokens = [
            ("@example@", template.example.trim_end()),
            ("@summary@", template.summary),
            ("@name@", name),
            ("@sdk@", &sdk.dependency()),
            ("@repository@", &repository),
        ];
        let fill = |text: &str| filled(text, &tokens);
        vec![
            ("Cargo.toml", fill(include_str!("manifest.toml"))),
            ("src/lib.rs", fill(template.code)),
            ("cases.toml", fill(template.cases)),
            ("README.md", fill(include_str!("readme.md"))),
            (".gitignore", fill(include_str!("gitignore"))),
            (".github/workflows/scaler.yml", fill(include_str!("workflow.yml"))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_token_is_filled_in_and_the_cases_are_cases() {
        let sdk = Sdk::Git("https://git.example/bellows".to_owned());
        for over in Over::value_variants() {
            for (path, text) in over.files("mine", &sdk) {
                for token in ["@example@", "@summary@", "@name@", "@sdk@", "@repository@"] {
                    assert!(!text.contains(token), "{token} in {path} of {over:?}");
                }
                if path == "cases.toml" {
                    let read = cases::read(&text).unwrap();
                    assert!(read.iter().all(|case| case.trigger_type == "mine"), "{over:?}");
                }
            }
        }
    }

    #[test]
    fn the_workflow_installs_from_where_the_sdk_is() {
        let workflow = |sdk: &Sdk| Over::Redis.files("mine", sdk).pop().unwrap().1;
        let known = workflow(&Sdk::Git("https://git.example/bellows".to_owned()));
        assert!(known.contains("BELLOWS_REPOSITORY: https://git.example/bellows\n"), "{known}");
        let unknown = workflow(&Sdk::Version("0.1".to_owned()));
        assert!(unknown.contains("BELLOWS_REPOSITORY: ${{ vars.BELLOWS_REPOSITORY }}\n"), "{unknown}");
    }
}
