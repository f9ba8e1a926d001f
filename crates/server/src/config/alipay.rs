//! Settings of Alipay: all of a mode's, or none.

use tollgate_payment::providers::alipay::{AlipayConfig, AlipayKeys, CertificateFiles};
use url::Url;

use super::AppEnv;
use super::reader::Reader;

const PUBLIC_KEY: &str = "ALIPAY_PUBLIC_KEY";
const CERTIFICATES: [&str; 3] = [
    "ALIPAY_APP_CERT_PATH",
    "ALIPAY_ALIPAY_CERT_PATH",
    "ALIPAY_ROOT_CERT_PATH",
];
const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";

impl Reader {
    /// What takes money by Alipay, if anything of it is set.
    pub(super) fn alipay(&mut self, app_env: AppEnv) -> Option<AlipayConfig> {
        let own = ["ALIPAY_APP_ID", "ALIPAY_PRIVATE_KEY"].map(|name| (name, self.text(name)));
        let public_key = (PUBLIC_KEY, self.text(PUBLIC_KEY));
        let files = CERTIFICATES.map(|name| (name, self.text(name)));
        let gateway: Option<Url> = self.parsed("ALIPAY_GATEWAY", "is not an address", GATEWAY);
        let seller_id = self.text("ALIPAY_SELLER_ID");

        let by_certificates = files.iter().any(|(_, file)| file.is_some());
        let is_set = |(_, text): &(_, Option<String>)| text.is_some();
        if !own.iter().any(is_set) && !is_set(&public_key) && !by_certificates {
            return None;
        }
        if by_certificates && is_set(&public_key) {
            let reason = "is set, and certificates as well (ALIPAY_APP_CERT_PATH, \
                ALIPAY_ALIPAY_CERT_PATH, ALIPAY_ROOT_CERT_PATH): leave one of the two modes out";
            self.fault(PUBLIC_KEY, reason, "");
        }
        self.all_there(&own);
        let keys = if by_certificates {
            self.all_there(&files);
            let [(_, app), (_, alipay), (_, root)] = files;
            app.zip(alipay).zip(root).map(|((app, alipay), root)| {
                AlipayKeys::Certificates(CertificateFiles { app, alipay, root })
            })
        } else {
            self.all_there(std::slice::from_ref(&public_key));
            public_key.1.map(AlipayKeys::PublicKey)
        };
        let gateway = gateway?;
        if !matches!(gateway.scheme(), "http" | "https")
            || (app_env == AppEnv::Production && gateway.scheme() != "https")
        {
            self.fault("ALIPAY_GATEWAY", "must be https", GATEWAY);
        }
        let [(_, app_id), (_, private_key)] = own;
        Some(AlipayConfig {
            app_id: app_id?,
            private_key: private_key?.into(),
            keys: keys?,
            gateway,
            pages: None,
            seller_id,
        })
    }

    fn all_there(&mut self, settings: &[(&'static str, Option<String>)]) {
        for (variable, text) in settings {
            if text.is_none() {
                let reason = "is missing, and other settings of Alipay are set";
                self.fault(variable, reason, "");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Faults};

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
        let env: BTreeMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_layers(env, Path::new("/nonexistent/.env"))
    }

    const OWN: [(&str, &str); 2] = [("ALIPAY_APP_ID", "1"), ("ALIPAY_PRIVATE_KEY", "k")];
    const FILES: [(&str, &str); 3] = [
        ("ALIPAY_APP_CERT_PATH", "app.crt"),
        ("ALIPAY_ALIPAY_CERT_PATH", "alipay.crt"),
        ("ALIPAY_ROOT_CERT_PATH", "root.crt"),
    ];

    #[test]
    fn either_mode_is_taken_whole() {
        let by_key = [OWN.as_slice(), &[(PUBLIC_KEY, "p")]].concat();
        let keys = read(&by_key).expect("good").alipay.expect("set").keys;
        assert!(matches!(keys, AlipayKeys::PublicKey(key) if key == "p"));
        let by_files = [OWN.as_slice(), &FILES].concat();
        let keys = read(&by_files).expect("good").alipay.expect("set").keys;
        let AlipayKeys::Certificates(files) = keys else {
            panic!("{keys:?}")
        };
        assert_eq!(
            (
                files.app.as_str(),
                files.alipay.as_str(),
                files.root.as_str()
            ),
            ("app.crt", "alipay.crt", "root.crt")
        );
    }

    #[test]
    fn line_60_both_modes_at_once_and_half_of_one_name_the_variable() {
        let both = [OWN.as_slice(), &FILES, &[(PUBLIC_KEY, "p")]].concat();
        let faults = read(&both).expect_err("both").to_string();
        assert!(
            faults.contains("ALIPAY_PUBLIC_KEY: is set, and certificates"),
            "{faults}"
        );
        for (left_out, _) in FILES {
            let some = FILES.into_iter().filter(|(name, _)| *name != left_out);
            let pairs: Vec<_> = OWN.into_iter().chain(some).collect();
            let faults = read(&pairs).expect_err("half").to_string();
            assert!(
                faults.contains(&format!("{left_out}: is missing")),
                "{faults}"
            );
            assert!(!faults.contains(PUBLIC_KEY), "{faults}");
        }
        for lonely in FILES.into_iter().chain(OWN).chain([(PUBLIC_KEY, "p")]) {
            assert!(read(&[lonely]).is_err(), "{lonely:?}");
        }
        assert!(
            read(&OWN)
                .expect_err("no key")
                .to_string()
                .contains(PUBLIC_KEY)
        );
    }
}
