//! A gate in front of an application that knows nothing of it: it looks who calls, sets the units of the call aside, passes
//! the call on, and settles by the answer. The guards are those of the library ([`PaymentService::consume_quota`]), so what
//! holds for an application in Rust holds for one behind the gate.
//!
//! It listens on an address of its own: there every path is the application's.
//!
//! [`PaymentService::consume_quota`]: tollgate_payment::PaymentService::consume_quota

mod path;
mod rules;
mod upstream;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use tollgate_kernel::caller::identified;
use tollgate_kernel::exchange::{Exchange, panicked};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::ConsumeQuotaLayer;
use tollgate_payment::model::hold::HoldTime;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

use self::path::{Ambiguous, canonical};
use self::rules::{Charge, Rule};
pub use self::rules::{Rules, RulesError};
pub use self::upstream::InvalidUpstream;
use self::upstream::Upstream;
use crate::proxied::Tollgates;
use crate::words::WORDS;

/// What is set aside for longer than the application may take to begin its answer.
const SETTLED_WITHIN: i64 = 30;

/// How a gate is set up.
///
/// ```
/// use std::time::Duration;
/// use tollgate::gate::{GateConfig, Rules, RulesError};
///
/// # fn main() -> Result<(), RulesError> {
/// // Every call costs one unit, but for a look at its health.
/// let rules = Rules::plain(&["GET /health".to_owned()], Some("api_call"), 1)?;
/// let gate = GateConfig {
///     upstream: "http://127.0.0.1:8000".to_owned(),
///     rules,
///     within: Duration::from_secs(30),
/// };
/// # drop(gate); Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// The application: `http://127.0.0.1:8000`.
    pub upstream: String,
    /// What it asks on which path.
    pub rules: Rules,
    /// How long the application may take until it begins to answer.
    pub within: Duration,
}

#[derive(Clone, Debug)]
struct Gate {
    tollgates: Tollgates,
    upstream: Upstream,
    rules: Arc<Rules>,
    hold: HoldTime,
}

/// The gate as a router that answers every path.
pub(crate) fn router(
    tollgates: Tollgates,
    exchange: Exchange,
    config: GateConfig,
) -> Result<Router, InvalidUpstream> {
    let upstream = Upstream::new(&config.upstream, config.within)?;
    let gate = Gate {
        tollgates,
        upstream,
        rules: Arc::new(config.rules),
        hold: hold_for(config.within),
    };
    let layers = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(exchange);
    Ok(Router::new().fallback(pass).with_state(gate).layer(layers))
}

/// Longer than the application may take, as far as a hold lasts at all.
fn hold_for(within: Duration) -> HoldTime {
    let seconds = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
    let seconds = seconds.saturating_add(SETTLED_WITHIN);
    HoldTime::seconds(seconds.min(HoldTime::MOST_SECONDS)).unwrap_or(HoldTime::USUAL)
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    gate.pass(request)
        .await
        .unwrap_or_else(Problem::into_response)
}

impl Gate {
    async fn pass(&self, mut request: Request) -> Result<Response, Problem> {
        let path = canonical(request.uri().path()).map_err(|Ambiguous| {
            Problem::new(Code::BadRequest).detail(WORDS.text("problem.ambiguous_path"))
        })?;
        let guard = match self.rules.find(request.method(), &path) {
            Rule::Open => None,
            Rule::Guarded(guard) => Some(guard),
        };
        *request.uri_mut() = spelt(&path, request.uri().query())?;
        let Some(guard) = guard else {
            return Ok(self.upstream.call(request, None).await);
        };
        let demands = &guard.demands;
        let (mut parts, body) = request.into_parts();
        let presented = self.tollgates.auth.presented(&parts).await?;
        let (verified, identity) = self.tollgates.admit(presented, demands).await?;
        identified(&mut parts.extensions, Some(verified.caller));
        let request = Request::from_parts(parts, body);
        let Some(charge) = &guard.charge else {
            return Ok(self.upstream.call(request, Some(&identity)).await);
        };
        let upstream = self.upstream.clone();
        let passed_on = service_fn(move |request| {
            let (upstream, identity) = (upstream.clone(), identity.clone());
            async move { Ok::<_, Infallible>(upstream.call(request, Some(&identity)).await) }
        });
        let scope = demands.scope.clone().unwrap_or_default();
        let Ok(response) = self
            .layer(charge, scope)
            .layer(passed_on)
            .oneshot(request)
            .await;
        Ok(response)
    }

    fn layer(&self, charge: &Charge, scope: String) -> ConsumeQuotaLayer {
        let payment = &self.tollgates.payment;
        payment
            .consume_quota(charge.resource_type.as_str(), charge.cost.get())
            .hold_for(charge.hold.unwrap_or(self.hold))
            .scope(scope)
    }
}

fn spelt(path: &str, query: Option<&str>) -> Result<Uri, Problem> {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    target.parse().map_err(|_| Problem::new(Code::BadRequest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_stay_aside_for_as_long_as_the_application_may_take() {
        let day = HoldTime::seconds(86_400);
        for (within, held) in [
            (Duration::from_millis(300), HoldTime::seconds(30)),
            (Duration::from_mins(10), HoldTime::seconds(630)),
            (Duration::from_hours(24), day),
            (Duration::MAX, day),
        ] {
            assert_eq!(Ok(hold_for(within)), held, "{within:?}");
        }
    }
}
