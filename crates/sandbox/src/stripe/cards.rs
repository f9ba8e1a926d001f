//! The test cards: what each does while the buyer is there, and when it is debited later.

use serde_json::{Value, json};

use super::deed::Deed;
use super::wire::text;
use crate::SandboxError;

/// What comes of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Pays,
    /// The bank wants the buyer's word first.
    Asks,
    /// The bank's code, and its reason if it gives one.
    Declines(&'static str, Option<&'static str>),
}

/// A test card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card {
    pub(super) number: &'static str,
    pub(super) here: Does,
    pub(super) later: Does,
    /// The name of what it says on its button.
    pub(super) says: &'static str,
}

const DECLINED: Does = Does::Declines("card_declined", Some("generic_decline"));
const POOR: Does = Does::Declines("card_declined", Some("insufficient_funds"));
const OLD: Does = Does::Declines("expired_card", None);

/// Nothing else is a card here.
pub(super) const CARDS: [Card; 6] = [
    card("4242424242424242", Does::Pays, Does::Pays, "test_card.pays"),
    card("4000002760003184", Does::Asks, Does::Asks, "test_card.asks"),
    card(
        "4000000000000341",
        Does::Pays,
        DECLINED,
        "test_card.pays_once",
    ),
    card("4000000000000002", DECLINED, DECLINED, "test_card.declined"),
    card("4000000000009995", POOR, POOR, "test_card.poor"),
    card("4000000000000069", OLD, OLD, "test_card.expired"),
];

/// What nobody has issued.
pub(super) const NO_CARD: Does = Does::Declines("incorrect_number", None);

const fn card(number: &'static str, here: Does, later: Does, says: &'static str) -> Card {
    Card {
        number,
        here,
        later,
        says,
    }
}

/// The card of a number, however it is spaced.
pub(super) fn find(number: &str) -> Option<&'static Card> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    CARDS.iter().find(|card| card.number == digits)
}

/// A card as a customer's means to pay; of whom, if it shall be debited again.
pub(super) async fn attach(
    deed: &mut Deed<'_>,
    card: &Card,
    customer: &Value,
) -> Result<Value, SandboxError> {
    let method = json!({
        "id": deed.number("pm"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": { "address": null, "email": null, "name": null, "phone": null },
        "card": {
            "brand": "visa",
            "country": "US",
            "exp_month": 12,
            "exp_year": 2034,
            "funding": "credit",
            "last4": last4(card),
        },
        "created": deed.at,
        "customer": customer,
        "livemode": false,
        "metadata": {},
        "type": "card",
    });
    deed.tx.put(&method, None).await?;
    let id = text(&method["id"]);
    deed.tx.note(&id, &json!({ "number": card.number })).await?;
    if customer.is_string() {
        deed.happened("payment_method.attached", &method).await?;
    }
    Ok(method)
}

/// The card behind a means to pay.
pub(super) async fn of_method(
    deed: &mut Deed<'_>,
    method: &Value,
) -> Result<Option<&'static Card>, SandboxError> {
    let Some(id) = method.as_str() else {
        return Ok(None);
    };
    let notes = deed.tx.notes(id).await?;
    Ok(notes["number"].as_str().and_then(find))
}

pub(super) fn last4(card: &Card) -> &'static str {
    card.number.get(card.number.len() - 4..).unwrap_or_default()
}

/// What Stripe says of a card that did not pay.
pub(super) fn error(code: &str, reason: Option<&str>) -> Value {
    let message = match code {
        "incorrect_number" => "Your card number is incorrect.",
        "expired_card" => "Your card has expired.",
        "authentication_required" => "The bank wants the buyer to authenticate this payment.",
        "payment_intent_authentication_failure" => "The buyer did not authenticate the payment.",
        _ => "Your card was declined.",
    };
    json!({ "type": "card_error", "code": code, "decline_code": reason, "message": message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_digits() {
        for (number, here) in [
            ("4242 4242 4242 4242", Does::Pays),
            ("4000-0027-6000-3184", Does::Asks),
            ("4000000000000341", Does::Pays),
        ] {
            assert_eq!(find(number).map(|card| card.here), Some(here));
        }
        assert!(find("4111111111111111").is_none() && find("").is_none());
        assert_eq!(CARDS.map(|card| last4(&card))[2], "0341");
    }
}
