//! A person with an account.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::permission::Permissions;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::{Language, Text};

use super::role::{self, Role};
use crate::words::WORDS;

/// Names that would be taken for the house's own.
const RESERVED: [&str; 8] = [
    "admin",
    "administrator",
    "root",
    "system",
    "support",
    "tollgate",
    "security",
    "moderator",
];

/// RFC 5321 §4.5.3.1.3
const LONGEST_EMAIL_BYTES: usize = 254;

/// An account.
///
/// ```
/// # use tollgate_auth::model::user::User;
/// use tollgate_kernel::permission::USERS_READ;
/// fn is_staff(user: &User) -> bool {
///     user.is_active && user.permissions().hold(USERS_READ)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Of the person.
    pub id: UserId,
    /// Normalised.
    pub email: String,
    /// As typed.
    pub username: String,
    /// Whether the person may sign in.
    pub is_active: bool,
    /// Whether the person may do everything.
    pub is_superuser: bool,
    /// Of the account.
    pub created_at: Timestamp,
    /// Of the last change.
    pub updated_at: Timestamp,
    /// When the address was confirmed.
    pub email_verified_at: Option<Timestamp>,
    /// In which language the person is written to.
    pub locale: Locale,
    /// Access tokens issued before are void wherever the database is asked.
    pub tokens_after: Option<Timestamp>,
    /// Of a member of staff.
    pub roles: Vec<Role>,
}

impl User {
    /// What the person may do beyond their own things.
    pub fn permissions(&self) -> Permissions {
        role::held(self.is_superuser, &self.roles)
    }
}

/// In which language a person is written to.
///
/// ```
/// use tollgate_auth::model::user::{Locale, UnknownLocale};
///
/// assert_eq!("en".parse(), Ok(Locale::En));
/// assert_eq!("EN".parse::<Locale>(), Err(UnknownLocale));
/// assert_eq!(Locale::default().as_str(), "zh");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// 简体中文
    #[default]
    Zh,
    /// English
    En,
}

/// Not a language of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not zh or en")]
pub struct UnknownLocale;

impl FromStr for Locale {
    type Err = UnknownLocale;

    fn from_str(text: &str) -> Result<Self, UnknownLocale> {
        match text {
            "zh" => Ok(Self::Zh),
            "en" => Ok(Self::En),
            _ => Err(UnknownLocale),
        }
    }
}

impl Locale {
    /// As it rests, and as answers show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    pub(crate) fn language(self) -> Language {
        match self {
            Self::Zh => Language::Zh,
            Self::En => Language::En,
        }
    }
}

impl FieldError for UnknownLocale {
    fn code(&self) -> &'static str {
        "unknown_locale"
    }

    fn detail(&self) -> Text {
        WORDS.text("profile.language")
    }
}

/// An e-mail address, normalised: lower case, full-width forms folded.
///
/// ```
/// use tollgate_auth::model::user::{Email, InvalidEmail};
///
/// let email: Email = "A.nn+shop@Gmail.com".parse()?;
/// assert_eq!(email.as_str(), "a.nn+shop@gmail.com");
/// assert_eq!(email.folded(), "ann@gmail.com");
/// assert_eq!("ann@".parse::<Email>(), Err(InvalidEmail));
/// # Ok::<(), InvalidEmail>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

/// Not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        // Bounded before it is folded: the text may be as long as a body.
        if text.len() > LONGEST_EMAIL_BYTES * 3 {
            return Err(InvalidEmail);
        }
        let text: String = text
            .chars()
            .map(half_width)
            .collect::<String>()
            .to_lowercase();
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let plain = |char: char| {
            !char.is_control()
                && !char.is_whitespace()
                && !is_invisible(char)
                && !"\"'(),:;<>@[\\]".contains(char)
        };
        let named = |char: char| char.is_alphanumeric() || matches!(char, '-' | '.');
        let dots =
            |part: &str| !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
        let reachable = domain == "localhost" || domain.contains('.');
        let whole = text.len() <= LONGEST_EMAIL_BYTES
            && !local.is_empty()
            && local.len() <= 64
            && !domain.is_empty();
        if whole
            && reachable
            && local.chars().all(plain)
            && domain.chars().all(named)
            && dots(local)
            && dots(domain)
        {
            Ok(Self(text))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl Email {
    /// Normalised.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The person behind aliases: without `+tag`, and without the dots that Gmail ignores.
    pub fn folded(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        // An address may begin with the sign: then there is no tag to cut.
        let local = match local.split_once('+') {
            Some((untagged, _)) if !untagged.is_empty() => untagged,
            _ => local,
        };
        if matches!(domain, "gmail.com" | "googlemail.com") {
            format!("{}@gmail.com", local.replace('.', ""))
        } else {
            format!("{local}@{domain}")
        }
    }
}

impl FieldError for InvalidEmail {
    fn code(&self) -> &'static str {
        "invalid_email"
    }

    fn detail(&self) -> Text {
        WORDS.text("profile.email")
    }
}

/// A user name as typed: 3 to 32 letters (of the Latin alphabet or Chinese), digits, `_`, `-`, `.`.
///
/// ```
/// use tollgate_auth::model::user::{InvalidUsername, Username};
///
/// let name: Username = "Ann-2".parse()?;
/// assert_eq!((name.as_str(), name.key().as_str()), ("Ann-2", "ann-2"));
/// assert_eq!("admin".parse::<Username>(), Err(InvalidUsername), "it is reserved");
/// assert_eq!(Username::folded("Admin").as_deref(), Some("admin"), "but may have an account");
/// # Ok::<(), InvalidUsername>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

/// Not a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a user name: 3 to 32 Latin or Chinese letters, digits, _ - .")]
pub struct InvalidUsername;

impl FromStr for Username {
    type Err = InvalidUsername;

    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        (is_well_formed(text) && !RESERVED.contains(&fold(text).as_str()))
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidUsername)
    }
}

impl Username {
    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which `Ann` and `ann` are one.
    pub fn key(&self) -> String {
        fold(&self.0)
    }

    /// The same form of a name that somebody signs in by: a reserved name may well have an
    /// account. `None`: no name has this form.
    pub fn folded(text: &str) -> Option<String> {
        is_well_formed(text).then(|| fold(text))
    }
}

impl FieldError for InvalidUsername {
    fn code(&self) -> &'static str {
        "invalid_username"
    }

    fn detail(&self) -> Text {
        WORDS.text("profile.username")
    }
}

/// Other scripts have letters that look like these: then two names look like one.
fn is_well_formed(text: &str) -> bool {
    let plain =
        |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char) || is_chinese(char);
    let length = text.chars().take(33).count();
    (3..=32).contains(&length) && text.chars().all(plain) && text.chars().any(char::is_alphanumeric)
}

fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// The ASCII form of a full-width character.
fn half_width(char: char) -> char {
    let code = u32::from(char);
    if (0xFF01..=0xFF5E).contains(&code) {
        char::from_u32(code.saturating_sub(0xFEE0)).unwrap_or(char)
    } else {
        char
    }
}

fn is_chinese(char: char) -> bool {
    matches!(char, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// Characters that are not seen, or turn the text around.
pub(crate) fn is_invisible(char: char) -> bool {
    matches!(char, '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_form() {
        let email: Email = "Ａ@X.com".parse().expect("an address");
        assert_eq!(email.as_str(), "a@x.com");
        let alias: Email = "a.b+shop@gmail.com".parse().expect("an address");
        assert_eq!(alias.folded(), "ab@gmail.com");
        for text in [
            "",
            "a",
            "a@",
            "@x.com",
            "a@x",
            "a@@x.com",
            "a@x.com, b@x.com",
            " a@x.com",
            "a@x.com\r\nBcc: b@x.com",
            "\"a b\"@x.com",
            "a b@x.com",
            "a@x..com",
            "a@x.com/b",
            "a@[127.0.0.1]",
            "a,b@x.com",
            "a\0@x.com",
            ".a@x.com",
            "a\u{200B}@x.com",
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
        assert!(
            format!("{}@x.com", "a".repeat(249))
                .parse::<Email>()
                .is_err()
        );
    }

    #[test]
    fn user_names_cannot_pretend() {
        for text in ["ann", "Ann-2", "张三丰", "张san"] {
            assert!(text.parse::<Username>().is_ok(), "{text}");
        }
        for text in [
            "",
            "ab",
            "admin",
            "Root",
            "a@x.com",
            "аnn",
            "a\u{200B}nn",
            "a b c",
            "...",
            &"a".repeat(33),
        ] {
            assert_eq!(text.parse::<Username>(), Err(InvalidUsername), "{text:?}");
        }
    }
}
