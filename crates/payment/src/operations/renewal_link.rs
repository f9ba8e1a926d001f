//! The link by which whoever is reminded pays a further term, without signing in. It names a subscription and the end of
//! its term, under a keyed hash: once that term is not the last any more, the link is void. It moves no money; whoever
//! follows it may pay for its owner, and sees of them what is in the letter.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId};
use tollgate_storage::{Result, StorageError};
use uuid::Uuid;

use super::checkout::{CheckoutError, Expected};
use super::renew::Renew;
use super::way::PayBy;
use crate::model::payment::PaymentMethod;
use crate::model::plan::Plan;
use crate::model::reminder::days;
use crate::model::scene::Scene;
use crate::model::subscription::{Subscription, SubscriptionState};
use crate::providers::Payer;
use crate::shapes::CheckoutShape;
use crate::store::{plans, reminders, subscriptions};
use crate::{Parts, PaymentService};

const PURPOSE: &str = "renewal link";
const ID_BYTES: usize = 16;
const NAMED_BYTES: usize = ID_BYTES + 8;

/// What a link offers.
///
/// ```
/// # use tollgate_kernel::money::Money;
/// # use tollgate_payment::RenewalOffer;
/// fn price(offer: &RenewalOffer) -> Option<Money> {
///     offer.next.as_ref().map(|plan| plan.price)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RenewalOffer {
    /// Of what.
    pub plan: Plan,
    /// What a further term would be of, at its price; `None`: it is not on sale any more.
    pub next: Option<Plan>,
    /// When the term ends.
    pub term_end: Timestamp,
    held: Subscription,
}

fn token(parts: &Parts, id: SubscriptionId, term_end: Timestamp) -> String {
    let named = [
        id.uuid().as_bytes().as_slice(),
        &term_end.micros().to_be_bytes(),
    ]
    .concat();
    let code = parts.master_key.keyed_hash(PURPOSE, &named);
    BASE64_URL_SAFE_NO_PAD.encode([named.as_slice(), &code].concat())
}

/// The whole link, made from `PUBLIC_URL`.
pub(super) fn address(parts: &Parts, id: SubscriptionId, term_end: Timestamp) -> String {
    let token = token(parts, id, term_end);
    format!("{}/portal/renew?token={token}", parts.config.public_url)
}

/// Up to the end of the term, and of the grace after it.
pub(super) fn open_until(held: &Subscription, plan: &Plan, term_end: Timestamp) -> Timestamp {
    let grace = term_end.after(days(plan.grace_days));
    held.entitled_until.map_or(grace, |until| until.max(grace))
}

/// What the link names, if it is one of ours.
fn named(parts: &Parts, token: &str) -> Option<(SubscriptionId, Timestamp)> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (named, code) = bytes.split_at_checked(NAMED_BYTES)?;
    verify_slices_are_equal(code, &parts.master_key.keyed_hash(PURPOSE, named)).ok()?;
    let (id, term_end) = named.split_at_checked(ID_BYTES)?;
    let term_end = i64::from_be_bytes(term_end.try_into().ok()?);
    let id = Uuid::from_slice(id).ok()?;
    Some((id.into(), Timestamp::from_micros(term_end)?))
}

impl PaymentService {
    /// What a renewal link offers now. `None`: it is none, or its term was paid on, cancelled, changed, or is over.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn offered(payment: &PaymentService, token: &str) -> Result<Option<String>, StorageError> {
    ///     let offer = payment.renewal_offer(token).await?;
    ///     Ok(offer.map(|offer| format!("{} ends at {}", offer.plan.name, offer.term_end)))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn renewal_offer(&self, token: &str) -> Result<Option<RenewalOffer>> {
        let parts = &self.0;
        let Some((id, term_end)) = named(parts, token) else {
            return Ok(None);
        };
        let Some(user) = reminders::owner(&parts.db, id).await? else {
            return Ok(None);
        };
        let held = subscriptions::find_live(&parts.db, user, parts.config.livemode).await?;
        let now = parts.clock.now();
        let is_open = |held: &Subscription| {
            held.id == id
                && held.term_end == Some(term_end)
                && held.is_entitled(now)
                && !held.auto_renew
                && held.state != SubscriptionState::Cancelling
        };
        let Some(held) = held.filter(is_open) else {
            return Ok(None);
        };
        let Some(plan) = plans::find(&parts.db, held.plan_id).await? else {
            return Ok(None);
        };
        let next = self.next_term(&held).await?;
        Ok(Some(RenewalOffer {
            plan,
            next,
            term_end,
            held,
        }))
    }

    /// Begins or continues the order for a further term by the rail that was paid by last, or by the first that takes the
    /// money; the hosted page offers the others.
    ///
    /// ```
    /// # use tollgate_payment::{CheckoutError, PaymentService};
    /// # use tollgate_payment::model::scene::Scene;
    /// # use tollgate_payment::providers::Payer;
    /// async fn follow(payment: &PaymentService, token: &str) -> Result<Option<String>, CheckoutError> {
    ///     let Some(offer) = payment.renewal_offer(token).await? else {
    ///         return Ok(None);
    ///     };
    ///     let begun = payment.renew_by_link(&offer, Scene::H5, &Payer::default()).await?;
    ///     Ok(begun.payment.checkout_url)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Self::renew`].
    pub async fn renew_by_link(
        &self,
        offer: &RenewalOffer,
        device: Scene,
        payer: &Payer,
    ) -> std::result::Result<CheckoutShape, CheckoutError> {
        let method = rail(&self.0, offer).await?;
        let wish = Renew {
            user_id: offer.held.user_id,
            by: PayBy {
                method: method.ok_or(CheckoutError::NotConfigured)?,
                client: None,
                device,
                return_url: None,
                payer: payer.clone(),
            },
            expected: Expected::default(),
        };
        Ok(self.renew(&wish, None).await?.value)
    }
}

async fn rail(parts: &Parts, offer: &RenewalOffer) -> Result<Option<PaymentMethod>, StorageError> {
    let last = reminders::last_rail(&parts.db, offer.held.id).await?;
    let price = offer.next.as_ref().unwrap_or(&offer.plan).price;
    let currency = price.currency();
    let rails = parts
        .providers
        .iter()
        .filter(|rail| rail.capabilities().currencies.contains(&currency));
    // Last time's first; then those that are paid by hand, as before.
    let best = rails.min_by_key(|rail| (Some(rail.name()) != last, rail.capabilities().renews));
    Ok(best.map(|rail| rail.name()))
}

#[cfg(test)]
mod tests {
    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_storage::seal::MasterKey;
    use tollgate_storage::testing::each_engine;

    use super::*;
    use crate::{MIGRATIONS, PaymentConfig};

    #[tokio::test]
    async fn a_link_names_what_it_was_made_for_and_nothing_else() {
        each_engine(&[MIGRATIONS], async |db| {
            let at = Timestamp::from_seconds(1_800_000_000).expect("a moment");
            let build = async |key: MasterKey| {
                let config = PaymentConfig::new("https://pay.example");
                let service = PaymentService::builder(db.clone(), key, config);
                let service = service.clock(Clock::fixed(at)).build().await;
                service.expect("built")
            };
            let key = MasterKey::generate(&Entropy::system());
            let service = build(key.clone()).await;
            let id: SubscriptionId = service.0.ids.next();
            let text = token(&service.0, id, at);
            assert_eq!(named(&service.0, &text), Some((id, at)));
            assert!(
                address(&service.0, id, at).starts_with("https://pay.example/portal/renew?token=")
            );
            let other = build(MasterKey::generate(&Entropy::system())).await;
            assert_eq!(named(&other.0, &text), None);
            // Whatever is changed in it.
            for place in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).expect("text");
                assert_eq!(named(&service.0, &changed), None, "{place}");
            }
            for text in [
                "",
                "x",
                "====",
                &text[1..],
                &format!("{text}A"),
                &"A".repeat(75),
            ] {
                assert_eq!(named(&service.0, text), None, "{text}");
                assert!(service.renewal_offer(text).await.expect("asked").is_none());
            }
        })
        .await;
    }
}
