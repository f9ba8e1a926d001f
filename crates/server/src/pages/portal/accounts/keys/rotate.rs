//! A key in the place of another, which goes on for a while.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::RotateKey;
use tollgate_auth::model::api_key::ApiKey;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::input::PathId;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};

use super::super::{Faults, typed};
use super::{Shown, asks_password, made};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

/// How long the old key may go on, in hours, and what that is called.
const OVERLAPS: [(&str, u64, &str); 4] = [
    ("none", 0, "keys.overlap_none"),
    ("day", 24, "keys.overlap_day"),
    ("week", 7 * 24, "keys.overlap_week"),
    ("month", 30 * 24, "keys.overlap_month"),
];

/// How.
#[derive(Deserialize)]
pub(super) struct RotateForm {
    #[serde(default)]
    overlap: String,
    current_password: Option<SecretString>,
}

struct Choice {
    word: &'static str,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "accounts_key_rotate.html")]
struct RotatePage<'a> {
    frame: Frame,
    faults: &'a Faults,
    key: Shown,
    overlaps: Vec<Choice>,
    asks_password: bool,
}

/// `GET /portal/keys/{id}/rotate`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Response, Problem> {
    shown(&portal, &visitor, &caller, id, "day", &Faults::default()).await
}

/// `POST /portal/keys/{id}/rotate`
pub(super) async fn rotate(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
    Form(form): Form<RotateForm>,
) -> Result<Response, Problem> {
    let rotated = async {
        let password = typed(form.current_password.as_ref());
        portal.auth.confirmed_by(&caller, password).await?;
        let (_, hours, _) = OVERLAPS
            .into_iter()
            .find(|(word, ..)| *word == form.overlap)
            .ok_or_else(|| Problem::new(Code::BadRequest))?;
        let wish = RotateKey {
            overlap: Duration::from_hours(hours),
            expires_at: None,
        };
        let user = visitor.user.id;
        Ok(portal.auth.rotate_api_key(user, id, wish, &origin).await?)
    };
    match rotated.await {
        Ok((key, plain)) => made::page(&portal, &visitor, &key, &plain).await,
        Err(problem) => {
            let language = visitor.visit.language;
            let faults = Faults::of_confirmed(problem, language, &["current_password"])?;
            shown(&portal, &visitor, &caller, id, &form.overlap, &faults).await
        }
    }
}

async fn shown(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    id: ApiKeyId,
    overlap: &str,
    faults: &Faults,
) -> Result<Response, Problem> {
    let key = portal.auth.find_api_key(visitor.user.id, id).await?;
    let now = visitor.visit.house.clock.now();
    let is_live = |key: &ApiKey| key.expires_at.is_none_or(|end| now < end);
    let key = key
        .filter(is_live)
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    let asks = asks_password(portal, caller).await;
    faults.page(&filled(visitor, &key, overlap, faults, asks))
}

fn filled<'a>(
    visitor: &Visitor,
    key: &ApiKey,
    overlap: &str,
    faults: &'a Faults,
    asks_password: bool,
) -> RotatePage<'a> {
    let title = visitor.visit.say("keys.rotate_title");
    let frame = Frame::of(visitor, Tab::Keys, title);
    let choice = |(word, _, name): (&'static str, u64, &str)| Choice {
        word,
        text: frame.say(name),
        is_chosen: word == overlap,
    };
    RotatePage {
        faults,
        key: Shown::of(key, &frame, visitor.visit.house.clock.now()),
        overlaps: OVERLAPS.map(choice).into(),
        asks_password,
        frame,
    }
}

#[cfg(test)]
mod samples {
    use super::super::samples::keys;
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn a_key_to_rotate_renders_from_its_samples() {
        let [(_, user), ..] = people();
        for (tag, language) in languages() {
            for (at, key) in keys(4).iter().enumerate() {
                let visitor = visitor(language, user.clone());
                let faults = Faults::default();
                let page = filled(&visitor, key, "day", &faults, at == 0);
                let html = render(&format!("portal-key-rotate-{at}-{tag}"), &page);
                assert_eq!(html.matches(" selected").count(), 1);
            }
        }
    }
}
