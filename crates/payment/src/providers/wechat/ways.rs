//! The ways in which a buyer pays (payments.md, 3.5): a code to scan, the bridge inside WeChat, a page for
//! other browsers of a phone, the kit of an app.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::call::Tried;
use super::failure::Failure;
use super::{Wechat, sign, wire};
use crate::model::scene::Scene;
use crate::providers::{NewOrder, PaymentAction, ProviderError};

/// The scenes there is a way for.
pub(super) const SCENES: [Scene; 4] = [Scene::Pc, Scene::H5, Scene::App, Scene::Jsapi];
/// Longest `notify_url`.
pub(super) const NOTIFY_URL: usize = 255;

fn refused(code: &str, message: &str) -> ProviderError {
    ProviderError::Refused {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// Without query and fragment: WeChat calls no address that has one.
pub(super) fn notify_url(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The buyer comes back there from WeChat's page.
fn with_return(h5_url: &str, return_url: Option<&str>) -> Result<String, ProviderError> {
    let url: url::Url = h5_url.parse().map_err(ProviderError::unknown)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(ProviderError::unknown("h5_url is no address for a browser"));
    }
    let Some(back) = return_url else {
        return Ok(h5_url.to_owned());
    };
    let between = if url.query().is_some() { '&' } else { '?' };
    let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    // Kits of WeChat read `%20`, not every one of them `+`.
    let back = back.replace('+', "%20");
    Ok(format!("{h5_url}{between}redirect_url={back}"))
}

impl Wechat {
    /// By the way that fits the buyer's device.
    pub(super) async fn create(&self, order: &NewOrder) -> Result<PaymentAction, ProviderError> {
        let mut content = self.content(order);
        let way = match order.scene {
            Scene::Pc => "native",
            Scene::App => "app",
            Scene::Jsapi => {
                let openid = order.payer.openid.as_deref();
                let missing = || refused("openid", "JSAPI wants the buyer's openid");
                content["payer"] = json!({ "openid": openid.ok_or_else(missing)? });
                "jsapi"
            }
            Scene::H5 => {
                let missing = || refused("payer_client_ip", "H5 wants the buyer's address");
                let address = order.payer.address.ok_or_else(missing)?;
                content["scene_info"] = json!({
                    "payer_client_ip": address.to_canonical().to_string(),
                    "h5_info": { "type": "Wap" },
                });
                "h5"
            }
            Scene::Page => return Err(refused("scene", "WeChat Pay has no page for a desk")),
        };
        let target = format!("/v3/pay/transactions/{way}");
        let body = match self.call(Method::POST, &target, Some(&content)).await? {
            Tried::Done(body) => body,
            Tried::Failed(failure) => return Err(self.why_not(order, failure).await),
        };
        let begun: wire::Begun = serde_json::from_slice(&body).map_err(ProviderError::unknown)?;
        let given = |text: Option<String>| {
            let text = text.filter(|text| !text.is_empty());
            text.ok_or_else(|| ProviderError::unknown("the answer has nothing to pay with"))
        };
        match order.scene {
            Scene::Pc | Scene::Page => Ok(PaymentAction::Qr {
                qr_content: given(begun.code_url)?,
            }),
            Scene::H5 => Ok(PaymentAction::Redirect {
                url: with_return(&given(begun.h5_url)?, order.return_url.as_deref())?,
            }),
            Scene::Jsapi => Ok(self.bridge(&given(begun.prepay_id)?)),
            Scene::App => Ok(self.kit(&given(begun.prepay_id)?)),
        }
    }

    /// What is said of the order by every way, in the same words.
    fn content(&self, order: &NewOrder) -> Value {
        json!({
            "appid": self.app_id,
            "mchid": self.merchant.mch_id,
            "description": wire::description(&order.description),
            "out_trade_no": order.order_no.as_str(),
            "time_expire": wire::beijing(order.expires_at),
            "notify_url": notify_url(&order.notify_url),
            "amount": { "total": order.amount.minor(), "currency": order.amount.currency().code() },
        })
    }

    /// A no may be to a repeat that says something else than the first call did. Then the order is there,
    /// and how it stands is for the query to tell.
    async fn why_not(&self, order: &NewOrder, failure: Failure) -> ProviderError {
        if !failure.may_contradict() {
            return failure.into();
        }
        match self.look_up(&order.order_no).await {
            Ok(None) => failure.into(),
            Ok(Some(_)) => failure.unknown(),
            Err(error) => error,
        }
    }

    /// What the page hands to `WeixinJSBridge`.
    pub(super) fn bridge(&self, prepay_id: &str) -> PaymentAction {
        let timestamp = self.clock.now().seconds().to_string();
        let nonce = self.nonce();
        let package = format!("prepay_id={prepay_id}");
        let text = sign::lines(&[&self.app_id, &timestamp, &nonce, &package]);
        let params = [
            ("appId", self.app_id.clone()),
            ("timeStamp", timestamp),
            ("nonceStr", nonce),
            ("package", package),
            ("signType", "RSA".to_owned()),
            ("paySign", self.merchant.signer.sign(text.as_bytes())),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value));
        PaymentAction::Jsapi {
            params: BTreeMap::from(params),
        }
    }

    /// What the app hands to the kit. Signed is the bare number.
    pub(super) fn kit(&self, prepay_id: &str) -> PaymentAction {
        let timestamp = self.clock.now().seconds().to_string();
        let nonce = self.nonce();
        let text = sign::lines(&[&self.app_id, &timestamp, &nonce, prepay_id]);
        let order = json!({
            "appid": self.app_id,
            "partnerid": self.merchant.mch_id,
            "prepayid": prepay_id,
            "package": "Sign=WXPay",
            "noncestr": nonce,
            "timestamp": timestamp,
            "sign": self.merchant.signer.sign(text.as_bytes()),
        });
        PaymentAction::App {
            order_string: order.to_string(),
        }
    }
}
