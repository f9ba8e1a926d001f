//! `/console/webhooks`: who is told of what happens, and what was told.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::ids::EndpointId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_payment::WantEndpoint;
use tollgate_payment::model::outbound::{Delivery, DeliveryState, EVENT_TYPES, Endpoint};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Choice, Faults, Field, Shown, Typed};
use super::keys::{SecretPage, secret};
use super::list::{Done, LIMIT, Pager, When, cursor, some};
use super::staff::{Admin, Staff, Sure};

pub(super) const PATH: &str = "/console/webhooks";

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    endpoint: Option<String>,
    state: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "house_webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    told: String,
    create: Shown,
    endpoints: Vec<EndpointRow>,
    filters: Vec<Field>,
    is_filtered: bool,
    rows: Vec<DeliveryRow>,
    pager: Pager,
}

pub(super) struct EndpointRow {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) description: String,
    pub(super) kinds: String,
    pub(super) is_on: bool,
    pub(super) failing: Option<When>,
    pub(super) reason: String,
}

pub(super) struct DeliveryRow {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) created: When,
    pub(super) attempts: i64,
    pub(super) state: &'static str,
    pub(super) state_text: String,
    pub(super) look: &'static str,
    pub(super) answer: String,
    pub(super) next: Option<When>,
}

pub(super) fn endpoint_row(frame: &Frame, endpoint: &Endpoint) -> EndpointRow {
    EndpointRow {
        id: endpoint.id.to_string(),
        url: endpoint.url.clone(),
        description: endpoint.description.clone(),
        kinds: if endpoint.kinds.is_empty() {
            frame.say("hooks.all_kinds")
        } else {
            endpoint.kinds.join(", ")
        },
        is_on: endpoint.disabled_at.is_none(),
        failing: endpoint.failing_since.map(|at| When::new(frame, at)),
        reason: endpoint.disabled_reason.clone().unwrap_or_default(),
    }
}

pub(super) fn delivery_row(
    frame: &Frame,
    endpoints: &[Endpoint],
    delivery: &Delivery,
) -> DeliveryRow {
    let to = endpoints
        .iter()
        .find(|endpoint| endpoint.id == delivery.endpoint_id);
    let state = delivery.state.as_str();
    let status = delivery.last_status.map(|status| status.to_string());
    DeliveryRow {
        id: delivery.id.to_string(),
        kind: delivery.kind.clone(),
        url: to.map_or_else(|| delivery.endpoint_id.to_string(), |to| to.url.clone()),
        created: When::new(frame, delivery.created_at),
        attempts: delivery.attempts,
        state,
        state_text: frame.say(&format!("hooks.state_{state}")),
        look: match delivery.state {
            DeliveryState::Open => "warn",
            DeliveryState::Succeeded => "ok",
            DeliveryState::Failed => "bad",
        },
        answer: status
            .or_else(|| delivery.last_error.clone())
            .unwrap_or_default(),
        next: (delivery.state == DeliveryState::Open).then(|| When::new(frame, delivery.due_at)),
    }
}

/// A box for each type; dots are for JSON.
pub(super) fn kind_field(kind: &str) -> String {
    format!("kind_{}", kind.replace('.', "_"))
}

pub(super) fn kinds(typed: &Typed) -> Vec<String> {
    let kinds = EVENT_TYPES
        .iter()
        .filter(|kind| typed.is(&kind_field(kind)));
    kinds.map(|kind| (*kind).to_owned()).collect()
}

/// The fields that a new receiver and one that is there have.
pub(super) fn fields(frame: &Frame, typed: &Typed) -> Vec<Field> {
    let mut fields = vec![
        Field::line("url", frame.say("hooks.url"), typed)
            .of("url")
            .required()
            .hint(frame.say("hooks.url_hint")),
        Field::line("description", frame.say("hooks.description"), typed)
            .also(&["event_types"])
            .hint(frame.say("hooks.kinds_hint")),
    ];
    fields.extend(EVENT_TYPES.iter().map(|kind| {
        let name = kind_field(kind);
        Field::check(&name, (*kind).to_owned(), typed.is(&name))
    }));
    fields
}

fn filters(frame: &Frame, query: &Query, endpoints: &[Endpoint]) -> Vec<Field> {
    let any = |chosen| vec![Choice::new("", frame.say("house.all"), chosen)];
    let chosen = some(query.endpoint.as_ref()).unwrap_or_default();
    let mut receivers = any(chosen);
    receivers.extend(
        endpoints
            .iter()
            .map(|one| Choice::new(one.id.to_string(), &one.url, chosen)),
    );
    let chosen = some(query.state.as_ref()).unwrap_or_default();
    let mut states = any(chosen);
    states.extend(DeliveryState::ALL.iter().map(|state| {
        let word = state.as_str();
        Choice::new(word, frame.say(&format!("hooks.state_{word}")), chosen)
    }));
    vec![
        Field::choice("endpoint", frame.say("hooks.url"), receivers),
        Field::choice("state", frame.say("house.state"), states),
    ]
}

async fn shown(
    console: &Console,
    staff: &Staff<Admin>,
    (query, done): (&Query, &Done),
    typed: &Typed,
    faults: &Faults,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.webhooks"));
    let endpoints = console.payment.endpoints().await?;
    let endpoint: Option<EndpointId> = cursor(query.endpoint.as_ref());
    let state = some(query.state.as_ref()).and_then(|word| word.parse().ok());
    let after = cursor(query.after.as_ref());
    let page = console
        .payment
        .deliveries(endpoint, state, after, LIMIT)
        .await?;
    let (found, has_more) = page;
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| last.id.to_string());
    super::super::super::page(&WebhooksPage {
        told: done.told(&frame),
        create: Shown::new("create", PATH, frame.say("hooks.create"))
            .folded(frame.say("hooks.create"))
            .fields(fields(&frame, typed))
            .confirm(staff.confirm(console).await)
            .faults(faults),
        filters: filters(&frame, query, &endpoints),
        is_filtered: endpoint.is_some() || state.is_some(),
        rows: found
            .iter()
            .map(|one| delivery_row(&frame, &endpoints, one))
            .collect(),
        endpoints: endpoints
            .iter()
            .map(|one| endpoint_row(&frame, one))
            .collect(),
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

/// `GET /console/webhooks`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let (typed, faults) = (Typed::default(), Faults::default());
    shown(&console, &staff, (&query, &done), &typed, &faults).await
}

/// The secret of a receiver, this once.
pub(super) fn shown_once(
    staff: &Staff<Admin>,
    id: EndpointId,
    text: String,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("hooks.made"));
    secret(&SecretPage {
        label: frame.say("hooks.secret"),
        secret: text,
        back: format!("{PATH}/{id}"),
        frame,
    })
}

/// `POST /console/webhooks`
pub(super) async fn create(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let wish = WantEndpoint {
        url: typed.get("url").to_owned(),
        description: typed.get("description").to_owned(),
        kinds: kinds(&typed),
    };
    let by = staff.caller.user_id();
    match console
        .payment
        .create_endpoint(&wish, by, &staff.origin)
        .await
    {
        Ok((endpoint, secret)) => shown_once(&staff, endpoint.id, secret.shown()),
        Err(error) => {
            let faults = Faults::of(error.into(), staff.language())?;
            let at = (&Query::default(), &Done::default());
            shown(&console, &staff, at, &typed, &faults).await
        }
    }
}

#[cfg(test)]
pub(super) mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;
    use tollgate_kernel::clock::Timestamp;
    use uuid::Uuid;

    pub(in super::super) fn endpoint(text: &str) -> Endpoint {
        Endpoint {
            id: Uuid::nil().into(),
            url: format!("https://{LONG}.example/{text}"),
            description: text.to_owned(),
            kinds: EVENT_TYPES.map(str::to_owned).into(),
            failing_since: Some(Timestamp::EPOCH),
            disabled_at: Some(Timestamp::EPOCH),
            disabled_reason: Some(text.to_owned()),
            created_by: None,
            created_at: Timestamp::EPOCH,
            version: 1,
        }
    }

    pub(in super::super) fn delivery(at: usize, text: &str) -> Delivery {
        Delivery {
            id: Uuid::nil().into(),
            endpoint_id: Uuid::from_u128(u128::from(at.is_multiple_of(2))).into(),
            event_id: Uuid::nil().into(),
            kind: "payment.completed".to_owned(),
            state: DeliveryState::ALL[at % 3],
            attempts: 10,
            due_at: Timestamp::EPOCH,
            last_status: (at.is_multiple_of(2)).then_some(500),
            last_error: Some(text.to_owned()),
            created_at: Timestamp::EPOCH,
            finished_at: None,
        }
    }

    #[test]
    fn webhooks_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let words = [LONG, LONG_ZH, HOSTILE];
                let endpoints: Vec<Endpoint> = (0..count.min(50))
                    .map(|at| endpoint(words[at % 3]))
                    .collect();
                let (mut typed, mut faults) = (Typed::default(), Faults::default());
                typed.put("url", HOSTILE);
                faults.note("url", HOSTILE.to_owned());
                let page = WebhooksPage {
                    told: String::new(),
                    create: Shown::new("create", "", frame.say("hooks.create"))
                        .fields(fields(&frame, &typed))
                        .faults(&faults),
                    filters: filters(&frame, &Query::default(), &endpoints),
                    is_filtered: false,
                    rows: (0..count)
                        .map(|at| delivery_row(&frame, &endpoints, &delivery(at, words[at % 3])))
                        .collect(),
                    endpoints: endpoints
                        .iter()
                        .map(|one| endpoint_row(&frame, one))
                        .collect(),
                    pager: Pager::default(),
                    frame,
                };
                samples::render(&format!("console-webhooks-{count}-{tag}"), &page);
            }
        }
    }
}
