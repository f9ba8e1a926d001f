//! One statement for many rows: a round trip for each row costs more than the row. The texts for 64, 16, 4 rows and
//! one are written once; any number of rows is made of them, so that the engines see few statements and keep their
//! plans.

use std::fmt::Write as _;
use std::sync::OnceLock;

/// Rows in one statement, most first.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// A statement whose text depends on how many rows it is for.
#[derive(Debug)]
pub struct Many {
    write: fn(usize) -> String,
    texts: OnceLock<[String; 4]>,
}

impl Many {
    /// Of the text that `write` gives for a number of rows.
    pub const fn new(write: fn(usize) -> String) -> Self {
        Self {
            write,
            texts: OnceLock::new(),
        }
    }

    /// Each text once.
    pub fn texts(&'static self) -> impl Iterator<Item = &'static str> {
        let texts = self.texts.get_or_init(|| SIZES.map(self.write));
        texts.iter().map(String::as_str)
    }

    /// The rows in parts, each with the statement that is for so many.
    pub fn parts<'a, T>(
        &'static self,
        rows: &'a [T],
    ) -> impl Iterator<Item = (&'static str, &'a [T])> {
        let texts = self.texts().zip(SIZES);
        let mut rest = rows;
        texts.flat_map(move |(text, size)| {
            let whole = rest.len() - rest.len() % size;
            let (these, others) = rest.split_at(whole);
            rest = others;
            these.chunks(size).map(move |part| (text, part))
        })
    }
}

/// `($1, $2), ($3, $4)`: so many rows of so many columns, counted from the parameter `first`.
pub fn tuples(first: usize, columns: usize, rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        let begin = if row == 0 { "(" } else { ", (" };
        let _ = write!(
            text,
            "{begin}{})",
            parameters(first + row * columns, columns)
        );
    }
    text
}

/// `$1, $2`: so many parameters, counted from `first`.
pub fn parameters(first: usize, count: usize) -> String {
    let mut text = String::new();
    for number in first..first + count {
        let comma = if number == first { "" } else { ", " };
        let _ = write!(text, "{comma}${number}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROWS: Many = Many::new(|rows| tuples(2, 2, rows));

    #[test]
    fn any_number_of_rows_is_made_of_a_few_statements() {
        assert_eq!(ROWS.texts().last(), Some("($2, $3)"));
        let four = "($2, $3), ($4, $5), ($6, $7), ($8, $9)";
        assert_eq!(ROWS.texts().nth(2), Some(four));
        for count in 0..300_usize {
            let rows: Vec<usize> = (0..count).collect();
            let parts: Vec<_> = ROWS.parts(&rows).collect();
            let again: Vec<usize> = parts.iter().flat_map(|(_, part)| part.to_vec()).collect();
            assert_eq!(again, rows);
            for (text, part) in parts {
                assert_eq!(text.matches('(').count(), part.len());
            }
        }
    }
}
