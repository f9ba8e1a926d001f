//! The mailbox: letters that would have gone out by mail, to look at, and for tests to ask for.
//!
//! A letter is shown as its reader's mail program would: as a document of its own in a frame that runs
//! nothing, loads nothing and has no origin. Its links open beside it.

mod page;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::ids::JobId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;

use self::page::{List, One};
use crate::callbacks::is_loopback;
use crate::phone::{failed, html, language, wants_json};
use crate::store::KeptMail;
use crate::words::WORDS;
use crate::{Sandbox, SandboxError};

/// As the phone's, and letters in a frame of our own.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// A letter: styles of its own, nothing else. Sandboxed also where it is opened outside the frame.
const LETTER_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

/// A letter for the mailbox.
///
/// ```
/// use tollgate_sandbox::Mail;
/// # use tollgate_kernel::{clock::{Clock, Timestamp}, entropy::Entropy, text::Language};
/// # use tollgate_sandbox::{Sandbox, SandboxConfig};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let clock = Clock::fixed(Timestamp::from_seconds(1_767_323_045).expect("a moment"));
/// # let sandbox = Sandbox::open(SandboxConfig {
/// #     data_file: folder.path().join("sandbox.db"),
/// #     base_url: "http://127.0.0.1:8080".to_owned(),
/// #     clock: clock.clone(),
/// #     entropy: Entropy::seeded(7),
/// #     default_language: Language::En,
/// # })
/// # .await?;
/// let mail = Mail {
///     id: "0198f0a0-0000-7000-8000-000000000001".parse()?,
///     to: "ann@example.com".to_owned(),
///     subject: "Welcome".to_owned(),
///     text: "Hello Ann".to_owned(),
///     html: "<!doctype html><p>Hello Ann</p>".to_owned(),
/// };
/// sandbox.put_mail(&mail).await?;
/// // The same id again changes nothing: a letter that is sent twice arrives once.
/// sandbox.put_mail(&Mail { subject: "Again".to_owned(), ..mail }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The same one again is the same letter.
    pub id: JobId,
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// A whole document.
    pub html: String,
}

impl Mail {
    /// The web addresses in the plain text, each once, in their order.
    fn links(&self) -> Vec<&str> {
        let mut links = Vec::new();
        for word in self.text.split_whitespace() {
            let web = word.starts_with("http://") || word.starts_with("https://");
            if web && !links.contains(&word) {
                links.push(word);
            }
        }
        links
    }
}

impl Sandbox {
    /// Puts a letter into the mailbox; the same id again changes nothing.
    ///
    /// # Errors
    /// The database.
    pub async fn put_mail(&self, mail: &Mail) -> Result<(), SandboxError> {
        let now = self.inner.clock.now();
        self.inner.store.keep_mail(mail, now).await
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    lang: Option<String>,
    to: Option<String>,
}

impl Asked {
    /// Addresses are kept in small letters.
    fn to(&self) -> Option<String> {
        let to = self.to.as_deref().map(|to| to.trim().to_lowercase());
        to.filter(|to| !to.is_empty())
    }

    fn language(&self, sandbox: &Sandbox, headers: &HeaderMap) -> Language {
        language(self.lang.as_deref(), sandbox, headers)
    }
}

/// `GET /sandbox/mail`
pub(crate) async fn list(
    State(sandbox): State<Sandbox>,
    Params(asked): Params<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_host(&headers, &sandbox.inner.base_url)?;
    let to = asked.to();
    let mails = sandbox.inner.store.mails(to.as_deref()).await;
    let mails = mails.map_err(failed)?;
    if wants_json(&headers) {
        let data: Vec<Value> = mails.iter().map(document).collect();
        return Ok(axum::Json(json!({ "data": data })).into_response());
    }
    let language = asked.language(&sandbox, &headers);
    let page = List::text(&mails, to.as_deref(), language);
    Ok(html(StatusCode::OK, language, PAGE_POLICY, page))
}

/// `GET /sandbox/mail/{id}`
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    PathId(id): PathId<JobId>,
    Params(asked): Params<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_host(&headers, &sandbox.inner.base_url)?;
    let found = sandbox.inner.store.find_mail(id).await.map_err(failed)?;
    if wants_json(&headers) {
        let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        return Ok(axum::Json(document(&found)).into_response());
    }
    let language = asked.language(&sandbox, &headers);
    let status = match found {
        Some(_) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    };
    let page = One::text(found.as_ref(), language);
    Ok(html(status, language, PAGE_POLICY, page))
}

/// `GET /sandbox/mail/{id}/html`
pub(crate) async fn letter(
    State(sandbox): State<Sandbox>,
    PathId(id): PathId<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_host(&headers, &sandbox.inner.base_url)?;
    let found = sandbox.inner.store.find_mail(id).await.map_err(failed)?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, LETTER_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, found.mail.html).into_response())
}

/// `GET /sandbox/static/mail.css`
pub(crate) async fn stylesheet() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("../../static/mail.css")).into_response()
}

/// What a program is told of a letter.
fn document(kept: &KeptMail) -> Value {
    let mail = &kept.mail;
    json!({
        "id": mail.id,
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "links": mail.links(),
        "created_at": kept.arrived_at,
    })
}

/// A foreign name that leads to this machine must not read the mailbox: the links in it open accounts.
/// Ours, loopback, bare addresses and names without a dot belong to nobody outside.
fn check_host(headers: &HeaderMap, base_url: &Url) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let url = host.and_then(|host| Url::parse(&format!("http://{host}")).ok());
    let own = match url.as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => {
            is_loopback(name) || !name.contains('.') || base_url.host_str() == Some(name)
        }
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        None => false,
    };
    if own {
        return Ok(());
    }
    Err(Problem::new(Code::PermissionDenied).detail(WORDS.text("refusal.public_url")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_name_for_this_machine_reads_no_letters() {
        let base = Url::parse("https://pay.example").expect("a URL");
        let check = |host: &'static str| {
            let headers = [(header::HOST, HeaderValue::from_static(host))];
            check_host(&headers.into_iter().collect(), &base).is_ok()
        };
        for host in [
            "pay.example",
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "192.0.2.7",
            "tollgate:8080",
        ] {
            assert!(check(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "pay.example.evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
        ] {
            assert!(!check(host), "{host}");
        }
        assert!(check_host(&HeaderMap::new(), &base).is_err());
    }

    #[test]
    fn links_are_web_addresses_of_the_text() {
        let mail = Mail {
            id: uuid::Uuid::nil().into(),
            to: String::new(),
            subject: String::new(),
            text: "a:\nhttps://x.example/y#token=z\n\njavascript:alert(1) http://b https://x.example/y#token=z".to_owned(),
            html: String::new(),
        };
        assert_eq!(mail.links(), ["https://x.example/y#token=z", "http://b"]);
    }
}
