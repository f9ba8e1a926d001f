//! What is sold stays as it was sold, whatever is edited after it, and by how many at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::plan::PlanVersion;
use crate::operations::book::tests::count;
use crate::{MIGRATIONS, PaymentConfig, PlanChange};

async fn open(db: &Db) -> PaymentService {
    let key = MasterKey::generate(&Entropy::system());
    let config = PaymentConfig::new("https://pay.example");
    let service = PaymentService::builder(db.clone(), key, config);
    service.build().await.expect("built")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "written where it is needed, and never again"
)]
fn body(value: Value) -> PlanBody {
    serde_json::from_str(&value.to_string()).expect("a body")
}

fn pro() -> Value {
    json!({
        "slug": "pro", "name": "专业版", "price": "99.00", "currency": "CNY", "billing_cycle": "monthly",
        "meters": [
            { "meter": "calls", "limit": 1_000 },
            { "meter": "storage", "limit": null, "reset": "never" },
        ],
        "resource_costs": { "*": 1, "image": { "meter": "storage", "units": 5 } },
    })
}

pub(crate) async fn make(
    service: &PaymentService,
    value: Value,
) -> Result<AdminPlanShape, PlanError> {
    let origin = Origin::default();
    let (wish, editor) = (body(value), Initiator::caller(&origin));
    let made = service.create_plan(&wish, &editor, None).await;
    made.map(|made| made.value)
}

pub(crate) async fn change(
    service: &PaymentService,
    slug: &str,
    value: Value,
) -> Result<AdminPlanShape, PlanError> {
    let origin = Origin::default();
    service
        .change_plan(slug, &body(value), &Initiator::caller(&origin))
        .await
}

async fn remove(service: &PaymentService, slug: &str) -> Result<Removed, PlanError> {
    let origin = Origin::default();
    service.remove_plan(slug, &Initiator::caller(&origin)).await
}

/// Somebody who has it.
async fn give(service: &PaymentService, slug: &str) -> UserId {
    let user: UserId = Ids::new(Clock::system(), Entropy::system()).next();
    let plan = service
        .any_plan(slug)
        .await
        .expect("asked")
        .expect("a plan");
    let parts = &service.0;
    let mut tx = parts.db.begin().await.expect("begins");
    let given =
        super::super::activate::activate(parts, &mut tx, user, &plan, None, parts.clock.now());
    given.await.expect("given");
    tx.commit().await.expect("commits");
    user
}

/// The codes at the fields that are refused.
fn refused(outcome: Result<AdminPlanShape, PlanError>) -> Vec<(String, &'static str)> {
    match outcome {
        Err(PlanError::Invalid { faults, .. }) => faults
            .into_iter()
            .map(|fault| (fault.field, fault.code))
            .collect(),
        other => panic!("{other:?}"),
    }
}

async fn versions(service: &PaymentService, slug: &str) -> BTreeMap<i64, PlanVersion> {
    let plan = service
        .any_plan(slug)
        .await
        .expect("asked")
        .expect("a plan");
    let all = plan_versions::list(&service.0.db, plan.id)
        .await
        .expect("read");
    all.into_iter()
        .map(|version| (version.version, version))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table: one line for each fault")]
async fn line_56_what_may_not_stand_in_a_plan_is_refused_by_field() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        let with = |field: &str, value: Value| {
            let mut plan = pro();
            plan[field] = value;
            plan
        };
        let meter = |value: Value| with("meters", json!([value]));
        let word =
            |meter: &str, word: &str| with("i18n", json!({ "en": { "meters": { meter: word } } }));
        for (plan, field, code) in [
            (with("price", json!("-1.00")), "/price", "invalid_price"),
            (with("price", json!("99")), "/price", "invalid_price"),
            (
                with("price", json!("100000000.01")),
                "/price",
                "invalid_price",
            ),
            (
                with("price_minor", json!(9_901)),
                "/price_minor",
                "prices_differ",
            ),
            (
                with("currency", json!("cny")),
                "/currency",
                "unknown_currency",
            ),
            (with("currency", json!("JPY")), "/price", "invalid_price"),
            (
                with("billing_cycle", json!("weekly")),
                "/billing_cycle",
                "unknown_word",
            ),
            (with("slug", json!("Pro")), "/slug", "invalid_slug"),
            (with("name", json!("")), "/name", "required"),
            (
                with("name", json!("x".repeat(81))),
                "/i18n/zh/name",
                "invalid_text",
            ),
            (
                with("name", json!("a\u{1b}b")),
                "/i18n/zh/name",
                "invalid_text",
            ),
            (
                with("i18n", json!({ "fr": { "name": "x" } })),
                "/i18n/fr",
                "unknown_language",
            ),
            (
                with("i18n", json!({ "zh": { "name": "x" } })),
                "/name",
                "texts_differ",
            ),
            (word("calls", ""), "/i18n/en/meters/calls", "invalid_text"),
            (
                word("calls", &"x".repeat(41)),
                "/i18n/en/meters/calls",
                "invalid_text",
            ),
            (
                word("calls", "a\nb"),
                "/i18n/en/meters/calls",
                "invalid_text",
            ),
            (word("a/b", "x"), "/i18n/en/meters/a~1b", "unknown_meter"),
            (with("meters", json!([])), "/meters", "out_of_range"),
            (
                meter(json!({ "meter": "calls" })),
                "/meters/0/limit",
                "required",
            ),
            (
                meter(json!({ "meter": "calls", "limit": -1 })),
                "/meters/0/limit",
                "invalid_limit",
            ),
            (
                meter(json!({ "meter": "calls", "limit": i64::MAX })),
                "/meters/0/limit",
                "invalid_limit",
            ),
            (
                meter(json!({ "meter": "a b", "limit": 1 })),
                "/meters/0/meter",
                "invalid_name",
            ),
            (
                meter(json!({ "meter": "calls", "limit": 1, "reset": "daily" })),
                "/meters/0/reset",
                "unknown_word",
            ),
            (
                with("quota_type", json!("other")),
                "/quota_type",
                "meters_differ",
            ),
            (
                with("quota_limit", json!(1)),
                "/quota_limit",
                "meters_differ",
            ),
            (
                with("resource_costs", json!({ "x": 0 })),
                "/resource_costs/x",
                "invalid_cost",
            ),
            (
                with("resource_costs", json!({ "x": -1 })),
                "/resource_costs/x",
                "invalid_cost",
            ),
            (
                with("resource_costs", json!({ "x": 1_000_000_001 })),
                "/resource_costs/x",
                "invalid_cost",
            ),
            (
                with("resource_costs", json!({ "x/y": 1 })),
                "/resource_costs/x~1y",
                "invalid_name",
            ),
            (
                with(
                    "resource_costs",
                    json!({ "x": { "meter": "z", "units": 1 } }),
                ),
                "/resource_costs/x",
                "unknown_meter",
            ),
            (
                with("trial_days", json!(366)),
                "/trial_days",
                "out_of_range",
            ),
            (with("trial_days", json!(-1)), "/trial_days", "out_of_range"),
            (with("grace_days", json!(91)), "/grace_days", "out_of_range"),
            (
                with("is_default", json!(true)),
                "/is_default",
                "default_not_free",
            ),
        ] {
            let shown = plan.to_string();
            let faults = refused(make(&service, plan).await);
            assert!(
                faults.contains(&(field.to_owned(), code)),
                "{faults:?} of {shown}"
            );
        }
        for field in ["slug", "price", "billing_cycle", "meters"] {
            let faults = refused(make(&service, with(field, Value::Null)).await);
            assert!(
                faults.contains(&(format!("/{field}"), "required")),
                "{faults:?}"
            );
        }
        assert_eq!(
            count(&db, "SELECT COUNT(*) FROM subscription_plans").await,
            0
        );
        assert_eq!(count(&db, "SELECT COUNT(*) FROM audit_log").await, 0);
        for currency in [
            ("CNY", "99.00"),
            ("USD", "1.50"),
            ("JPY", "150"),
            ("KWD", "1.234"),
        ] {
            let mut plan = with("currency", json!(currency.0));
            plan["price"] = json!(currency.1);
            plan["slug"] = json!(currency.0.to_lowercase());
            let made = make(&service, plan).await.expect("made");
            assert_eq!(made.plan.price, currency.1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_56_words_for_meters_stay_follow_and_go_with_their_meters() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        let mut plan = pro();
        let words = json!({ "calls": "次调用", "storage": "GB 空间" });
        plan["i18n"] =
            json!({ "zh": { "meters": words }, "en": { "meters": { "calls": "calls made" } } });
        let made = make(&service, plan).await.expect("made");
        let names = |shape: &AdminPlanShape| -> Vec<String> {
            let meters = shape.plan.meters.iter();
            meters.map(|meter| meter.name.clone()).collect()
        };
        assert_eq!(names(&made), ["次调用", "GB 空间"], "of the house");
        let stand = |shape: &AdminPlanShape, language: &str| {
            serde_json::to_value(&shape.plan.i18n[language].meters).expect("words")
        };
        // What is left out stays, by itself and with its language.
        for left_out in [
            json!({ "price": "98.00" }),
            json!({ "i18n": { "en": { "name": "Pro" } } }),
        ] {
            let changed = change(&service, "pro", left_out).await.expect("changed");
            assert_eq!(stand(&changed, "zh"), words);
            assert_eq!(stand(&changed, "en"), json!({ "calls": "calls made" }));
        }
        // What is given is all there is of its language, and of no other.
        let given = json!({ "i18n": { "en": { "meters": { "storage": "GB" } } } });
        let changed = change(&service, "pro", given).await.expect("changed");
        assert_eq!(stand(&changed, "en"), json!({ "storage": "GB" }));
        assert_eq!(stand(&changed, "zh"), words);
        // A meter by another name keeps its word; one that goes takes it along.
        let renamed = json!({ "quota_type": "requests" });
        let changed = change(&service, "pro", renamed).await.expect("changed");
        assert_eq!(
            stand(&changed, "zh"),
            json!({ "requests": "次调用", "storage": "GB 空间" })
        );
        let one = json!({ "meters": [{ "meter": "requests", "limit": 5 }], "resource_costs": { "*": 1 } });
        let changed = change(&service, "pro", one).await.expect("changed");
        assert_eq!(stand(&changed, "zh"), json!({ "requests": "次调用" }));
        assert_eq!(stand(&changed, "en"), json!({}));
        assert_eq!(names(&changed), ["次调用"]);
        // Said now, it is a fault all the same.
        let gone = json!({ "i18n": { "zh": { "meters": { "storage": "GB 空间" } } } });
        let faults = refused(change(&service, "pro", gone).await);
        assert_eq!(
            faults,
            [("/i18n/zh/meters/storage".to_owned(), "unknown_meter")]
        );
        let none = json!({ "i18n": { "zh": { "meters": {} } } });
        let changed = change(&service, "pro", none).await.expect("changed");
        assert_eq!(names(&changed), ["requests"], "the name in code");
        // The last change, as it is written down.
        let told = "SELECT COUNT(*) FROM audit_log WHERE CAST(before AS TEXT) LIKE '%i18n.zh.meters.requests%次调用%' \
            AND CAST(after AS TEXT) NOT LIKE '%次调用%'";
        assert_eq!(count(&db, told).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_56_what_was_sold_keeps_its_currency_and_is_archived_not_deleted() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        make(&service, pro()).await.expect("made");
        let dollars = json!({ "currency": "USD", "price": "15.00" });
        // Nobody has it: everything may be another.
        change(&service, "pro", dollars.clone()).await.expect("changed");
        let yuan = json!({ "currency": "CNY", "price": "99.00" });
        change(&service, "pro", yuan).await.expect("changed");
        give(&service, "pro").await;
        for (wish, field) in [(dollars, "currency"), (json!({ "price": "0.00" }), "price")] {
            let outcome = change(&service, "pro", wish).await;
            assert!(
                matches!(&outcome, Err(PlanError::InUse { field: in_use, .. }) if *in_use == field),
                "{outcome:?}"
            );
        }
        let faults = refused(change(&service, "pro", json!({ "currency": "USD" })).await);
        assert_eq!(faults, [("/price".to_owned(), "required")]);
        // Another price and a limit below what is used are for those who come.
        let less = json!({ "price": "129.00", "quota_limit": 0 });
        let changed = change(&service, "pro", less).await.expect("changed");
        assert_eq!((changed.version, changed.subscribers), (4, 1));
        let all = versions(&service, "pro").await;
        assert_eq!(all[&3].price.minor(), 9_900);
        assert_eq!(all[&3].meters[0].limit.map(crate::model::quota::Units::get), Some(1_000));
        assert_eq!(count(&db, "SELECT COUNT(*) FROM subscriptions WHERE plan_version = 3").await, 1);
        let Removed::Archived(kept) = remove(&service, "pro").await.expect("removed") else {
            panic!("it is gone");
        };
        assert!(kept.archived_at.is_some() && !kept.plan.is_active);
        // Once more changes nothing.
        remove(&service, "pro").await.expect("removed");
        assert_eq!(versions(&service, "pro").await.len(), 5);
        assert!(service.find_plan("pro").await.expect("asked").is_none());
        // Back on the shelf.
        let back = change(&service, "pro", json!({ "is_active": true })).await.expect("changed");
        assert_eq!(back.archived_at, None);
        let deeds = "SELECT COUNT(*) FROM audit_log WHERE subject_kind = 'plan' AND (before IS NULL) = (action = 'plan.created')";
        assert_eq!(count(&db, deeds).await, 6);

        let mut other = pro();
        other["slug"] = json!("other");
        make(&service, other.clone()).await.expect("made");
        change(&service, "other", json!({ "price": "1.00" })).await.expect("changed");
        assert!(matches!(make(&service, other).await, Err(PlanError::SlugTaken)));
        assert!(matches!(remove(&service, "other").await, Ok(Removed::Deleted)));
        for table in ["plan_versions", "plan_meters", "plan_costs"] {
            let left = format!("SELECT COUNT(*) FROM {table} WHERE plan_id NOT IN (SELECT plan_id FROM subscriptions)");
            assert_eq!(count(&db, Box::leak(left.into_boxed_str())).await, 0, "{table}");
        }
        assert!(matches!(remove(&service, "other").await, Err(PlanError::NotFound)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_56_there_is_one_default_plan_free_and_on_sale() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        for slug in ["a", "b", "c"] {
            let mut plan = pro();
            (plan["slug"], plan["price"]) = (json!(slug), json!("0.00"));
            plan["is_default"] = json!(slug != "c");
            make(&service, plan).await.expect("made");
        }
        let default = async || {
            let all = service.all_plans().await.expect("read");
            let default = all.iter().filter(|plan| plan.is_default);
            default
                .map(|plan| plan.slug.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(default().await, ["b"]);
        let mut rivals = JoinSet::new();
        for round in 0..12 {
            let service = service.clone();
            rivals.spawn(async move {
                let slug = ["a", "b", "c"][round % 3];
                change(&service, slug, json!({ "is_default": true }))
                    .await
                    .map(drop)
            });
        }
        for outcome in rivals.join_all().await {
            outcome.expect("changed");
        }
        let stands = default().await;
        assert_eq!(stands.len(), 1);
        let stands = stands[0].as_str();
        assert!(matches!(
            remove(&service, stands).await,
            Err(PlanError::DefaultStays(_))
        ));
        let off = change(&service, stands, json!({ "is_active": false })).await;
        assert!(matches!(off, Err(PlanError::DefaultStays(_))));
        let faults = refused(change(&service, stands, json!({ "price": "1.00" })).await);
        assert_eq!(faults, [("/is_default".to_owned(), "default_not_free")]);
        change(
            &service,
            stands,
            json!({ "is_default": false, "is_active": false }),
        )
        .await
        .expect("changed");
        assert_eq!(default().await, Vec::<String>::new());
        let whole = "SELECT COUNT(*) FROM subscription_plans p WHERE p.version <>
            (SELECT COUNT(*) FROM plan_versions v WHERE v.plan_id = p.id)";
        assert_eq!(count(&db, whole).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_edits_at_once_are_all_made_each_in_a_version_of_its_own() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        make(&service, pro()).await.expect("made");
        let mut rivals = JoinSet::new();
        // Each another field: none may be lost.
        let edits = [
            ("trial_days", json!(9)),
            ("grace_days", json!(3)),
            ("sort_order", json!(5)),
            ("name", json!("别的")),
            ("price", json!("88.00")),
            ("slug", json!("pro")),
            ("is_active", json!(false)),
        ];
        for (field, value) in edits {
            let service = service.clone();
            rivals.spawn(async move {
                let mut edit = json!({});
                edit[field] = value;
                change(&service, "pro", edit).await.map(drop)
            });
        }
        for outcome in rivals.join_all().await {
            outcome.expect("changed");
        }
        let plan = service
            .any_plan("pro")
            .await
            .expect("asked")
            .expect("there");
        assert_eq!(
            (
                plan.trial_days,
                plan.grace_days,
                plan.sort_order,
                plan.name.as_str(),
                plan.price.minor(),
                plan.is_active
            ),
            (9, 3, 5, "别的", 8_800, false)
        );
        let all = versions(&service, "pro").await;
        let numbers: Vec<i64> = all.keys().copied().collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
        for version in all.values() {
            assert_eq!((version.meters.len(), version.resource_costs.len()), (2, 2));
        }
        assert_eq!(
            count(
                &db,
                "SELECT COUNT(*) FROM audit_log WHERE subject_kind = 'plan'"
            )
            .await,
            7
        );
        // Who says from what is refused when there is a newer one; what is so already is no edit.
        let late = change(&service, "pro", json!({ "version": 6, "trial_days": 10 })).await;
        assert!(matches!(late, Err(PlanError::Changed)));
        let same = change(&service, "pro", json!({ "version": 7, "price": "88.00" })).await;
        assert_eq!(same.expect("changed").version, 7);
    })
    .await;
}

/// A random edit: other meters, prices, lists.
fn any_edit(chance: &Entropy) -> Value {
    let meters: Vec<Value> = (0..=chance.below(3))
        .map(|number| {
            let limit = match chance.below(4) {
                0 => Value::Null,
                _ => json!(chance.below(10_000)),
            };
            let reset = ["month", "calendar", "term", "never"]
                [usize::try_from(chance.below(4)).expect("small")];
            json!({ "meter": format!("m{number}"), "limit": limit, "reset": reset })
        })
        .collect();
    let count = meters.len() as u64;
    let mut edit = json!({});
    if chance.below(2) == 0 {
        let costs: serde_json::Map<String, Value> = (0..chance.below(4))
            .map(|number| {
                let of = format!("m{}", chance.below(count));
                let cost = json!({ "meter": of, "units": 1 + chance.below(9) });
                (format!("r{number}"), cost)
            })
            .collect();
        edit["meters"] = json!(meters);
        edit["resource_costs"] = Value::Object(costs);
    }
    if chance.below(2) == 0 {
        edit["price_minor"] = json!(1 + chance.below(100_000));
    }
    if chance.below(3) == 0 {
        edit["quota_limit"] = json!(chance.below(50));
    }
    if chance.below(3) == 0 {
        edit["quota_limit"] = Value::Null;
    }
    if edit.get("meters").is_some() {
        edit.as_object_mut()
            .expect("an object")
            .remove("quota_limit");
    }
    if chance.below(4) == 0 {
        edit["is_active"] = json!(chance.below(2) == 0);
    }
    if chance.below(4) == 0 {
        edit["features"] = json!([format!("line {}", chance.below(9))]);
    }
    edit
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_whatever_is_edited_every_version_stays_as_it_was_sold() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        for round in 0..4_u64 {
            let chance = Entropy::system();
            let slug = format!("p{round}");
            let mut plan = pro();
            plan["slug"] = json!(slug);
            make(&service, plan).await.expect("made");
            let mut sold = versions(&service, &slug).await;
            for step in 0..24 {
                let edit = any_edit(&chance);
                let shown = edit.to_string();
                let edited = change(&service, &slug, edit).await;
                let edited = edited.unwrap_or_else(|error| panic!("{error:?} of {shown}"));
                if step % 5 == 0 {
                    give(&service, &slug).await;
                }
                let now = versions(&service, &slug).await;
                for (number, version) in &sold {
                    assert_eq!(
                        now.get(number),
                        Some(version),
                        "{shown} changed version {number}"
                    );
                }
                // The newest is what is on sale.
                let newest = &now[&edited.version];
                let plan = service
                    .any_plan(&slug)
                    .await
                    .expect("asked")
                    .expect("there");
                assert_eq!(
                    (&newest.meters, &newest.resource_costs),
                    (&plan.meters, &plan.resource_costs)
                );
                assert_eq!(
                    (newest.price, &newest.meters[0].limit),
                    (plan.price, &plan.quota_limit)
                );
                sold = now;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_a_file_of_plans_is_applied_whole_or_not_at_all_and_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        let terms = |value: Value| body(value).terms(None, "zh").expect("terms");
        let with = |slug: &str, price: &str, default: bool| {
            let mut plan = pro();
            (plan["slug"], plan["price"]) = (json!(slug), json!(price));
            plan["is_default"] = json!(default);
            terms(plan)
        };
        let origin = Origin::default();
        let editor = Initiator::operator(&origin);
        let apply = async |wanted: &[PlanTerms], archive: bool| {
            let shown = service.plan_changes(wanted, archive).await?;
            service.apply_plans(wanted, archive, &shown, &editor).await?;
            Ok::<_, PlanError>(shown)
        };
        let first = [with("free", "0.00", true), with("pro", "99.00", false)];
        assert_eq!(apply(&first, false).await.expect("applied").len(), 2);
        assert_eq!(apply(&first, true).await.expect("applied"), []);
        give(&service, "pro").await;
        // The default moves, one plan is new, one is missing; and one cannot be: nothing is done.
        let dollars = {
            let mut plan = pro();
            (plan["currency"], plan["price"]) = (json!("USD"), json!("9.00"));
            terms(plan)
        };
        let bad = [with("starter", "0.00", true), dollars];
        assert!(matches!(apply(&bad, true).await, Err(PlanError::InUse { .. })));
        assert_eq!(count(&db, "SELECT COUNT(*) FROM subscription_plans").await, 2);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM plan_versions").await, 2);
        let good = [with("starter", "0.00", true), with("pro", "129.00", false)];
        let shown = apply(&good, true).await.expect("applied");
        assert!(matches!(&shown[..], [PlanChange::Archived(free), PlanChange::Changed(pro, changes), PlanChange::Added(starter, _)]
            if free == "free" && pro == "pro" && starter == "starter" && changes.len() == 1), "{shown:?}");
        assert_eq!(apply(&good, true).await.expect("applied"), []);
        // The default one does not go without another in its place, and what was shown is what is done.
        let gone = [with("pro", "129.00", false)];
        assert!(matches!(apply(&gone, true).await, Err(PlanError::DefaultStays(_))));
        let other = service.apply_plans(&gone, false, &shown, &editor).await;
        assert!(matches!(other, Err(PlanError::Changed)));
        let twice = [gone[0].clone(), gone[0].clone()];
        assert!(matches!(apply(&twice, false).await, Err(PlanError::Invalid { .. })));
        let two = [with("starter", "0.00", true), with("free", "0.00", true)];
        assert!(matches!(apply(&two, false).await, Err(PlanError::Invalid { .. })));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_the_default_plan_is_given_once_to_one_person_with_the_account() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        let ids = Ids::new(Clock::system(), Entropy::system());
        let now = service.0.clock.now();
        let register = async |user: UserId, person: &str, commits: bool| {
            let mut tx = db.begin().await.expect("begins");
            let given = service
                .give_default_plan(&mut tx, user, Some(person), now)
                .await;
            if commits {
                tx.commit().await.expect("commits");
            }
            given.expect("asked")
        };
        let (first, alias, other): (UserId, UserId, UserId) = (ids.next(), ids.next(), ids.next());
        assert!(
            !register(first, "ann@gmail.com", true).await,
            "there is no default plan"
        );
        let mut plan = pro();
        (plan["price"], plan["is_default"]) = (json!("0.00"), json!(true));
        make(&service, plan).await.expect("made");
        // No account, no plan, and nothing used up.
        assert!(register(first, "ann@gmail.com", false).await);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM subscriptions").await, 0);
        assert!(register(first, "ann@gmail.com", true).await);
        assert!(!register(alias, "ann@gmail.com", true).await);
        assert!(register(other, "bob@gmail.com", true).await);
        assert!(
            service
                .current_subscription(first)
                .await
                .expect("asked")
                .is_some()
        );
        assert!(
            service
                .current_subscription(alias)
                .await
                .expect("asked")
                .is_none()
        );
        let told = "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.activated'";
        assert_eq!(count(&db, told).await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_a_plan_is_made_once_under_a_key() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = open(&db).await;
        let user_id: UserId = Ids::new(Clock::system(), Entropy::system()).next();
        let request = |bytes: &[u8]| {
            let key = "once".parse().expect("a key");
            Request::new(user_id.to_string(), "POST", "/admin/plans", key, bytes)
        };
        let origin = Origin::default();
        assert!(origin.caller.as_ref().and_then(Caller::user_id).is_none());
        let editor = Initiator::caller(&origin);
        let wish = body(pro());
        let first = service
            .create_plan(&wish, &editor, Some(&request(b"a")))
            .await;
        let first = first.expect("made");
        let again = service
            .create_plan(&wish, &editor, Some(&request(b"a")))
            .await;
        let again = again.expect("said again");
        assert!(!first.replayed && again.replayed && again.value.plan.id == first.value.plan.id);
        let other = service
            .create_plan(&wish, &editor, Some(&request(b"b")))
            .await;
        assert!(matches!(other, Err(PlanError::KeyReused)));
        assert_eq!(
            count(&db, "SELECT COUNT(*) FROM subscription_plans").await,
            1
        );
    })
    .await;
}
