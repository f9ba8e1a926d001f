//! Whether a credential is good, for applications in any language.

use std::collections::BTreeMap;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::{self, Authority as _};
use tollgate_kernel::problem::{Code, Problem};
use utoipa::{IntoParams, ToSchema};

use super::UserShape;
use crate::AuthService;
use crate::methods::Presented;
use crate::operations::verify::Verified;

/// Whose credential it is, and what they may use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verification {
    /// Always true: a credential that is not good is a problem.
    valid: bool,
    /// `user` or `api_key`.
    #[schema(example = "api_key")]
    subject_type: &'static str,
    user: UserShape,
    /// Null for a sign-in.
    #[schema(value_type = Option<String>, format = "uuid")]
    api_key_id: Option<ApiKeyId>,
    permissions: Vec<String>,
    /// What a key may be used for; null: everything.
    scopes: Option<Vec<String>>,
    /// Of the credential; null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// `plan`, `subscription` and `quota`, each null without a subscription.
    #[serde(flatten)]
    #[schema(value_type = Entitled)]
    entitled: Map<String, Value>,
}

/// What they may use.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes members that another module fills in")]
struct Entitled {
    /// Slug of the plan.
    plan: Option<String>,
    #[schema(value_type = Option<Object>)]
    subscription: Option<Value>,
    #[schema(value_type = Option<Object>)]
    quota: Option<Value>,
}

/// What the application asks for, if it asks for anything.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VerifyParams {
    /// One of these plans, by slug, separated by commas.
    plan: Option<String>,
    /// This permission.
    permission: Option<String>,
    /// `true`: that the person showed within the last five minutes that it is they.
    confirmed: Option<bool>,
    /// Room in the quota for a call that is counted as this.
    resource_type: Option<String>,
    /// How many calls' worth; 1 when left out.
    cost: Option<String>,
}

impl VerifyParams {
    fn demand(self) -> BTreeMap<String, String> {
        let members = [
            ("plan", self.plan),
            ("resource_type", self.resource_type),
            ("cost", self.cost),
        ];
        let given = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }
}

/// Whose credential this is, what they have, and how much is left. Takes nothing. Asks the database,
/// so that whoever was deactivated or signed out fails at once.
#[utoipa::path(get, path = "/verify", tag = "auth",
    params(VerifyParams),
    responses(
        (status = 200, body = Verification),
        (status = 401, description = "a problem that also carries `valid: false`, like every other refusal"),
        (status = 402, description = "`subscription_required`, `plan_required`"),
        (status = 403, description = "`permission_denied`, `second_factor_required`, `confirmation_required`"),
        (status = 422, description = "`validation_failed`"),
        (status = 429, description = "`quota_exceeded`"),
    ))]
pub(super) async fn verify(
    State(service): State<AuthService>,
    caller: Option<Caller>,
    presented: Option<Extension<Presented>>,
    params: Result<Params<VerifyParams>, Problem>,
) -> Result<Json<Verification>, Problem> {
    let refused = |problem: Problem| match problem.code().status() {
        401..=429 => problem.with("valid", false),
        _ => problem,
    };
    let Params(params) = params.map_err(refused)?;
    let caller = caller.ok_or_else(|| refused(Problem::new(Code::Unauthenticated)))?;
    let presented = presented.map_or_else(|| Presented::of(caller), |Extension(found)| found);
    let verified = service.verify(&presented).await.map_err(refused)?;
    if let Some(wanted) = &params.permission
        && !verified.permissions.hold(wanted)
    {
        // Staff without a second factor are told what they lack.
        let held = service.permissions(&verified.caller).await;
        held.map_err(refused)?;
        return Err(refused(permission::lacking(wanted)));
    }
    if params.confirmed == Some(true) {
        let confirmed = service.confirmed(&verified.caller).await;
        confirmed.map_err(refused)?;
    }
    let subject_type = verified.subject_type();
    let Verified {
        user,
        caller,
        permissions,
        expires_at,
    } = verified;
    let (api_key_id, scopes) = match &caller {
        Caller::ApiKey {
            api_key_id, scopes, ..
        } => (Some(*api_key_id), scopes.names().map(<[String]>::to_vec)),
        _ => (None, None),
    };
    let met = service.meets(user.id, &params.demand()).await;
    met.map_err(refused)?;
    Ok(Json(Verification {
        valid: true,
        subject_type,
        entitled: service.entitled(user.id).await?,
        user: user.into(),
        api_key_id,
        permissions: permissions.names().to_vec(),
        scopes,
        expires_at,
    }))
}
