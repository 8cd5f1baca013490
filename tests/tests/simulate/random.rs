//! Chance from a seed: splitmix64, so that the same seed gives the same world on every machine.

use std::time::Duration;

/// A source of chance.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The chance of one seed.
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds that follow each other would give the same numbers, one place further, if they were not mixed first.
        let mut random = Self(seed);
        Self(random.next() ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to and without `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn per_mille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    /// One of several.
    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap_or_default();
        from[index].clone()
    }

    /// A span of whole milliseconds, both ends included.
    pub(crate) fn span(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.below(to_ms - from_ms + 1))
    }
}
