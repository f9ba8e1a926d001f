//! `SMTP_URL` and `MAIL_FROM`: where letters leave, and who they are from.

use std::fmt;
use std::str::FromStr;

use lettre::message::Mailbox;
use secrecy::SecretString;
use url::{Host, Url};

/// RFC 6409 §3.1
const SUBMISSION: u16 = 587;
/// RFC 8314 §7.3
const SUBMISSIONS: u16 = 465;
/// RFC 5321 §4.5.4.2
const RELAY: u16 = 25;

/// Where the mail server is.
///
/// ```
/// use tollgate_auth::mailer::{InvalidSmtpUrl, SmtpUrl};
///
/// let url: SmtpUrl = "smtp://mail.example".parse()?; // STARTTLS or nothing
/// assert_eq!(url.shown(), "mail.example:587");
/// let relay: SmtpUrl = "smtp+plain://relay.internal".parse()?;
/// assert_eq!(relay.shown(), "relay.internal:25");
///
/// let fault = "smtp+plain://shop:pw@relay.internal".parse::<SmtpUrl>().unwrap_err();
/// assert_eq!(fault, InvalidSmtpUrl::PlainPassword);
/// # Ok::<(), InvalidSmtpUrl>(())
/// ```
#[derive(Clone)]
pub struct SmtpUrl {
    pub(super) security: Security,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<(String, SecretString)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS from the first byte.
    Wrapped,
    /// TLS before anything is said, or nothing is said.
    StartTls,
    /// None.
    Plain,
}

/// Not the address of a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmtpUrl {
    /// Of another form.
    #[error(
        "must be smtp://, smtps:// or smtp+plain://, then user:password@ if need be, a host and a port, and no more"
    )]
    Form,
    /// A name alone signs nobody in.
    #[error(
        "must hold user and password, or neither; write other characters than letters and digits as %40"
    )]
    Credentials,
    /// A password would cross the network in clear text.
    #[error("must not hold a password: smtp+plain:// is not encrypted")]
    PlainPassword,
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    /// `smtps://`: TLS from the first byte, port 465. `smtp://`: STARTTLS or nothing, port 587; without
    /// encryption on a loopback host. `smtp+plain://`: without encryption and password, port 25.
    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidSmtpUrl::Form)?;
        let bare =
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let host = match url.host() {
            Some(Host::Domain(name)) if is_name(name) => name.to_ascii_lowercase(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(InvalidSmtpUrl::Form),
        };
        let (security, port) = match url.scheme() {
            "smtps" => (Security::Wrapped, SUBMISSIONS),
            "smtp" if is_loopback(&host) => (Security::Plain, SUBMISSION),
            "smtp" => (Security::StartTls, SUBMISSION),
            "smtp+plain" => (Security::Plain, RELAY),
            _ => return Err(InvalidSmtpUrl::Form),
        };
        if !bare || url.port() == Some(0) {
            return Err(InvalidSmtpUrl::Form);
        }
        let credentials = credentials(&url)?;
        if security == Security::Plain && credentials.is_some() && !is_loopback(&host) {
            return Err(InvalidSmtpUrl::PlainPassword);
        }
        Ok(Self {
            security,
            port: url.port().unwrap_or(port),
            host,
            credentials,
        })
    }
}

impl SmtpUrl {
    /// For people: host and port, without user and password.
    pub fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

fn credentials(url: &Url) -> Result<Option<(String, SecretString)>, InvalidSmtpUrl> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None | Some("")) => Err(InvalidSmtpUrl::Credentials),
        (user, Some(password)) => {
            let text = |encoded| decoded(encoded).ok_or(InvalidSmtpUrl::Credentials);
            Ok(Some((text(user)?, text(password)?.into())))
        }
    }
}

/// RFC 3986 §2.1, without control characters: they would end a line of the protocol.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

fn is_name(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Who letters are from: `Shop <no-reply@shop.example>`, or an address alone.
///
/// ```
/// use tollgate_auth::mailer::{InvalidMailFrom, MailFrom};
///
/// let from: MailFrom = "Shop <no-reply@shop.example>".parse()?;
/// assert_eq!(from.name(), Some("Shop"));
/// assert_eq!("Shop".parse::<MailFrom>(), Err(InvalidMailFrom));
/// # Ok::<(), InvalidMailFrom>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom(Mailbox);

/// Not a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address, or a name and an address in < >")]
pub struct InvalidMailFrom;

impl FromStr for MailFrom {
    type Err = InvalidMailFrom;

    fn from_str(text: &str) -> Result<Self, InvalidMailFrom> {
        let mailbox: Mailbox = text.trim().parse().map_err(|_| InvalidMailFrom)?;
        let plain = !text.trim().chars().any(char::is_control);
        plain.then_some(Self(mailbox)).ok_or(InvalidMailFrom)
    }
}

impl MailFrom {
    pub(super) fn into_mailbox(self) -> Mailbox {
        self.0
    }

    /// The name beside the address.
    pub fn name(&self) -> Option<&str> {
        self.0
            .name
            .as_deref()
            .filter(|name| !name.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn url(text: &str) -> Result<SmtpUrl, InvalidSmtpUrl> {
        text.parse()
    }

    #[test]
    fn inv_a10_encryption_is_left_out_only_where_somebody_said_so() {
        for (text, security, shown) in [
            (
                "smtp://mail.example",
                Security::StartTls,
                "mail.example:587",
            ),
            (
                "smtp://u:p@MAIL.example:2525",
                Security::StartTls,
                "mail.example:2525",
            ),
            (
                "smtps://u:p@mail.example",
                Security::Wrapped,
                "mail.example:465",
            ),
            ("smtp://localhost:1025", Security::Plain, "localhost:1025"),
            (
                "smtp://u:p@127.0.0.1:1025",
                Security::Plain,
                "127.0.0.1:1025",
            ),
            ("smtp://[::1]:1025/", Security::Plain, "::1:1025"),
            (
                "smtp://127.0.0.1.example",
                Security::StartTls,
                "127.0.0.1.example:587",
            ),
            ("smtp://10.0.0.5", Security::StartTls, "10.0.0.5:587"),
            ("smtp+plain://mailpit", Security::Plain, "mailpit:25"),
        ] {
            let url = url(text).expect(text);
            assert_eq!(
                (url.security, url.shown().as_str()),
                (security, shown),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_mail_server_is_refused() {
        for text in [
            "",
            "mail.example:587",
            "http://mail.example",
            "smtp://",
            "smtp:///x",
            "smtp://mail.example/path",
            "smtp://mail.example?tls=none",
            "smtp://mail.example#x",
            "smtp://mail.example:0",
            "smtp://mail.example:99999",
            "smtp://ma il.example",
            "smtp://ma%0Ail.example",
        ] {
            assert_eq!(url(text).err(), Some(InvalidSmtpUrl::Form), "{text}");
        }
        for text in [
            "smtp://u@h.example",
            "smtp://u:@h.example",
            "smtp://:p@h.example",
            "smtp://u:%zz@h.example",
            "smtp://u:%0d%0a@h.example",
            "smtp://u:%ff@h.example",
            "smtp://u:%4@h.example",
        ] {
            assert_eq!(url(text).err(), Some(InvalidSmtpUrl::Credentials), "{text}");
        }
        let plain = url("smtp+plain://u:p@mailpit").err();
        assert_eq!(plain, Some(InvalidSmtpUrl::PlainPassword));
    }

    #[test]
    fn inv_a10_the_password_of_the_mail_server_is_not_printed() {
        let url = url("smtp://ann%40shop:hunter%3A2%2B@mail.example").expect("an address");
        let (user, password) = url.credentials.clone().expect("credentials");
        assert_eq!(
            (user.as_str(), password.expose_secret()),
            ("ann@shop", "hunter:2+")
        );
        let shown = format!("{url:?} {}", url.shown());
        assert!(
            !shown.contains("hunter") && !shown.contains("ann"),
            "{shown}"
        );
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        let from: MailFrom = "Shop <no-reply@shop.example>".parse().expect("a sender");
        assert_eq!(from.name(), Some("Shop"));
        let from: MailFrom = "no-reply@shop.example".parse().expect("a sender");
        assert_eq!(from.name(), None);
        for text in [
            "",
            "shop",
            "a@b, c@d",
            "A <a@b.example>\r\nBcc: c@d",
            "A\r\n <a@b.example>",
        ] {
            assert_eq!(text.parse::<MailFrom>(), Err(InvalidMailFrom), "{text:?}");
        }
    }
}
