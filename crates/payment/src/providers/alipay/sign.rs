//! The texts that Alipay signs.

/// A request: all parameters but `sign`, empty values left out, `sign_type` kept, sorted by name,
/// values as they are before URL encoding.
pub(super) fn request_text(parameters: &[(&str, &str)]) -> String {
    let mut kept: Vec<_> = parameters
        .iter()
        .filter(|(name, value)| *name != "sign" && !value.is_empty())
        .collect();
    kept.sort_unstable();
    join(kept.into_iter().map(|(name, value)| (*name, *value)))
}

/// A notice: all fields but `sign` and `sign_type`, known or not. Most official kits keep empty
/// values, one leaves them out.
pub(super) fn notice_text(fields: &[(String, String)], keep_empty: bool) -> String {
    let mut kept: Vec<_> = fields
        .iter()
        .filter(|(name, value)| {
            name != "sign" && name != "sign_type" && (keep_empty || !value.is_empty())
        })
        .collect();
    kept.sort_unstable();
    join(
        kept.into_iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    )
}

fn join<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::providers::keys::Signer;

    #[test]
    fn a_request_is_signed_byte_for_byte_as_the_official_kit_does() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/alipay.json"))
                .expect("vectors");
        let key: Value = serde_json::from_str(include_str!("../../../tests/vectors/rsa_key.json"))
            .expect("vectors");
        let request = &vectors["alipay_request"];
        let parameters: Vec<(&str, &str)> = request["params"]
            .as_object()
            .expect("parameters")
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("a text")))
            .collect();
        let text = request_text(&parameters);
        assert_eq!(text, request["sign_content"].as_str().expect("a text"));
        let signer = Signer::load(
            &key["rsa_private_pkcs8_base64"]
                .as_str()
                .expect("a text")
                .to_owned()
                .into(),
        );
        assert_eq!(
            signer.expect("a key").sign(text.as_bytes()),
            request["sign"].as_str().expect("a text")
        );
    }

    #[test]
    fn empty_values_and_the_signature_itself_are_left_out() {
        let text = request_text(&[("b", "2"), ("sign", "x"), ("a", ""), ("sign_type", "RSA2")]);
        assert_eq!(text, "b=2&sign_type=RSA2");
    }
}
