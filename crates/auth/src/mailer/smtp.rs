//! Letters by SMTP (RFC 5321), on lettre's messages and connections.
//!
//! Each letter has a connection of its own. lettre's pool would take a connection back that was left
//! in the middle of a letter (a hand-over is dropped when it takes too long), and the next letter would
//! read the answers to the one before. lettre's own feature for tracing stays off too: it writes whole
//! messages and passwords to the log.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use lettre::{Address, Message};
use secrecy::ExposeSecret as _;
use tollgate_kernel::ids::{Id as _, JobId};

use super::smtp_url::{MailFrom, Security, SmtpUrl};
use super::{House, Letter, Mailer, SendError, Written};

/// For a whole letter.
const PATIENCE: Duration = Duration::from_secs(30);
/// For a farewell that nothing depends on.
const FAREWELL: Duration = Duration::from_secs(2);
/// TLS cannot be set up for a mail server of this name.
///
/// ```
/// # use tollgate_auth::mailer::SmtpError;
/// assert_eq!(SmtpError.to_string(), "TLS cannot be set up for this mail server");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLS cannot be set up for this mail server")]
pub struct SmtpError;

/// Sends letters through a mail server.
///
/// ```
/// use std::time::Duration;
/// use tollgate_auth::mailer::{House, Smtp};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let house = House {
///     name: "Shop".to_owned(),
///     seller: None,
///     zone: chrono_tz::Asia::Shanghai,
/// };
/// let from = "Shop <no-reply@shop.example>".parse()?;
/// let mailer = Smtp::new("smtps://mail.example".parse()?, from, house)?;
/// let mailer = mailer.patience(Duration::from_secs(10));
/// assert_eq!(format!("{mailer:?}"), "Smtp(mail.example:465)");
/// # Ok(()) }
/// ```
pub struct Smtp {
    url: SmtpUrl,
    /// `None`: in clear text.
    tls: Option<TlsParameters>,
    hello: ClientId,
    from: Mailbox,
    house: House,
    patience: Duration,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({})", self.url.shown())
    }
}

impl Smtp {
    /// Connects with the first letter.
    ///
    /// # Errors
    /// [`SmtpError`].
    pub fn new(url: SmtpUrl, from: MailFrom, house: House) -> Result<Self, SmtpError> {
        let tls = match url.security {
            Security::Wrapped | Security::StartTls => {
                Some(TlsParameters::new(url.host.clone()).map_err(|_| SmtpError)?)
            }
            Security::Plain => None,
        };
        Ok(Self {
            url,
            tls,
            hello: ClientId::default(),
            from: from.into_mailbox(),
            house,
            patience: PATIENCE,
        })
    }

    /// Waits this long for a letter to be taken, instead of 30 seconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same bytes for the same letter and id.
    fn message(&self, letter: &Letter, id: JobId) -> Option<Message> {
        let Written {
            subject,
            text,
            html,
        } = self.house.write(letter);
        let to: Address = letter.to.parse().ok()?;
        let part = |kind, body: String| SinglePart::builder().header(kind).body(body);
        // The id is the boundary too: drawn by chance, a repeat would have other bytes.
        let parts = MultiPart::alternative()
            .boundary(format!("letter-{id}"))
            .singlepart(part(ContentType::TEXT_PLAIN, text))
            .singlepart(part(ContentType::TEXT_HTML, html));
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(SystemTime::from(id.made_at().utc()))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .raw_header(HeaderValue::new(
                // RFC 3834 §5: no out-of-office note comes back.
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(parts)
            .ok()
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, letter: &Letter, id: JobId) -> Result<(), SendError> {
        let message = self
            .message(letter, id)
            .ok_or_else(|| SendError::Never("no such address can be written to".to_owned()))?;
        // What is dropped here closes its connection.
        let taken = tokio::time::timeout(self.patience, self.hand_over(&message)).await;
        let mut connection =
            taken.unwrap_or_else(|_| later("the mail server did not answer in time"))?;
        // The letter is theirs: whatever comes now changes nothing.
        let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        Ok(())
    }
}

impl Smtp {
    async fn hand_over(&self, message: &Message) -> Result<AsyncSmtpConnection, SendError> {
        // Before there is a recipient, a refusal is about us and not about the letter: it leaves
        // once the settings are mended.
        let mut server = self.connect().await.map_err(|error| about_us(&error))?;
        let envelope = message.envelope();
        let mut options = vec![];
        let plain = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !envelope.to().iter().chain(envelope.from()).all(plain) {
            if !server
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                return Err(SendError::Never(
                    "the mail server takes no such address".to_owned(),
                ));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let mail = Mail::new(envelope.from().cloned(), options);
        let answer = server.command(mail).await;
        expect(answer, Severity::PositiveCompletion, about_us)?;
        for to in envelope.to() {
            let answer = server.command(Rcpt::new(to.clone(), vec![])).await;
            expect(answer, Severity::PositiveCompletion, about_the_letter)?;
        }
        let answer = server.command(Data).await;
        expect(answer, Severity::PositiveIntermediate, about_the_letter)?;
        let answer = server.message(&message.formatted()).await;
        expect(answer, Severity::PositiveCompletion, about_the_letter)?;
        Ok(server)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let url = &self.url;
        let wrapped = match url.security {
            Security::Wrapped => self.tls.clone(),
            Security::StartTls | Security::Plain => None,
        };
        let at = (url.host.as_str(), url.port);
        let mut server =
            AsyncSmtpConnection::connect_tokio1(at, None, &self.hello, wrapped, None).await?;
        if let (Security::StartTls, Some(tls)) = (url.security, &self.tls) {
            // An error, and the end of the connection, where the server has none.
            server.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some((user, password)) = &url.credentials {
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(user.clone(), password);
            server.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(server)
    }
}

/// A positive answer of another kind means that we and the server disagree about where we are.
fn expect(
    answer: Result<Response, Error>,
    severity: Severity,
    refused: fn(&Error) -> SendError,
) -> Result<(), SendError> {
    let answer = answer.map_err(|error| refused(&error))?;
    if answer.code().severity == severity {
        Ok(())
    } else {
        later("an answer of the mail server was cut off or makes no sense")
    }
}

fn later<T>(why: &str) -> Result<T, SendError> {
    Err(SendError::Later(why.to_owned()))
}

/// Only codes: the words of a server repeat the address, and sometimes the letter.
fn about_us(error: &Error) -> SendError {
    SendError::Later(if let Some(code) = error.status() {
        format!("the mail server refuses us with {code}")
    } else if error.is_tls() {
        "no encrypted connection to the mail server".to_owned()
    } else if error.is_client() {
        "the mail server lacks what the settings ask for".to_owned()
    } else if error.is_response() {
        "an answer of the mail server was cut off or makes no sense".to_owned()
    } else {
        "no connection to the mail server".to_owned()
    })
}

fn about_the_letter(error: &Error) -> SendError {
    match error.status() {
        // RFC 4954 §6, some servers say so this late: not signed in.
        Some(code) if error.is_permanent() && u16::from(code) != 530 => {
            SendError::Never(format!("the mail server answered {code}"))
        }
        Some(code) => SendError::Later(format!("the mail server answered {code}")),
        None => about_us(error),
    }
}
