//! `/console/callbacks`: what providers said to us, to the byte, and what was made of it.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::ids::CallId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::permission::FINANCE;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::WebhookEventFilter;
use tollgate_payment::model::call::{InboundCall, KeptCall, Verdict};
use tollgate_payment::model::payment::PaymentMethod;

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Choice, Field, Shown, Typed};
use super::list::{Done, LIMIT, Pager, When, cursor, some};
use super::staff::{Finance, PaymentsRead, Staff};

pub(super) const PATH: &str = "/console/callbacks";

/// Which calls.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    provider: Option<String>,
    verdict: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "house_callbacks.html")]
struct CallbacksPage {
    frame: Frame,
    told: String,
    addresses: Vec<Address>,
    filters: Vec<Field>,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

/// Where a provider calls.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) rail: &'static str,
    pub(super) name: String,
    pub(super) url: String,
}

#[derive(Clone, Debug)]
struct Row {
    id: String,
    at: When,
    rail: String,
    verdict: &'static str,
    verdict_text: String,
    look: &'static str,
    outcome: String,
    transaction: Option<String>,
    reply: i64,
    latency: String,
    replay_of: Option<String>,
}

#[derive(Template)]
#[template(path = "house_callback.html")]
struct CallbackPage {
    frame: Frame,
    told: String,
    row: Row,
    event_key: String,
    headers: Vec<(String, String)>,
    body: String,
    /// The bytes are no text: what is none of it is replaced.
    is_lossy: bool,
    replay: Option<Shown>,
}

fn rail(frame: &Frame, rail: PaymentMethod) -> String {
    frame.say(&format!("inbound.rail_{}", rail.as_str()))
}

/// Of every rail that is configured.
pub(super) fn addresses(console: &Console, frame: &Frame, public_url: &str) -> Vec<Address> {
    let rails = console.payment.rails().into_iter();
    rails
        .map(|method| Address {
            rail: method.as_str(),
            name: rail(frame, method),
            url: format!("{public_url}/payments/webhooks/{}", method.as_str()),
        })
        .collect()
}

fn milliseconds(micros: i64) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

fn row(frame: &Frame, call: &InboundCall) -> Row {
    let verdict = call.verdict.as_str();
    Row {
        id: call.id.to_string(),
        at: When::new(frame, call.received_at),
        rail: rail(frame, call.provider),
        verdict,
        verdict_text: frame.say(&format!("inbound.verdict_{verdict}")),
        look: match call.verdict {
            Verdict::Verified => "ok",
            Verdict::Forged | Verdict::Foreign => "bad",
            Verdict::Stale | Verdict::Unreadable => "warn",
            Verdict::Probe => "info",
        },
        outcome: call.outcome.clone().unwrap_or_default(),
        transaction: call.payment_id.map(|id| id.to_string()),
        reply: call.reply_status,
        latency: milliseconds(call.duration_us),
        replay_of: call.replay_of.map(|id| id.to_string()),
    }
}

fn filters(frame: &Frame, query: &Query) -> Vec<Field> {
    let any = |chosen| vec![Choice::new("", frame.say("house.all"), chosen)];
    let chosen = some(query.provider.as_ref()).unwrap_or_default();
    let mut rails = any(chosen);
    rails.extend(
        PaymentMethod::ALL
            .iter()
            .map(|method| Choice::new(method.as_str(), rail(frame, *method), chosen)),
    );
    let chosen = some(query.verdict.as_ref()).unwrap_or_default();
    let mut verdicts = any(chosen);
    verdicts.extend(Verdict::ALL.iter().map(|verdict| {
        let word = verdict.as_str();
        Choice::new(word, frame.say(&format!("inbound.verdict_{word}")), chosen)
    }));
    vec![
        Field::choice("provider", frame.say("inbound.rail"), rails),
        Field::choice("verdict", frame.say("inbound.verdict"), verdicts),
    ]
}

/// `GET /console/callbacks`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<PaymentsRead>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.callbacks"));
    let filter = WebhookEventFilter {
        provider: some(query.provider.as_ref()).and_then(|word| word.parse().ok()),
        verdict: some(query.verdict.as_ref()).and_then(|word| word.parse().ok()),
        starting_after: cursor(query.after.as_ref()),
        ..WebhookEventFilter::default()
    };
    // A call that was the last of a page may be forgotten since.
    let found = console.payment.webhook_events(&filter, LIMIT).await?;
    let (found, has_more) = found.unwrap_or_default();
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| last.id.to_string());
    super::super::super::page(&CallbacksPage {
        told: done.told(&frame),
        addresses: addresses(&console, &frame, &staff.visit().house.public_url),
        filters: filters(&frame, &query),
        is_filtered: filter.provider.is_some() || filter.verdict.is_some(),
        rows: found.iter().map(|call| row(&frame, call)).collect(),
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

fn detail(frame: Frame, told: String, kept: &KeptCall, may_replay: bool) -> CallbackPage {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = kept
        .header_lines()
        .map(|(name, value)| (text(name), text(value)));
    let replay = || {
        let action = format!("{PATH}/{}/replay", kept.call.id);
        Shown::new("replay", action, frame.say("inbound.replay"))
    };
    CallbackPage {
        told,
        row: row(&frame, &kept.call),
        event_key: kept.call.event_key.clone().unwrap_or_default(),
        headers: headers.collect(),
        is_lossy: std::str::from_utf8(&kept.body).is_err(),
        body: text(&kept.body),
        replay: may_replay.then(replay),
        frame,
    }
}

/// `GET /console/callbacks/{id}`
pub(super) async fn one(
    State(console): State<Console>,
    staff: Staff<PaymentsRead>,
    PathId(id): PathId<CallId>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let kept = console.payment.webhook_event(id).await?;
    let kept = kept.ok_or_else(|| Problem::new(Code::NotFound))?;
    let frame = staff.frame(PATH, staff.visit().say("inbound.one"));
    let told = done.told(&frame);
    super::super::super::page(&detail(frame, told, &kept, staff.holds(FINANCE)))
}

/// `POST /console/callbacks/{id}/replay`: to the new call that tells of it.
pub(super) async fn replay(
    State(console): State<Console>,
    staff: Staff<Finance>,
    PathId(id): PathId<CallId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let replayed = console.payment.replay_webhook(id, &staff.origin).await?;
    let new = replayed.call.id;
    Ok(Redirect::to(&format!("{PATH}/{new}?done=replayed")).into_response())
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, ROWS};
    use super::*;
    use tollgate_kernel::clock::Timestamp;
    use uuid::Uuid;

    fn call(at: usize, text: &str) -> InboundCall {
        InboundCall {
            id: Uuid::nil().into(),
            provider: PaymentMethod::ALL[at % PaymentMethod::ALL.len()],
            verdict: Verdict::ALL[at % Verdict::ALL.len()],
            event_key: Some(text.to_owned()),
            outcome: Some("paid".to_owned()),
            payment_id: (at.is_multiple_of(2)).then(|| Uuid::nil().into()),
            reply_status: 200,
            duration_us: 12_345,
            received_at: Timestamp::EPOCH,
            replay_of: (at.is_multiple_of(3)).then(|| Uuid::nil().into()),
        }
    }

    #[test]
    fn callbacks_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let page = CallbacksPage {
                    told: String::new(),
                    addresses: vec![
                        Address {
                            rail: "alipay",
                            name: rail(&frame, PaymentMethod::Alipay),
                            url: format!("https://{LONG}.example/payments/webhooks/alipay"),
                        };
                        count.min(3)
                    ],
                    filters: filters(&frame, &Query::default()),
                    is_filtered: false,
                    rows: (0..count).map(|at| row(&frame, &call(at, LONG))).collect(),
                    pager: Pager::default(),
                    frame,
                };
                samples::render(&format!("console-callbacks-{count}-{tag}"), &page);
            }
            let visit = samples::visit(language);
            let kept = KeptCall {
                call: call(0, HOSTILE),
                headers: format!("x-{LONG}: {HOSTILE}\nhost: {LONG}").into_bytes(),
                body: [HOSTILE.as_bytes(), b"\xff", LONG.as_bytes()].concat(),
            };
            let page = detail(
                Frame::plain(&visit, "x".to_owned()),
                String::new(),
                &kept,
                true,
            );
            assert!(page.is_lossy);
            samples::render(&format!("console-callback-{tag}"), &page);
        }
    }

    #[test]
    fn a_latency_is_told_to_a_tenth() {
        assert_eq!(milliseconds(12_345), "12.3 ms");
        assert_eq!(milliseconds(99), "0.0 ms");
    }
}
