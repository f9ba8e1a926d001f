//! `/sandbox/stripe/v1/…`: who calls, once under one key, and what of the answer arrives.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::VERSION;
use super::deed::Deed;
use super::faults::{FaultKind, Ordered};
use super::misbehave;
use super::route::{self, Call};
use super::wire::{Fault, Form, IDEMPOTENCY, INVALID, Refusal};
use crate::Sandbox;
use crate::store::Known;

/// A request that has not ended after these seconds has broken off.
const REQUEST_SECONDS: i64 = 60;
/// How long a key is remembered.
const KEY_SECONDS: i64 = 24 * 3600;

/// What a call came to.
struct Done {
    status: StatusCode,
    text: String,
    replayed: bool,
    /// What becomes of the answer.
    fault: Option<FaultKind>,
}

impl Done {
    fn refused(refusal: &Refusal) -> Self {
        Self {
            status: refusal.status,
            text: refusal.body().to_string(),
            replayed: false,
            fault: None,
        }
    }
}

/// Every call.
pub(crate) async fn api(
    State(sandbox): State<Sandbox>,
    method: Method,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = if method == Method::POST {
        Form::read(&body)
    } else {
        Form::read(query.unwrap_or_default().as_bytes())
    };
    let call = Call::new(method, path, form);
    let done = match run(&sandbox, &call, &headers).await {
        Ok(done) => done,
        Err(fault) => Done::refused(&refusal(fault)),
    };
    let mut response = misbehave::answer(done.fault, done.status, done.text);
    let out = response.headers_mut();
    out.insert("stripe-version", HeaderValue::from_static(VERSION));
    if let Ok(id) = HeaderValue::from_str(&sandbox.stripe_number("req")) {
        out.insert("request-id", id);
    }
    if let Some(key) = headers.get("idempotency-key") {
        out.insert("idempotency-key", key.clone());
    }
    if done.replayed {
        out.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

fn refusal(fault: Fault) -> Refusal {
    match fault {
        Fault::Refused(refusal) => refusal,
        Fault::Failed(error) => {
            tracing::error!(%error, "the look-alike of Stripe failed");
            misbehave::trouble()
        }
    }
}

async fn run(sandbox: &Sandbox, call: &Call, headers: &HeaderMap) -> Result<Done, Fault> {
    check_caller(sandbox, headers)?;
    let key = key(call, headers)?;
    sandbox.stripe_up_to_now().await?;
    let fault = misbehave::ordered(sandbox, call).await?;
    let done = once(sandbox, call, key, fault.as_ref()).await;
    Ok(Done {
        fault: fault.map(|fault| fault.kind),
        ..done.unwrap_or_else(|fault| Done::refused(&refusal(fault)))
    })
}

/// Once under one key, and the first answer ever after.
async fn once(
    sandbox: &Sandbox,
    call: &Call,
    key: Option<&str>,
    fault: Option<&Ordered>,
) -> Result<Done, Fault> {
    let instead = fault.and_then(misbehave::instead);
    // What is refused before it runs is not kept under its key.
    if let Some(refusal) = instead.as_ref().filter(|refusal| !refusal.ran) {
        return Ok(Done::refused(refusal));
    }
    if let Some(key) = key
        && let Some(done) = known(sandbox, call, key).await?
    {
        return Ok(done);
    }
    let result = match instead {
        Some(refusal) => Err(refusal.into()),
        None => act(sandbox, call, key, fault).await,
    };
    match result {
        Ok(done) => Ok(done),
        Err(fault) => refused(sandbox, key, fault).await,
    }
}

/// Does it, and keeps its answer with it.
async fn act(
    sandbox: &Sandbox,
    call: &Call,
    key: Option<&str>,
    fault: Option<&Ordered>,
) -> Result<Done, Fault> {
    let mut deed = Deed::begin(sandbox).await?;
    deed.key = key.map(str::to_owned);
    let answer = route::act(&mut deed, call).await?;
    let done = if fault.is_some_and(|fault| fault.kind == FaultKind::DoneError) {
        Done::refused(&misbehave::trouble())
    } else {
        Done {
            status: StatusCode::OK,
            text: answer.to_string(),
            replayed: false,
            fault: None,
        }
    };
    if let Some(key) = key {
        deed.tx
            .keep_result(key, done.status.as_u16(), &done.text)
            .await?;
    }
    deed.commit().await?;
    Ok(done)
}

/// What ran and failed is kept under its key; another one is free again.
async fn refused(sandbox: &Sandbox, key: Option<&str>, fault: Fault) -> Result<Done, Fault> {
    let refusal = refusal(fault);
    let done = Done::refused(&refusal);
    if let Some(key) = key {
        let mut tx = sandbox.inner.store.stripe().await?;
        if refusal.ran {
            tx.keep_result(key, done.status.as_u16(), &done.text)
                .await?;
        } else {
            tx.free_key(key).await?;
        }
        tx.commit().await?;
    }
    Ok(done)
}

/// The idempotency key; only a `POST` has one.
fn key<'a>(call: &Call, headers: &'a HeaderMap) -> Result<Option<&'a str>, Refusal> {
    let key = headers
        .get("idempotency-key")
        .filter(|_| call.method == Method::POST)
        .map(|key| key.to_str().unwrap_or_default());
    if key.is_some_and(|key| key.is_empty() || key.len() > 255) {
        let message = "The idempotency key must have 1 to 255 characters.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, IDEMPOTENCY, message));
    }
    Ok(key)
}

/// What came of a key before; nothing when it is this request's from now on.
async fn known(sandbox: &Sandbox, call: &Call, key: &str) -> Result<Option<Done>, Fault> {
    let content = format!("{}\n{}", call.path, call.form.canonical());
    let fingerprint = hex::encode(digest(&SHA256, content.as_bytes()));
    let now = sandbox.stripe_now();
    let mut tx = sandbox.inner.store.stripe().await?;
    let known = tx
        .take_key(
            key,
            &fingerprint,
            now,
            now - REQUEST_SECONDS,
            now - KEY_SECONDS,
        )
        .await?;
    tx.commit().await?;
    match known {
        Known::New => Ok(None),
        Known::Done(status, text) => Ok(Some(Done {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            text,
            replayed: true,
            fault: None,
        })),
        Known::Other => {
            let message = "Keys for idempotent requests can only be used with the same parameters \
                           they were first used with.";
            Err(Refusal::new(StatusCode::BAD_REQUEST, IDEMPOTENCY, message).into())
        }
        Known::Running => {
            let message = "There is currently another in-progress request using this key.";
            let refusal = Refusal::new(StatusCode::CONFLICT, IDEMPOTENCY, message);
            Err(refusal.code("idempotency_key_in_use").into())
        }
    }
}

/// Our own key, in our own version, for our own account.
fn check_caller(sandbox: &Sandbox, headers: &HeaderMap) -> Result<(), Refusal> {
    let account = &sandbox.inner.stripe.account;
    let word = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let given = word(header::AUTHORIZATION.as_str());
    match given.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if key == account.secret_key => {}
        Some(_) => {
            let message = "Invalid API Key provided.";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, INVALID, message));
        }
        None => {
            let message = "You did not provide an API key, as Authorization: Bearer.";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, INVALID, message));
        }
    }
    if word("stripe-account").is_some_and(|other| other != account.account) {
        let message = "The provided key does not have access to this account.";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, INVALID, message);
        return Err(refusal.code("account_invalid"));
    }
    if word("stripe-version").is_some_and(|version| version != VERSION) {
        let message = format!("This look-alike speaks the version {VERSION} only.");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, INVALID, &message));
    }
    Ok(())
}
