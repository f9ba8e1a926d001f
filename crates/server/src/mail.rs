//! How letters leave: by SMTP where a server is set, into the mailbox where the sandbox is on, and
//! otherwise not at all.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tollgate_auth::mailer::{House, Letter, Mailer, SendError, Smtp, SmtpError, Written};
use tollgate_kernel::ids::JobId;
use tollgate_sandbox::{Mail, Sandbox};

use crate::config::Config;

/// Puts letters into the sandbox's mailbox.
struct Mailbox {
    sandbox: Sandbox,
    house: House,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, letter: &Letter, id: JobId) -> Result<(), SendError> {
        let Written {
            subject,
            text,
            html,
        } = self.house.write(letter);
        let mail = Mail {
            id,
            to: letter.to.clone(),
            subject,
            text,
            html,
        };
        let kept = self.sandbox.put_mail(&mail).await;
        kept.map_err(|_| SendError::Later("the mailbox cannot be written".to_owned()))
    }
}

/// Where the letters of this service go.
///
/// # Errors
/// TLS cannot be set up for the mail server.
pub(crate) fn mailer(
    config: &Config,
    public_url: &str,
    sandbox: Option<&Sandbox>,
) -> Result<Option<Arc<dyn Mailer>>, SmtpError> {
    let house = house(config, public_url);
    if let Some(mail) = &config.mail {
        let smtp = Smtp::new(mail.smtp.clone(), mail.from.clone(), house)?;
        return Ok(Some(Arc::new(smtp)));
    }
    if let Some(sandbox) = sandbox {
        let sandbox = sandbox.clone();
        return Ok(Some(Arc::new(Mailbox { sandbox, house })));
    }
    tracing::warn!(
        "mail is off: nobody can confirm an address, reset a password or hear of a new sign-in; set SMTP_URL and MAIL_FROM"
    );
    Ok(None)
}

/// Who writes.
pub(crate) fn house(config: &Config, public_url: &str) -> House {
    let name = config.mail.as_ref().and_then(|mail| mail.from.name());
    let name = name.or(config.seller.name.as_deref());
    House {
        name: name.map_or_else(|| host(public_url), str::to_owned),
        seller: config.seller.name.clone(),
        zone: config.zone,
    }
}

/// How the house is called when it has no name.
fn host(public_url: &str) -> String {
    let rest = public_url
        .split_once("://")
        .map_or(public_url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}
