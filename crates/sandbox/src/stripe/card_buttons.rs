//! What the buttons of the test cards say.

use tollgate_kernel::text::Language;

use super::cards::{CARDS, Card};
use crate::words::WORDS;

/// A button for a test card.
pub(super) struct CardButton {
    pub(super) number: &'static str,
    /// In groups of four.
    pub(super) shown: String,
    pub(super) says: &'static str,
}

pub(super) fn cards(language: Language) -> Vec<CardButton> {
    let button = |card: &Card| CardButton {
        number: card.number,
        shown: grouped(card.number),
        says: WORDS.say(language, card.says),
    };
    CARDS.iter().map(button).collect()
}

fn grouped(number: &str) -> String {
    let mut text = String::new();
    for (at, digit) in number.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
