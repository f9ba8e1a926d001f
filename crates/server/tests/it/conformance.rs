//! Every rail, tried against the sandbox's look-alike of it on the wire.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::HeaderMap;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::refund::RefundNo;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::alipay::{Alipay, AlipayConfig, AlipayKeys, CertificateFiles};
use tollgate_payment::providers::conformance::{Peer, Trouble, conforms};
use tollgate_payment::providers::{NewOrder, Payer, PaymentProvider, RawWebhook};

use crate::harness::{App, Pen, each_engine};

/// How both sides know each other.
#[derive(Clone, Copy, Debug)]
enum Mode {
    PublicKey,
    Certificates,
}

/// The sandbox's Alipay.
struct AlipayPeer<'a> {
    app: &'a App,
    pen: Pen,
    ids: Ids,
    provider: Arc<dyn PaymentProvider>,
}

impl<'a> AlipayPeer<'a> {
    async fn of(app: &'a App, mode: Mode) -> Self {
        let mut pen = Pen::of(app).await;
        let mut file = open(app).await;
        let row = sqlx::query("SELECT keys FROM peers WHERE rail = 'alipay'");
        let row = row.fetch_one(&mut file).await.expect("a merchant");
        let keys: Value = serde_json::from_str(row.get("keys")).expect("keys");
        let kept = keys;
        let key = |name: &str| kept[name].as_str().expect("a key").to_owned();
        let keys = match mode {
            Mode::PublicKey => AlipayKeys::PublicKey(key("gateway_public")),
            Mode::Certificates => {
                let merchant = app.get("/sandbox/alipay/merchant", "").await;
                let merchant = merchant.expect(StatusCode::OK);
                let mode = &merchant["certificate_mode"];
                pen.app_id = mode["app_id"].as_str().expect("a number").to_owned();
                let file = async |at: usize| {
                    let url = mode["certificates"][at].as_str().expect("an address");
                    let file = app.http.get(url).send().await.expect("an answer");
                    file.text().await.expect("PEM")
                };
                AlipayKeys::Certificates(CertificateFiles {
                    app: file(0).await,
                    alipay: file(1).await,
                    root: file(2).await,
                })
            }
        };
        let config = AlipayConfig {
            app_id: pen.app_id.clone(),
            private_key: key("merchant_private").into(),
            keys,
            gateway: format!("{}/sandbox/alipay/gateway.do", app.url)
                .parse()
                .expect("an address"),
            pages: None,
            seller_id: Some(pen.seller_id.clone()),
        };
        let provider = Alipay::new(&config, app.clock.clone()).expect("good settings");
        Self {
            app,
            pen,
            ids: Ids::new(app.clock.clone(), Entropy::system()),
            provider: Arc::new(provider),
        }
    }

    fn notice(&self, order: &NewOrder, transaction_id: &str, seller: &str) -> RawWebhook {
        let said = json!({ "transaction": {
            "order_no": order.order_no.as_str(),
            "amount": order.amount.to_string(),
        }});
        let mut fields = self.pen.paid(&said);
        fields.insert("trade_no", transaction_id.to_owned());
        fields.insert("seller_id", seller.to_owned());
        fields.insert("subject", "套餐 50% + 1".to_owned());
        RawWebhook {
            headers: HeaderMap::new(),
            body: Bytes::from(self.pen.sign(&fields)),
        }
    }

    async fn gateway_row(
        &self,
        statement: &'static str,
        order: &NewOrder,
    ) -> sqlx::sqlite::SqliteRow {
        let mut file = open(self.app).await;
        let asked = sqlx::query(statement).bind(order.order_no.as_str());
        asked.fetch_one(&mut file).await.expect("a row")
    }
}

pub(crate) async fn open(app: &App) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(app.sandbox_file())
        .read_only(true);
    options.connect().await.expect("the sandbox's file")
}

#[async_trait]
impl Peer for AlipayPeer<'_> {
    fn provider(&self) -> Arc<dyn PaymentProvider> {
        self.provider.clone()
    }

    fn order(&self) -> NewOrder {
        let id: PaymentId = self.ids.next();
        NewOrder {
            order_no: OrderNo::of(id),
            amount: Money::new(123, Currency::CNY),
            description: "a=b & c/d \"}\" 专业版".to_owned(),
            expires_at: self.app.clock.now().after(Duration::from_mins(30)),
            notify_url: format!("{}/payments/webhooks/alipay", self.app.url),
            scene: Scene::Pc,
            return_url: Some(format!("{}/back", self.app.url)),
            payer: Payer::default(),
            renews: None,
        }
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    fn refund_no(&self) -> RefundNo {
        RefundNo::of(self.ids.next())
    }

    async fn pay(&self, order: &NewOrder) -> String {
        let row = self
            .gateway_row(
                "SELECT provider_no FROM trades WHERE out_trade_no = $1",
                order,
            )
            .await;
        // A code holds the number of its trade.
        let number: String = row.get("provider_no");
        let phone = format!("{}/sandbox/pay/{number}/pay", self.app.url);
        let paid = self
            .app
            .http
            .post(phone)
            .header("accept", "application/json");
        let paid = paid.send().await.expect("an answer");
        assert_eq!(paid.status(), StatusCode::OK);
        number
    }

    async fn callback(&self, order: &NewOrder, transaction_id: &str) -> RawWebhook {
        self.notice(order, transaction_id, &self.pen.seller_id)
    }

    async fn foreign_callback(&self, order: &NewOrder, transaction_id: &str) -> RawWebhook {
        self.notice(order, transaction_id, "2088999999999999")
    }

    async fn trouble(&self, trouble: Trouble) {
        let kind = match trouble {
            Trouble::AnswerLost => "answer_lost",
            Trouble::BrokenAnswer => "broken_signature",
            Trouble::Busy => "busy",
        };
        let put = self
            .app
            .post("/sandbox/alipay/faults", "", json!({ "kind": kind }))
            .await;
        put.expect(StatusCode::CREATED);
    }

    async fn went_back(&self, order: &NewOrder) -> i64 {
        let row = self
            .gateway_row(
                "SELECT COALESCE(SUM(r.amount), 0) AS total FROM trade_refunds r JOIN trades t ON t.provider_no = r.provider_no
                 WHERE t.out_trade_no = $1",
                order,
            )
            .await;
        row.get("total")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_p10_alipay_shows_what_every_provider_must() {
    // The provider knows no database: one engine is as good as the other.
    each_engine(async |app| conforms(&AlipayPeer::of(app, Mode::PublicKey).await).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_p10_alipay_with_certificates_shows_it_too() {
    each_engine(async |app| conforms(&AlipayPeer::of(app, Mode::Certificates).await).await).await;
}
