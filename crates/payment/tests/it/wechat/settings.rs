//! Settings that cannot work are told by name, at the start.

use secrecy::SecretString;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::providers::wechat::{Wechat, WechatConfig, WechatPublicKey};

use super::gateway::{
    Gateway, KEY_ID, MERCHANT_SERIAL, Seal, certificate, make_key, private, public,
};

fn told(config: &WechatConfig, clock: &Clock) -> Vec<(&'static str, String)> {
    match Wechat::new(config, clock.clone(), Entropy::seeded(1)) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .into_iter()
            .map(|fault| (fault.variable, fault.reason))
            .collect(),
    }
}

#[tokio::test]
async fn line_60_every_wrong_setting_is_named() {
    let gateway = Gateway::open().await;
    let good = gateway.settings(Some(&Seal::new(KEY_ID)));
    assert!(told(&good, &gateway.clock).is_empty());
    let other = make_key();
    let own_key = public(&gateway.merchant);
    let id = |id: &str, key: &str| {
        Some(WechatPublicKey {
            id: id.to_owned(),
            key: key.to_owned(),
        })
    };
    let secret = |text: &str| SecretString::from(text.to_owned());
    let with = |change: &dyn Fn(&mut WechatConfig)| {
        let mut config = good.clone();
        change(&mut config);
        told(&config, &gateway.clock)
    };
    let lone = |faults: Vec<(&'static str, String)>, variable: &str, word: &str| {
        let [(named, reason)] = faults.as_slice() else {
            panic!("{variable}: {faults:?}")
        };
        assert_eq!(*named, variable);
        assert!(reason.contains(word), "{reason}");
    };
    for length in [0, 31, 33, 64] {
        let faults = with(&|config| config.api_key = secret(&"k".repeat(length)));
        lone(faults, "WECHAT_API_KEY", "32");
    }
    // 32 characters are not 32 bytes.
    let faults = with(&|config| config.api_key = secret(&"钥".repeat(32)));
    lone(faults, "WECHAT_API_KEY", "96");
    let faults = with(&|config| config.private_key = secret(&private(&other)));
    lone(faults, "WECHAT_CERT_PATH", "does not belong");
    let faults = with(&|config| config.private_key = secret("no key"));
    lone(faults, "WECHAT_KEY_PATH", "not an RSA key");
    let faults = with(&|config| config.certificate = "nothing.pem".to_owned());
    lone(faults, "WECHAT_CERT_PATH", "cannot be read");
    let faults =
        with(&|config| config.certificate = certificate(&gateway.merchant, MERCHANT_SERIAL, 2026));
    lone(faults, "WECHAT_CERT_PATH", "expired");
    for text in [
        "",
        "5157F09EFDC096DE",
        "PUB_KEY_ID_",
        "PUB_KEY_ID_a b",
        "pub_key_id_1",
    ] {
        let key = public(&other);
        let faults = with(&|config| config.public_key = id(text, &key));
        lone(faults, "WECHAT_PUBLIC_KEY_ID", "PUB_KEY_ID_");
    }
    let faults = with(&|config| config.public_key = id(KEY_ID, &own_key));
    lone(faults, "WECHAT_PUBLIC_KEY_PATH", "own key");
    let faults = with(&|config| config.public_key = id(KEY_ID, "x"));
    lone(faults, "WECHAT_PUBLIC_KEY_PATH", "not an RSA key");
    for text in ["", "190 000", "\"1900000001\""] {
        let faults = with(&|config| config.mch_id = text.to_owned());
        lone(faults, "WECHAT_MCH_ID", "digits");
    }
    let faults = with(&|config| config.app_id = String::new());
    lone(faults, "WECHAT_APP_ID", "wx");
    // All at once.
    let faults = with(&|config| {
        config.api_key = secret("short");
        config.certificate = String::new();
        config.private_key = secret("");
    });
    assert_eq!(faults.len(), 3, "{faults:?}");
    // Before its time: the clock may be wrong.
    let early = Clock::fixed(Timestamp::from_seconds(1_500_000_000).expect("a moment"));
    lone(told(&good, &early), "WECHAT_CERT_PATH", "clock");
}
