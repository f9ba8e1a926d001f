//! Random lives of orders: paid, told of, told of again, told otherwise, expired, refunded, in any order. A small
//! second model says after each step how the order must stand (P1, P2, P4, P6, P7, P10, P11).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::origin::Origin;
use tollgate_payment::WantRefund;

use crate::harness::{App, Pen, each_engine, until};
use crate::refunds::{at_the_gateway, pay};

const LIVES: u64 = 12;
const STEPS: u64 = 9;

/// Of one order of 99.00; in minor units.
#[derive(Debug, Default)]
struct Model {
    /// By which money.
    paid_by: Option<String>,
    /// The gateway has that money too, and can give it back.
    at_gateway: bool,
    expired: bool,
    refunded: i64,
    /// Other money, of which the gateway tells.
    kept: BTreeSet<String>,
}

impl Model {
    fn status(&self) -> &'static str {
        match (&self.paid_by, self.expired) {
            (Some(_), _) if self.refunded == 9_900 => "refunded",
            (Some(_), _) => "completed",
            (None, true) => "failed",
            (None, false) => "pending",
        }
    }

    /// A notice that 99.00 came as `trade_no`.
    fn told(&mut self, trade_no: &str) {
        match &self.paid_by {
            None => self.paid_by = Some(trade_no.to_owned()),
            Some(paid_by) if paid_by == trade_no => {}
            Some(_) => {
                self.kept.insert(trade_no.to_owned());
            }
        }
    }
}

struct Life<'a> {
    app: &'a App,
    pen: &'a Pen,
    order: Value,
    id: PaymentId,
    model: Model,
    notices: u64,
}

impl Life<'_> {
    async fn notify(&mut self, trade_no: &str, changes: &[(&'static str, &str)]) {
        self.notices += 1;
        let mut fields = self.pen.paid(&self.order);
        fields.insert("trade_no", trade_no.to_owned());
        fields.insert("notify_id", format!("{}-{}", self.id, self.notices));
        for (name, value) in changes {
            fields.insert(name, (*value).to_owned());
        }
        let notice = self.pen.sign(&fields);
        // Now and then it comes twice.
        for _ in 0..=self.notices % 2 {
            assert_eq!(self.app.notify(notice.clone()).await.1, "success");
        }
    }

    async fn pay(&mut self) {
        // The gateway takes no money for what it has closed, or was paid.
        if self.model.at_gateway || self.model.expired || self.model.paid_by.is_some() {
            return;
        }
        pay(self.app, &self.order).await;
        let payment = &self.app.payment;
        until("the money", async || {
            let order = payment.transaction(self.id, None).await.expect("read");
            order.is_some_and(|order| order.paid_at.is_some())
        })
        .await;
        let order = payment.transaction(self.id, None).await.expect("read");
        self.model.paid_by = order.expect("an order").provider_transaction_id;
        self.model.at_gateway = true;
    }

    async fn expire(&mut self) {
        self.app.clock.advance(Duration::from_mins(31));
        if self.model.paid_by.is_none() && !self.model.expired {
            until("the end", async || self.status().await == "failed").await;
            self.model.expired = true;
        }
    }

    async fn refund(&mut self, minor: Option<i64>) {
        let left = 9_900 - self.model.refunded;
        let wanted = minor.unwrap_or(left);
        let wish = WantRefund {
            payment_id: self.id,
            amount: None,
            amount_minor: minor,
            reason: "a life".to_owned(),
            end_subscription: None,
            requested_by: None,
        };
        let made = self
            .app
            .payment
            .refund(&wish, &Origin::default(), None)
            .await;
        let can =
            self.model.paid_by.is_some() && self.model.at_gateway && wanted <= left && left > 0;
        assert_eq!(made.is_ok(), can, "{:?}: {made:?}", self.model);
        if can {
            self.model.refunded += wanted;
        }
    }

    async fn status(&self) -> String {
        let order = self.app.payment.transaction(self.id, None).await;
        let order = order.expect("read").expect("an order");
        order.state.status().as_str().to_owned()
    }

    async fn step(&mut self, step: u64) -> &'static str {
        let own = self.model.paid_by.clone();
        let own = own.unwrap_or_else(|| format!("2026{}", self.id));
        match step {
            0 => {
                self.pay().await;
                "pay"
            }
            1 => {
                self.notify(&own, &[]).await;
                self.model.told(&own);
                "tell"
            }
            2 => {
                let other = format!("2027{}-{}", self.id, self.notices % 2);
                self.notify(&other, &[]).await;
                self.model.told(&other);
                "tell of other money"
            }
            3 => {
                self.notify(&own, &[("trade_status", "WAIT_BUYER_PAY")])
                    .await;
                "tell of waiting"
            }
            4 => {
                self.notify(&own, &[("trade_status", "TRADE_CLOSED")]).await;
                "tell of closing"
            }
            5 => {
                let small = format!("2028{}", self.id);
                self.notify(&small, &[("total_amount", "0.01")]).await;
                self.model.kept.insert(small);
                "tell of too little"
            }
            6 => {
                self.expire().await;
                "expire"
            }
            7 => {
                self.refund(Some(1_000)).await;
                "refund a part"
            }
            _ => {
                self.refund(None).await;
                "refund the rest"
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p7_random_lives_of_orders_are_what_a_small_model_says() {
    let seed = match std::env::var("TOLLGATE_TEST_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => Entropy::system().below(u64::MAX),
    };
    println!("TOLLGATE_TEST_SEED={seed}");
    each_engine(async |app| {
        let pen = Pen::of(app).await;
        let chance = Entropy::seeded(seed);
        let (mut kept, mut refunded) = (0, 0);
        for life in 0..LIVES {
            let order = app.order(&app.buyer().await).await;
            let id = order["transaction"]["id"].as_str().expect("an id");
            let id = id.parse().expect("an id");
            let model = Model::default();
            let mut life_of = Life {
                app,
                pen: &pen,
                order,
                id,
                model,
                notices: 0,
            };
            let mut steps = Vec::new();
            for _ in 0..STEPS {
                steps.push(life_of.step(chance.below(9)).await);
                assert_eq!(
                    life_of.status().await,
                    life_of.model.status(),
                    "life {life}: {steps:?}"
                );
            }
            let entries = json!(steps);
            kept += i64::try_from(life_of.model.kept.len()).expect("few");
            refunded += life_of.model.refunded;
            let found = app.count("SELECT COUNT(*) FROM suspense").await;
            assert_eq!(found, kept, "life {life}: {entries}");
            assert_eq!(
                at_the_gateway(app).await.1,
                refunded,
                "life {life}: {entries}"
            );
            app.balance().await;
        }
    })
    .await;
}
