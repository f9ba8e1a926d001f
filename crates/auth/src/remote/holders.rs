//! Keys of the other house, of people and of host applications: asked about there and believed for two seconds, a key or
//! none. Many calls by one key that is not remembered ask once.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use secrecy::SecretString;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::networks::Networks;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::Scopes;

use super::Parts;
use super::house::Introspected;
use crate::methods::Presented;
use crate::methods::api_key::{BELIEVED, admit};
use crate::model::api_key::PlainKey;
use crate::model::key_terms::KeyTerms;
use crate::model::live_key::{Holder, LiveKey};
use crate::remembered::{Asked, Remembered};
use crate::single_flight::SingleFlight;

/// What was told, and when.
#[derive(Clone, Debug)]
struct Told {
    live: Option<Arc<LiveKey>>,
    at: Timestamp,
}

/// What was told of keys lately.
#[derive(Default)]
pub(super) struct Holders {
    told: Remembered<Told>,
    questions: SingleFlight<([u8; 32], Asked), Result<Told, Problem>>,
}

/// Who shows `key`.
pub(super) async fn identify(
    parts: &Arc<Parts>,
    key: &[u8],
    from: Option<IpAddr>,
) -> Result<Presented, Problem> {
    let invalid = || Problem::new(Code::ApiKeyInvalid);
    let text = std::str::from_utf8(key).map_err(|_| invalid())?;
    // A key that was brought along from elsewhere has another shape than those of the house.
    let key = PlainKey::parse(text, &parts.api_key_prefix, parts.livemode)
        .or_else(|| PlainKey::brought(text))
        .ok_or_else(invalid)?;
    let now = parts.clock.now();
    let known = parts.holders.told.get(&key.hash());
    let told = match known.filter(|told| now.since(told.at) < BELIEVED) {
        Some(told) => told,
        None => ask(parts, &key).await?,
    };
    let live = told.live.ok_or_else(invalid)?;
    if live.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Code::ApiKeyExpired));
    }
    admit(&live, from, &parts.key_limits)?;
    Ok(Presented {
        caller: live.caller(),
        issued_at: None,
        expires_at: live.expires_at,
    })
}

async fn ask(parts: &Arc<Parts>, key: &PlainKey) -> Result<Told, Problem> {
    let (hash, asked) = (key.hash(), parts.holders.told.asked());
    let (own, text) = (Arc::clone(parts), SecretString::from(key.text()));
    let question = move || {
        async move {
            let at = own.clock.now();
            let said = own.house.introspect(&text).await?;
            let told = Told {
                live: understood(&said, own.livemode).map(Arc::new),
                at,
            };
            own.holders.told.put(asked, hash, told.clone());
            Ok(told)
        }
        .boxed()
    };
    parts.holders.questions.ask((hash, asked), question).await
}

/// What cannot be understood whole opens nothing: a limit that was overlooked would be none.
fn understood(said: &Introspected, livemode: bool) -> Option<LiveKey> {
    if !said.active || said.livemode != livemode {
        return None;
    }
    let scopes = said.scope.as_deref().map(|scope| scope.split(' '));
    let holder = match said.kind.as_str() {
        "api_key" => Holder::Person(said.sub?, said.api_key_id?),
        // A host application is given scopes, never everything.
        "service_key" if scopes.is_some() => Holder::Service(said.service_key_id?),
        _ => return None,
    };
    Some(LiveKey {
        holder,
        terms: KeyTerms {
            scopes: scopes.map_or_else(Scopes::everything, Scopes::only),
            addresses: Networks::of(&said.allowed_addresses).ok()?,
            per_minute: said.rate_limit_per_minute,
        },
        expires_at: match said.exp {
            Some(seconds) => Some(Timestamp::from_seconds(seconds)?),
            None => None,
        },
        last_used_at: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Option<LiveKey> {
        let mut said = json!({ "active": true, "type": "service_key", "scope": "quota usage.read", "livemode": true,
            "service_key_id": "0198c0de-0000-7000-8000-000000000001", "allowed_addresses": ["10.0.0.0/8"] });
        change(&mut said);
        understood(&serde_json::from_value(said).ok()?, true)
    }

    #[test]
    fn inv_a4_what_is_told_of_a_key_counts_whole_or_not_at_all() {
        let live = read(|_| {}).expect("a service");
        assert!(live.terms.scopes.allow("quota") && !live.terms.scopes.allow("introspect"));
        assert!(!live.terms.addresses.contain([192, 0, 2, 1].into()));
        for (name, value) in [
            ("active", json!(false)),
            ("livemode", json!(false)),
            ("type", json!("access")),
            ("type", json!("api_key")),
            ("scope", Value::Null),
            ("service_key_id", Value::Null),
            ("allowed_addresses", json!(["somewhere"])),
            ("exp", json!(i64::MAX)),
        ] {
            assert!(
                read(|said| said[name] = value.clone()).is_none(),
                "{name} {value}"
            );
        }
    }
}
