//! What having a plan takes, told before anybody decides. Every number is the quote's.

use askama::Template;
use tollgate_kernel::words::Said;
use tollgate_payment::Offer;
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::quote::QuoteKind;
use tollgate_payment::shapes::{CreditShape, QuoteShape, SubscriptionShape};

use super::Moment;
use super::card::{self, Card, price};
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

/// What is to be told.
pub(super) struct Told<'a> {
    pub(super) quote: &'a QuoteShape,
    pub(super) held: Option<&'a SubscriptionShape>,
    /// By which rails, on this device.
    pub(super) ways: &'a [Offer],
    /// So that a form that is sent twice orders once.
    pub(super) key: String,
    /// Which rail was chosen before.
    pub(super) chosen: Option<PaymentMethod>,
    pub(super) fault: Option<String>,
}

/// How the button is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the hosted page.
    Pay,
    /// It is had at once, or written down for later.
    Take,
    /// There is nothing to press.
    None,
}

/// A row of numbers.
struct Line {
    name: String,
    value: String,
    is_sum: bool,
}

/// A rail to choose.
struct Way {
    method: &'static str,
    name: String,
    /// Who pays the terms after this one.
    hint: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "plans_subscribe.html")]
pub(super) struct Preview {
    frame: Frame,
    card: Card,
    lead: String,
    lines: Vec<Line>,
    /// Why what is counted is as much.
    shares: Vec<String>,
    from: Moment,
    until: Option<Moment>,
    after: Option<String>,
    ways: Vec<Way>,
    pub(super) step: Step,
    button: String,
    /// What is believed to be due: refused, if it is not.
    due: Option<(i64, String)>,
    trial: Option<String>,
    key: String,
    fault: Option<String>,
}

/// Whether what is asked for follows anyway, so that its next term is paid by hand: the plan in force, or the one that is
/// wanted after it.
pub(super) fn follows(quote: &QuoteShape, held: Option<&SubscriptionShape>) -> bool {
    held.is_some_and(|held| {
        !card::is_endless(&quote.plan)
            && held.current_period_end.is_some()
            && held.next_plan_id.unwrap_or(held.plan_id) == quote.plan.id
    })
}

impl Preview {
    pub(super) fn of(visitor: &Visitor, told: Told<'_>) -> Self {
        let (quote, held) = (told.quote, told.held);
        let title = visitor.visit.say("subscribe.title");
        let frame = Frame::of(visitor, Tab::None, title);
        let card = Card::of(&frame, &quote.plan);
        let follows = follows(quote, held);
        let debits = held.is_some_and(|held| held.auto_renew);
        let kind = kind(quote, follows, debits);
        let written = frame.written();
        let amount = if follows {
            quote.plan.price_minor
        } else {
            quote.amount_minor
        };
        let step = match kind {
            "unchanged" | "refused" | "debits" => Step::None,
            _ if amount > 0 => Step::Pay,
            _ => Step::Take,
        };
        let due = price(written, amount, &quote.currency);
        let renews = !card::is_endless(&quote.plan);
        let ways = if step == Step::Pay {
            ways(&frame, &told, renews)
        } else {
            Vec::new()
        };
        let button = match step {
            Step::Pay => frame.words().with("subscribe.pay", &[("amount", &due)]),
            Step::Take if kind == "downgrade" => frame.say("subscribe.plan_it"),
            Step::Take | Step::None => frame.say("subscribe.take"),
        };
        let can_try = matches!(kind, "begin" | "instead")
            && card.trial.is_some()
            && held.is_none_or(|held| held.state != "trialing");
        Self {
            lead: frame.say(&format!("subscribe.kind_{kind}")),
            lines: lines(&frame, quote, &due, step),
            shares: shares(&frame, quote, held),
            from: Moment::day(written, quote.period_start),
            until: quote.period_end.map(|end| Moment::day(written, end)),
            after: after(&frame, quote, held, kind),
            ways,
            step,
            button,
            due: (step == Step::Pay).then(|| (amount, quote.currency.clone())),
            trial: can_try.then(|| {
                let days = &quote.plan.trial_days;
                frame.words().with("subscribe.try", &[("days", days)])
            }),
            key: told.key,
            fault: told.fault,
            card,
            frame,
        }
    }
}

/// What it is, for the catalogue.
fn kind(quote: &QuoteShape, follows: bool, debits: bool) -> &'static str {
    match quote.kind {
        _ if follows && debits => "debits",
        QuoteKind::Downgrade if follows => "next",
        QuoteKind::Begin if quote.from_plan.is_some() => "instead",
        QuoteKind::Begin => "begin",
        QuoteKind::Renew => "renew",
        QuoteKind::Upgrade => "upgrade",
        QuoteKind::Downgrade => "downgrade",
        QuoteKind::Unchanged => "unchanged",
        QuoteKind::Refused => "refused",
    }
}

fn ways(frame: &Frame, told: &Told<'_>, renews: bool) -> Vec<Way> {
    let first = told.ways.first().map(|way| way.method);
    let chosen = told.chosen.or(first);
    let way = |offer: &Offer| {
        let hint = match offer.method {
            _ if !renews => String::new(),
            PaymentMethod::Stripe => frame.say("subscribe.way_renews"),
            PaymentMethod::Alipay | PaymentMethod::Wechat => frame.say("subscribe.way_manual"),
        };
        Way {
            method: offer.method.as_str(),
            name: frame.say(&format!("my_payments.by_{}", offer.method.as_str())),
            hint,
            is_chosen: Some(offer.method) == chosen,
        }
    };
    told.ways.iter().map(way).collect()
}

fn lines(frame: &Frame, quote: &QuoteShape, due: &str, step: Step) -> Vec<Line> {
    let written = frame.written();
    let line = |name: &str, value: String| Line {
        name: frame.say(name),
        value,
        is_sum: false,
    };
    let card = Card::of(frame, &quote.plan);
    let mut lines = vec![line(
        "subscribe.price",
        format!("{} {}", card.price, card.cycle)
            .trim_end()
            .to_owned(),
    )];
    if quote.terms > 1 {
        lines.push(line("subscribe.terms", written.count(quote.terms)));
    }
    if quote.credit_minor != 0 {
        let credit = price(written, -quote.credit_minor, &quote.currency);
        lines.push(line("subscribe.credit", credit));
    }
    if step != Step::None {
        lines.push(Line {
            is_sum: true,
            ..line("subscribe.due", due.to_owned())
        });
    }
    lines
}

fn shares(frame: &Frame, quote: &QuoteShape, held: Option<&SubscriptionShape>) -> Vec<String> {
    let Some(of) = &quote.credit_of else {
        return Vec::new();
    };
    let CreditShape {
        term_worth_minor,
        hours_left,
        hours,
        units,
        ..
    } = of;
    let (words, written) = (frame.words(), frame.written());
    let worth = price(written, *term_worth_minor, &quote.currency);
    let (left, whole) = (written.count(hours_left), written.count(hours));
    let mut shares = vec![
        words.with("subscribe.worth", &[("worth", &worth)]),
        words.with("subscribe.hours", &[("left", &left), ("whole", &whole)]),
    ];
    shares.extend(units.iter().map(|share| {
        let (left, whole) = (written.count(share.left), written.count(share.of));
        let texts = held.map(|held| &held.plan.i18n);
        let meter = written.meter(texts, &share.meter);
        let given: [(&str, &dyn Said); 3] = [("meter", &meter), ("left", &left), ("whole", &whole)];
        words.with("subscribe.units", &given)
    }));
    shares.push(frame.say("subscribe.smallest"));
    shares
}

/// What becomes of what one has.
fn after(
    frame: &Frame,
    quote: &QuoteShape,
    held: Option<&SubscriptionShape>,
    kind: &str,
) -> Option<String> {
    let held = held?;
    let written = frame.written();
    let plan = frame.written().plan_shape(&held.plan);
    let until = held.current_period_end;
    let until = until.map_or_else(|| frame.say("subscribe.ever"), |end| written.date(end));
    let name = match kind {
        "instead" | "upgrade" => "subscribe.after_at_once",
        "downgrade" if card::is_endless(&quote.plan) => "subscribe.after_free",
        "downgrade" => "subscribe.after_later",
        "renew" | "next" => "subscribe.after_renew",
        _ => return None,
    };
    let next = frame.written().plan_shape(&quote.plan);
    let given: [(&str, &dyn Said); 3] = [("plan", &plan), ("until", &until), ("next", &next)];
    Some(frame.words().with(name, &given))
}

#[cfg(test)]
mod samples {
    use serde_json::json;
    use tollgate_payment::model::scene::Scene;

    use super::super::samples::{held, noon, plan, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, languages, render};

    pub(super) fn quote(kind: &str, text: &str, units: usize) -> QuoteShape {
        let units: Vec<_> = (0..units)
            .map(|at| json!({ "meter": format!("meter-{at}"), "left": 800, "of": 1_000 }))
            .collect();
        let end = noon().after(std::time::Duration::from_hours(24 * 31));
        serde_json::from_value(json!({
            "kind": kind, "plan": plan(7, text, 29_900), "from_plan": "plan-1", "amount": "200.34",
            "amount_minor": 20_034, "currency": "CNY", "terms": 2, "credit": "98.66", "credit_minor": 9_866,
            "credit_of": { "term_worth": "99.00", "term_worth_minor": 9_900, "hours_left": 716, "hours": 720, "units": units },
            "effective_at": noon(), "period_start": noon(), "period_end": end,
        }))
        .expect("a quote")
    }

    const WAYS: [Offer; 3] = [
        Offer {
            method: PaymentMethod::Alipay,
            scene: Scene::Pc,
        },
        Offer {
            method: PaymentMethod::Wechat,
            scene: Scene::Pc,
        },
        Offer {
            method: PaymentMethod::Stripe,
            scene: Scene::Page,
        },
    ];

    fn preview(
        language: tollgate_kernel::text::Language,
        quote: &QuoteShape,
        text: &str,
    ) -> Preview {
        let had = held(&plan(1, text, 9_900));
        let told = Told {
            quote,
            held: Some(&had),
            ways: &WAYS,
            key: "k".to_owned(),
            chosen: None,
            fault: Some(text.to_owned()),
        };
        Preview::of(&visitor(language).0, told)
    }

    #[test]
    fn subscribe_renders_from_its_samples() {
        let kinds = [
            "begin",
            "renew",
            "upgrade",
            "downgrade",
            "unchanged",
            "refused",
        ];
        for (tag, language) in languages() {
            for kind in kinds {
                let quote = quote(kind, "Enterprise", 1);
                let page = preview(language, &quote, "Pro");
                let html = render(&format!("portal-subscribe-{kind}-{tag}"), &page);
                let has_form = page.step != Step::None;
                assert_eq!(
                    html.contains("action=\"/portal/subscribe\""),
                    has_form,
                    "{kind}"
                );
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let page = preview(language, &quote("upgrade", text, 10), text);
                render(&format!("portal-subscribe-{name}-{tag}"), &page);
            }
        }
    }

    #[test]
    fn every_number_of_the_quote_is_told() {
        let quote = quote("upgrade", "Enterprise", 1);
        let page = preview(tollgate_kernel::text::Language::En, &quote, "Pro");
        let html = render("portal-subscribe-numbers-en", &page);
        for number in [
            "CN¥299.00",
            "-CN¥98.66",
            "CN¥200.34",
            "CN¥99.00",
            "716",
            "720",
            "800",
            "1,000",
            "1 May 2026",
            "1 Jun 2026",
        ] {
            assert!(html.contains(number), "{number}: {html}");
        }
        assert!(html.contains("name=\"amount_minor\" value=\"20034\""));
    }

    #[test]
    fn what_follows_anyway_is_renewed_and_what_debits_is_not_paid_by_hand() {
        let mut quote = quote("renew", "Pro", 0);
        quote.plan = plan(1, "Pro", 9_900);
        let mut had = held(&quote.plan);
        assert!(follows(&quote, Some(&had)));
        had.next_plan_id = Some(plan(3, "Other", 1).id);
        assert!(!follows(&quote, Some(&had)));
        had.next_plan_id = None;
        assert!(!follows(&quote, None));
        assert_eq!(kind(&quote, true, true), "debits");
        assert_eq!(kind(&quote, true, false), "renew");
        quote.kind = QuoteKind::Downgrade;
        assert_eq!(kind(&quote, true, false), "next");
    }
}
