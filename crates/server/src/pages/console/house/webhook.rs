//! `/console/webhooks/{id}`: one receiver, changed, tried out, taken away; and one delivery with its tries.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use tollgate_kernel::ids::{DeliveryId, EndpointId};
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::outbound::{DeliveryState, Endpoint, Try};
use tollgate_payment::{ChangeEndpoint, EndpointError};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Faults, Field, Shown, Typed};
use super::list::{Done, When};
use super::recover::{self, Recovered};
use super::staff::{Admin, Staff, Sure};
use super::webhooks::{
    DeliveryRow, EndpointRow, PATH, delivery_row, endpoint_row, fields, kind_field, kinds,
    shown_once,
};

#[derive(Template)]
#[template(path = "house_webhook.html")]
struct WebhookPage {
    frame: Frame,
    told: String,
    row: EndpointRow,
    forms: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "house_delivery.html")]
struct DeliveryPage {
    frame: Frame,
    told: String,
    row: DeliveryRow,
    endpoint_id: String,
    event_id: String,
    resend: Option<Shown>,
    tries: Vec<TryRow>,
}

struct TryRow {
    number: i64,
    at: When,
    answer: String,
    is_good: bool,
    latency: String,
}

/// The form of a receiver that is there.
fn filled(endpoint: &Endpoint) -> Typed {
    let mut typed = Typed::default();
    typed.put("url", &endpoint.url);
    typed.put("description", &endpoint.description);
    for kind in &endpoint.kinds {
        typed.put(kind_field(kind), "on");
    }
    if endpoint.disabled_at.is_none() {
        typed.put("enabled", "on");
    }
    typed
}

/// A form of the page that came back, to be mended.
#[derive(Clone, Copy)]
pub(super) enum Sent<'a> {
    Nothing,
    Change(&'a Typed, &'a Faults),
    Recover(&'a Typed, &'a Faults),
}

fn forms(
    frame: &Frame,
    endpoint: &Endpoint,
    sent: Sent<'_>,
    confirm: Option<&String>,
) -> Vec<Shown> {
    let (known, empty, none) = (filled(endpoint), Typed::default(), Faults::default());
    let (change, missed) = match sent {
        Sent::Nothing => ((&known, &none), (&empty, &none)),
        Sent::Change(typed, faults) => ((typed, faults), (&empty, &none)),
        Sent::Recover(typed, faults) => ((&known, &none), (typed, faults)),
    };
    let (typed, faults) = change;
    let to = |verb: &str| format!("{PATH}/{}/{verb}", endpoint.id);
    let change = Shown::new("change", to("change"), frame.say("house.save"))
        .folded(frame.say("hooks.change"))
        .fields([Field::check(
            "enabled",
            frame.say("hooks.enabled"),
            typed.is("enabled"),
        )])
        .fields(fields(frame, typed))
        .confirm(confirm.cloned())
        .faults(faults);
    vec![
        Shown::new("test", to("test"), frame.say("hooks.test")),
        recover::form(frame, endpoint.id, missed),
        change,
        Shown::new("rotate", to("rotate"), frame.say("hooks.rotate"))
            .look(" danger")
            .folded(frame.say("hooks.rotate"))
            .confirm(confirm.cloned()),
        Shown::new("delete", to("delete"), frame.say("hooks.delete"))
            .look(" danger")
            .folded(frame.say("hooks.delete"))
            .confirm(confirm.cloned()),
    ]
}

pub(super) async fn shown(
    console: &Console,
    staff: &Staff<Admin>,
    id: EndpointId,
    done: &Done,
    recovered: Option<&Recovered>,
    sent: Sent<'_>,
) -> Result<Response, Problem> {
    let endpoint = console.payment.endpoint(id).await?;
    let endpoint = endpoint.ok_or_else(|| Problem::new(Code::NotFound))?;
    let frame = staff.frame(PATH, staff.visit().say("hooks.one"));
    let confirm = staff.confirm(console).await;
    let recovered = recovered.and_then(|recovered| recovered.told(&frame));
    super::super::super::page(&WebhookPage {
        told: recovered.unwrap_or_else(|| done.told(&frame)),
        row: endpoint_row(&frame, &endpoint),
        forms: forms(&frame, &endpoint, sent, confirm.as_ref()),
        frame,
    })
}

/// `GET /console/webhooks/{id}`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathId(id): PathId<EndpointId>,
    Params(done): Params<Done>,
    Params(recovered): Params<Recovered>,
) -> Result<Response, Problem> {
    shown(&console, &staff, id, &done, Some(&recovered), Sent::Nothing).await
}

/// `POST /console/webhooks/{id}/change`
pub(super) async fn change(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<EndpointId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let wish = ChangeEndpoint {
        url: Some(typed.get("url").to_owned()),
        description: Some(typed.get("description").to_owned()),
        kinds: Some(kinds(&typed)),
        enabled: Some(typed.is("enabled")),
    };
    match console
        .payment
        .change_endpoint(id, &wish, &staff.origin)
        .await
    {
        Ok(_) => Ok(Redirect::to(&format!("{PATH}/{id}?done=saved")).into_response()),
        Err(error) => {
            let faults = Faults::of(error.into(), staff.language())?;
            let sent = Sent::Change(&typed, &faults);
            shown(&console, &staff, id, &Done::default(), None, sent).await
        }
    }
}

/// `POST /console/webhooks/{id}/rotate`
pub(super) async fn rotate(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<EndpointId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let secret = console
        .payment
        .rotate_endpoint_secret(id, &staff.origin)
        .await?;
    shown_once(&staff, id, secret.shown())
}

/// `POST /console/webhooks/{id}/delete`
pub(super) async fn delete(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<EndpointId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    console.payment.delete_endpoint(id, &staff.origin).await?;
    Ok(Redirect::to(&format!("{PATH}?done=deleted")).into_response())
}

/// `POST /console/webhooks/{id}/test`: to the delivery that was begun.
pub(super) async fn test(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathId(id): PathId<EndpointId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let begun = console.payment.test_endpoint(id, &staff.origin).await?;
    Ok(Redirect::to(&format!("{PATH}/deliveries/{begun}?done=tested")).into_response())
}

fn tried(frame: &Frame, made: Try) -> TryRow {
    let status = made.status.map(|status| status.to_string());
    TryRow {
        number: made.attempt,
        at: When::new(frame, made.at),
        is_good: made
            .status
            .is_some_and(|status| (200..300).contains(&status)),
        answer: status.or(made.error).unwrap_or_default(),
        latency: format!("{} ms", made.duration_us / 1_000),
    }
}

/// `GET /console/webhooks/deliveries/{id}`
pub(super) async fn delivery(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathId(id): PathId<DeliveryId>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let known = console.payment.delivery(id).await?;
    let (found, tries) = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    let endpoints = console.payment.endpoints().await?;
    let frame = staff.frame(PATH, staff.visit().say("hooks.delivery"));
    let resend = || {
        let action = format!("{PATH}/deliveries/{id}/resend");
        Shown::new("resend", action, frame.say("hooks.resend"))
    };
    super::super::super::page(&DeliveryPage {
        told: done.told(&frame),
        row: delivery_row(&frame, &endpoints, &found),
        endpoint_id: found.endpoint_id.to_string(),
        event_id: found.event_id.to_string(),
        resend: (found.state != DeliveryState::Open).then(resend),
        tries: tries.into_iter().map(|made| tried(&frame, made)).collect(),
        frame,
    })
}

/// `POST /console/webhooks/deliveries/{id}/resend`
pub(super) async fn resend(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathId(id): PathId<DeliveryId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let done = match console.payment.resend_delivery(id, &staff.origin).await {
        Ok(()) => "resent",
        // The button was pressed twice.
        Err(EndpointError::Open) => "unchanged",
        Err(error) => return Err(error.into()),
    };
    Ok(Redirect::to(&format!("{PATH}/deliveries/{id}?done={done}")).into_response())
}

#[cfg(test)]
mod samples_of_pages {
    use super::super::super::super::samples::{self, HOSTILE, LONG};
    use super::super::webhooks::samples::{delivery, endpoint};
    use super::*;
    use tollgate_kernel::clock::Timestamp;

    #[test]
    fn a_webhook_and_a_delivery_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for (count, text) in [(0, ""), (1, LONG), (100, HOSTILE)] {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let endpoint = endpoint(text);
                let (typed, mut faults) = (filled(&endpoint), Faults::default());
                for field in ["description", "from"] {
                    faults.note(field, HOSTILE.to_owned());
                }
                let sent = match count {
                    1 => Sent::Recover(&typed, &faults),
                    _ => Sent::Change(&typed, &faults),
                };
                let page = WebhookPage {
                    told: String::new(),
                    row: endpoint_row(&frame, &endpoint),
                    forms: forms(&frame, &endpoint, sent, None),
                    frame: frame.clone(),
                };
                samples::render(&format!("console-webhook-{count}-{tag}"), &page);
                let tries = (1..=count).map(|attempt| Try {
                    attempt,
                    at: Timestamp::EPOCH,
                    status: (attempt % 2 == 0).then_some(204),
                    duration_us: 15_000_000,
                    error: Some(text.to_owned()),
                });
                let page = DeliveryPage {
                    told: String::new(),
                    row: delivery_row(&frame, &[], &delivery(1, text)),
                    endpoint_id: String::new(),
                    event_id: String::new(),
                    resend: Some(Shown::new("resend", "", frame.say("hooks.resend"))),
                    tries: tries.map(|made| tried(&frame, made)).collect(),
                    frame,
                };
                samples::render(&format!("console-delivery-{count}-{tag}"), &page);
            }
        }
    }
}
