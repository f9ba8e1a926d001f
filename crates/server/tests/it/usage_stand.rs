//! Instances of the payment module on one database and one clock, without a worker: what is folded and dropped is what a
//! test lets them fold and drop.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, Ids, UsageId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{
    Consume, Expected, Initiator, MIGRATIONS, PayBy, PaymentConfig, PaymentService, PlanRef,
    Subscribe,
};
use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

pub(crate) struct Stand {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    /// Of how many instances there are.
    pub(crate) services: Vec<PaymentService>,
    pub(crate) people: Vec<UserId>,
}

/// So many instances and people, on both engines; the log is kept so many days.
pub(crate) async fn each_stand(
    instances: usize,
    people: usize,
    kept_days: Option<u64>,
    body: impl AsyncFn(&Stand),
) {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(at("2026-01-20T09:07:31Z"));
        let mut services = Vec::new();
        for _ in 0..instances {
            services.push(service(&db, &clock, kept_days).await);
        }
        let plan = serde_json::from_value(json!({
            "slug": "free", "name": "Free", "price": "0.00", "currency": "CNY", "billing_cycle": "monthly",
            "meters": [{"meter": "calls", "limit": 1_000_000}, {"meter": "bytes", "limit": 1_000_000, "reset": "calendar"}],
            "resource_costs": {"*": 1, "upload": {"meter": "bytes", "units": 3}},
        }));
        let origin = Origin::default();
        let editor = Initiator::operator(&origin);
        let plan = plan.expect("a plan");
        services[0].create_plan(&plan, &editor, None).await.expect("on sale");
        let mut stand = Stand { db, clock, services, people: Vec::new() };
        for _ in 0..people {
            let user = Ids::new(stand.clock.clone(), Entropy::system()).next();
            stand.services[0].subscribe(&wish(user), None).await.expect("theirs");
            stand.people.push(user);
        }
        body(&stand).await;
    })
    .await;
}

/// One more instance, with a clock of its own.
pub(crate) async fn service(db: &Db, clock: &Clock, kept_days: Option<u64>) -> PaymentService {
    let mut config = PaymentConfig::new("https://pay.example");
    config.usage_retention = kept_days.map(|days| Duration::from_hours(days * 24));
    let key = MasterKey::generate(&Entropy::system());
    let builder = PaymentService::builder(db.clone(), key, config);
    builder.clock(clock.clone()).build().await.expect("built")
}

pub(crate) fn at(text: &str) -> Timestamp {
    serde_json::from_value(json!(text)).expect("a moment")
}

fn wish(user_id: UserId) -> Subscribe {
    Subscribe {
        user_id,
        plan: PlanRef {
            plan_id: None,
            plan_slug: Some("free".to_owned()),
        },
        by: PayBy {
            method: PaymentMethod::Alipay,
            client: None,
            device: Scene::Pc,
            return_url: None,
            payer: Payer::default(),
        },
        expected: Expected::default(),
        trial: false,
    }
}

pub(crate) fn call(user_id: UserId, resource_type: &str, cost: i64) -> Consume {
    Consume {
        user_id,
        resource_type: resource_type.parse().expect("a name"),
        cost: tollgate_payment::model::quota::Cost::new(cost).expect("a cost"),
        resource_id: None,
        metadata: json!({}),
        api_key_id: None,
    }
}

impl Stand {
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let (count,): (i64,) =
            on_read!(&self.db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
        count
    }

    pub(crate) async fn consume(&self, person: usize, resource_type: &str, cost: i64) -> UsageId {
        let call = call(self.people[person], resource_type, cost);
        let answer = self.services[0]
            .consume(&call, None)
            .await
            .expect("charged");
        answer.value.usage_id
    }

    /// Folds to the end, as many runs as it takes.
    pub(crate) async fn fold(&self) {
        while self.services[0].fold_usage().await.expect("folds") > 0 {}
    }

    pub(crate) async fn mark(&self, name: &'static str) -> Timestamp {
        let row: Option<(chrono::DateTime<chrono::Utc>,)> = on_read!(&self.db, |e| {
            sqlx::query_as("SELECT upto FROM usage_marks WHERE name = $1")
                .bind(name)
                .fetch_optional(e)
                .await
        })
        .expect("read");
        row.map_or(Timestamp::EPOCH, |(upto,)| Timestamp::from_utc(upto))
    }

    /// Of every counter: what is folded and what the log holds after the mark is what was used; and so is the log
    /// alone, of periods that it still holds whole.
    pub(crate) async fn adds_up(&self) {
        let folded = self.mark("folded").await;
        let (apart,): (i64,) = on_read!(&self.db, |e| {
            sqlx::query_as(APART)
                .bind(folded.utc())
                .bind(Ids::lowest::<UsageId>(folded).uuid())
                .fetch_one(e)
                .await
        })
        .expect("a number");
        assert_eq!(
            apart, 0,
            "counters that are not what is folded and what is not"
        );
        assert_eq!(
            self.count(LOG_APART).await,
            0,
            "counters that are not the log"
        );
    }
}

const APART: &str = "SELECT COUNT(*) FROM quota_counters c WHERE c.used <>
    (SELECT CAST(COALESCE(SUM(r.quota_cost), 0) AS BIGINT) FROM usage_rollups r
     WHERE r.subscription_id = c.subscription_id AND r.meter = c.meter AND r.period_start = c.period_start AND r.bucket_start < $1)
    + (SELECT CAST(COALESCE(SUM(l.quota_cost), 0) AS BIGINT) FROM usage_logs l
     WHERE l.subscription_id = c.subscription_id AND l.meter = c.meter AND l.period_start = c.period_start AND l.id >= $2)";
const LOG_APART: &str = "SELECT COUNT(*) FROM quota_counters c
    WHERE NOT EXISTS (SELECT 1 FROM usage_marks m WHERE m.name = 'dropped' AND m.upto > c.period_start) AND c.used <>
    (SELECT CAST(COALESCE(SUM(l.quota_cost), 0) AS BIGINT) FROM usage_logs l
     WHERE l.subscription_id = c.subscription_id AND l.meter = c.meter AND l.period_start = c.period_start)";
