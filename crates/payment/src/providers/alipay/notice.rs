//! Alipay's asynchronous notices.

use aws_lc_rs::digest;
use encoding_rs::{Encoding, UTF_8};
use tollgate_kernel::clock::Timestamp;

use super::{sign, wire};
use crate::model::payment::{MerchantAccount, PaymentMethod};
use crate::providers::keys::Verifier;
use crate::providers::{EventContent, VerifiedEvent, VerifiedPayment, WebhookRefusal};

/// More fields than any notice has.
const MOST_FIELDS: usize = 200;

/// The fields of a notice whose signature was checked.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Splits and decodes the raw body ourselves (an extractor that drops unknown fields or mends bad
/// bytes breaks the signature), then checks the signature.
///
/// # Errors
/// Unreadable or forged.
pub(super) fn verified(body: &[u8], verifier: &Verifier) -> Result<Fields, WebhookRefusal> {
    let fields = decode(body)?;
    let find = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    // Never by SHA-1 because the notice says so.
    if find("sign_type").is_some_and(|kind| kind != "RSA2") {
        return Err(WebhookRefusal::Forged);
    }
    let signature = find("sign")
        .filter(|sign| !sign.is_empty())
        .ok_or(WebhookRefusal::Forged)?;
    let charset = charset(find("charset"))?;
    let genuine = [true, false].into_iter().any(|keep_empty| {
        let text = sign::notice_text(&fields, keep_empty);
        let (bytes, _, unmappable) = charset.encode(&text);
        !unmappable && verifier.verifies(&bytes, signature)
    });
    if !genuine {
        return Err(WebhookRefusal::Forged);
    }
    Ok(Fields(fields))
}

/// What a genuine notice says.
///
/// # Errors
/// Foreign or unreadable.
pub(super) fn event(
    fields: &Fields,
    app_id: &str,
    seller_id: &str,
    account: impl Fn(Option<&str>) -> MerchantAccount,
) -> Result<VerifiedEvent, WebhookRefusal> {
    if fields.get("app_id") != Some(app_id) {
        return Err(WebhookRefusal::Foreign);
    }
    if !seller_id.is_empty() && fields.get("seller_id") != Some(seller_id) {
        return Err(WebhookRefusal::Foreign);
    }
    let key = fields
        .get("notify_id")
        .map_or_else(|| fingerprint(fields), str::to_owned);
    let refund = ["refund_fee", "gmt_refund", "out_biz_no"]
        .iter()
        .any(|name| fields.get(name).is_some());
    let content = match fields.get("trade_status") {
        // A part refund says TRADE_SUCCESS too; it never grants.
        _ if refund => EventContent::Refunded {
            order_no: fields
                .get("out_trade_no")
                .ok_or(WebhookRefusal::Unreadable)?
                .to_owned(),
            refund_no: fields.get("out_biz_no").map(str::to_owned),
        },
        Some("TRADE_SUCCESS" | "TRADE_FINISHED") => EventContent::Paid(paid(fields, account)?),
        Some("WAIT_BUYER_PAY") => EventContent::Notice("waiting"),
        Some("TRADE_CLOSED") => EventContent::Notice("closed"),
        _ => EventContent::Notice("other"),
    };
    Ok(VerifiedEvent::new(key, content))
}

fn paid(
    fields: &Fields,
    account: impl Fn(Option<&str>) -> MerchantAccount,
) -> Result<VerifiedPayment, WebhookRefusal> {
    let need = |name: &str| fields.get(name).ok_or(WebhookRefusal::Unreadable);
    let amount = wire::yuan(need("total_amount")?).map_err(|_| WebhookRefusal::Unreadable)?;
    Ok(VerifiedPayment::new(
        PaymentMethod::Alipay,
        need("out_trade_no")?.to_owned(),
        need("trade_no")?.to_owned(),
        amount,
        account(fields.get("seller_id")),
        fields
            .get("gmt_payment")
            .and_then(wire::from_beijing)
            .filter(|at| *at > Timestamp::EPOCH),
    ))
}

/// Where a notice has no id of its own: the hash of what it says.
fn fingerprint(fields: &Fields) -> String {
    let hash = digest::digest(
        &digest::SHA256,
        sign::notice_text(&fields.0, true).as_bytes(),
    );
    format!("sha256:{}", hex::encode(hash))
}

fn charset(name: Option<&str>) -> Result<&'static Encoding, WebhookRefusal> {
    match name {
        None => Ok(UTF_8),
        Some(name) => Encoding::for_label(name.as_bytes()).ok_or(WebhookRefusal::Unreadable),
    }
}

fn decode(body: &[u8]) -> Result<Vec<(String, String)>, WebhookRefusal> {
    let mut raw = Vec::new();
    for pair in body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        if raw.len() >= MOST_FIELDS {
            return Err(WebhookRefusal::Unreadable);
        }
        let at = pair
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or(WebhookRefusal::Unreadable)?;
        let (name, value) = pair.split_at(at);
        raw.push((
            percent_decode(name)?,
            percent_decode(value.get(1..).unwrap_or_default())?,
        ));
    }
    let named = raw.iter().find(|(name, _)| name == b"charset");
    let label = named.and_then(|(_, value)| std::str::from_utf8(value).ok());
    let charset = charset(label)?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in raw {
        let text = |bytes: &[u8]| {
            let text = charset.decode_without_bom_handling_and_without_replacement(bytes);
            text.map(std::borrow::Cow::into_owned)
                .filter(|text| !text.contains('\0'))
        };
        let (name, value) = text(&name)
            .zip(text(&value))
            .ok_or(WebhookRefusal::Unreadable)?;
        if fields.iter().any(|(known, _)| *known == name) {
            return Err(WebhookRefusal::Unreadable);
        }
        fields.push((name, value));
    }
    Ok(fields)
}

/// Bytes, not text: the charset is only known afterwards.
fn percent_decode(text: &[u8]) -> Result<Vec<u8>, WebhookRefusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'?'));
                let mut decoded = [0];
                hex::decode_to_slice(digits, &mut decoded)
                    .map_err(|_| WebhookRefusal::Unreadable)?;
                decoded[0]
            }
            byte => byte,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::providers::keys::Signer;

    fn key() -> Value {
        serde_json::from_str(include_str!("../../../tests/vectors/rsa_key.json")).expect("vectors")
    }

    fn verifier() -> Verifier {
        Verifier::load(key()["rsa_public_spki_base64"].as_str().expect("a text")).expect("a key")
    }

    fn genuine() -> String {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/alipay.json"))
                .expect("vectors");
        vectors["alipay_notify"]["form_body"]
            .as_str()
            .expect("a text")
            .to_owned()
    }

    fn read(body: &str) -> Result<VerifiedEvent, WebhookRefusal> {
        let fields = verified(body.as_bytes(), &verifier())?;
        event(&fields, "2021000000000001", "2088000000000001", |seller| {
            MerchantAccount {
                app_id: "2021000000000001".to_owned(),
                merchant_id: seller.unwrap_or_default().to_owned(),
            }
        })
    }

    /// Signs as Alipay does, in the charset the notice names.
    fn signed(fields: &[(&str, &str)], charset: &'static Encoding) -> Vec<u8> {
        let signer = Signer::load(
            &key()["rsa_private_pkcs8_base64"]
                .as_str()
                .expect("a text")
                .to_owned()
                .into(),
        )
        .expect("a key");
        let owned: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let text = sign::notice_text(&owned, true);
        let signature = signer.sign(&charset.encode(&text).0);
        let mut body = String::new();
        for (name, value) in fields
            .iter()
            .chain(&[("sign_type", "RSA2"), ("sign", signature.as_str())])
        {
            let bytes = charset.encode(value).0;
            let encoded: String = form_urlencoded::byte_serialize(&bytes).collect();
            write!(body, "{name}={encoded}&").expect("a String grows");
        }
        body.trim_end_matches('&').as_bytes().to_vec()
    }

    const PAID: [(&str, &str); 7] = [
        ("app_id", "2021000000000001"),
        ("seller_id", "2088000000000001"),
        ("notify_id", "n1"),
        ("out_trade_no", "0198c0de0198c0de0198c0de0198c0de"),
        ("trade_no", "2026010222001000000000000001"),
        ("total_amount", "9.9"),
        ("trade_status", "TRADE_SUCCESS"),
    ];

    #[test]
    fn the_official_kits_notice_verifies() {
        let event = read(&genuine()).expect("genuine");
        assert_eq!(event.key(), "2026010200222030405000000000000001");
        let EventContent::Paid(money) = event.content() else {
            panic!("{event:?}")
        };
        assert_eq!(money.amount().to_string(), "9.90");
        assert_eq!(
            money.provider_transaction_id(),
            "2026010222001000000000000001"
        );
    }

    #[test]
    fn inv_p3_what_was_changed_is_forged() {
        let body = genuine();
        for changed in [
            body.replace("total_amount=9.90", "total_amount=0.01"),
            body.replace("TRADE_SUCCESS", "TRADE_FINISHED"),
            body.replace("sign_type=RSA2", "sign_type=RSA"),
            body.replace("&sign=b6f", "&sign=a6f"),
            format!("{body}&extra=1"),
            body.split("&sign=").next().expect("a part").to_owned(),
            body.replace("&sign=", "&signature="),
        ] {
            assert_eq!(
                read(&changed).expect_err("forged"),
                WebhookRefusal::Forged,
                "{changed}"
            );
        }
        assert_eq!(
            read(&format!("{body}&app_id=1")).expect_err("twice"),
            WebhookRefusal::Unreadable
        );
        assert_eq!(
            read("%zz=1").expect_err("no text"),
            WebhookRefusal::Unreadable
        );
    }

    #[test]
    fn inv_p2_another_application_or_seller_is_foreign() {
        for (name, value) in [
            ("app_id", "2021000000000002"),
            ("seller_id", "2088000000000002"),
        ] {
            let fields = PAID.map(|(known, old)| {
                if known == name {
                    (known, value)
                } else {
                    (known, old)
                }
            });
            let body = signed(&fields, UTF_8);
            assert_eq!(
                read(std::str::from_utf8(&body).expect("text")).expect_err("foreign"),
                WebhookRefusal::Foreign
            );
        }
    }

    #[test]
    fn a_refund_notice_never_grants() {
        for field in [
            ("refund_fee", "1.00"),
            ("gmt_refund", "2026-01-02 03:04:05.123"),
            ("out_biz_no", "r1"),
        ] {
            let mut fields = PAID.to_vec();
            fields.push(field);
            let body = signed(&fields, UTF_8);
            let event = read(std::str::from_utf8(&body).expect("text")).expect("genuine");
            assert!(
                matches!(event.content(), EventContent::Refunded { .. }),
                "{event:?}"
            );
        }
    }

    #[test]
    fn gbk_and_unknown_and_empty_fields_are_part_of_the_signed_text() {
        let mut fields = PAID.to_vec();
        fields.extend([
            ("charset", "GBK"),
            ("subject", "专业版"),
            ("brand_new", "x"),
            ("empty", ""),
        ]);
        let body = signed(&fields, encoding_rs::GBK);
        let fields = verified(&body, &verifier()).expect("genuine");
        assert_eq!(fields.get("subject"), Some("专业版"));
        assert_eq!(fields.get("empty"), None);
    }

    proptest! {
        #[test]
        fn inv_s1_any_bytes_are_refused_and_nothing_breaks(body in prop::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(verified(&body, &verifier()).is_err());
        }

        #[test]
        fn inv_s1_any_form_is_refused_and_nothing_breaks(body in "([a-z_]{1,8}=[a-zA-Z0-9%+]{0,8}&?){0,20}") {
            prop_assert!(verified(body.as_bytes(), &verifier()).is_err());
        }
    }
}
