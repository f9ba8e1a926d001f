//! Everything that happened to one person, newest first: sign-ins, orders, refunds, what they have, units given to them,
//! deeds of staff.
//!
//! The parts come from lists of their own, all sorted by ids that sort by time; deeds are sorted by their place in the
//! log. A page is merged from the heads of the lists, so that its end says for each of them where the next one begins.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;

use tollgate_auth::model::session::PastSignIn;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{EventId, Id as _, PlanId, UserId};
use tollgate_kernel::permission::{AUDIT_READ, PAYMENTS_READ};
use tollgate_kernel::problem::Problem;
use tollgate_payment::model::happening::Happening;
use tollgate_storage::audit::{Filter, Recorded};

use super::super::super::frame::Frame;
use super::super::Console;
use super::difference;
use super::list::{LIMIT, When};
use super::staff::Staff;

/// One thing that happened, of whatever kind.
enum Item {
    SignIn(PastSignIn),
    Money(Happening),
    Deed(Recorded),
}

impl Item {
    fn id(&self) -> EventId {
        match self {
            Self::SignIn(sign_in) => sign_in.id.uuid().into(),
            Self::Money(happening) => happening.id(),
            Self::Deed(deed) => deed.id.uuid().into(),
        }
    }
}

/// Where a page begins: below this id, and below this place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    before: EventId,
    position: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.before, self.position)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (before, position) = text.split_once('.').ok_or(())?;
        Ok(Self {
            before: before.parse().map_err(drop)?,
            position: position.parse().map_err(drop)?,
        })
    }
}

/// A thing that happened, in words.
pub(super) struct Moment {
    pub(super) at: When,
    pub(super) what: String,
    pub(super) look: &'static str,
    /// What programs call it.
    pub(super) code: Option<String>,
    pub(super) href: Option<String>,
    pub(super) lines: Vec<String>,
}

/// A page of it, and where the next one begins.
pub(super) struct Timeline {
    pub(super) moments: Vec<Moment>,
    pub(super) next: Option<Cursor>,
}

/// What `staff` may see of it.
pub(super) async fn read<P>(
    console: &Console,
    staff: &Staff<P>,
    frame: &Frame,
    user: UserId,
    from: Option<Cursor>,
) -> Result<Timeline, Problem> {
    let most = LIMIT.saturating_add(1);
    let before = from.map(|from| from.before);
    let session = before.map(|id| id.uuid().into());
    let sign_ins = console.auth.past_sessions(user, session, most).await?;
    let money = staff.holds(PAYMENTS_READ);
    let happened = console
        .payment
        .happenings(user, before, money, most)
        .await?;
    let deeds = if staff.holds(AUDIT_READ) {
        let filter = Filter {
            subject_kind: Some("user".to_owned()),
            subject_id: Some(user.to_string()),
            actor_id: None,
            before: from.map(|from| from.position),
        };
        console.auth.audit_log(&filter, most).await?
    } else {
        Vec::new()
    };
    let lists = [
        sign_ins.into_iter().map(Item::SignIn).collect(),
        happened.into_iter().map(Item::Money).collect(),
        deeds.into_iter().map(Item::Deed).collect(),
    ];
    let plans = console.payment.all_plans().await?;
    let names = plans
        .iter()
        .map(|plan| (plan.id, frame.written().plan(plan)));
    let names: BTreeMap<PlanId, String> = names.collect();
    let (items, next) = merged(lists, from);
    Ok(Timeline {
        moments: items
            .iter()
            .map(|item| moment(frame, &names, item))
            .collect(),
        next,
    })
}

/// The newest heads first; where the next page begins, if there is one.
fn merged(mut lists: [VecDeque<Item>; 3], from: Option<Cursor>) -> (Vec<Item>, Option<Cursor>) {
    let most = usize::try_from(LIMIT).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let (mut before, mut position) = (None, from.map_or(i64::MAX, |from| from.position));
    while items.len() < most {
        let heads = lists.iter_mut().filter(|list| !list.is_empty());
        let newest = heads.max_by_key(|list| list.front().map(Item::id));
        let Some(item) = newest.and_then(VecDeque::pop_front) else {
            return (items, None);
        };
        let id = item.id();
        before = Some(before.map_or(id, |lowest: EventId| lowest.min(id)));
        if let Item::Deed(deed) = &item {
            position = deed.position;
        }
        items.push(item);
    }
    let has_more = lists.iter().any(|list| !list.is_empty());
    let next = before
        .filter(|_| has_more)
        .map(|before| Cursor { before, position });
    (items, next)
}

fn moment(frame: &Frame, plans: &BTreeMap<PlanId, String>, item: &Item) -> Moment {
    match item {
        Item::SignIn(sign_in) => signed_in(frame, sign_in),
        Item::Money(happening) => happened(frame, plans, happening),
        Item::Deed(deed) => done(frame, deed),
    }
}

fn new(frame: &Frame, at: Timestamp, what: String, look: &'static str) -> Moment {
    Moment {
        at: When::new(frame, at),
        what,
        look,
        code: None,
        href: None,
        lines: Vec::new(),
    }
}

fn signed_in(frame: &Frame, sign_in: &PastSignIn) -> Moment {
    let places = [&sign_in.device, &sign_in.address];
    let places: Vec<&str> = places
        .into_iter()
        .filter_map(|text| text.as_deref())
        .collect();
    let mut lines = vec![places.join(" · ")];
    if let Some(ended) = sign_in.ended_at {
        let at = frame.written().time(ended);
        lines.push(frame.words().with("moment.ended", &[("at", &at)]));
    }
    Moment {
        lines,
        ..new(frame, sign_in.created_at, frame.say("moment.signed_in"), "")
    }
}

fn happened(frame: &Frame, plans: &BTreeMap<PlanId, String>, happening: &Happening) -> Moment {
    let written = frame.written();
    let words = frame.words();
    let (what, look, href, lines) = match happening {
        Happening::Payment(payment) => {
            let amount = written.price(payment.amount);
            let status = payment.state.status().as_str();
            let look = match status {
                "completed" => "ok",
                "failed" => "bad",
                "pending" => "warn",
                _ => "info",
            };
            let what = words.with(&format!("moment.order_{status}"), &[("amount", &amount)]);
            let href = Some(format!("/console/transactions/{}", payment.id));
            let method = format!("{} · {}", payment.method.as_str(), payment.description);
            (what, look, href, vec![method])
        }
        Happening::Refund(refund) => {
            let amount = written.price(refund.amount);
            let status = refund.state.status().as_str();
            let look = match status {
                "succeeded" => "ok",
                "failed" => "bad",
                _ => "warn",
            };
            let what = words.with(&format!("moment.refund_{status}"), &[("amount", &amount)]);
            let href = refund
                .payment_id
                .map(|id| format!("/console/transactions/{id}"));
            (what, look, href, vec![refund.reason.clone()])
        }
        Happening::Change(change) => {
            let what = words.say(&format!("moment.plan_{}", change.kind.as_str()));
            let name = |id: &PlanId| plans.get(id).cloned().unwrap_or_else(|| id.to_string());
            let both = [change.from_plan.as_ref(), change.to_plan.as_ref()];
            let both: Vec<String> = both.into_iter().flatten().map(name).collect();
            (what, "info", None, vec![both.join(" → ")])
        }
        Happening::Bonus(bonus) => {
            let units = written.count(bonus.units);
            let what = words.with(
                "moment.bonus",
                &[("units", &units), ("meter", &bonus.meter)],
            );
            (what, "info", None, vec![bonus.reason.clone()])
        }
        _ => (String::new(), "", None, Vec::new()),
    };
    Moment {
        href,
        lines: lines.into_iter().filter(|line| !line.is_empty()).collect(),
        ..new(frame, happening.at(), what, look)
    }
}

fn done(frame: &Frame, deed: &Recorded) -> Moment {
    let changes = difference::between(deed.before.as_deref(), deed.after.as_deref());
    let changes = changes.into_iter().map(|change| change.line());
    let reason = deed.reason.iter().cloned();
    Moment {
        code: Some(deed.action.clone()),
        href: deed
            .actor_id
            .filter(|_| deed.actor_kind == "user")
            .map(|id| format!("/console/audit?actor={id}")),
        lines: reason.chain(changes).collect(),
        ..new(
            frame,
            deed.at,
            frame.say(&format!("moment.by_{}", deed.actor_kind)),
            "",
        )
    }
}

#[cfg(test)]
impl Moment {
    /// Something that happened to nobody.
    pub(super) fn sample(frame: &Frame, text: &str) -> Self {
        Self {
            code: Some(text.to_owned()),
            href: Some("/console/audit".to_owned()),
            lines: vec![text.to_owned(), text.to_owned()],
            ..new(frame, Timestamp::EPOCH, text.to_owned(), "ok")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn sign_in(id: u128) -> Item {
        Item::SignIn(PastSignIn {
            id: Uuid::from_u128(id).into(),
            device: None,
            address: None,
            created_at: Timestamp::EPOCH,
            ended_at: None,
        })
    }

    fn deed(id: u128, position: i64) -> Item {
        Item::Deed(Recorded {
            position,
            id: Uuid::from_u128(id).into(),
            at: Timestamp::EPOCH,
            actor_kind: String::new(),
            actor_id: None,
            action: String::new(),
            subject_kind: String::new(),
            subject_id: String::new(),
            before: None,
            after: None,
            reason: None,
            request_id: None,
            address: None,
        })
    }

    /// All pages of two lists, of which the log's is not wholly in the order of its ids.
    #[test]
    fn every_thing_is_on_one_page_and_on_one_only() {
        let signed: Vec<u128> = (1..=50).map(|at| at * 20 + 1).collect();
        let log: Vec<(u128, i64)> = (1..=30_i64)
            .map(|at| {
                (
                    u128::try_from(at * 30 + if at % 7 == 0 { 40 } else { 0 }).expect("small"),
                    at,
                )
            })
            .collect();
        let (mut from, mut seen) = (None, Vec::new());
        loop {
            let below = from.map_or(u128::MAX, |from: Cursor| from.before.uuid().as_u128());
            let place = from.map_or(i64::MAX, |from| from.position);
            let most = usize::try_from(LIMIT).expect("small") + 1;
            let a = signed.iter().rev().filter(|id| **id < below).take(most);
            let b = log.iter().rev().filter(|(_, at)| *at < place).take(most);
            let lists = [
                a.map(|id| sign_in(*id)).collect(),
                VecDeque::new(),
                b.map(|(id, at)| deed(*id, *at)).collect(),
            ];
            let (items, next) = merged(lists, from);
            seen.extend(items.iter().map(|item| match item {
                Item::Deed(deed) => (1, i128::from(deed.position)),
                other => (
                    0,
                    i128::try_from(other.id().uuid().as_u128()).expect("small"),
                ),
            }));
            let Some(next) = next else { break };
            assert_eq!(next.to_string().parse(), Ok(next));
            from = Some(next);
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((count, seen.len()), (80, 80));
    }
}
