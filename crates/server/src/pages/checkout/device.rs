//! On what the page is looked at, and the ways to pay that lead anywhere from there.

use axum::http::{HeaderMap, header};
use tollgate_payment::model::payment::{Payment, PaymentMethod};
use tollgate_payment::model::scene::Scene;
use tollgate_payment::{Offer, PaymentService};

/// On what a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Device {
    /// At a desk, with a phone to scan a code.
    Desk,
    /// In a phone's browser.
    Phone,
    /// Inside WeChat on a phone. Its page for phones works outside of it only, and it opens nothing of Alipay's.
    Wechat,
}

/// How an order can be paid on a device.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    pub(super) device: Device,
    /// By its own rail, besides a code that it may have.
    pub(super) own: Option<Offer>,
    /// A new code of its own rail.
    pub(super) anew: Option<Offer>,
    /// By the other rails.
    pub(super) others: Vec<Offer>,
    /// A rail there is would work outside of here.
    pub(super) elsewhere: bool,
}

impl Device {
    pub(in super::super) fn of(headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        let agent = agent.unwrap_or_default();
        match Scene::of_device(agent) {
            // WeChat on a desk has a phone beside it, as every desk has.
            Scene::H5 if agent.contains("MicroMessenger") => Self::Wechat,
            Scene::H5 => Self::Phone,
            _ => Self::Desk,
        }
    }

    /// For an order of which nobody has said how it is to be paid.
    pub(in super::super) fn scene(self) -> Scene {
        match self {
            Self::Phone => Scene::H5,
            Self::Desk | Self::Wechat => Scene::Pc,
        }
    }

    /// As far as each rail has a way for the device.
    pub(super) fn ways(self, payment: &PaymentService, order: &Payment) -> Ways {
        let mut offers = match self {
            Self::Desk => payment.offers(order, Scene::Pc),
            Self::Phone | Self::Wechat => payment.offers(order, Scene::H5),
        };
        let all = offers.len();
        if self == Self::Wechat {
            let codes = payment.offers(order, Scene::Pc);
            offers.retain(|offer| offer.method != PaymentMethod::Alipay);
            for offer in &mut offers {
                let code = codes.iter().find(|code| code.method == offer.method);
                if let Some(code) = code.filter(|_| offer.method == PaymentMethod::Wechat) {
                    *offer = *code;
                }
            }
        }
        let elsewhere = offers.len() < all || self == Self::Wechat && is_wechats(order);
        let is_own = |offer: &&Offer| offer.method == order.method;
        let anew = offers.iter().find(is_own).copied();
        let page = Offer {
            method: order.method,
            scene: Scene::Page,
        };
        let own = match self {
            // Beside the code; a rail without such a page leads to its code.
            Self::Desk if payment.has_way(order, Scene::Page) => Some(page),
            Self::Desk | Self::Phone | Self::Wechat => anew,
        };
        offers.retain(|offer| offer.method != order.method);
        Ways {
            device: self,
            own,
            anew,
            others: offers,
            elsewhere,
        }
    }
}

fn is_wechats(order: &Payment) -> bool {
    order.method == PaymentMethod::Wechat
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_device_says_what_it_is() {
        const PHONE: &str = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36";
        for (agent, device) in [
            ("", Device::Desk),
            ("curl/8.5.0", Device::Desk),
            (PHONE, Device::Phone),
            (
                &format!(
                    "{PHONE} XWEB/1 MMWEBSDK/1 MicroMessenger/8.0.60(0x28003C30) WeChat/arm64"
                ),
                Device::Wechat,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.60",
                Device::Wechat,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/132 Safari/537.36 MicroMessenger/7.0.20 WindowsWechat",
                Device::Desk,
            ),
        ] {
            let mut headers = HeaderMap::new();
            let agent = HeaderValue::from_str(agent).expect("a header");
            headers.insert(header::USER_AGENT, agent);
            assert_eq!(Device::of(&headers), device, "{headers:?}");
        }
        assert_eq!(Device::of(&HeaderMap::new()), Device::Desk);
    }
}
