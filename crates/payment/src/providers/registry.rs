//! The rails of a house.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_kernel::clock::{Clock, Timestamp};

use super::PaymentProvider;
use super::circuit::{Circuit, Watched};
use crate::model::payment::PaymentMethod;

/// The rails that are configured, and whether each of them answers.
#[derive(Debug)]
pub(crate) struct Registry(BTreeMap<PaymentMethod, (Arc<dyn PaymentProvider>, Arc<Circuit>)>);

impl Registry {
    /// All of them; of two with one name the later.
    pub(crate) fn new(rails: Vec<Arc<dyn PaymentProvider>>, clock: &Clock) -> Self {
        let watched = rails.into_iter().map(|rail| {
            let name = rail.name();
            let (rail, circuit) = Watched::new(rail, clock.clone());
            (name, (Arc::new(rail) as Arc<dyn PaymentProvider>, circuit))
        });
        Self(watched.collect())
    }

    /// A rail, if it is configured.
    pub(crate) fn get(&self, method: PaymentMethod) -> Option<&Arc<dyn PaymentProvider>> {
        self.0.get(&method).map(|(rail, _)| rail)
    }

    /// Whether a new order may go there: it answers, or it is time to try.
    pub(crate) fn lets_through(&self, method: PaymentMethod, now: Timestamp) -> bool {
        let rail = self.0.get(&method);
        rail.is_none_or(|(_, circuit)| circuit.lets_through(now))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn PaymentProvider>> {
        self.0.values().map(|(rail, _)| rail)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
