//! `REDIS_URL`.

use super::reader::Reader;

const REDIS_URL: &str = "REDIS_URL";

impl Reader {
    #[cfg(feature = "redis")]
    pub(super) fn redis(&mut self) -> Option<tollgate_auth::RedisUrl> {
        // The value is not repeated in a fault: it may hold a password, and faults are printed.
        match self.text(REDIS_URL)?.parse() {
            Ok(url) => Some(url),
            Err(error) => {
                let error: tollgate_auth::InvalidRedisUrl = error;
                let example = "redis://:password@redis.shop.example:6379/0";
                self.fault(REDIS_URL, error.to_string(), example);
                None
            }
        }
    }

    /// Without the feature: who sets it counts on it.
    #[cfg(not(feature = "redis"))]
    pub(super) fn no_redis(&mut self) {
        if self.text(REDIS_URL).is_some() {
            let reason = "is set, and this program was built without the feature redis";
            self.fault(REDIS_URL, reason, "");
        }
    }
}

#[cfg(all(test, feature = "redis"))]
mod tests {
    use std::path::Path;

    use super::super::Config;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_layers(env, Path::new("/nonexistent/.env"))
            .map_err(|faults| faults.to_string())
    }

    #[test]
    fn nothing_set_is_no_redis_and_an_address_is_one() {
        assert!(read(&[]).expect("defaults").redis.is_none());
        assert!(read(&[("REDIS_URL", " ")]).expect("empty").redis.is_none());
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("redis");
        let url = "rediss://ann:hunter2@redis.example:7000/2";
        std::fs::write(&file, url).expect("written");
        for setting in [
            ("REDIS_URL", url),
            ("REDIS_URL_FILE", file.to_str().expect("text")),
        ] {
            let redis = read(&[setting]).expect("good settings").redis;
            assert_eq!(redis.expect("set").shown(), "redis.example:7000");
        }
    }

    #[test]
    fn inv_a10_the_password_of_the_redis_is_in_no_fault_and_no_debug() {
        for url in [
            "hunter2",
            "http://:hunter2@redis.example",
            "redis://:hunter2@redis.example/x",
            "redis://:hunter2@",
            "redis://hunter2@redis.example",
            "rediss://:hunter2@redis.example#insecure",
            "redis://:hunter2%ff@redis.example",
        ] {
            let faults = read(&[("REDIS_URL", url)]).expect_err("a fault");
            assert!(
                faults.starts_with("REDIS_URL: must ") && faults.contains("(for example redis://"),
                "{faults}"
            );
            assert!(
                faults.lines().count() == 1 && !faults.contains("hunter2"),
                "{faults}"
            );
        }
        let good = read(&[("REDIS_URL", "redis://ann:hunter2@redis.example")]);
        assert!(!format!("{:?}", good.expect("good settings")).contains("hunter2"));
    }
}
