//! Why the engine does not take a component, as the step of a Scaler at which that is.

use bellows_core::supply::{Halt, Step};
use bellows_wasm::LoadError;

use crate::serve::upstream::chain;

/// Why the engine does not take a component.
pub(super) fn refused(error: &LoadError) -> Halt {
    let (step, reason, retry) = match error {
        LoadError::Read { .. } => (Step::Pulled, "CacheUnreadable", true),
        LoadError::TooLarge { .. } => (Step::Pulled, "TooLarge", false),
        LoadError::Cache(_) => (Step::Compiled, "CacheUnusable", true),
        LoadError::Compile(_) => (Step::Compiled, "NotCompiled", false),
        LoadError::Import(_) => (Step::Compatible, "ForeignImport", false),
        LoadError::NoPlugin => (Step::Compatible, "NoScaler", false),
        LoadError::Link(_) => (Step::Compatible, "ContractDiffers", false),
        LoadError::Describe(_) => (Step::Ready, "DescribeFailed", false),
        LoadError::Description(_) => (Step::Ready, "DescriptionInvalid", false),
    };
    let message = chain(error);
    if retry { Halt::passing(step, reason, message) } else { Halt::lasting(step, reason, message) }
}
