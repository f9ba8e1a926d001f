//! The list of one's keys.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_auth::ApiKeyList;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;

use super::super::{Done, done};
use super::Shown;
use crate::pages::AccountPages;
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

const ROWS: u32 = 20;
const DONE: Done<1> = [("revoked", "keys.done_revoked")];

/// Which page.
#[derive(Debug, Deserialize)]
pub(super) struct ListParams {
    /// The last key of the page before.
    starting_after: Option<ApiKeyId>,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts_keys.html")]
struct KeysPage {
    frame: Frame,
    done: String,
    keys: Vec<Shown>,
    is_first: bool,
    /// The last key of this page, if there is another page.
    next: Option<String>,
}

/// `GET /portal/keys`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let after = params.starting_after;
    let list = portal
        .auth
        .list_api_keys(visitor.user.id, after, ROWS)
        .await?;
    let page = filled(&visitor, &list, after.is_none(), params.done.as_deref());
    crate::pages::page(&page)
}

fn filled(visitor: &Visitor, list: &ApiKeyList, is_first: bool, told: Option<&str>) -> KeysPage {
    let title = visitor.visit.say("keys.title");
    let frame = Frame::of(visitor, Tab::Keys, title);
    let now = visitor.visit.house.clock.now();
    let oldest = list.keys.last().filter(|_| list.has_more);
    KeysPage {
        done: done(&frame, &DONE, told),
        keys: list
            .keys
            .iter()
            .map(|key| Shown::of(key, &frame, now))
            .collect(),
        is_first,
        next: oldest.map(|key| key.id.to_string()),
        frame,
    }
}

#[cfg(test)]
mod samples {
    use super::super::samples::keys;
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{ROWS, languages, render};

    #[test]
    fn keys_renders_from_its_samples() {
        let [(_, user), ..] = people();
        for (tag, language) in languages() {
            for rows in ROWS {
                let list = ApiKeyList {
                    keys: keys(rows),
                    has_more: rows > 1,
                };
                let page = filled(&visitor(language, user.clone()), &list, true, None);
                let html = render(&format!("portal-keys-{rows}-{tag}"), &page);
                assert_eq!(html.contains("class=\"empty\""), rows == 0);
                assert_eq!(html.contains("starting_after="), rows > 1);
            }
        }
    }
}
