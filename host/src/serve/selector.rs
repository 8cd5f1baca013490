//! The label selector of a metric request → the ScaledObject that it names.
//!
//! Other labels in it are not ours to judge and are passed over, as KEDA does.

use super::OBJECT_LABEL;

/// The selector names no ScaledObject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectorError {
    /// The label is not in it.
    #[error("the labelSelector must name a ScaledObject: {OBJECT_LABEL}=NAME")]
    Missing,
    /// The label is in it, but not as an equality.
    #[error("the labelSelector must be {OBJECT_LABEL}=NAME, not {0:?}")]
    NotEqual(String),
}

/// The name of the ScaledObject in `selector`: `key=NAME`, `key==NAME` or `key in (NAME)`.
pub(super) fn object_name(selector: &str) -> Result<&str, SelectorError> {
    let requirement = requirements(selector).find_map(|requirement| {
        let rest = requirement.trim().strip_prefix(OBJECT_LABEL)?;
        // A longer label that begins like ours is another one.
        rest.starts_with([' ', '=', '!']).then_some((requirement, rest.trim()))
    });
    let (requirement, rest) = requirement.ok_or(SelectorError::Missing)?;
    let name = if let Some(name) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        Some(name.trim())
    } else {
        rest.strip_prefix("in").and_then(|set| set.trim().strip_prefix('(')?.strip_suffix(')')).map(str::trim)
    };
    name.filter(|name| is_name(name)).ok_or_else(|| SelectorError::NotEqual(requirement.trim().to_owned()))
}

/// Splits at the commas outside parentheses.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    selector.split(move |letter| {
        match letter {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        letter == ',' && !inside
    })
}

/// Whether it can be the name of an object: no separators, 253 letters at most.
fn is_name(name: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    !name.is_empty() && name.len() <= 253 && name.chars().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equality_names_the_object_in_each_of_its_spellings() {
        for selector in [
            "scaledobject.keda.sh/name=web",
            "scaledobject.keda.sh/name == web",
            "scaledobject.keda.sh/name in (web)",
            "zone in (a,b),scaledobject.keda.sh/name=web,tier!=x",
        ] {
            assert_eq!(object_name(selector), Ok("web"), "{selector}");
        }
    }

    #[test]
    fn what_names_no_object_or_several_is_refused() {
        for selector in ["", "a=b", "scaledobject.keda.sh/names=web", "scaledobject.keda.sh/name"] {
            assert_eq!(object_name(selector), Err(SelectorError::Missing), "{selector}");
        }
        for selector in [
            "scaledobject.keda.sh/name!=web",
            "scaledobject.keda.sh/name in (a,b)",
            "scaledobject.keda.sh/name notin (a)",
            "scaledobject.keda.sh/name=",
            "scaledobject.keda.sh/name=../../x",
        ] {
            assert_eq!(object_name(selector), Err(SelectorError::NotEqual(selector.to_owned())));
        }
    }
}
