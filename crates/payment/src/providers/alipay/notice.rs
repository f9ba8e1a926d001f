//! Alipay's asynchronous notices.

use aws_lc_rs::digest;
use encoding_rs::{Encoding, UTF_8};
use tollgate_kernel::clock::Timestamp;

use super::trust::Believe;
use super::{sign, wire};
use crate::model::payment::{MerchantAccount, PaymentMethod};
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
pub(super) fn verified(body: &[u8], alipay: &impl Believe) -> Result<Fields, WebhookRefusal> {
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
    if fields
        .iter()
        .any(|(name, value)| could_be_read_otherwise(name, value))
    {
        return Err(WebhookRefusal::Forged);
    }
    let charset = charset(find("charset"))?;
    let signed = |keep_empty: bool| {
        let text = sign::notice_text(&fields, keep_empty);
        let (bytes, _, unmappable) = charset.encode(&text);
        !unmappable && alipay.believes(None, &bytes, signature)
    };
    // The second text is another one only where a value is empty.
    let has_empty = fields.iter().any(|(_, value)| value.is_empty());
    let genuine = signed(true) || (has_empty && signed(false));
    if !genuine {
        return Err(WebhookRefusal::Forged);
    }
    Ok(Fields(fields))
}

/// Fields on which something hangs.
const DECIDING: [&str; 10] = [
    "app_id",
    "notify_id",
    "out_biz_no",
    "out_trade_no",
    "gmt_refund",
    "refund_fee",
    "seller_id",
    "total_amount",
    "trade_no",
    "trade_status",
];

/// The signed text does not tell where a name or a value ends: `a=1&b=2` may be two fields or one. So names have only the
/// characters of names, a value on which something hangs holds no `&`, and no other value holds a field on which something
/// hangs. Otherwise a notice of a refund would read as one of a payment, or one of an order as one of nobody's, under the
/// same signature.
fn could_be_read_otherwise(name: &str, value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return true;
    }
    if DECIDING.contains(&name) {
        return value.contains('&');
    }
    let mut parts = value.split('&').skip(1);
    parts.any(|part| {
        let name = part.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| DECIDING.contains(&name))
    })
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
            transaction_id: None,
            undone: false,
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
        sign::notice_text(&fields.0, false).as_bytes(),
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
mod tests;
