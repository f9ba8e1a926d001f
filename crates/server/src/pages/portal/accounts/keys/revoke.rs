//! A key ends, at once.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::model::api_key::ApiKey;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::input::PathId;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};

use super::super::{Faults, typed};
use super::{LIST, Shown, asks_password};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

/// That it is they.
#[derive(Deserialize)]
pub(super) struct RevokeForm {
    current_password: Option<SecretString>,
}

#[derive(Template)]
#[template(path = "accounts_key_revoke.html")]
struct RevokePage<'a> {
    frame: Frame,
    faults: &'a Faults,
    key: Shown,
    asks_password: bool,
}

/// `GET /portal/keys/{id}/revoke`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Response, Problem> {
    shown(&portal, &visitor, &caller, id, &Faults::default()).await
}

/// `POST /portal/keys/{id}/revoke`
pub(super) async fn revoke(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
    Form(form): Form<RevokeForm>,
) -> Result<Response, Problem> {
    let password = typed(form.current_password.as_ref());
    if let Err(problem) = portal.auth.confirmed_by(&caller, password).await {
        let language = visitor.visit.language;
        let faults = Faults::of_confirmed(problem, language, &["current_password"])?;
        return shown(&portal, &visitor, &caller, id, &faults).await;
    }
    if portal
        .auth
        .delete_api_key(visitor.user.id, id, &origin)
        .await?
    {
        Ok(Redirect::to(&format!("{LIST}?done=revoked")).into_response())
    } else {
        Err(Problem::new(Code::NotFound))
    }
}

async fn shown(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    id: ApiKeyId,
    faults: &Faults,
) -> Result<Response, Problem> {
    let key = portal.auth.find_api_key(visitor.user.id, id).await?;
    let key = key.ok_or_else(|| Problem::new(Code::NotFound))?;
    let asks = asks_password(portal, caller).await;
    faults.page(&filled(visitor, &key, faults, asks))
}

fn filled<'a>(
    visitor: &Visitor,
    key: &ApiKey,
    faults: &'a Faults,
    asks_password: bool,
) -> RevokePage<'a> {
    let title = visitor.visit.say("keys.revoke_title");
    let frame = Frame::of(visitor, Tab::Keys, title);
    RevokePage {
        faults,
        key: Shown::of(key, &frame, visitor.visit.house.clock.now()),
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
    fn a_key_to_revoke_renders_from_its_samples() {
        let [(_, user), ..] = people();
        for (tag, language) in languages() {
            for (at, key) in keys(4).iter().enumerate() {
                let visitor = visitor(language, user.clone());
                let faults = Faults::default();
                let page = filled(&visitor, key, &faults, at == 0);
                render(&format!("portal-key-revoke-{at}-{tag}"), &page);
            }
        }
    }
}
