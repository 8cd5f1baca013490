//! The one place that reads the clocks. Everything else is handed a [`Now`].

use std::sync::Arc;
use std::time::Instant;

use bellows_core::Now;

use crate::serve::Clock;

/// A clock whose steady time begins now.
pub fn start() -> Clock {
    let begun = Instant::now();
    Arc::new(move || Now { steady: begun.elapsed(), wall: jiff::Timestamp::now() })
}
