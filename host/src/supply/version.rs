//! The oldest version of a component that is wanted: a registry that turns a tag back to an older artifact, which somebody
//! signed in its day, brings that into no cluster.
//!
//! What counts is what the component says of itself, because that is what was signed, and not what a tag or an annotation
//! says of it.

use bellows_core::problem::Problem;
use bellows_core::supply::{Halt, Step};
use semver::Version;

use crate::crd::Verification;

/// Longest version that is read: the longest in use have some forty characters.
const VERSION_CHARACTERS_MAX: usize = 128;
const FIELD: &str = "spec.verification.minimumVersion";

/// See above.
#[derive(Debug)]
pub struct MinimumVersion(Version);

impl MinimumVersion {
    /// What was written, if anything, or what is wrong with it.
    pub fn of(written: &Verification) -> Result<Option<Self>, Problem> {
        written.minimum_version.as_deref().map(Self::parse).transpose()
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let wrong = |why| Problem::new("minimumVersion", format!("{why}: give a semantic version, 1.2.3"));
        parsed(text).map(Self).map_err(wrong)
    }

    /// Whether a component that says this of itself is new enough.
    pub(super) fn judge(&self, said: &str) -> Result<(), Halt> {
        let refused = |why: String| Err(Halt::passing(Step::Verified, "VersionTooOld", why));
        match parsed(said) {
            // What comes after a `+` does not count.
            Ok(version) if version.cmp_precedence(&self.0).is_ge() => Ok(()),
            Ok(version) => refused(format!("the component is version {version}, and {FIELD} is {}", self.0)),
            Err(why) => refused(format!("of the component's version, {why}: it cannot be held to {FIELD}, {}", self.0)),
        }
    }
}

fn parsed(text: &str) -> Result<Version, String> {
    if text.len() > VERSION_CHARACTERS_MAX {
        return Err(format!("its {} characters are too many", text.len()));
    }
    Version::parse(text).map_err(|error| format!("{text:?} cannot be read ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_is_refused_by_name_and_what_is_not_is_let_in() {
        let minimum = MinimumVersion::parse("1.2.0").unwrap();
        for said in ["1.2.0", "1.2.0+build.7", "1.10.0", "2.0.0-rc.1"] {
            assert_eq!(minimum.judge(said), Ok(()), "{said}");
        }
        for said in ["1.1.9", "1.2.0-rc.1", "0.9.0+build.7"] {
            let halt = minimum.judge(said).unwrap_err();
            assert_eq!((halt.step, halt.reason.as_str()), (Step::Verified, "VersionTooOld"), "{said}");
            assert_eq!(
                halt.message,
                format!("the component is version {said}, and spec.verification.minimumVersion is 1.2.0")
            );
        }
    }

    #[test]
    fn a_component_whose_version_cannot_be_read_is_not_new_enough() {
        let minimum = MinimumVersion::parse("0.0.0-0").unwrap();
        for (said, why) in [("", "\"\" cannot be read"), ("1.2", "\"1.2\" cannot be read"), ("v1.2.3", "\"v1.2.3\"")] {
            let halt = minimum.judge(said).unwrap_err();
            assert!(halt.message.starts_with(&format!("of the component's version, {why}")), "{halt}");
        }
        let long = minimum.judge(&format!("1.2.3-{}", "a".repeat(200))).unwrap_err();
        assert!(long.message.contains("its 206 characters are too many"), "{long}");
    }

    #[test]
    fn what_is_written_wrong_is_named_by_its_field() {
        let told = MinimumVersion::parse("1.2").unwrap_err().under("spec.verification").to_string();
        assert!(told.starts_with("spec.verification.minimumVersion: \"1.2\" cannot be read ("), "{told}");
        assert!(told.ends_with("): give a semantic version, 1.2.3"), "{told}");
    }
}
