//! The ways in which a buyer pays: a code to scan, a page to go to, an order for the app.
//!
//! All of them name the same order number, and Alipay knows one trade under it, whichever way was
//! opened first: a second way is never a second order.

use serde_json::{Value, json};

use super::{Alipay, wire};
use crate::model::scene::Scene;
use crate::providers::{NewOrder, PaymentAction, ProviderError};

/// What Alipay offers for the scenes that are not a code.
struct Way {
    method: &'static str,
    product_code: &'static str,
}

const PAGE: Way = Way {
    method: "alipay.trade.page.pay",
    product_code: "FAST_INSTANT_TRADE_PAY",
};
const WAP: Way = Way {
    method: "alipay.trade.wap.pay",
    product_code: "QUICK_WAP_WAY",
};
const APP: Way = Way {
    method: "alipay.trade.app.pay",
    product_code: "QUICK_MSECURITY_PAY",
};

/// The scenes there is a way for.
pub(super) const SCENES: [Scene; 4] = [Scene::Pc, Scene::Page, Scene::H5, Scene::App];

impl Alipay {
    /// By the way that fits the buyer's device.
    pub(super) async fn create(&self, order: &NewOrder) -> Result<PaymentAction, ProviderError> {
        match order.scene {
            Scene::Pc => self.precreate(order).await,
            Scene::Page => Ok(self.redirect(&PAGE, order)),
            Scene::H5 => Ok(self.redirect(&WAP, order)),
            Scene::App => Ok(PaymentAction::App {
                order_string: self.order_string(&APP, order, None),
            }),
            Scene::Jsapi => Err(ProviderError::Refused {
                code: "scene".to_owned(),
                message: "Alipay has no way for jsapi".to_owned(),
            }),
        }
    }

    async fn precreate(&self, order: &NewOrder) -> Result<PaymentAction, ProviderError> {
        let answer = self
            .call(
                "alipay.trade.precreate",
                Some(&order.notify_url),
                &content(order),
            )
            .await?;
        let created: wire::Precreated = answer.succeeded()?;
        if created.out_trade_no != order.order_no.as_str() {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        Ok(PaymentAction::Qr {
            qr_content: created.qr_code,
        })
    }

    /// A signed address for the browser; Alipay hears of the order when the buyer goes there.
    fn redirect(&self, way: &Way, order: &NewOrder) -> PaymentAction {
        let mut url = self.pages.clone();
        let query = self.order_string(way, order, order.return_url.as_deref());
        url.set_query(Some(&query));
        PaymentAction::Redirect {
            url: url.to_string(),
        }
    }

    /// All parameters in the order of their names, values encoded, the signature last.
    fn order_string(&self, way: &Way, order: &NewOrder, return_url: Option<&str>) -> String {
        let mut content = content(order);
        content["product_code"] = way.product_code.into();
        // Where a phone's buyer goes who turns back.
        if let Some(url) = return_url.filter(|_| way.method == WAP.method) {
            content["quit_url"] = url.into();
        }
        let addresses = [
            ("notify_url", Some(order.notify_url.as_str())),
            ("return_url", return_url),
        ];
        let content = content.to_string();
        let signed = self.signed(way.method, &addresses, &content);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&signed);
        query.finish()
    }
}

/// What is said of the order by every way, in the same words.
fn content(order: &NewOrder) -> Value {
    json!({
        "out_trade_no": order.order_no.as_str(),
        "total_amount": order.amount.to_string(),
        "subject": wire::subject(&order.description),
        "time_expire": wire::beijing(order.expires_at),
    })
}
