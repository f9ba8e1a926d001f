//! Payments of everybody, by state, rail, person, number and day; what they come to, and as a table.

use std::time::Duration;

use askama::Template;
use axum::extract::State as Held;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::table::LONGEST_TABLE;
use tollgate_payment::TransactionFilter;
use tollgate_payment::model::payment::{Payment, PaymentMethod, PaymentStatus};
use tollgate_payment::model::stats::TransactionTotal;

use super::super::super::frame::Frame;
use super::super::super::plan_names::PlanNames;
use super::super::Console;
use super::super::form::{Faults, Field, Typed};
use super::super::list::{LIMIT, Pager};
use super::super::staff::{PaymentsRead, Staff};
use super::cells::{self, At, Person, State};
use super::people::{Meant, Names};
use crate::words::WORDS;

/// The entry of the list on the left.
pub(super) const HERE: &str = "/console/transactions";
/// An order that is open for longer is late: a buyer pays at once, or not at all.
pub(super) const LATE: Duration = Duration::from_mins(10);
/// Sums are made of so much time.
const LONGEST_SUM: Duration = Duration::from_hours(400 * 24);
/// What may be a number of an order or of money, and is no name.
const SHORTEST_NUMBER: usize = 16;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    user: String,
    status: String,
    method: String,
    currency: String,
    from: String,
    to: String,
    starting_after: String,
}

/// The same, read.
struct Wanted {
    filter: TransactionFilter,
    meant: Meant,
    /// Those of the number that was typed, whatever else is asked for.
    numbered: Vec<Payment>,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "money_transactions.html")]
struct TransactionsPage {
    frame: Frame,
    filters: Vec<Field>,
    notes: Vec<String>,
    /// Which of these is meant: a link and a name.
    several: Vec<(String, String)>,
    totals: Vec<Total>,
    /// Why there are no sums.
    no_totals: bool,
    table: String,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Total {
    currency: String,
    orders: String,
    payments: String,
    paid: String,
    refunded: String,
    net: String,
}

struct Row {
    id: String,
    at: At,
    who: Person,
    what: String,
    rail: String,
    amount: String,
    refunded: Option<String>,
    state: State,
    is_late: bool,
}

/// `GET /console/transactions`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, staff.visit().say("console.transactions"));
    let wanted = wanted(&console, &staff, &frame, &asked).await?;
    let (mut found, mut has_more, mut totals) = (Vec::new(), false, Vec::new());
    let is_summed = wanted.meant.one().is_some() || is_short(&console, &wanted.filter);
    if !wanted.numbered.is_empty() {
        found.clone_from(&wanted.numbered);
    } else if wanted.faults.is_empty() && wanted.meant.is_clear() {
        let listed = console.payment.transactions(&wanted.filter, LIMIT).await?;
        (found, has_more) = listed.ok_or_else(unknown_cursor)?;
        if is_summed {
            totals = console.payment.transaction_totals(&wanted.filter).await?;
        }
    }
    let people = found.iter().map(|payment| payment.user_id);
    let names = Names::of(&console, &staff, people.chain(wanted.meant.one())).await?;
    let plans = PlanNames::read(&console.payment, frame.written()).await?;
    let cursor = found.last().filter(|_| has_more);
    let cursor = cursor.map(|payment| payment.id.to_string());
    let now = console.payment.now();
    let view = View {
        asked: &asked,
        wanted: &wanted,
        names: &names,
        plans: &plans,
        now,
        is_summed,
    };
    let pager = Pager::new(staff.visit(), "starting_after", cursor);
    let mut page = view.page(frame, &found, &totals, pager);
    if let Meant::Several(people) = &wanted.meant {
        let link = |email: &String| staff.visit().here_with("q", email);
        let links = people.iter().map(|(_, email)| (link(email), email.clone()));
        page.several = links.collect();
    }
    super::super::super::page(&page)
}

/// `GET /console/transactions.csv`: what the list shows, up to 10,000 lines.
pub(super) async fn table(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, String::new());
    let wanted = wanted(&console, &staff, &frame, &asked).await?;
    if !wanted.faults.is_empty() || !wanted.meant.is_clear() {
        return Err(Problem::invalid(
            "/q",
            "unclear",
            WORDS.text("problem.filters"),
        ));
    }
    let filter = TransactionFilter {
        starting_after: None,
        ..wanted.filter
    };
    let listed = console.payment.transactions_table(&filter, LONGEST_TABLE);
    listed.await
}

pub(super) fn unknown_cursor() -> Problem {
    Problem::invalid(
        "/starting_after",
        "unknown_cursor",
        WORDS.text("problem.no_such_row"),
    )
}

/// Whether it asks for so little time that sums can be made.
fn is_short(console: &Console, filter: &TransactionFilter) -> bool {
    let end = filter.to.unwrap_or_else(|| console.payment.now());
    filter
        .from
        .is_some_and(|from| end.since(from) <= LONGEST_SUM)
}

/// Something that was typed, if anything was.
pub(super) fn some(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// A word that is one of a closed set; another one is told beside its field.
pub(super) fn word<T: std::str::FromStr>(
    frame: &Frame,
    faults: &mut Faults,
    name: &str,
    text: &str,
) -> Option<T> {
    let text = some(text)?;
    let word = text.parse().ok();
    if word.is_none() {
        faults.note(name, frame.say("money.unknown_word"));
    }
    word
}

/// A day that was typed, as `moment` of it.
pub(super) fn moment(
    frame: &Frame,
    faults: &mut Faults,
    name: &str,
    text: &str,
    moment: fn(chrono::NaiveDate, chrono_tz::Tz) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let text = some(text)?;
    let day = cells::day(text).and_then(|day| moment(day, frame.written().zone));
    let day = day.filter(|at| tollgate_payment::model::usage::is_within_time(*at));
    if day.is_none() {
        faults.note(name, frame.say("money.bad_day"));
    }
    day
}

async fn wanted(
    console: &Console,
    staff: &Staff<PaymentsRead>,
    frame: &Frame,
    asked: &Asked,
) -> Result<Wanted, Problem> {
    let mut faults = Faults::default();
    let from = moment(frame, &mut faults, "from", &asked.from, cells::begin_of);
    let to = moment(frame, &mut faults, "to", &asked.to, cells::end_of);
    if from.zip(to).is_some_and(|(from, to)| to <= from) {
        faults.note("to", frame.say("money.backwards"));
    }
    let status = word(frame, &mut faults, "status", &asked.status);
    let method = word(frame, &mut faults, "method", &asked.method);
    let upper = asked.currency.to_uppercase();
    let currency = word(frame, &mut faults, "currency", &upper);
    let starting_after = word(frame, &mut faults, "starting_after", &asked.starting_after);
    let text = some(&asked.q);
    let numbered = match text {
        Some(text) if text.len() >= SHORTEST_NUMBER && !text.contains('@') => {
            console.payment.transactions_numbered(text).await?
        }
        _ => Vec::new(),
    };
    let meant = if numbered.is_empty() {
        Meant::by(console, staff, some(&asked.user), text).await?
    } else {
        Meant::Everybody
    };
    let filter = TransactionFilter {
        user: meant.one(),
        status,
        method,
        currency,
        from,
        to,
        starting_after,
    };
    Ok(Wanted {
        filter,
        meant,
        numbered,
        faults,
    })
}

/// What a page is made from.
struct View<'a> {
    asked: &'a Asked,
    wanted: &'a Wanted,
    names: &'a Names,
    plans: &'a PlanNames,
    now: Timestamp,
    is_summed: bool,
}

impl View<'_> {
    fn page(
        &self,
        frame: Frame,
        found: &[Payment],
        totals: &[TransactionTotal],
        pager: Pager,
    ) -> TransactionsPage {
        let asked = self.asked;
        let given = [
            &asked.q,
            &asked.user,
            &asked.status,
            &asked.method,
            &asked.currency,
            &asked.from,
            &asked.to,
        ];
        let is_filtered = given.iter().any(|text| !text.is_empty());
        let is_listed = self.wanted.numbered.is_empty() && self.wanted.faults.is_empty();
        TransactionsPage {
            filters: self.filters(&frame),
            notes: notes(&frame, &self.wanted.meant),
            several: Vec::new(),
            totals: totals.iter().map(|total| shown(&frame, total)).collect(),
            no_totals: is_listed && !self.is_summed && self.wanted.meant.is_clear(),
            table: self.table(),
            is_filtered,
            rows: found
                .iter()
                .map(|payment| self.row(&frame, payment))
                .collect(),
            pager,
            frame,
        }
    }

    /// The same, as a table.
    fn table(&self) -> String {
        let asked = self.asked;
        let user = self.wanted.meant.one().map(|user| user.to_string());
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("user", user.as_deref().unwrap_or_default()),
            ("status", &asked.status),
            ("method", &asked.method),
            ("currency", &asked.currency),
            ("from", &asked.from),
            ("to", &asked.to),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("{HERE}.csv?{}", query.finish())
    }

    fn filters(&self, frame: &Frame) -> Vec<Field> {
        let asked = self.asked;
        let mut typed = Typed::default();
        // Whoever came by a link of ours sees a name.
        match self.wanted.meant.one().filter(|_| asked.q.is_empty()) {
            Some(user) => typed.put("q", self.names.person(user).text),
            None => typed.put("q", &asked.q),
        }
        typed.put("from", &asked.from);
        typed.put("to", &asked.to);
        typed.put("currency", &asked.currency);
        let words = |all: &[PaymentStatus]| all.iter().map(|one| one.as_str()).collect::<Vec<_>>();
        let rails: Vec<_> = PaymentMethod::ALL.iter().map(|one| one.as_str()).collect();
        let statuses = words(PaymentStatus::ALL);
        let statuses = cells::choices(frame, "money_paid.{word}", &statuses, &asked.status);
        let rails = cells::choices(frame, "money_rail.{word}", &rails, &asked.method);
        let fields = [
            Field::line("q", frame.say("transactions.search"), &typed).of("search"),
            Field::choice("status", frame.say("money.status"), statuses),
            Field::choice("method", frame.say("money.rail"), rails),
            Field::line("currency", frame.say("money.currency"), &typed),
            Field::line("from", frame.say("money.from"), &typed).of("date"),
            Field::line("to", frame.say("money.to"), &typed).of("date"),
        ];
        with_faults(fields, &self.wanted.faults)
    }

    fn row(&self, frame: &Frame, payment: &Payment) -> Row {
        let written = frame.written();
        let currency = payment.amount.currency();
        let refunded = tollgate_kernel::money::Money::new(payment.refunded_minor, currency);
        Row {
            id: payment.id.to_string(),
            at: At::new(frame, payment.created_at),
            who: self.names.person(payment.user_id),
            what: self.plans.of(payment),
            rail: cells::rail(frame, payment.method.as_str()),
            amount: written.price(payment.amount),
            refunded: (refunded.minor() > 0).then(|| written.price(refunded)),
            state: State::of_payment(frame, payment),
            is_late: is_late(payment, self.now),
        }
    }
}

/// Faults of filters stand beside them.
pub(super) fn with_faults(fields: impl IntoIterator<Item = Field>, faults: &Faults) -> Vec<Field> {
    let fault = |mut field: Field| {
        field.fault = faults.at(&field.name);
        field
    };
    fields.into_iter().map(fault).collect()
}

/// What is to be said about who is meant.
pub(super) fn notes(frame: &Frame, meant: &Meant) -> Vec<String> {
    match meant {
        Meant::Everybody | Meant::One(_) => Vec::new(),
        Meant::Several(_) => vec![frame.say("money.several")],
        Meant::Nobody => vec![frame.say("money.nobody")],
        Meant::Hidden => vec![frame.say("money.hidden")],
    }
}

/// Whether somebody should look: it is open for too long.
pub(super) fn is_late(payment: &Payment, now: Timestamp) -> bool {
    payment.state.status() == PaymentStatus::Pending && payment.created_at.after(LATE) <= now
}

fn shown(frame: &Frame, total: &TransactionTotal) -> Total {
    let written = frame.written();
    let paid = &total.paid;
    Total {
        currency: paid.gross.currency().code().to_owned(),
        orders: written.count(total.orders),
        payments: written.count(paid.payments),
        paid: written.price(paid.gross),
        refunded: written.price(paid.refunded),
        net: written.price(paid.net()),
    }
}

#[cfg(test)]
mod samples;
