//! The files of a new scaler in JavaScript or Python. Cases and example are those of Rust, because a scaler makes the same
//! of the same settings in any language; the SDK is copied, because no registry has it.

use anyhow::bail;

use super::template::{Files, Over, filled};

/// A file as it is: its path in the new folder, and its text.
type File = (&'static str, &'static str);

/// A language and its templates.
pub(super) struct Language {
    /// As it is written on the command line.
    pub(super) label: &'static str,
    /// What gets the tools that its manifest pins.
    pub(super) install: &'static str,
    code: &'static str,
    test: &'static str,
    /// The code and the test over a source.
    redis: [&'static str; 2],
    http: [&'static str; 2],
    nothing: [&'static str; 2],
    /// What is the same over all sources.
    others: &'static [File],
    sdk: &'static [File],
}

macro_rules! sdk {
    ($folder:literal, $file:literal) => {
        (concat!("bellows/", $file), include_str!(concat!("../../../../../sdk/", $folder, $file)))
    };
}

macro_rules! pair {
    ($code:literal, $test:literal) => {
        [include_str!($code), include_str!($test)]
    };
}

pub(super) const JAVASCRIPT: Language = Language {
    label: "javascript",
    install: "npm install",
    code: "scaler.js",
    test: "scaler.test.js",
    redis: pair!("javascript/redis.js", "javascript/redis.test.js"),
    http: pair!("javascript/http.js", "javascript/http.test.js"),
    nothing: pair!("javascript/nothing.js", "javascript/nothing.test.js"),
    others: &[
        ("package.json", include_str!("javascript/package.json")),
        ("README.md", include_str!("javascript/readme.md")),
        (".gitignore", include_str!("javascript/gitignore")),
        (".github/workflows/scaler.yml", include_str!("javascript/workflow.yml")),
    ],
    sdk: &[
        sdk!("javascript/", "component.js"),
        sdk!("javascript/", "connection.js"),
        sdk!("javascript/", "desk.js"),
        sdk!("javascript/", "failure.js"),
        sdk!("javascript/", "http.js"),
        sdk!("javascript/", "index.js"),
        sdk!("javascript/", "parameter.js"),
        sdk!("javascript/", "redis.js"),
        sdk!("javascript/", "scaler.js"),
        sdk!("javascript/", "setting.js"),
        sdk!("javascript/", "testing.js"),
    ],
};

pub(super) const PYTHON: Language = Language {
    label: "python",
    install: "python3 -m pip install --target .packages -r requirements.txt",
    code: "scaler.py",
    test: "test_scaler.py",
    redis: pair!("python/redis.py", "python/test_redis.py"),
    http: pair!("python/http.py", "python/test_http.py"),
    nothing: pair!("python/nothing.py", "python/test_nothing.py"),
    others: &[
        ("pyproject.toml", include_str!("python/pyproject.toml")),
        ("requirements.txt", include_str!("python/requirements.txt")),
        ("README.md", include_str!("python/readme.md")),
        (".gitignore", include_str!("python/gitignore")),
        (".github/workflows/scaler.yml", include_str!("python/workflow.yml")),
    ],
    sdk: &[
        sdk!("python/bellows/", "__init__.py"),
        sdk!("python/bellows/", "component.py"),
        sdk!("python/bellows/", "connection.py"),
        sdk!("python/bellows/", "desk.py"),
        sdk!("python/bellows/", "failure.py"),
        sdk!("python/bellows/", "http.py"),
        sdk!("python/bellows/", "parameter.py"),
        sdk!("python/bellows/", "problem.py"),
        sdk!("python/bellows/", "redis.py"),
        sdk!("python/bellows/", "scaler.py"),
        sdk!("python/bellows/", "setting.py"),
        sdk!("python/bellows/", "testing.py"),
    ],
};

impl Language {
    /// All files of a scaler.
    pub(super) fn files(&self, over: Over, name: &str) -> anyhow::Result<Files> {
        let [code, test] = match over {
            Over::Redis => self.redis,
            Over::Http => self.http,
            Over::Nothing => self.nothing,
            Over::Amqp | Over::Broker | Over::Workload => bail!(
                "--over {} is not offered in {} by this release of Bellows: redis, http and nothing are, and rust has all",
                over.label(),
                self.label
            ),
        };
        let template = over.template();
        let tokens = [("@example@", template.example.trim_end()), ("@summary@", template.summary), ("@name@", name)];
        let own = [(self.code, code), (self.test, test), ("cases.toml", template.cases)];
        let own = own.iter().chain(self.others).map(|(path, text)| (*path, filled(text, &tokens)));
        Ok(own.chain(self.sdk.iter().map(|(path, text)| (*path, (*text).to_owned()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_token_is_filled_in() {
        for language in [JAVASCRIPT, PYTHON] {
            for over in [Over::Redis, Over::Http, Over::Nothing] {
                for (path, text) in language.files(over, "mine").unwrap() {
                    for token in ["@example@", "@summary@", "@name@"] {
                        assert!(!text.contains(token), "{token} in {path} over {}", over.label());
                    }
                }
            }
        }
    }

    #[test]
    fn a_source_that_a_language_does_not_offer_is_refused_by_name() {
        let told = PYTHON.files(Over::Amqp, "mine").unwrap_err().to_string();
        assert!(told.starts_with("--over amqp is not offered in python by this release of Bellows"), "{told}");
    }

    #[test]
    fn the_sdk_is_copied_whole() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sdk");
        for (language, folder, extension) in [(JAVASCRIPT, "javascript", "js"), (PYTHON, "python/bellows", "py")] {
            let files = std::fs::read_dir(sdk.join(folder)).unwrap().map(|entry| entry.unwrap().path());
            let files = files.filter(|path| path.extension().is_some_and(|found| found == extension));
            let there: BTreeSet<String> =
                files.map(|path| format!("bellows/{}", path.file_name().unwrap().to_str().unwrap())).collect();
            let copied = language.sdk.iter().map(|(path, _)| (*path).to_owned()).collect();
            assert_eq!(there, copied, "{folder}");
        }
    }
}
