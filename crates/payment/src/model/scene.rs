//! On what a buyer pays, and how that is told where nobody says it.
//!
//! ```
//! use tollgate_payment::model::scene::Scene;
//!
//! assert_eq!("h5".parse(), Ok(Scene::H5));
//! let desktop = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
//! assert_eq!(Scene::of_device(desktop), Scene::Pc);
//! ```

use super::words;

words! {
    /// On what the buyer pays.
    pub enum Scene {
        /// At a desk, with a phone to scan a code.
        Pc = "pc",
        /// At a desk, on the provider's own page.
        Page = "page",
        /// In a phone's browser.
        H5 = "h5",
        /// In an app of ours.
        App = "app",
        /// In the provider's own app.
        Jsapi = "jsapi",
    }
}

impl Scene {
    /// By the `User-Agent` of whoever asks. Everything that does not say it is a phone counts as a
    /// desk: a code can be paid from there in any case.
    pub fn of_device(user_agent: &str) -> Self {
        const PHONES: [&str; 4] = ["Android", "iPhone", "iPad", "Mobile"];
        if PHONES.iter().any(|word| user_agent.contains(word)) {
            Self::H5
        } else {
            Self::Pc
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_says_that_it_is_one() {
        for (user_agent, scene) in [
            ("", Scene::Pc),
            ("curl/8.5.0", Scene::Pc),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                Scene::Pc,
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
                Scene::H5,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15",
                Scene::H5,
            ),
        ] {
            assert_eq!(Scene::of_device(user_agent), scene, "{user_agent}");
        }
    }
}
