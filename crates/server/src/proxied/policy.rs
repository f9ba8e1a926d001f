//! What a proxy asks of its callers, as it writes it into the address: `plan=pro&resource_type=images&consume=1`.
//!
//! Whoever can write the policy decides who is let in, so it is read where the client cannot write: in the query of
//! `/auth/forward` itself, or, for proxies that append the client's path, in a first segment that begins with `~`. What
//! is not understood, or said twice, is refused and never left out.

use std::collections::HashSet;

use axum::http::Uri;
use tollgate_payment::PlanSlugs;
use tollgate_payment::model::plan::Slug;
use tollgate_payment::model::quota::{Cost, ResourceType};

use super::Demands;

/// Where a proxy asks.
pub(super) const PATH: &str = "/auth/forward";
/// What a segment with a policy begins with.
const SEGMENT: char = '~';

/// What a proxy asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) demands: Demands,
    /// Room in the quota for this.
    pub(super) call: Option<Call>,
    /// Browsers are sent to sign in.
    pub(super) login: bool,
    /// Refusals as they are, instead of as nginx knows them.
    pub(super) exact: bool,
    /// Pre-flight requests pass.
    pub(super) allow_options: bool,
}

/// A call, as the quota counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) resource_type: ResourceType,
    pub(super) cost: Cost,
    /// It is charged, not only looked at.
    pub(super) consume: bool,
}

/// A policy that cannot be one: the proxy is set up wrong, and lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPolicy {
    #[error("{0} is not a member of a policy")]
    Unknown(String),
    #[error("{0} is said twice")]
    Twice(String),
    #[error("{name} cannot be {value:?}")]
    Value { name: &'static str, value: String },
    #[error("{0} needs resource_type")]
    NeedsResource(&'static str),
    #[error(
        "whether the query is the proxy's or the client's cannot be told: leave the last / away"
    )]
    Whose,
    #[error("allow_options belongs into a query: in a path the client could write it")]
    OptionsInPath,
}

impl Policy {
    /// As the address says.
    pub(super) fn read(uri: &Uri) -> Result<Self, InvalidPolicy> {
        let query = uri.query().unwrap_or_default();
        match uri.path().strip_prefix(PATH).unwrap_or_default() {
            "" => Self::parse(query),
            "/" if query.is_empty() => Ok(Self::default()),
            "/" => Err(InvalidPolicy::Whose),
            // The query is the client's from here on.
            behind => {
                let first = behind.trim_start_matches('/').split('/').next();
                let segment = first.and_then(|first| first.strip_prefix(SEGMENT));
                let policy = Self::parse(&segment.unwrap_or_default().replace(';', "&"))?;
                if policy.allow_options {
                    return Err(InvalidPolicy::OptionsInPath);
                }
                Ok(policy)
            }
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let mut policy = Self::default();
        let mut said = HashSet::new();
        let (mut resource_type, mut cost, mut consume) = (None, None, false);
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if !said.insert(name.to_string()) {
                return Err(InvalidPolicy::Twice(name.into_owned()));
            }
            match name.as_ref() {
                "plan" => policy.demands.plans = Some(plans(&value)?),
                "permission" => policy.demands.permission = Some(word("permission", &value)?),
                "scope" => policy.demands.scope = Some(word("scope", &value)?),
                "resource_type" => {
                    let parsed = value.parse::<ResourceType>();
                    resource_type =
                        Some(parsed.map_err(|_| InvalidPolicy::value("resource_type", &value))?);
                }
                "cost" => {
                    let parsed = value.parse().ok().and_then(|cost| Cost::new(cost).ok());
                    cost = Some(parsed.ok_or_else(|| InvalidPolicy::value("cost", &value))?);
                }
                "consume" => consume = flag("consume", &value)?,
                "allow_options" => policy.allow_options = flag("allow_options", &value)?,
                "login" if value == "redirect" => policy.login = true,
                "login" => return Err(InvalidPolicy::value("login", &value)),
                "status" if value == "exact" => policy.exact = true,
                "status" => return Err(InvalidPolicy::value("status", &value)),
                _ => return Err(InvalidPolicy::Unknown(name.into_owned())),
            }
        }
        policy.call = match (resource_type, cost) {
            (Some(resource_type), cost) => Some(Call {
                resource_type,
                cost: cost.unwrap_or(Cost::ONE),
                consume,
            }),
            (None, Some(_)) => return Err(InvalidPolicy::NeedsResource("cost")),
            (None, None) if consume => return Err(InvalidPolicy::NeedsResource("consume")),
            (None, None) => None,
        };
        if policy.call.is_some() {
            policy.demands = policy.demands.with_units();
        }
        Ok(policy)
    }
}

impl InvalidPolicy {
    fn value(name: &'static str, value: &str) -> Self {
        Self::Value {
            name,
            value: value.to_owned(),
        }
    }
}

/// Slugs with commas between them.
fn plans(text: &str) -> Result<PlanSlugs, InvalidPolicy> {
    let slugs = text.split(',').map(|slug| slug.trim().parse::<Slug>());
    let slugs: Result<Vec<Slug>, _> = slugs.collect();
    let slugs = slugs.map_err(|_| InvalidPolicy::value("plan", text))?;
    let slugs: Vec<String> = slugs.iter().map(|slug| slug.as_str().to_owned()).collect();
    Ok(slugs.into())
}

fn word(name: &'static str, text: &str) -> Result<String, InvalidPolicy> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_word) {
        return Err(InvalidPolicy::value(name, text));
    }
    Ok(text.to_owned())
}

fn flag(name: &'static str, text: &str) -> Result<bool, InvalidPolicy> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(InvalidPolicy::value(name, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<Policy, InvalidPolicy> {
        Policy::read(&address.parse().expect("an address"))
    }

    #[test]
    fn a_policy_is_read_from_where_the_proxy_writes_it() {
        let pro = Policy {
            demands: Demands {
                plans: Some(["pro", "team"].into()),
                ..Demands::default()
            },
            exact: true,
            ..Policy::default()
        };
        assert_eq!(
            read("/auth/forward?plan=pro,team&status=exact"),
            Ok(pro.clone())
        );
        assert_eq!(
            read("/auth/forward/~plan=pro%2Cteam;status=exact/app/x?plan=free"),
            Ok(pro)
        );
        let charged = read("/auth/forward?resource_type=images&cost=3&consume=1");
        let call = charged.expect("a policy").call.expect("a call");
        assert_eq!(call.resource_type.to_string(), "images");
        assert_eq!((call.cost.get(), call.consume), (3, true));
        assert_eq!(read("/auth/forward"), Ok(Policy::default()));
        assert_eq!(read("/auth/forward/"), Ok(Policy::default()));
    }

    #[test]
    fn what_the_client_appends_is_no_policy() {
        let none = Policy::default();
        for address in [
            "/auth/forward/app?plan=pro&consume=1&allow_options=1",
            "/auth/forward/app/~plan=pro",
            "/auth/forward/%7Eplan=pro/app",
            "/auth/forward/a;plan=pro",
            "/auth/forward/~",
            "/auth/forward/~/x?status=exact",
        ] {
            assert_eq!(read(address), Ok(none.clone()), "{address}");
        }
        let fixed = read("/auth/forward/~plan=pro/%2e%2e/~plan=free?plan=free").expect("a policy");
        assert_eq!(fixed.demands.plans, Some("pro".into()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for address in [
            "/auth/forward?plans=pro",
            "/auth/forward?plan=",
            "/auth/forward?plan=pro&plan=free",
            "/auth/forward?plan=Pro!",
            "/auth/forward?consume=1",
            "/auth/forward?cost=1",
            "/auth/forward?resource_type=images&cost=0&consume=1",
            "/auth/forward?resource_type=images&cost=-1",
            "/auth/forward?resource_type=images&cost=1.0",
            "/auth/forward?resource_type=&consume=1",
            "/auth/forward?resource_type=images&consume=yes",
            "/auth/forward?permission=a%20b",
            "/auth/forward?status=inexact",
            "/auth/forward?login=page",
            "/auth/forward/?plan=free",
            "/auth/forward/~allow_options=1/app",
            "/auth/forward/~plans=pro/app",
        ] {
            assert!(read(address).is_err(), "{address}");
        }
    }
}
