//! The desk for verified money that fits no order: what is known of each sum, and what may become of it.

use askama::Template;
use axum::extract::State as Held;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::ids::{PaymentId, SuspenseId};
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::permission::FINANCE;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::payment::Payment;
use tollgate_payment::model::suspense::{Kept, Resolution, SuspenseState};
use tollgate_payment::{Resolve, ResolveError};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::super::form::{Faults, Typed};
use super::super::list::{LIMIT, Pager};
use super::super::staff::{Finance, PaymentsRead, Staff, Sure};
use super::cells::{self, At, Person, State};
use super::people::Names;
use super::refund::REASON_CHARS;
use super::transactions::unknown_cursor;

const HERE: &str = "/console/suspense";

/// What is told of a sum.
const TOLD: [&str; 3] = ["applied", "sent_back", "held"];

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    starting_after: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    done: String,
}

#[derive(Template)]
#[template(path = "money_suspense.html")]
struct SuspensePage {
    frame: Frame,
    /// By state: where it leads, its name, and whether it is this one.
    states: Vec<(String, String, bool)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    href: String,
    at: At,
    amount: String,
    rail: String,
    cause: String,
    order_no: String,
    state: State,
}

#[derive(Template)]
#[template(path = "money_kept.html")]
struct KeptPage {
    frame: Frame,
    told: String,
    amount: String,
    state: State,
    cause: String,
    /// What such a cause means, and what to look at.
    explained: String,
    rail: String,
    at: At,
    number: String,
    order_no: String,
    order: Option<Order>,
    decided: Option<Decided>,
    /// While somebody has to decide.
    desk: Option<Desk>,
    /// Why a decision came too late.
    late: String,
}

/// The order that the money came for.
struct Order {
    href: String,
    what: String,
    amount: String,
    state: State,
    buyer: Person,
}

struct Decided {
    at: At,
    by: Option<Person>,
    note: String,
}

/// The form of a decision.
struct Desk {
    /// Where one shows first that it is they.
    confirm: Option<String>,
    moves: Vec<Move>,
    order: String,
    reason: String,
    whole: Vec<String>,
    fault_of_action: String,
    fault_of_order: String,
    fault_of_reason: String,
    fault_of_sure: String,
    /// The sum, in the sentence that is ticked.
    sure: String,
}

/// What may become of it.
struct Move {
    word: &'static str,
    name: String,
    explained: String,
    is_chosen: bool,
}

/// `GET /console/suspense`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, staff.visit().say("console.suspense"));
    // What waits for a decision, if nothing is asked for.
    let state = match asked.state.as_str() {
        "" => Some(SuspenseState::Open),
        "all" => None,
        word => Some(word.parse().map_err(|_| Problem::new(Code::NotFound))?),
    };
    let cursor = match asked.starting_after.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| unknown_cursor())?),
    };
    let listed = console.payment.suspense(state, cursor, LIMIT).await?;
    let (found, has_more) = listed.ok_or_else(unknown_cursor)?;
    let cursor = found.last().filter(|_| has_more);
    let cursor = cursor.map(|kept| kept.id.to_string());
    let pager = Pager::new(staff.visit(), "starting_after", cursor);
    super::super::super::page(&listing(frame, state, &found, pager))
}

fn listing(
    frame: Frame,
    state: Option<SuspenseState>,
    found: &[Kept],
    pager: Pager,
) -> SuspensePage {
    let one = |known: SuspenseState| {
        let word = known.as_str();
        let name = frame.say(&format!("kept.{word}"));
        (format!("{HERE}?state={word}"), name, state == Some(known))
    };
    let all = (
        format!("{HERE}?state=all"),
        frame.say("money.any"),
        state.is_none(),
    );
    let states = SuspenseState::ALL.iter().copied().map(one);
    let row = |kept: &Kept| Row {
        href: format!("{HERE}/{}", kept.id),
        at: At::new(&frame, kept.created_at),
        amount: frame.written().price(kept.amount),
        rail: cells::rail(&frame, kept.rail.as_str()),
        cause: frame.say(&format!("kept_cause.{}", kept.cause.as_str())),
        order_no: kept.order_no.clone(),
        state: State::of_suspense(&frame, kept.state),
    };
    SuspensePage {
        states: states.chain([all]).collect(),
        rows: found.iter().map(row).collect(),
        pager,
        frame,
    }
}

/// `GET /console/suspense/{id}`
pub(super) async fn detail(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    PathId(id): PathId<SuspenseId>,
    Params(told): Params<Told>,
) -> Result<Response, Problem> {
    let kept = find(&console, id).await?;
    let mut typed = Typed::default();
    if let Some(order) = kept.payment_id {
        typed.put("order", order);
    }
    let view = View::of(&console, &staff, &kept).await?;
    super::super::super::page(&view.page(&typed, &Faults::default(), &told.done))
}

/// `POST /console/suspense/{id}`
pub(super) async fn resolve(
    Held(console): Held<Console>,
    Sure(staff): Sure<Finance>,
    PathId(id): PathId<SuspenseId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let kept = find(&console, id).await?;
    let view = View::of(&console, &staff, &kept).await?;
    let faults = match view.read(&console, &typed).await? {
        Ok(mut wish) => {
            wish.by = staff.caller.user_id();
            let done = match wish.resolution {
                Resolution::Apply => "applied",
                Resolution::Refund => "sent_back",
                Resolution::Hold => "held",
            };
            let (deciding, origin) = (console.payment.clone(), staff.origin.clone());
            // In a task of its own: a browser that goes away must not stop it between two steps.
            let decided =
                tokio::spawn(async move { deciding.resolve_suspense(&wish, &origin).await }).await;
            match decided.map_err(|_| Problem::new(Code::Unavailable))? {
                Ok(_) => {
                    let to = format!("{HERE}/{id}?done={done}");
                    return Ok(Redirect::to(&to).into_response());
                }
                Err(error) => refused(&view.frame, error)?,
            }
        }
        Err(faults) => faults,
    };
    // As it stands now: somebody else may have decided.
    let kept = find(&console, id).await?;
    let view = View::of(&console, &staff, &kept).await?;
    super::super::super::page(&view.page(&typed, &faults, ""))
}

async fn find(console: &Console, id: SuspenseId) -> Result<Kept, Problem> {
    let kept = console.payment.find_suspense(id).await?;
    kept.ok_or_else(|| Problem::new(Code::NotFound))
}

fn refused(frame: &Frame, error: ResolveError) -> Result<Faults, Problem> {
    Faults::of(error.into(), frame.language)
}

/// What a page is made from.
struct View<'a> {
    frame: Frame,
    kept: &'a Kept,
    order: Option<Payment>,
    names: Names,
    may_decide: bool,
    confirm: Option<String>,
}

impl<'a> View<'a> {
    async fn of<P: tollgate_kernel::permission::Named>(
        console: &Console,
        staff: &Staff<P>,
        kept: &'a Kept,
    ) -> Result<Self, Problem> {
        let order = match kept.payment_id {
            Some(id) => console.payment.transaction(id, None).await?,
            None => None,
        };
        let buyer = order.as_ref().map(|order| order.user_id);
        let people = buyer.into_iter().chain(kept.resolved_by);
        let may_decide = staff.holds(FINANCE);
        Ok(Self {
            frame: staff.frame(HERE, staff.visit().say("suspense.title")),
            names: Names::of(console, staff, people).await?,
            confirm: if may_decide {
                staff.confirm(console).await
            } else {
                None
            },
            kept,
            order,
            may_decide,
        })
    }

    /// The wish of the form, or what is to be mended in it.
    async fn read(
        &self,
        console: &Console,
        typed: &Typed,
    ) -> Result<Result<Resolve, Faults>, Problem> {
        let (frame, mut faults) = (&self.frame, Faults::default());
        let resolution = typed.get("action").parse::<Resolution>().ok();
        if resolution.is_none() {
            faults.note("action", frame.say("suspense.choose"));
        }
        let mut order = None;
        if resolution == Some(Resolution::Apply) {
            order = numbered(console, typed.get("order")).await?;
            if order.is_none() {
                faults.note("transaction_id", frame.say("suspense.no_order"));
            }
        }
        let reason = typed.get("reason");
        if reason.is_empty() || reason.chars().count() > REASON_CHARS {
            faults.note("reason", frame.say("money.bad_reason"));
        }
        if !typed.is("sure") {
            faults.note("sure", frame.say("suspense.not_sure"));
        }
        let (Some(resolution), true) = (resolution, faults.is_empty()) else {
            return Ok(Err(faults));
        };
        Ok(Ok(Resolve {
            id: self.kept.id,
            resolution,
            payment_id: order,
            reason: reason.to_owned(),
            by: None,
        }))
    }

    fn page(self, typed: &Typed, faults: &Faults, done: &str) -> KeptPage {
        let (frame, kept) = (&self.frame, self.kept);
        let written = frame.written();
        let cause = kept.cause.as_str();
        let order = self.order.as_ref().map(|order| Order {
            href: format!("/console/transactions/{}", order.id),
            what: order.description.clone(),
            amount: written.price(order.amount),
            state: State::of_payment(frame, order),
            buyer: self.names.person(order.user_id),
        });
        let decided = kept.resolved_at.map(|at| Decided {
            at: At::new(frame, at),
            by: kept.resolved_by.map(|user| self.names.person(user)),
            note: kept.note.clone().unwrap_or_default(),
        });
        KeptPage {
            told: cells::done(frame, &TOLD, done),
            amount: written.price(kept.amount),
            state: State::of_suspense(frame, kept.state),
            cause: frame.say(&format!("kept_cause.{cause}")),
            explained: frame.say(&format!("kept_means.{cause}")),
            rail: cells::rail(frame, kept.rail.as_str()),
            at: At::new(frame, kept.created_at),
            number: kept.transaction_id.clone(),
            order_no: kept.order_no.clone(),
            order,
            decided,
            late: if kept.state.is_undecided() {
                String::new()
            } else {
                faults.at("action")
            },
            desk: (self.may_decide && kept.state.is_undecided()).then(|| self.desk(typed, faults)),
            frame: self.frame,
        }
    }

    fn desk(&self, typed: &Typed, faults: &Faults) -> Desk {
        let frame = &self.frame;
        let chosen = typed.get("action");
        let moves = Resolution::ALL.iter().map(|one| {
            let word = one.as_str();
            Move {
                word,
                name: frame.say(&format!("resolve.{word}")),
                explained: frame.say(&format!("resolve_means.{word}")),
                is_chosen: word == chosen,
            }
        });
        let sum = frame.written().price(self.kept.amount);
        Desk {
            confirm: self.confirm.clone(),
            moves: moves.collect(),
            order: typed.get("order").to_owned(),
            reason: typed.get("reason").to_owned(),
            whole: Some(faults.at(""))
                .filter(|text| !text.is_empty())
                .into_iter()
                .collect(),
            fault_of_action: faults.at("action"),
            fault_of_order: faults.at("transaction_id"),
            fault_of_reason: faults.at("reason"),
            fault_of_sure: faults.at("sure"),
            sure: frame.words().with("suspense.sure", &[("amount", &sum)]),
        }
    }
}

/// The one order of a number, if it is one's.
async fn numbered(console: &Console, text: &str) -> Result<Option<PaymentId>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let found = console.payment.transactions_numbered(text).await?;
    Ok(match found.as_slice() {
        [one] => Some(one.id),
        _ => None,
    })
}

#[cfg(test)]
mod samples;
