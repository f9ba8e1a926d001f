//! RSA2: SHA256 with RSA, PKCS#1 v1.5, over sorted parameters.
//!
//! What is signed; `keys.rs` signs it.

use std::collections::BTreeMap;

/// Sorted by name in byte order, as the signature wants them.
pub(crate) type Parameters = BTreeMap<String, String>;

/// What a request's signature covers: everything but `sign` and what is empty; `sign_type` stays.
pub(crate) fn request_content(parameters: &Parameters) -> String {
    joined(
        parameters
            .iter()
            .filter(|(name, value)| *name != "sign" && !value.is_empty()),
    )
}

/// What a notice's signature covers: everything but `sign` and `sign_type`.
pub(crate) fn notice_content(parameters: &Parameters) -> String {
    joined(
        parameters
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "sign" | "sign_type")),
    )
}

fn joined<'a>(parameters: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let mut content = String::new();
    for (name, value) in parameters {
        if !content.is_empty() {
            content.push('&');
        }
        content.push_str(name);
        content.push('=');
        content.push_str(value);
    }
    content
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::keys::{SigningKey, VerifyingKey, generate};

    fn vectors(json: &str) -> Value {
        serde_json::from_str(json).expect("the vectors are JSON")
    }

    fn alipay() -> Value {
        vectors(include_str!("../../tests/vectors/alipay.json"))
    }

    fn text(value: &Value) -> &str {
        value.as_str().expect("a text")
    }

    fn keys() -> (SigningKey, VerifyingKey) {
        let keys = vectors(include_str!("../../tests/vectors/keys.json"));
        (
            SigningKey::read(text(&keys["rsa_private_pkcs8_base64"])).expect("a private key"),
            VerifyingKey::read(text(&keys["rsa_public_spki_base64"])).expect("a public key"),
        )
    }

    fn request() -> Parameters {
        let alipay = alipay();
        let members = alipay["alipay_request"]["params"].as_object();
        members
            .expect("an object")
            .iter()
            .map(|(name, value)| (name.clone(), text(value).to_owned()))
            .collect()
    }

    #[test]
    fn a_request_is_signed_byte_for_byte_as_the_official_kit_does() {
        let (signing, verifying) = keys();
        let vector = &alipay()["alipay_request"];
        let mut parameters = request();
        parameters.insert("return_url".to_owned(), String::new());
        parameters.insert("sign".to_owned(), text(&vector["sign"]).to_owned());
        let content = request_content(&parameters);
        assert_eq!(content, text(&vector["sign_content"]));
        let sign = signing.sign(content.as_bytes()).expect("a signature");
        assert_eq!(sign, text(&vector["sign"]));
        assert!(verifying.verifies(content.as_bytes(), &sign));
    }

    #[test]
    fn a_notice_is_signed_without_its_sign_type_and_with_its_empty_values() {
        let (signing, verifying) = keys();
        let vector = &alipay()["alipay_notify"];
        let mut parameters: Parameters =
            form_urlencoded::parse(text(&vector["form_body"]).as_bytes())
                .into_owned()
                .collect();
        let content = notice_content(&parameters);
        assert_eq!(content, text(&vector["sign_content"]));
        let sign = parameters.remove("sign").expect("signed");
        assert_eq!(signing.sign(content.as_bytes()).expect("a signature"), sign);
        assert!(verifying.verifies(content.as_bytes(), &sign));
    }

    #[test]
    fn an_answer_is_signed_over_its_exact_slice() {
        let (signing, _) = keys();
        let vector = &alipay()["alipay_response"];
        let body = vectors(text(&vector["body"]));
        let slice = text(&vector["signed_substring"]);
        assert_eq!(
            signing.sign(slice.as_bytes()).expect("a signature"),
            text(&body["sign"])
        );
    }

    #[test]
    fn what_was_changed_or_is_no_signature_does_not_verify() {
        let (signing, verifying) = keys();
        let content = request_content(&request());
        let sign = signing.sign(content.as_bytes()).expect("a signature");
        let other = content.replace("9.90", "0.01");
        assert!(!verifying.verifies(other.as_bytes(), &sign));
        for wrong in ["", "AAAA", "not base64!", &sign[1..], &format!("{sign}\n")] {
            assert!(!verifying.verifies(content.as_bytes(), wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_fresh_key_signs_what_its_other_half_verifies() {
        let key = generate().expect("a key");
        let sign = SigningKey::read(&key.private)
            .and_then(|private| private.sign(b"content"))
            .expect("a signature");
        let public = VerifyingKey::read(&key.public).expect("a public key");
        assert!(public.verifies(b"content", &sign));
        assert!(key.public.starts_with("MIIBIjANBgkq"), "{}", key.public);
        assert!(!keys().1.verifies(b"content", &sign));
    }
}
