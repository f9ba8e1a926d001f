//! Settings that cannot work are told by name, at the start.

use secrecy::SecretString;
use tollgate_payment::providers::stripe::{Stripe, StripeConfig};
use tollgate_payment::providers::{Acknowledgement, PaymentProvider as _};

use super::gateway::{Gateway, SECRET, key};

fn told(gateway: &Gateway, change: impl FnOnce(&mut StripeConfig)) -> Vec<(&'static str, String)> {
    let mut config = gateway.settings();
    change(&mut config);
    match Stripe::new(&config, gateway.clock.clone()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .into_iter()
            .map(|fault| (fault.variable, fault.reason))
            .collect(),
    }
}

fn lone(faults: &[(&'static str, String)], variable: &str, word: &str) {
    let [(named, reason)] = faults else {
        panic!("{variable}: {faults:?}")
    };
    assert_eq!(*named, variable);
    assert!(reason.contains(word), "{reason}");
}

#[tokio::test]
async fn line_60_every_wrong_setting_is_named() {
    let gateway = Gateway::open().await;
    assert!(told(&gateway, |_| ()).is_empty());
    let random = "0123456789abcdef";
    let joined = |parts: &[&str]| SecretString::from(parts.join("_"));
    for (secret, word) in [
        (joined(&["pk", "test", random]), "publishable"),
        (joined(&["whsec", random]), "STRIPE_WEBHOOK_SECRET"),
        (joined(&["sk", random]), "neither live nor test"),
        (joined(&["sk", "test", ""]), "not whole"),
        (joined(&["sk", "test", "01234567 9"]), "not whole"),
        (joined(&["sk", "test", "0123456789\n"]), "not whole"),
        (SecretString::from(""), "not a secret key"),
        (SecretString::from("x"), "not a secret key"),
    ] {
        lone(
            &told(&gateway, |config| config.secret_key = secret),
            "STRIPE_SECRET_KEY",
            word,
        );
    }
    let restricted = joined(&["rk", "test", random]);
    assert!(told(&gateway, |config| config.secret_key = restricted).is_empty());
    let hook = "STRIPE_WEBHOOK_SECRET";
    lone(
        &told(&gateway, |config| config.webhook_secrets = Vec::new()),
        hook,
        "missing",
    );
    for (secret, word) in [
        (SecretString::from(""), "empty"),
        (SecretString::from(key("test")), "API key"),
        (SecretString::from("0123456789abcdef"), "whsec_"),
        (SecretString::from("whsec_"), "not whole"),
        (SecretString::from("whsec_01234567 9"), "not whole"),
    ] {
        // One bad secret among good ones lets forged webhooks in.
        let both = vec![SecretString::from(SECRET), secret];
        lone(
            &told(&gateway, |config| config.webhook_secrets = both),
            hook,
            word,
        );
    }
    for tag in ["", "a b", "a\n", "店", &"x".repeat(41)] {
        lone(
            &told(&gateway, |config| config.app_tag = tag.to_owned()),
            "STRIPE_APP_TAG",
            "1 to 40",
        );
    }
    for base in [
        "ftp://x.example",
        "https://x.example?a=b",
        "https://x.example/#a",
        "data:x",
    ] {
        let base = base.parse().expect("an address");
        lone(
            &told(&gateway, |config| config.api_base = base),
            "STRIPE_GATEWAY",
            "",
        );
    }
    let faults = told(&gateway, |config| {
        config.secret_key = SecretString::from("");
        config.webhook_secrets = Vec::new();
        config.app_tag = String::new();
    });
    assert_eq!(faults.len(), 3, "all at once: {faults:?}");
}

#[tokio::test]
async fn line_60_live_and_test_are_not_mixed_up() {
    let gateway = Gateway::open().await;
    let strict = |config: &mut StripeConfig| config.allow_test_key = false;
    lone(
        &told(&gateway, strict),
        "STRIPE_SECRET_KEY",
        "STRIPE_ALLOW_TEST_KEY",
    );
    // A live key goes nowhere in clear text.
    let live = |config: &mut StripeConfig| config.secret_key = key("live").into();
    lone(&told(&gateway, live), "STRIPE_GATEWAY", "https");
    let good = |config: &mut StripeConfig| {
        config.secret_key = key("live").into();
        config.allow_test_key = false;
        config.api_base = "https://api.stripe.com".parse().expect("an address");
    };
    assert!(told(&gateway, good).is_empty());
}

#[tokio::test]
async fn inv_a10_no_secret_is_printed() {
    let gateway = Gateway::open().await;
    let printed = format!("{:?} {:?}", gateway.client(), gateway.settings());
    for secret in [key("test"), SECRET.to_owned(), "0123456789".to_owned()] {
        assert!(!printed.contains(&secret), "{printed}");
    }
}

#[tokio::test]
async fn line_47_what_is_not_for_us_is_answered_as_received() {
    let (_, stripe) = Gateway::with_client().await;
    for (answer, status) in [
        (Acknowledgement::Accepted, 200),
        (Acknowledgement::Foreign, 200),
        (Acknowledgement::Forged, 401),
        (Acknowledgement::Unreadable, 400),
        (Acknowledgement::TryAgain, 503),
    ] {
        assert_eq!(stripe.acknowledge(answer).status, status, "{answer:?}");
    }
    assert!(stripe.capabilities().renews);
}
