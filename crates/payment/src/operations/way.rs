//! By which way a buyer pays: a code at a desk, the provider's page, a phone's browser, an app.

use super::begin_order::begin;
use super::checkout::CheckoutError;
use super::place_order::Draft;
use super::submit_order::wait_for;
use crate::model::payment::{Payment, PaymentMethod};
use crate::model::return_url;
use crate::model::scene::Scene;
use crate::providers::{Payer, PaymentProvider};
use crate::shapes::NextStep;
use crate::{Parts, PaymentService};

/// How the buyer wants to pay.
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

impl PaymentService {
    /// Another way to pay an open order, for whoever has its checkout link. It stays one order.
    ///
    /// # Errors
    /// [`CheckoutError::SceneUnavailable`] when the rail has no such way, [`CheckoutError::Provider`].
    pub async fn pay_by(
        &self,
        order: &Payment,
        scene: Scene,
        payer: &Payer,
    ) -> Result<NextStep, CheckoutError> {
        let parts = &self.0;
        let provider = parts
            .providers
            .get(order.method)
            .ok_or(CheckoutError::MethodUnavailable)?;
        if !provider.capabilities().scenes.contains(&scene) {
            return Err(CheckoutError::SceneUnavailable);
        }
        if !order.is_open() {
            return Ok(NextStep::none());
        }
        let way = Way {
            scene,
            ..Way::of(order)
        };
        if provider.capabilities().ways_share_an_order || order.scene == scene {
            let begun = wait_for(parts, provider.as_ref(), order, &way, payer).await?;
            return Ok(begun.payment);
        }
        // Nothing would say that two payments of the host's own mean the same.
        if order.plan.is_none() {
            return Ok(self.next_step(order));
        }
        // An order of its own, for the same wish.
        let draft = Draft::again(order)?;
        let begun = begin(parts, provider.as_ref(), &draft, &way, payer, None).await?;
        Ok(begun.value.payment)
    }
}
