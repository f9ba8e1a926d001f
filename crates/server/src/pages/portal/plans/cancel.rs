//! To end a subscription with its term, asked once more; to take that back; and the rail's own page for cards.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::caller::SignedIn;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::ChangeError;
use tollgate_payment::shapes::SubscriptionShape;

use super::super::Portal;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

#[derive(Template)]
#[template(path = "plans_cancel.html")]
struct CancelPage<'a> {
    frame: Frame,
    plan: String,
    remains: String,
    debits: bool,
    reason: &'a str,
    fault: Option<String>,
}

/// What the button sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Leaving {
    #[serde(default)]
    reason: String,
}

/// Nothing but the form's word.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

fn shown<'a>(
    visitor: &Visitor,
    held: &SubscriptionShape,
    now: Timestamp,
    reason: &'a str,
    fault: Option<String>,
) -> CancelPage<'a> {
    let title = visitor.visit.say("my_plan.cancel_title");
    let frame = Frame::of(visitor, Tab::Subscription, title);
    // What is used after its term, while it waits for money, ends at once.
    let remains = match held.current_period_end {
        Some(end) if now < end => {
            let until = frame.written().time(end);
            frame.words().with("my_plan.remains", &[("until", &until)])
        }
        _ => frame.say("my_plan.ends_now"),
    };
    CancelPage {
        plan: frame.written().plan_shape(&held.plan),
        remains,
        debits: held.auto_renew,
        reason,
        fault,
        frame,
    }
}

/// What can be cancelled. Whoever has nothing of that kind goes where it says so.
async fn held(portal: &Portal, visitor: &Visitor) -> Result<Option<SubscriptionShape>, Problem> {
    let held = portal.payment.current_subscription(visitor.user.id).await?;
    Ok(held.filter(|held| held.current_period_end.is_some() && held.state != "cancelling"))
}

/// `GET /portal/subscription/cancel`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    match held(&portal, &visitor).await? {
        Some(held) => {
            let now = portal.payment.now();
            crate::pages::page(&shown(&visitor, &held, now, "", None))
        }
        None => Ok(Redirect::to("/portal/subscription").into_response()),
    }
}

/// `POST /portal/subscription/cancel`
pub(super) async fn cancel(
    State(portal): State<Portal>,
    SignedIn(user): SignedIn,
    visitor: Visitor,
    Form(leaving): Form<Leaving>,
) -> Result<Response, Problem> {
    let reason = Some(leaving.reason.as_str());
    match portal.payment.cancel_subscription(user, reason).await {
        Ok(after) => {
            let done = if after.is_entitled {
                "cancelled"
            } else {
                "ended"
            };
            let to = format!("/portal/subscription?done={done}");
            Ok(Redirect::to(&to).into_response())
        }
        Err(ChangeError::Reason) => {
            let Some(held) = held(&portal, &visitor).await? else {
                return Err(Problem::new(Code::NoSubscription));
            };
            let fault = visitor.visit.say("my_plan.reason_long");
            let page = shown(
                &visitor,
                &held,
                portal.payment.now(),
                &leaving.reason,
                Some(fault),
            );
            let mut page = crate::pages::page(&page)?;
            *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(page)
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /portal/subscription/resume`
pub(super) async fn resume(
    State(portal): State<Portal>,
    SignedIn(user): SignedIn,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Redirect, Problem> {
    portal.payment.resume_subscription(user).await?;
    Ok(Redirect::to("/portal/subscription?done=resumed"))
}

/// `GET /portal/subscription/card`: to the rail's own page, by an address that is made for this visit.
pub(super) async fn card(
    State(portal): State<Portal>,
    SignedIn(user): SignedIn,
    visitor: Visitor,
) -> Result<Redirect, Problem> {
    let back = format!("{}/portal/subscription", visitor.visit.house.public_url);
    let url = portal.payment.portal(user, Some(&back)).await?;
    let url = url.ok_or_else(|| Problem::new(Code::NoSubscription))?;
    Ok(Redirect::to(&url))
}

#[cfg(test)]
mod samples {
    use super::super::samples::{held, noon, plan, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, languages, render};

    #[test]
    fn cancel_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let mut held = held(&plan(1, text, 9_900));
                held.auto_renew = true;
                let visitor = visitor(language).0;
                let page = shown(&visitor, &held, noon(), text, Some(text.to_owned()));
                render(&format!("portal-cancel-{name}-{tag}"), &page);
            }
        }
    }
}
