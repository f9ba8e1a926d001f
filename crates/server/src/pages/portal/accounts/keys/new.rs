//! A key is made.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::CreateKey;
use tollgate_auth::model::api_key::{ApiKey, KeyName, PlainKey};
use tollgate_auth::model::key_terms::{self, KeyTerms};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::scope::Scopes;

use super::super::{Faults, typed};
use super::{asks_password, explained, made};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;
use crate::words::WORDS;

const FIELDS: [&str; 6] = [
    "name",
    "scopes",
    "expires_at",
    "allowed_addresses",
    "rate_limit_per_minute",
    "current_password",
];
/// Boxes that may be ticked are called by this and the name of their scope.
const BOX: &str = "scope_";

/// What was typed.
#[derive(Default, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub(super) struct KeyForm {
    name: String,
    expires_at: String,
    allowed_addresses: String,
    rate_limit_per_minute: String,
    current_password: Option<SecretString>,
    /// Boxes that were ticked.
    ticked: BTreeMap<String, String>,
}

impl From<BTreeMap<String, String>> for KeyForm {
    fn from(mut sent: BTreeMap<String, String>) -> Self {
        let mut field = |name: &str| sent.remove(name);
        Self {
            name: field("name").unwrap_or_default(),
            expires_at: field("expires_at").unwrap_or_default(),
            allowed_addresses: field("allowed_addresses").unwrap_or_default(),
            rate_limit_per_minute: field("rate_limit_per_minute").unwrap_or_default(),
            current_password: field("current_password").map(Into::into),
            ticked: sent,
        }
    }
}

struct ScopeBox {
    name: String,
    text: String,
    is_ticked: bool,
}

#[derive(Template)]
#[template(path = "accounts_key_new.html")]
struct NewPage<'a> {
    frame: Frame,
    faults: &'a Faults,
    typed: &'a KeyForm,
    scopes: Vec<ScopeBox>,
    asks_password: bool,
}

/// `GET /portal/keys/new`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
) -> Result<Response, Problem> {
    let (form, faults) = (KeyForm::default(), Faults::default());
    shown(&portal, &visitor, &caller, &form, &faults).await
}

/// `POST /portal/keys/new`
pub(super) async fn create(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    origin: Origin,
    Form(form): Form<KeyForm>,
) -> Result<Response, Problem> {
    match make(&portal, &visitor, &caller, &form, &origin).await {
        Ok((key, plain)) => made::page(&portal, &visitor, &key, &plain).await,
        Err(problem) => {
            let language = visitor.visit.language;
            let faults = Faults::of_confirmed(problem, language, &FIELDS)?;
            shown(&portal, &visitor, &caller, &form, &faults).await
        }
    }
}

async fn make(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    form: &KeyForm,
    origin: &Origin,
) -> Result<(ApiKey, PlainKey), Problem> {
    let known = portal.auth.api_key_scopes();
    let ticked = form.ticked.keys();
    let ticked: Vec<String> = ticked
        .filter_map(|name| name.strip_prefix(BOX))
        .map(str::to_owned)
        .collect();
    let between = |char: char| char.is_whitespace() || char == ',' || char == '，';
    let addresses: Vec<String> = form
        .allowed_addresses
        .split(between)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect();
    let mut errors = FieldErrors::new();
    let name = errors.take("/name", form.name.parse::<KeyName>());
    let expires_at = end_of(&form.expires_at, visitor.visit.house.zone, &mut errors);
    let calls = number(&form.rate_limit_per_minute, &mut errors);
    let terms = KeyTerms {
        scopes: key_terms::scopes(&ticked, known, &mut errors).unwrap_or_else(Scopes::everything),
        addresses: key_terms::addresses(&addresses, &mut errors),
        per_minute: key_terms::per_minute(calls, &mut errors),
    };
    errors.finish()?;
    let name = name.ok_or_else(|| Problem::new(Code::Internal))?;
    // Only what can be made is worth a password.
    let password = typed(form.current_password.as_ref());
    portal.auth.confirmed_by(caller, password).await?;
    let wish = CreateKey {
        name,
        expires_at,
        terms,
    };
    let user = visitor.user.id;
    Ok(portal.auth.create_api_key(user, &wish, origin).await?)
}

/// The end of a day where times are told. Nothing: never.
fn end_of(text: &str, zone: Tz, errors: &mut FieldErrors) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let next = day.and_then(|day| day.checked_add_days(Days::new(1)));
    let end = next.and_then(|day| {
        let midnight = day.and_time(NaiveTime::MIN).and_local_timezone(zone);
        midnight.earliest()
    });
    if end.is_none() {
        let detail = WORDS.text("problem.last_day");
        errors.note("/expires_at", "invalid_date", detail);
    }
    end.map(|end| Timestamp::from_utc(end.with_timezone(&Utc)))
}

/// A number that may be left out.
fn number(text: &str, errors: &mut FieldErrors) -> Option<u32> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    // What is no number is out of every range.
    let number = text.parse().unwrap_or(0);
    if number == 0 {
        return key_terms::per_minute(Some(0), errors).and(None);
    }
    Some(number)
}

async fn shown(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    typed: &KeyForm,
    faults: &Faults,
) -> Result<Response, Problem> {
    let asks = asks_password(portal, caller).await;
    let known = portal.auth.api_key_scopes();
    faults.page(&filled(visitor, known, typed, faults, asks))
}

fn filled<'a>(
    visitor: &Visitor,
    known: &[String],
    typed: &'a KeyForm,
    faults: &'a Faults,
    asks_password: bool,
) -> NewPage<'a> {
    let title = visitor.visit.say("keys.new_title");
    let frame = Frame::of(visitor, Tab::Keys, title);
    let scope = |name: &String| ScopeBox {
        text: explained(&frame, name),
        is_ticked: typed.ticked.contains_key(&format!("{BOX}{name}")),
        name: name.clone(),
    };
    NewPage {
        scopes: known.iter().map(scope).collect(),
        faults,
        typed,
        asks_password,
        frame,
    }
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, languages, render};

    #[test]
    fn a_key_to_make_renders_from_its_samples() {
        let [(_, user), ..] = people();
        let known = ["quota", "usage", "reports.read"].map(str::to_owned);
        for (tag, language) in languages() {
            let texts = [
                ("none", ""),
                ("long", LONG),
                ("long-zh", LONG_ZH),
                ("hostile", HOSTILE),
            ];
            for (name, text) in texts {
                let typed = KeyForm {
                    name: text.to_owned(),
                    expires_at: text.to_owned(),
                    allowed_addresses: text.to_owned(),
                    rate_limit_per_minute: text.to_owned(),
                    ticked: BTreeMap::from([("scope_usage".to_owned(), "on".to_owned())]),
                    ..KeyForm::default()
                };
                let visitor = visitor(language, user.clone());
                let faults = Faults::one("name", text.to_owned());
                let page = filled(&visitor, &known, &typed, &faults, name == "none");
                let html = render(&format!("portal-key-new-{name}-{tag}"), &page);
                assert_eq!(html.matches(" checked").count(), 1);
            }
        }
    }

    #[test]
    fn a_key_ends_with_the_day_where_times_are_told() {
        let mut errors = FieldErrors::new();
        assert_eq!(end_of(" ", Tz::Asia__Shanghai, &mut errors), None);
        let end = end_of("2027-01-31", Tz::Asia__Shanghai, &mut errors);
        assert_eq!(end.expect("a time").to_string(), "2027-01-31T16:00:00.000Z");
        errors.finish().expect("no fault");
        for bad in ["31.1.2027", "2027-02-30", "never", "99999-01-01"] {
            let mut errors = FieldErrors::new();
            assert_eq!(end_of(bad, Tz::UTC, &mut errors), None, "{bad}");
            errors.finish().expect_err(bad);
        }
        for bad in ["0", "-1", "many", "99999999999"] {
            let mut errors = FieldErrors::new();
            assert_eq!(number(bad, &mut errors), None, "{bad}");
            errors.finish().expect_err(bad);
        }
    }
}
