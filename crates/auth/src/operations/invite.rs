//! Asks somebody in.

use serde_json::json;
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::audit::{self, Actor, Entry};

use super::one_time_link::{MINUTES, make};
use super::verify_email::masked;
use crate::AuthService;
use crate::mailer::{Content, Letter, post};
use crate::model::one_time::Purpose;
use crate::model::user::{Email, Locale};

impl AuthService {
    /// Sends an invitation; an older one for the same address ends.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, model::user::{Email, Locale}};
    /// # use tollgate_kernel::origin::Origin;
    /// async fn ask(auth: &AuthService, guests: &[Email], origin: &Origin) -> tollgate_storage::Result<()> {
    ///     for guest in guests {
    ///         auth.invite(guest, Locale::En, origin).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn invite(&self, email: &Email, locale: Locale, origin: &Origin) -> Result<()> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let link = make(parts, &mut tx, Purpose::Invite, None, email.as_str(), now).await?;
        if let Some(link) = link {
            let letter = Letter {
                to: email.as_str().to_owned(),
                name: String::new(),
                locale,
                content: Content::Invite {
                    link,
                    minutes: MINUTES,
                },
            };
            post(parts, &mut tx, &letter, now).await?;
        }
        let entry = Entry {
            id: parts.ids.at(now),
            actor: Actor::of(origin),
            action: "user.invited",
            subject_kind: "email",
            subject_id: masked(email.as_str()),
            before: None,
            after: Some(json!({ "locale": locale.as_str() })),
            reason: None,
            origin,
        };
        audit::append(&mut tx, &parts.master_key, &entry, now).await?;
        tx.commit().await
    }
}
