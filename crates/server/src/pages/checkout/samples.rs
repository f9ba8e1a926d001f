//! What the page of an order looks like: every way it can stand, on every device.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, PlanId, UserId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::{
    MerchantAccount, Payment, PaymentMethod, PaymentState, Purpose,
};
use tollgate_payment::model::plan::{BillingCycle, Plan, PlanMeter, PlanText, Reset};
use tollgate_payment::model::quota::Units;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::shapes::NextStep;
use tollgate_payment::{Offer, Purchase, Question};

use super::super::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render, visit};
use super::device::{Device, Ways};
use super::page::{Asked, Shown, Told};

const LINK: &str = "3f2Yc0oX9dT1q_Kx-7bEwSgH5jLzR8vNaUmQpIe4kDs";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_777_593_600 + seconds).expect("a moment")
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>() -> T {
    let text = "0198c0de-0000-7000-8000-00000000a11c";
    text.parse().expect("an id")
}

fn plan(name: &str, meters: usize) -> Plan {
    let meter = |number: usize| PlanMeter {
        meter: format!("meter_{number}").parse().expect("a meter"),
        limit: (!number.is_multiple_of(3)).then(|| Units::new(1_234_567).expect("a count")),
        reset: Reset::ALL[number % Reset::ALL.len()],
    };
    let texts = PlanText {
        name: name.to_owned(),
        meters: BTreeMap::from([("meter_1".to_owned(), name.to_owned())]),
        ..PlanText::default()
    };
    Plan {
        id: id::<PlanId>(),
        slug: "pro".parse().expect("a slug"),
        name: name.to_owned(),
        description: name.to_owned(),
        texts: BTreeMap::from([("en".to_owned(), texts.clone()), ("zh".to_owned(), texts)]),
        price: Money::new(9_900, Currency::CNY),
        billing_cycle: BillingCycle::Yearly,
        meter: "meter_1".parse().expect("a meter"),
        quota_limit: None,
        features: Vec::new(),
        meters: (1..=meters).map(meter).collect(),
        resource_costs: BTreeMap::new(),
        trial_days: 0,
        grace_days: 0,
        is_default: false,
        is_active: true,
        sort_order: 0,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
        archived_at: None,
    }
}

fn order(state: PaymentState, method: PaymentMethod, text: &str) -> Payment {
    let is_paid = matches!(state, PaymentState::Completed | PaymentState::Refunded);
    Payment {
        id: id::<PaymentId>(),
        user_id: id::<UserId>(),
        subscription_id: None,
        amount: Money::new(8_765, Currency::CNY),
        method,
        account: MerchantAccount {
            app_id: String::new(),
            merchant_id: String::new(),
        },
        livemode: false,
        provider_order_id: None,
        provider_transaction_id: None,
        state,
        purpose: Purpose::Change,
        plan: Some((id(), 1)),
        action: None,
        scene: Scene::Pc,
        return_url: Some("https://shop.example/thanks?from=tollgate&order=1".to_owned()),
        description: text.to_owned(),
        metadata: json!({}),
        failure_code: (state == PaymentState::Failed).then(|| "expired".to_owned()),
        superseded_at: None,
        created_at: at(0),
        expires_at: at(1_800),
        paid_at: is_paid.then(|| at(60)),
        refunded_minor: if state == PaymentState::Refunded {
            8_765
        } else {
            0
        },
        refunding_minor: 0,
    }
}

fn step(kind: &str) -> NextStep {
    NextStep {
        kind: kind.to_owned(),
        qr_content: (kind == "qr").then(|| "https://qr.example/bax1".to_owned()),
        qr_svg_url: None,
        url: None,
        order_string: None,
        params: (kind == "jsapi").then(|| {
            let text = |text: &str| text.to_owned();
            BTreeMap::from([(text("appId"), text("wx0\"><script>"))])
        }),
        expires_at: None,
        checkout_url: None,
    }
}

fn ways(device: Device, method: PaymentMethod) -> Ways {
    let scene = device.scene();
    let offer = |method: PaymentMethod| Offer { method, scene };
    let others = PaymentMethod::ALL.iter().copied();
    Ways {
        device,
        own: Some(offer(method)),
        anew: Some(offer(method)),
        others: others.filter(|other| *other != method).map(offer).collect(),
        elsewhere: device == Device::Wechat,
    }
}

fn bought(name: &str, meters: usize) -> Purchase {
    Purchase {
        plan: plan(name, meters),
        terms: 2,
        credit: Some(Money::new(11_035, Currency::CNY)),
        holds: None,
    }
}

fn shown(order: &Payment, device: Device, bought: Option<Purchase>) -> Shown<'_> {
    Shown {
        link: LINK,
        order,
        bought,
        left: order.is_open().then(|| Duration::from_secs(899)),
        step: step(if order.is_open() { "qr" } else { "none" }),
        ways: ways(device, order.method),
        asked: Asked::Unwanted,
        is_back: false,
        told: None,
    }
}

#[test]
fn checkout_renders_from_its_samples() {
    for (tag, language) in languages() {
        let visit = visit(language);
        let see = |name: &str, shown: &Shown<'_>| {
            render(&format!("checkout-{name}-{tag}"), &shown.page(&visit))
        };
        for (word, device) in [
            ("desk", Device::Desk),
            ("phone", Device::Phone),
            ("wechat", Device::Wechat),
        ] {
            for method in PaymentMethod::ALL {
                let order = order(PaymentState::Pending, *method, "Pro");
                let sample = shown(&order, device, Some(bought("Pro", 1)));
                let html = see(&format!("{word}-{}", method.as_str()), &sample);
                assert!(html.contains("http-equiv=\"refresh\""), "{html}");
                // The code is for another device, unless a finger on it is the scan.
                let pressed = device == Device::Wechat && *method == PaymentMethod::Wechat;
                let is_folded = html.contains("<details><summary>");
                assert_eq!(is_folded, device != Device::Desk && !pressed, "{html}");
                assert!(html.contains("class=\"qr\""), "{html}");
            }
            let declined = Payment {
                failure_code: Some("declined".to_owned()),
                ..order(PaymentState::Failed, PaymentMethod::Wechat, "Pro")
            };
            let html = see(
                &format!("{word}-failed"),
                &shown(&declined, device, Some(bought("Pro", 1))),
            );
            assert!(!html.contains("http-equiv=\"refresh\"") && !html.contains("class=\"qr\""));
            assert!(html.contains("method=wechat") && html.contains("method=stripe"));
        }
        // Past its time, and its rail has not said so yet.
        let pending = order(PaymentState::Pending, PaymentMethod::Alipay, "Pro");
        let expired = Shown {
            left: None,
            ..shown(&pending, Device::Desk, Some(bought("Pro", 1)))
        };
        let html = see("expired", &expired);
        assert!(html.contains("method=alipay") && !html.contains("id=\"left\""));
        assert!(html.contains("http-equiv=\"refresh\"") && !html.contains("class=\"qr\""));
        for (name, is_answered) in [("not-paid", true), ("no-answer", false)] {
            let question = Question {
                asked_at: at(30),
                is_answered,
            };
            let asked = Shown {
                asked: Asked::Last(question),
                ..shown(&pending, Device::Desk, None)
            };
            see(name, &asked);
        }
        for told in [Told::Busy, Told::OffSale, Told::NotNow] {
            let refused = Shown {
                told: Some(told),
                ..shown(&pending, Device::Desk, Some(bought("Pro", 1)))
            };
            assert!(see(told.as_str(), &refused).contains("role=\"alert\""));
        }
        let bridged = order(PaymentState::Pending, PaymentMethod::Wechat, "Pro");
        let jsapi = Shown {
            step: step("jsapi"),
            ..shown(&bridged, Device::Wechat, Some(bought("Pro", 1)))
        };
        let html = see("jsapi", &jsapi);
        assert!(html.contains("id=\"bridge\"") && !html.contains("class=\"qr\""));
    }
}

#[test]
fn a_paid_checkout_renders_from_its_samples() {
    for (tag, language) in languages() {
        let visit = visit(language);
        let holds = [
            ("paid", Some((at(60), Some(at(31_536_060))))),
            ("paid-lifetime", Some((at(60), None))),
            ("paid-nothing", None),
        ];
        for (name, holds) in holds {
            let order = order(PaymentState::Completed, PaymentMethod::Alipay, "Pro");
            let bought = Purchase {
                holds,
                ..bought("Pro", 2)
            };
            let page = shown(&order, Device::Phone, Some(bought)).page(&visit);
            let html = render(&format!("checkout-{name}-{tag}"), &page);
            assert!(html.contains("/portal/payments/0198c0de") && html.contains("✓"));
            assert!(
                html.contains("href=\"https://shop.example/thanks"),
                "{html}"
            );
            assert!(
                !html.contains("/pay?client") && !html.contains("<form"),
                "{html}"
            );
        }
        let mut order = order(PaymentState::Refunded, PaymentMethod::Stripe, "A report");
        order.plan = None;
        order.return_url = Some("javascript:alert(1)".to_owned());
        let page = shown(&order, Device::Desk, None).page(&visit);
        let html = render(&format!("checkout-refunded-{tag}"), &page);
        assert!(!html.contains("javascript:") && html.contains("href=\"/portal\""));
    }
}

#[test]
fn what_people_write_is_text_on_a_checkout() {
    for (tag, language) in languages() {
        let visit = visit(language);
        for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
            for rows in ROWS {
                let mut order = order(PaymentState::Pending, PaymentMethod::Alipay, text);
                order.failure_code = Some(text.to_owned());
                let bought = (rows > 0).then(|| bought(text, rows));
                let page = shown(&order, Device::Desk, bought).page(&visit);
                let html = render(&format!("checkout-{name}-{rows}-{tag}"), &page);
                assert!(html.contains("<h1><bdi>"), "{html}");
                // Who is paid, and a line for each meter.
                assert_eq!(html.matches("<dd><bdi>").count(), 1 + rows);
            }
        }
    }
}
