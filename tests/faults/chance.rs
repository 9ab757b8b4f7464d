//! Chance that can be repeated.

use std::time::Duration;

/// A small generator of random numbers (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// Seeded by `FAULTS_SEED`, else anew; the seed is printed.
    pub fn new(what: &str) -> Self {
        let seed = std::env::var("FAULTS_SEED")
            .ok()
            .map(|text| text.parse().unwrap());
        let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1 >> 16);
        crate::process::say(&format!("{what}: FAULTS_SEED={seed}"));
        Self(seed)
    }

    /// One of many generators that begin alike and go apart.
    pub fn lane(&self, number: u64) -> Self {
        Self(self.0.wrapping_add(number << 48))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }

    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}
