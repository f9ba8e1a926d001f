//! A new key: shown this once.

use askama::Template;
use axum::response::Response;
use tollgate_auth::model::api_key::{ApiKey, PlainKey};
use tollgate_kernel::problem::Problem;

use crate::pages::AccountPages;
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

#[derive(Template)]
#[template(path = "accounts_key_made.html")]
struct MadePage<'a> {
    frame: Frame,
    name: &'a str,
    key: &'a str,
    url: &'a str,
    /// What the samples ask for.
    resource: String,
}

/// Where no plan names a resource.
const ANY_RESOURCE: &str = "api_call";

/// Answers are kept nowhere (`no-store`): reloading the page makes no second key either, since browsers ask.
pub(super) async fn page(
    portal: &AccountPages,
    visitor: &Visitor,
    key: &ApiKey,
    plain: &PlainKey,
) -> Result<Response, Problem> {
    let plans = match &portal.plans {
        Some(plans) => plans.plans().await?,
        None => Vec::new(),
    };
    let mut named = plans.iter().flat_map(|plan| plan.resource_costs.keys());
    let resource = named.find(|name| *name != "*").map(String::as_str);
    let resource = resource.unwrap_or(ANY_RESOURCE);
    crate::pages::page(&filled(visitor, &key.name, plain.text(), resource))
}

fn filled<'a>(visitor: &'a Visitor, name: &'a str, key: &'a str, resource: &str) -> MadePage<'a> {
    let title = visitor.visit.say("keys.made_title");
    MadePage {
        frame: Frame::of(visitor, Tab::Keys, title),
        name,
        key,
        url: &visitor.visit.house.public_url,
        resource: resource.to_owned(),
    }
}

#[cfg(test)]
mod samples {
    use super::super::samples::keys;
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn a_new_key_renders_from_its_samples() {
        let [(_, user), ..] = people();
        let plain = format!("sk_test_{}", "x".repeat(49));
        for (tag, language) in languages() {
            for (at, key) in keys(4).into_iter().enumerate() {
                let visitor = visitor(language, user.clone());
                let page = filled(&visitor, &key.name, &plain, "api_call");
                let html = render(&format!("portal-key-made-{at}-{tag}"), &page);
                assert!(html.contains("http://localhost:8080/quota/check"), "{html}");
            }
        }
    }
}
