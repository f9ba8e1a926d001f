use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A signature of Stripe's own kit.
struct Vector {
    secret: String,
    payload: String,
    header: String,
    at: Timestamp,
}

fn vector() -> Vector {
    let text = include_str!("../../../../tests/vectors/stripe.json");
    let vector: Value = serde_json::from_str(text).expect("a vector");
    let word = |name: &str| vector[name].as_str().expect("a text").to_owned();
    let at = vector["timestamp"].as_i64().expect("a time");
    Vector {
        secret: word("secret"),
        payload: word("payload"),
        header: word("header"),
        at: Timestamp::from_seconds(at).expect("a moment"),
    }
}

fn secrets(texts: &[&str]) -> Secrets {
    let texts: Vec<SecretString> = texts.iter().map(|text| (*text).into()).collect();
    Secrets::new(&texts)
}

fn checked(
    secrets: &Secrets,
    headers: &[&str],
    body: &[u8],
    now: Timestamp,
) -> Result<(), WebhookRefusal> {
    let mut map = HeaderMap::new();
    for header in headers {
        map.append(HEADER, header.parse().expect("a value"));
    }
    secrets.check(&map, body, now)
}

#[test]
fn the_signature_of_stripes_own_kit_verifies() {
    let Vector {
        secret,
        payload,
        header,
        at,
    } = vector();
    let known = secrets(&[&secret]);
    assert_eq!(checked(&known, &[&header], payload.as_bytes(), at), Ok(()));
    // The prefix is part of the secret.
    let bare = secret.trim_start_matches("whsec_");
    let forged = checked(&secrets(&[bare]), &[&header], payload.as_bytes(), at);
    assert_eq!(forged, Err(WebhookRefusal::Forged));
    assert_eq!(format!("{known:?}"), "1 secrets");
}

#[test]
fn inv_p3_several_signatures_and_secrets_and_nothing_less() {
    let Vector {
        secret,
        payload,
        header,
        at,
    } = vector();
    let body = payload.as_bytes();
    let (time, mac) = header.split_once(",v1=").expect("a signature");
    let other = "0".repeat(64);
    let known = secrets(&["whsec_another", &secret]);
    for good in [
        header.clone(),
        format!("{time},v1={other},v1={mac}"),
        format!("{time},v1={mac},v1={other},v0={other}"),
        format!("v1={mac},{time}"),
        format!("{time}, v1={mac}, later=x, v2="),
        format!("{time},v1=,v1=zz,v1={mac}"),
    ] {
        assert_eq!(checked(&known, &[&good], body, at), Ok(()), "{good}");
    }
    for bad in [
        String::new(),
        time.to_owned(),
        format!("v1={mac}"),
        format!("{time},v0={mac}"),
        format!("{time},v1="),
        format!("{time},v1={other}"),
        format!("{time},v1={}", mac.to_uppercase()),
        format!("{time},v1={mac}00"),
        format!("{time},v1={}", &mac[..62]),
        format!("{time},{time},v1={mac}"),
        format!("t=-1,v1={mac}"),
        format!("t=,v1={mac}"),
        format!("t=99999999999999999999,v1={mac}"),
        format!("{time}.0,v1={mac}"),
        format!("{header},{}", "x".repeat(LONGEST_HEADER)),
    ] {
        let refused = checked(&known, &[&bad], body, at);
        assert_eq!(refused, Err(WebhookRefusal::Forged), "{bad}");
    }
    for (headers, body) in [
        (vec![], body),
        (vec![header.as_str(); 2], body),
        (
            vec![header.as_str()],
            payload.trim_end_matches('}').as_bytes(),
        ),
        (vec![header.as_str()], b"".as_slice()),
    ] {
        let refused = checked(&known, &headers, body, at);
        assert_eq!(refused, Err(WebhookRefusal::Forged), "{headers:?}");
    }
    // What a machine in between has written anew is another body.
    let parsed: Value = serde_json::from_str(&payload).expect("JSON");
    let again = checked(&known, &[&header], parsed.to_string().as_bytes(), at);
    assert_eq!(again, Err(WebhookRefusal::Forged));
    let none = checked(&secrets(&[]), &[&header], body, at);
    assert_eq!(none, Err(WebhookRefusal::Forged));
}

#[test]
fn line_42_five_minutes_either_way_and_no_more() {
    let Vector {
        secret,
        payload,
        header,
        at,
    } = vector();
    let known = secrets(&[&secret]);
    for seconds in [0, 240, 300] {
        for now in [
            at.after(std::time::Duration::from_secs(seconds)),
            at.before(std::time::Duration::from_secs(seconds)),
        ] {
            assert_eq!(checked(&known, &[&header], payload.as_bytes(), now), Ok(()));
        }
    }
    for seconds in [301, 360, 25 * 3_600] {
        for now in [
            at.after(std::time::Duration::from_secs(seconds)),
            at.before(std::time::Duration::from_secs(seconds)),
        ] {
            let refused = checked(&known, &[&header], payload.as_bytes(), now);
            assert_eq!(refused, Err(WebhookRefusal::Stale), "{seconds}");
            // Who cannot sign is a forger, whatever the time.
            let forged = checked(&known, &[&header], b"{}", now);
            assert_eq!(forged, Err(WebhookRefusal::Forged));
        }
    }
}

proptest! {
    #[test]
    fn line_41_no_bytes_are_a_signature(
        header in prop::collection::vec(any::<u8>(), 0..300),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut map = HeaderMap::new();
        if let Ok(value) = axum::http::HeaderValue::from_bytes(&header) {
            map.insert(HEADER, value);
        }
        let refused = secrets(&["whsec_x"]).check(&map, &body, vector().at);
        prop_assert_eq!(refused, Err(WebhookRefusal::Forged));
    }

    #[test]
    fn line_41_no_words_of_the_header_are_a_signature(
        header in "(t|v1|v0|x)?=?[0-9a-f]{0,70}(,(t|v1|v0| )=?[0-9a-f]{0,70}){0,5}",
        body in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let refused = checked(&secrets(&["whsec_x"]), &[&header], &body, vector().at);
        prop_assert_eq!(refused, Err(WebhookRefusal::Forged));
    }

    #[test]
    fn inv_p3_no_byte_of_a_signed_body_can_be_changed(at in 0..96_usize, change in 1..=255_u8) {
        let vector = vector();
        let mut body = vector.payload.clone().into_bytes();
        let at = at % body.len();
        body[at] ^= change;
        let refused = checked(&secrets(&[&vector.secret]), &[&vector.header], &body, vector.at);
        prop_assert_eq!(refused, Err(WebhookRefusal::Forged));
    }
}
