//! Settings of letters.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_auth::mailer::{MailFrom, SmtpUrl};

use super::reader::Reader;

const FROM: &str = "Shop <no-reply@shop.example>";

/// By which server letters leave, and who they are from.
///
/// ```
/// # use std::path::Path;
/// use tollgate::config::Config;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let env = [
///     ("SMTP_URL", "smtp://mail.shop.example"),
///     ("MAIL_FROM", "Shop <no-reply@shop.example>"),
/// ];
/// let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
/// let mail = Config::from_layers(env.into(), Path::new("/nowhere/.env"))?.mail;
/// let mail = mail.expect("both are set");
/// assert_eq!((mail.smtp.shown().as_str(), mail.from.name()), ("mail.shop.example:587", Some("Shop")));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where the mail server is.
    pub smtp: SmtpUrl,
    /// Who writes.
    pub from: MailFrom,
}

impl Reader {
    /// Both, or neither: mail is off then, or stays in the sandbox.
    pub(super) fn mail(&mut self) -> Option<MailSettings> {
        let url = self.text("SMTP_URL").map(SecretString::from);
        let from = self.text("MAIL_FROM");
        match (&url, &from) {
            (Some(_), None) => {
                self.fault("MAIL_FROM", "is missing, and SMTP_URL is set", FROM);
            }
            (None, Some(_)) => {
                let reason = "is missing, and MAIL_FROM is set: nothing could be sent";
                self.fault(
                    "SMTP_URL",
                    reason,
                    "smtp://user:password@mail.shop.example:587",
                );
            }
            _ => {}
        }
        // Neither value is repeated in a fault: the one holds a password, and faults are printed.
        let smtp = url.and_then(|url| match url.expose_secret().parse() {
            Ok(smtp) => Some(smtp),
            Err(error) => {
                let error: tollgate_auth::mailer::InvalidSmtpUrl = error;
                self.fault(
                    "SMTP_URL",
                    error.to_string(),
                    "smtp://user:password@mail.shop.example:587",
                );
                None
            }
        });
        let from = from.and_then(|from| match from.parse() {
            Ok(from) => Some(from),
            Err(error) => {
                let error: tollgate_auth::mailer::InvalidMailFrom = error;
                self.fault("MAIL_FROM", error.to_string(), FROM);
                None
            }
        });
        Some(MailSettings {
            smtp: smtp?,
            from: from?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<MailSettings>, String> {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_layers(env, std::path::Path::new("/nonexistent/.env"))
            .map(|config| config.mail)
            .map_err(|faults| faults.to_string())
    }

    #[test]
    fn letters_need_a_server_and_a_sender_or_neither() {
        assert!(matches!(read(&[]), Ok(None)));
        let both = read(&[
            ("SMTP_URL", "smtp://ann:hunter2@mail.example"),
            ("MAIL_FROM", FROM),
        ]);
        let both = both.expect("good settings").expect("both");
        assert_eq!(both.smtp.shown(), "mail.example:587");
        assert_eq!(both.from.name(), Some("Shop"));
        for (pairs, variable) in [
            (&[("SMTP_URL", "smtp://mail.example")][..], "MAIL_FROM: "),
            (&[("MAIL_FROM", FROM)], "SMTP_URL: "),
            (
                &[("SMTP_URL", "mail.example"), ("MAIL_FROM", FROM)],
                "SMTP_URL: ",
            ),
            (
                &[("SMTP_URL", "smtp://mail.example"), ("MAIL_FROM", "Shop")],
                "MAIL_FROM: ",
            ),
        ] {
            let faults = read(pairs).expect_err("a fault");
            assert!(
                faults.starts_with(variable) && faults.contains("for example"),
                "{faults}"
            );
            assert_eq!(faults.lines().count(), 1, "{faults}");
        }
    }

    #[test]
    fn inv_a10_the_password_of_the_mail_server_is_in_no_fault_and_no_debug() {
        for url in [
            "smtp://ann:hunter2@mail.example/x",
            "smtp+plain://ann:hunter2@mail.example",
            "hunter2",
            "smtp://ann:hunter2%zz@mail.example",
        ] {
            let faults = read(&[("SMTP_URL", url), ("MAIL_FROM", FROM)]).expect_err("a fault");
            assert!(
                faults.contains("SMTP_URL: ") && !faults.contains("hunter2"),
                "{faults}"
            );
        }
        let good = [
            ("SMTP_URL", "smtp://ann:hunter2@mail.example"),
            ("MAIL_FROM", FROM),
        ];
        let shown = format!("{:?}", read(&good).expect("good settings"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
