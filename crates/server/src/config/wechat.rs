//! Settings of WeChat Pay: all of them, or none; its public key beside them, or not.

use tollgate_payment::providers::wechat::{WechatConfig, WechatPublicKey};
use url::Url;

use super::AppEnv;
use super::reader::Reader;

const OWN: [&str; 5] = [
    "WECHAT_APP_ID",
    "WECHAT_MCH_ID",
    "WECHAT_API_KEY",
    "WECHAT_CERT_PATH",
    "WECHAT_KEY_PATH",
];
const PUBLIC_KEY: [&str; 2] = ["WECHAT_PUBLIC_KEY_ID", "WECHAT_PUBLIC_KEY_PATH"];
const GATEWAY: &str = "https://api.mch.weixin.qq.com";

impl Reader {
    /// What takes money by WeChat Pay, if anything of it is set.
    pub(super) fn wechat(&mut self, app_env: AppEnv) -> Option<WechatConfig> {
        let own = OWN.map(|name| self.text(name));
        let public_key = PUBLIC_KEY.map(|name| self.text(name));
        let gateway: Option<Url> = self.parsed("WECHAT_GATEWAY", "is not an address", GATEWAY);

        let by_key = public_key.iter().any(Option::is_some);
        if !by_key && own.iter().all(Option::is_none) {
            return None;
        }
        let mut needed: Vec<_> = OWN.iter().zip(&own).collect();
        if by_key {
            needed.extend(PUBLIC_KEY.iter().zip(&public_key));
        }
        for (variable, text) in needed {
            if text.is_none() {
                let reason = "is missing, and other settings of WeChat Pay are set";
                self.fault(variable, reason, "");
            }
        }
        let gateway = gateway?;
        if !matches!(gateway.scheme(), "http" | "https")
            || (app_env == AppEnv::Production && gateway.scheme() != "https")
        {
            self.fault("WECHAT_GATEWAY", "must be https", GATEWAY);
        }
        let [app_id, mch_id, api_key, certificate, private_key] = own;
        let [id, key] = public_key;
        Some(WechatConfig {
            app_id: app_id?,
            mch_id: mch_id?,
            api_key: api_key?.into(),
            certificate: certificate?,
            private_key: private_key?.into(),
            public_key: id.zip(key).map(|(id, key)| WechatPublicKey { id, key }),
            gateway,
            refund_notify_url: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Faults};

    fn read(names: &[&str], gateway: Option<&str>) -> Result<Config, Faults> {
        let mut env: BTreeMap<String, String> = names
            .iter()
            .map(|name| ((*name).to_owned(), name.to_lowercase()))
            .collect();
        if let Some(gateway) = gateway {
            env.insert("WECHAT_GATEWAY".to_owned(), gateway.to_owned());
        }
        Config::from_layers(env, Path::new("/nonexistent/.env"))
    }

    #[test]
    fn the_public_key_stands_beside_the_certificate() {
        let config = read(&OWN, None).expect("good").wechat.expect("set");
        assert!(config.public_key.is_none());
        assert_eq!(config.gateway.as_str(), "https://api.mch.weixin.qq.com/");
        assert_eq!(config.certificate, "wechat_cert_path");
        let both = [OWN.as_slice(), &PUBLIC_KEY].concat();
        let config = read(&both, None).expect("good").wechat.expect("set");
        let key = config.public_key.expect("a key");
        assert_eq!(
            (key.id.as_str(), key.key.as_str()),
            ("wechat_public_key_id", "wechat_public_key_path")
        );
        assert!(read(&[], None).expect("good").wechat.is_none());
    }

    #[test]
    fn line_60_half_of_it_names_what_is_missing() {
        let all = [OWN.as_slice(), &PUBLIC_KEY].concat();
        for left_out in &all {
            let some: Vec<_> = all
                .iter()
                .copied()
                .filter(|name| name != left_out)
                .collect();
            let faults = read(&some, None).expect_err("half").to_string();
            assert!(
                faults.contains(&format!("{left_out}: is missing")),
                "{faults}"
            );
            assert!(read(&[left_out], None).is_err(), "{left_out}");
        }
        for gateway in ["ftp://x.example", "nowhere"] {
            let faults = read(&OWN, Some(gateway)).expect_err("wrong").to_string();
            assert!(faults.contains("WECHAT_GATEWAY: "), "{faults}");
        }
    }

    #[test]
    fn a_configured_rail_leaves_no_room_for_the_sandbox() {
        assert!(read(&[], None).expect("good").has_sandbox());
        assert!(!read(&OWN, None).expect("good").has_sandbox());
    }
}
