//! Chance, handed in. Nothing else in the workspace may draw random bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// Where random bytes come from: the operating system, or a test's seed. Clones share one stream.
///
/// ```
/// use tollgate_kernel::entropy::Entropy;
///
/// let drawn = |seed| Entropy::seeded(seed).bytes::<16>();
/// assert_eq!(drawn(7), drawn(7));
/// assert_ne!(drawn(7), drawn(8));
///
/// let entropy = Entropy::system();
/// assert_ne!(entropy.bytes::<32>(), entropy.bytes::<32>());
/// assert!((1..=6).contains(&(entropy.below(6) + 1)));
/// assert_eq!(entropy.below(0), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Entropy(Source);

#[derive(Clone, Debug)]
enum Source {
    System(SystemRandom),
    Seeded(Arc<AtomicU64>),
}

impl Entropy {
    /// The operating system's generator: the only one fit for secrets.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// A repeatable stream, for tests. Never for anything that must not be guessed.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(AtomicU64::new(seed))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no generator, which no supported one lacks after boot.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System(system) => system
                .fill(&mut bytes)
                .expect("the operating system always has random bytes after boot"),
            Source::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    let word = split_mix(state.fetch_add(GOLDEN, Ordering::Relaxed));
                    for (byte, drawn) in chunk.iter_mut().zip(word.to_le_bytes()) {
                        *byte = drawn;
                    }
                }
            }
        }
        bytes
    }

    /// A whole number in `0..bound`; 0 when `bound` is 0. Its bias is below `bound` ÷ 2^64.
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes())
            .checked_rem(bound)
            .unwrap_or(0)
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
fn split_mix(state: u64) -> u64 {
    let mut word = state.wrapping_add(GOLDEN);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_the_system_does_not() {
        assert_eq!(
            Entropy::seeded(7).bytes::<19>(),
            Entropy::seeded(7).bytes::<19>()
        );
        assert_ne!(
            Entropy::seeded(7).bytes::<19>(),
            Entropy::seeded(8).bytes::<19>()
        );
        assert_ne!(
            Entropy::system().bytes::<16>(),
            Entropy::system().bytes::<16>()
        );
    }
}
