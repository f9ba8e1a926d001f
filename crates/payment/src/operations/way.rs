//! By which way a buyer pays: a code at a desk, the provider's page, a phone's browser, an app.

use tollgate_kernel::money::Currency;

use super::checkout::{CheckoutError, Expected, PlanRef, Subscribe};
use super::renew::Renew;
use super::submit_order::wait_for;
use crate::model::payment::{Payment, PaymentMethod, Purpose};
use crate::model::return_url;
use crate::model::scene::Scene;
use crate::providers::{Payer, PaymentProvider};
use crate::shapes::NextStep;
use crate::{Parts, PaymentService};

/// How the buyer wants to pay.
///
/// ```
/// # use tollgate_payment::PayBy;
/// # use tollgate_payment::model::payment::PaymentMethod;
/// # use tollgate_payment::model::scene::Scene;
/// # use tollgate_payment::providers::Payer;
/// let by = PayBy {
///     method: PaymentMethod::Wechat,
///     client: None,
///     device: Scene::of_device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile"),
///     return_url: Some("https://shop.example/thanks".to_owned()),
///     payer: Payer::default(),
/// };
/// assert!(by.payer.openid.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct PayBy {
    /// By which rail.
    pub method: PaymentMethod,
    /// On what, as the client says.
    pub client: Option<Scene>,
    /// The same, as the request lets it be told.
    pub device: Scene,
    /// Where the buyer's browser comes back to; the hosted page, if nobody says.
    pub return_url: Option<String>,
    /// What is known of the buyer.
    pub payer: Payer,
}

/// How the buyer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// On what.
    pub(super) scene: Scene,
    /// Where the browser comes back to, if the host named a place.
    pub(super) return_url: Option<String>,
}

impl Way {
    /// As asked for. What nobody said is told by the device, as far as the rail has a way for it.
    pub(super) fn choose(
        provider: &dyn PaymentProvider,
        wish: &PayBy,
        return_url: Option<String>,
    ) -> Result<Self, CheckoutError> {
        let scenes = provider.capabilities().scenes;
        let scene = match wish.client {
            Some(scene) if scenes.contains(&scene) => scene,
            Some(_) => return Err(CheckoutError::SceneUnavailable),
            None if scenes.contains(&wish.device) => wish.device,
            None => *scenes.first().ok_or(CheckoutError::SceneUnavailable)?,
        };
        if scene == Scene::Jsapi && wish.payer.openid.is_none() {
            return Err(CheckoutError::OpenidMissing);
        }
        Ok(Self { scene, return_url })
    }

    /// As the order says.
    pub(super) fn of(order: &Payment) -> Self {
        Self {
            scene: order.scene,
            return_url: order.return_url.clone(),
        }
    }

    /// The same order, by this way.
    pub(super) fn to_pay(&self, order: &Payment) -> Payment {
        Payment {
            scene: self.scene,
            return_url: self.return_url.clone(),
            ..order.clone()
        }
    }
}

/// Where the buyer's browser comes back to, if it may be sent there.
pub(super) fn listed(parts: &Parts, url: Option<&str>) -> Result<Option<String>, CheckoutError> {
    let Some(url) = url else {
        return Ok(None);
    };
    return_url::listed(url, &parts.config.return_origins)
        .map(Some)
        .ok_or(CheckoutError::ReturnUrl)
}

/// A way to pay that can be offered.
///
/// ```
/// # use tollgate_payment::Offer;
/// # use tollgate_payment::model::payment::PaymentMethod;
/// # use tollgate_payment::model::scene::Scene;
/// let offer = Offer {
///     method: PaymentMethod::Stripe,
///     scene: Scene::Pc,
/// };
/// assert_eq!(offer.method.as_str(), "stripe");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// By which rail.
    pub method: PaymentMethod,
    /// On what.
    pub scene: Scene,
}

/// What fits a device best, in this order.
fn fitting(device: Scene) -> &'static [Scene] {
    match device {
        Scene::H5 => &[Scene::H5, Scene::Page, Scene::Pc],
        _ => &[Scene::Pc, Scene::Page, Scene::H5],
    }
}

impl PaymentService {
    /// By which rails an order can be paid on a device, its own first. A payment of the host's own stays with its
    /// rail: nothing would say that two of them mean the same.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// # use tollgate_payment::model::scene::Scene;
    /// fn buttons(payment: &PaymentService, order: &Payment) -> Vec<&'static str> {
    ///     let offers = payment.offers(order, Scene::H5);
    ///     offers.iter().map(|offer| offer.method.as_str()).collect()
    /// }
    /// ```
    pub fn offers(&self, order: &Payment, device: Scene) -> Vec<Offer> {
        let mut offers = self.ways(order.amount.currency(), device);
        offers.retain(|offer| offer.method == order.method || order.plan.is_some());
        offers.sort_by_key(|offer| offer.method != order.method);
        offers
    }

    /// By which rails money of a currency can be paid on a device, before anything is ordered.
    ///
    /// ```
    /// # use tollgate_kernel::money::Currency;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::scene::Scene;
    /// fn is_for_sale(payment: &PaymentService) -> bool {
    ///     !payment.ways(Currency::CNY, Scene::Pc).is_empty()
    /// }
    /// ```
    pub fn ways(&self, currency: Currency, device: Scene) -> Vec<Offer> {
        let offer = |rail: &dyn PaymentProvider| {
            let capabilities = rail.capabilities();
            let scenes = capabilities.scenes;
            let fits = fitting(device).iter().find(|scene| scenes.contains(scene));
            fits.filter(|_| capabilities.currencies.contains(&currency))
                .map(|scene| Offer {
                    method: rail.name(),
                    scene: *scene,
                })
        };
        let rails = self.0.providers.iter();
        rails.filter_map(|rail| offer(rail.as_ref())).collect()
    }

    /// Whether an order's own rail has this way.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// # use tollgate_payment::model::scene::Scene;
    /// fn can_scan(payment: &PaymentService, order: &Payment) -> bool {
    ///     payment.has_way(order, Scene::Pc)
    /// }
    /// ```
    pub fn has_way(&self, order: &Payment, scene: Scene) -> bool {
        let rail = self.0.providers.get(order.method);
        rail.is_some_and(|rail| rail.capabilities().scenes.contains(&scene))
    }

    /// Another way to pay what an order is for, for whoever has its checkout link: by the same order, where its rail
    /// lets several ways lead to it, and else by an order of its own for the same wish, at the price of today. However
    /// many of them are paid, the wish is fulfilled once, and other money goes back.
    ///
    /// ```
    /// # use tollgate_payment::{CheckoutError, Offer, PaymentService};
    /// # use tollgate_payment::model::payment::{Payment, PaymentMethod};
    /// # use tollgate_payment::model::scene::Scene;
    /// # use tollgate_payment::providers::Payer;
    /// async fn chosen(payment: &PaymentService, order: &Payment) -> Result<Option<String>, CheckoutError> {
    ///     let offer = Offer {
    ///         method: PaymentMethod::Wechat,
    ///         scene: Scene::H5,
    ///     };
    ///     let step = payment.pay_by(order, offer, &Payer::default()).await?;
    ///     Ok(step.url)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Self::subscribe`].
    pub async fn pay_by(
        &self,
        order: &Payment,
        offer: Offer,
        payer: &Payer,
    ) -> Result<NextStep, CheckoutError> {
        let parts = &self.0;
        let provider = parts
            .providers
            .get(offer.method)
            .ok_or(CheckoutError::MethodUnavailable)?;
        if !provider.capabilities().scenes.contains(&offer.scene) {
            return Err(CheckoutError::SceneUnavailable);
        }
        if order.paid_at.is_some() {
            return Ok(NextStep::none());
        }
        let own = offer.method == order.method;
        let shared = provider.capabilities().ways_share_an_order || order.scene == offer.scene;
        // What nobody can pay any more is ordered anew, though its rail has not said so yet.
        if own && shared && self.time_left(order).is_some() {
            let way = Way {
                scene: offer.scene,
                ..Way::of(order)
            };
            let begun = wait_for(parts, provider.as_ref(), order, &way, payer).await?;
            return Ok(begun.payment);
        }
        let Some((plan, _)) = order.plan else {
            return Ok(self.next_step(order));
        };
        let by = PayBy {
            method: offer.method,
            client: Some(offer.scene),
            device: offer.scene,
            return_url: order.return_url.clone(),
            payer: payer.clone(),
        };
        if order.purpose == Purpose::Renewal {
            let wish = Renew {
                user_id: order.user_id,
                by: by.clone(),
                expected: Expected::default(),
            };
            match self.renew(&wish, None).await {
                // What was to be renewed is over by now: it is begun anew.
                Err(CheckoutError::NoSubscription) => {}
                begun => return Ok(begun?.value.payment),
            }
        }
        let wish = Subscribe {
            user_id: order.user_id,
            plan: PlanRef {
                plan_id: Some(plan.to_string()),
                plan_slug: None,
            },
            by,
            expected: Expected::default(),
            trial: false,
        };
        Ok(self.subscribe(&wish, None).await?.value.payment)
    }
}
