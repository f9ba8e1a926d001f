//! Lists: newest first, a page at a time.

use serde_json::{Value, json};

use super::deed::Deed;
use super::wire::{Fault, Form, Refusal};
use crate::store::Listed;

/// So many are read at once.
const AT_ONCE: i64 = 100;
/// What every list takes.
const ALL: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

/// One page of objects of a kind. `fits` are further wishes that the index does not know.
pub(super) async fn page(
    deed: &mut Deed<'_>,
    form: &Form,
    listed: Listed<'_>,
    url: &str,
    fits: impl Fn(&Value) -> bool,
) -> Result<Value, Fault> {
    let limit = form.whole("limit")?.unwrap_or(10);
    let limit = usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=100).contains(limit))
        .ok_or_else(|| Refusal::invalid("limit", "limit must be 1 to 100.".to_owned()))?;
    let mut listed = Listed {
        created: created(form)?,
        before: cursor(deed, form, "starting_after", listed.kind).await?,
        after: cursor(deed, form, "ending_before", listed.kind).await?,
        limit: AT_ONCE,
        ..listed
    };
    let upwards = listed.after.is_some();
    if upwards && listed.before.is_some() {
        let message = "You can use starting_after or ending_before, not both.".to_owned();
        return Err(Refusal::invalid("ending_before", message).into());
    }
    let mut data = Vec::new();
    let has_more = 'pages: loop {
        let rows = deed.tx.list(&listed).await?;
        let whole = i64::try_from(rows.len()).is_ok_and(|count| count == AT_ONCE);
        for (place, object) in rows {
            if upwards {
                listed.after = Some(place);
            } else {
                listed.before = Some(place);
            }
            if !fits(&object) {
                continue;
            }
            if data.len() == limit {
                break 'pages true;
            }
            data.push(object);
        }
        if !whole {
            break false;
        }
    };
    if upwards {
        data.reverse();
    }
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}

/// What a list takes beside `own`.
pub(super) fn only(form: &Form, own: &[&str]) -> Result<(), Refusal> {
    form.only(&[&ALL, own].concat())
}

/// Whether an object's member is the one that is asked for; without a wish every one is.
pub(super) fn is(form: &Form, object: &Value, member: &str) -> bool {
    form.text(member)
        .is_none_or(|wanted| object[member] == wanted)
}

/// `created` itself, or its bounds.
fn created(form: &Form) -> Result<(Option<i64>, Option<i64>), Refusal> {
    if let Some(at) = form.whole("created")? {
        return Ok((Some(at), Some(at)));
    }
    let above = form.whole("created[gt]")?.map(|at| at.saturating_add(1));
    let below = form.whole("created[lt]")?.map(|at| at.saturating_sub(1));
    Ok((
        above.max(form.whole("created[gte]")?),
        below.into_iter().chain(form.whole("created[lte]")?).min(),
    ))
}

async fn cursor(
    deed: &mut Deed<'_>,
    form: &Form,
    name: &str,
    kind: &str,
) -> Result<Option<i64>, Fault> {
    let Some(id) = form.text(name) else {
        return Ok(None);
    };
    let place = deed.tx.place(kind, id).await?;
    Ok(Some(place.ok_or_else(|| Refusal::missing(id))?))
}
