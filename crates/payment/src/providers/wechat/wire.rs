//! WeChat's formats: transactions, amounts in fen, times with their zone.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::aead::Sealed;
use crate::model::payment::{MerchantAccount, PaymentMethod};
use crate::providers::VerifiedPayment;

/// WeChat's clock, whatever ours.
const BEIJING_SECONDS: i32 = 8 * 3_600;
/// Longest `description`, in characters.
const DESCRIPTION: usize = 127;
/// Longest `reason` of a refund, in bytes.
const REASON_BYTES: usize = 80;
/// No number of WeChat's or ours is longer.
const LONGEST_NUMBER: usize = 64;

/// A moment as WeChat reads it.
pub(super) fn beijing(at: Timestamp) -> String {
    let zone = FixedOffset::east_opt(BEIJING_SECONDS).expect("eight hours are an offset");
    let local = at.utc().with_timezone(&zone);
    local.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn moment(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp::from_utc(at.to_utc())).filter(|at| *at > Timestamp::EPOCH)
}

fn printable(text: &str) -> impl Iterator<Item = char> {
    let blank = |char: char| if char.is_control() { ' ' } else { char };
    text.chars().map(blank)
}

/// What the buyer reads at paying.
pub(super) fn description(text: &str) -> String {
    printable(text).take(DESCRIPTION).collect()
}

/// What the buyer reads of a refund: whole characters, as many as fit.
pub(super) fn reason(text: &str) -> String {
    let mut reason = String::new();
    for char in printable(text) {
        if reason.len().saturating_add(char.len_utf8()) > REASON_BYTES {
            break;
        }
        reason.push(char);
    }
    reason
}

/// A number as it may be kept: visible ASCII, and not endless.
pub(super) fn number(text: &str) -> Option<&str> {
    let fits = (1..=LONGEST_NUMBER).contains(&text.len());
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

/// Fen.
pub(super) fn money(minor: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.parse().ok()?;
    (minor > 0).then(|| Money::new(minor, currency))
}

/// An order, as queries and notices tell it.
#[derive(Debug, Deserialize)]
pub(super) struct Order {
    pub(super) appid: String,
    pub(super) mchid: String,
    pub(super) out_trade_no: String,
    pub(super) trade_state: String,
    transaction_id: Option<String>,
    success_time: Option<String>,
    amount: Option<Total>,
}

/// `payer_total` is smaller where the buyer used a coupon of WeChat's: only `total` is ours.
#[derive(Debug, Deserialize)]
struct Total {
    total: i64,
    currency: String,
}

impl Order {
    /// The money that arrived. `None` where something of it cannot be read.
    pub(super) fn paid(&self) -> Option<VerifiedPayment> {
        let amount = self.amount.as_ref()?;
        Some(VerifiedPayment::new(
            PaymentMethod::Wechat,
            number(&self.out_trade_no)?.to_owned(),
            number(self.transaction_id.as_deref()?)?.to_owned(),
            money(amount.total, &amount.currency)?,
            MerchantAccount {
                app_id: self.appid.clone(),
                merchant_id: self.mchid.clone(),
            },
            self.success_time.as_deref().and_then(moment),
        ))
    }
}

/// `POST /v3/pay/transactions/…`: what each way gives.
#[derive(Debug, Deserialize)]
pub(super) struct Begun {
    pub(super) code_url: Option<String>,
    pub(super) h5_url: Option<String>,
    pub(super) prepay_id: Option<String>,
}

/// `GET /v3/certificates`
#[derive(Debug, Deserialize)]
pub(super) struct CertificateList {
    pub(super) data: Vec<ListedCertificate>,
}

/// One of them; its times stand in the certificate itself.
#[derive(Debug, Deserialize)]
pub(super) struct ListedCertificate {
    pub(super) serial_no: String,
    pub(super) encrypt_certificate: Sealed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_characters_and_by_bytes() {
        assert_eq!(description(&"专".repeat(200)).chars().count(), 127);
        assert_eq!(description("a\nb\0c"), "a b c");
        assert_eq!(reason(&"退".repeat(40)), "退".repeat(26));
        assert_eq!(reason(&"x".repeat(100)).len(), 80);
    }

    #[test]
    fn a_time_names_its_zone() {
        let at = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        assert_eq!(beijing(at), "2027-01-15T16:00:00+08:00");
        assert_eq!(moment("2027-01-15T16:00:00+08:00"), Some(at));
        assert_eq!(moment("2027-01-15 16:00:00"), None);
    }

    #[test]
    fn numbers_that_no_database_keeps_are_none() {
        for text in ["", "a b", "a\0", "号", &"1".repeat(65)] {
            assert_eq!(number(text), None, "{text:?}");
        }
        assert_eq!(number("a|b*c@d-e_f"), Some("a|b*c@d-e_f"));
        assert_eq!(money(0, "CNY"), None);
        assert_eq!(money(-1, "CNY"), None);
        assert_eq!(money(1, "cny"), None);
    }
}
