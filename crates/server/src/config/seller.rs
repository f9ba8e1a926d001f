//! `SELLER_NAME` and `SELLER_DETAILS`: who is paid, as buyers read it.

use super::reader::Reader;

const NAME: &str = "SELLER_NAME";
const NAME_CHARACTERS: usize = 80;
const NAME_EXAMPLE: &str = "Example Trading Ltd.";
const DETAILS: &str = "SELLER_DETAILS";
const DETAILS_CHARACTERS: usize = 500;
const DETAILS_EXAMPLE: &str = "1 Example Road, Shanghai\\nTax number 91310000EXAMPLE";

/// Who is paid.
///
/// ```
/// # use std::path::Path;
/// use tollgate::config::Config;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let env = [
///     ("SELLER_NAME", "Example Trading Ltd."),
///     ("SELLER_DETAILS", "1 Example Road\\nTax number 123"),
/// ];
/// let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let seller = Config::from_layers(env.into(), Path::new("/nowhere/.env"))?.seller;
/// assert_eq!(seller.name.as_deref(), Some("Example Trading Ltd."));
/// assert_eq!(seller.details, ["1 Example Road", "Tax number 123"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seller {
    /// `None`: the address of the service stands in its place.
    pub name: Option<String>,
    /// For receipts: an address, a tax number, line by line.
    pub details: Vec<String>,
}

impl Reader {
    pub(super) fn seller(&mut self) -> Seller {
        Seller {
            name: self.seller_name(),
            details: self.seller_details(),
        }
    }

    fn seller_name(&mut self) -> Option<String> {
        let name = self.text(NAME)?.trim().to_owned();
        if let Some(reason) = unfit(&name, NAME_CHARACTERS) {
            self.fault(NAME, reason, NAME_EXAMPLE);
        }
        Some(name)
    }

    fn seller_details(&mut self) -> Vec<String> {
        // A file of variables has one line for each: there a line ends with the two characters.
        let text = self.text(DETAILS).unwrap_or_default().replace("\\n", "\n");
        let lines = text.lines().map(str::trim);
        let lines: Vec<String> = lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        let length: usize = lines.iter().map(|line| line.chars().count()).sum();
        let fault = if length > DETAILS_CHARACTERS {
            Some(too_long(DETAILS_CHARACTERS))
        } else {
            lines
                .iter()
                .find_map(|line| unfit(line, DETAILS_CHARACTERS))
        };
        if let Some(reason) = fault {
            self.fault(DETAILS, reason, DETAILS_EXAMPLE);
        }
        lines
    }
}

fn unfit(text: &str, most: usize) -> Option<String> {
    if text.chars().count() > most {
        return Some(too_long(most));
    }
    let has_control = text.chars().any(char::is_control);
    has_control.then(|| "has control characters in it".to_owned())
}

fn too_long(most: usize) -> String {
    format!("has more than {most} characters")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn read(name: &str, value: &str) -> Result<Seller, String> {
        let env = [(name.to_owned(), value.to_owned())].into();
        let config = Config::from_layers(env, Path::new("/nonexistent/.env"));
        config
            .map(|config| config.seller)
            .map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_seller_has_a_name_of_one_line_and_a_few_lines_more() {
        assert_eq!(read("PORT", "8080"), Ok(Seller::default()));
        for name in ["示例贸易有限公司", " A & B <Ltd.> ", &"名".repeat(80)] {
            let seller = read(NAME, name).expect(name);
            assert_eq!(seller.name.as_deref(), Some(name.trim()));
        }
        for name in ["a\nb", "a\tb", "a\u{1b}[31m", &"名".repeat(81)] {
            assert!(read(NAME, name).is_err(), "{name:?}");
        }
        for (details, lines) in [
            ("one\ntwo", vec!["one", "two"]),
            ("one\r\n\r\n two ", vec!["one", "two"]),
            ("one\\ntwo", vec!["one", "two"]),
            ("\\n", vec![]),
        ] {
            assert_eq!(read(DETAILS, details).expect(details).details, lines);
        }
        assert!(read(DETAILS, &"长".repeat(500)).is_ok());
        for details in [&"长".repeat(501), "a\tb", &"x\n".repeat(501)] {
            assert!(read(DETAILS, details).is_err(), "{details:?}");
        }
    }
}
