//! Anything in the place of headers, bodies, decrypted bodies and certificates.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::{APP_ID, MCH_ID, api_key, checked, headers, now, opened, plain, said, sealed};
use crate::providers::wechat::certificate::Certificate;
use crate::providers::wechat::notice;
use crate::providers::wechat::wire::{CertificateList, Order};
use crate::providers::{EventContent, WebhookRefusal};

proptest! {
    #[test]
    fn inv_s1_any_bytes_are_no_notice(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let event = notice::event(&bytes, &api_key(), MCH_ID, APP_ID);
        prop_assert!(event.is_err());
    }

    #[test]
    fn inv_s1_any_headers_are_no_seal(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 4), body in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut headers = headers("wechat_notify");
        let names = ["wechatpay-serial", "wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature"];
        for (name, value) in names.into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(name, value);
            }
            prop_assert!(checked(&headers, &body, now()).is_err());
        }
    }

    #[test]
    fn inv_s1_anything_encrypted_for_us_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in "(TRANSACTION|REFUND)[.]SUCCESS") {
        let resource = sealed(&bytes, Some("x"));
        let body = json!({ "id": "EV", "event_type": kind, "resource": resource });
        let event = notice::event(body.to_string().as_bytes(), &api_key(), MCH_ID, APP_ID);
        prop_assert_eq!(event.expect_err("unreadable"), WebhookRefusal::Unreadable);
    }

    #[test]
    fn inv_s1_any_json_in_a_members_place_breaks_nothing(index in 0_usize..7, text in ".{0,40}", number in any::<i64>(), shape in 0_u8..5) {
        let value = match shape {
            0 => json!(text),
            1 => json!(number),
            2 => json!(null),
            3 => json!([text]),
            _ => json!({ text: number }),
        };
        let mut other = plain();
        let names = ["mchid", "appid", "out_trade_no", "transaction_id", "trade_state", "amount", "success_time"];
        other[names[index]] = value;
        // Whatever comes of it, money is only what the untouched amount says.
        if let Ok(EventContent::Paid(paid)) = said("TRANSACTION.SUCCESS", &other) {
            prop_assert_eq!(paid.amount().minor(), 990);
        }
    }

    #[test]
    fn inv_s1_any_bytes_are_no_certificate(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Certificate::read(&bytes).is_err());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(&bytes));
        prop_assert!(Certificate::read(pem.as_bytes()).is_err());
        prop_assert!(serde_json::from_slice::<CertificateList>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Order>(&bytes).is_err());
    }

    #[test]
    fn inv_s1_any_resource_stays_closed(nonce in ".{0,14}", ciphertext in "[A-Za-z0-9+/=]{0,60}", algorithm in "(AEAD_AES_256_GCM|.{0,5})") {
        let resource = json!({ "algorithm": algorithm, "nonce": nonce, "ciphertext": ciphertext });
        prop_assert!(opened(&resource).is_err());
    }
}
