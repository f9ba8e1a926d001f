//! What was checked before, by the hash of what was shown: a bounded memory of dear answers. What is
//! forgotten is only checked again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

/// At most this many; then it begins anew.
const MOST: usize = 20_000;

/// Answers by SHA-256 of the credential, which itself is not kept.
pub(crate) struct Remembered<V>(RwLock<Memory<V>>);

struct Memory<V> {
    answers: HashMap<[u8; 32], V>,
    /// How often everything was forgotten.
    age: u64,
}

/// When an answer was asked for: one that was asked for before everything was forgotten is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked(u64);

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Self(RwLock::new(Memory {
            answers: HashMap::new(),
            age: 0,
        }))
    }
}

impl<V> fmt::Debug for Remembered<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered")
    }
}

impl<V: Clone> Remembered<V> {
    pub(crate) fn get(&self, hash: &[u8; 32]) -> Option<V> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.answers.get(hash).cloned()
    }

    /// To be taken before the question.
    pub(crate) fn asked(&self) -> Asked {
        Asked(self.0.read().unwrap_or_else(PoisonError::into_inner).age)
    }

    pub(crate) fn put(&self, asked: Asked, hash: [u8; 32], value: V) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if memory.age != asked.0 {
            return;
        }
        // Simple, and right: a full memory costs a few checks, once.
        if memory.answers.len() >= MOST {
            memory.answers.clear();
        }
        memory.answers.insert(hash, value);
    }

    pub(crate) fn forget_all(&self) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        memory.answers.clear();
        memory.age = memory.age.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded() {
        let memory = Remembered::default();
        for number in 0..=u32::try_from(MOST).expect("small") {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            memory.put(memory.asked(), hash, number);
            assert_eq!(memory.get(&hash), Some(number));
        }
        assert!(memory.get(&[0; 32]).is_none(), "it began anew");
        let asked = memory.asked();
        memory.forget_all();
        // Asked before, answered after: it may be just what was to be forgotten.
        memory.put(asked, [1; 32], 1);
        assert!(memory.get(&[1; 32]).is_none());
        memory.put(memory.asked(), [1; 32], 1);
        assert_eq!(memory.get(&[1; 32]), Some(1));
    }
}
