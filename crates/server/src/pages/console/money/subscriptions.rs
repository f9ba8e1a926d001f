//! Who has what, and until when.

use askama::Template;
use axum::extract::State as Held;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::ids::PlanId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_payment::SubscriptionFilter;
use tollgate_payment::model::subscription::{ListedSubscription, SubscriptionStatus};

use super::super::super::frame::Frame;
use super::super::super::plan_names::PlanNames;
use super::super::Console;
use super::super::form::{Choice, Faults, Field, Typed};
use super::super::list::{LIMIT, Pager};
use super::super::staff::{PaymentsRead, Staff};
use super::cells::{self, At, Person, State};
use super::people::{Meant, Names};
use super::transactions::{notes, some, unknown_cursor, with_faults, word};

const HERE: &str = "/console/subscriptions";

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    user: String,
    status: String,
    plan: String,
    starting_after: String,
}

#[derive(Template)]
#[template(path = "money_subscriptions.html")]
struct SubscriptionsPage {
    frame: Frame,
    filters: Vec<Field>,
    notes: Vec<String>,
    several: Vec<(String, String)>,
    is_filtered: bool,
    is_listed: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    who: Person,
    plan: String,
    state: State,
    /// Until when it is usable; without, for ever.
    until: Option<At>,
    renewal: String,
    /// What follows.
    next: Option<String>,
    since: At,
    ended: Option<At>,
    reason: Option<String>,
    payments: String,
}

/// `GET /console/subscriptions`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, staff.visit().say("console.subscriptions"));
    let mut faults = Faults::default();
    let meant = Meant::by(&console, &staff, some(&asked.user), some(&asked.q)).await?;
    let filter = SubscriptionFilter {
        user: meant.one(),
        plan: word(&frame, &mut faults, "plan", &asked.plan),
        status: word(&frame, &mut faults, "status", &asked.status),
        starting_after: word(&frame, &mut faults, "starting_after", &asked.starting_after),
    };
    let (mut found, mut has_more) = (Vec::new(), false);
    if faults.is_empty() && meant.is_clear() {
        let listed = console.payment.subscriptions(&filter, LIMIT).await?;
        (found, has_more) = listed.ok_or_else(unknown_cursor)?;
    }
    let plans = PlanNames::read(&console.payment, frame.written()).await?;
    let people = found.iter().map(|held| held.user_id);
    let names = Names::of(&console, &staff, people.chain(meant.one())).await?;
    let cursor = found.last().filter(|_| has_more);
    let cursor = cursor.map(|held| held.id.to_string());
    let pager = Pager::new(staff.visit(), "starting_after", cursor);
    let view = View {
        asked: &asked,
        meant: &meant,
        faults: &faults,
        names: &names,
        plans: &plans,
    };
    let mut page = view.page(frame, &found, pager);
    if let Meant::Several(people) = &meant {
        let link = |email: &String| staff.visit().here_with("q", email);
        let links = people.iter().map(|(_, email)| (link(email), email.clone()));
        page.several = links.collect();
    }
    super::super::super::page(&page)
}

/// What a page is made from.
struct View<'a> {
    asked: &'a Asked,
    meant: &'a Meant,
    faults: &'a Faults,
    names: &'a Names,
    plans: &'a PlanNames,
}

impl View<'_> {
    fn page(&self, frame: Frame, found: &[ListedSubscription], pager: Pager) -> SubscriptionsPage {
        let asked = self.asked;
        let given = [&asked.q, &asked.user, &asked.status, &asked.plan];
        SubscriptionsPage {
            filters: self.filters(&frame),
            notes: notes(&frame, self.meant),
            several: Vec::new(),
            is_filtered: given.iter().any(|text| !text.is_empty()),
            is_listed: self.faults.is_empty() && self.meant.is_clear(),
            rows: found.iter().map(|held| self.row(&frame, held)).collect(),
            pager,
            frame,
        }
    }

    fn filters(&self, frame: &Frame) -> Vec<Field> {
        let asked = self.asked;
        let mut typed = Typed::default();
        match self.meant.one().filter(|_| asked.q.is_empty()) {
            Some(user) => typed.put("q", self.names.person(user).text),
            None => typed.put("q", &asked.q),
        }
        let statuses = SubscriptionStatus::ALL.iter().map(|one| one.as_str());
        let statuses: Vec<_> = statuses.collect();
        let statuses = cells::choices(frame, "money_held_status.{word}", &statuses, &asked.status);
        let all = Choice::new("", frame.say("money.any"), &asked.plan);
        let plans = self
            .plans
            .iter()
            .map(|(id, name)| Choice::new(id.to_string(), name, &asked.plan));
        let plans = std::iter::once(all).chain(plans).collect();
        let fields = [
            Field::line("q", frame.say("money.person"), &typed).of("search"),
            Field::choice("status", frame.say("money.status"), statuses),
            Field::choice("plan", frame.say("subscribers.plan"), plans),
        ];
        with_faults(fields, self.faults)
    }

    fn plan(&self, id: PlanId) -> String {
        let known = self.plans.get(id).map(str::to_owned);
        known.unwrap_or_else(|| cells::short(&id.to_string()))
    }

    fn row(&self, frame: &Frame, held: &ListedSubscription) -> Row {
        let is_over = held.ended_at.is_some();
        let renewal = match (is_over, held.auto_renew) {
            (true, _) => String::new(),
            (false, true) => frame.say("subscribers.automatic"),
            (false, false) => frame.say("subscribers.manual"),
        };
        Row {
            who: self.names.person(held.user_id),
            plan: self.plan(held.plan_id),
            state: State::of_subscription(frame, held.state),
            until: held.entitled_until.map(|at| At::new(frame, at)),
            renewal,
            next: held
                .next_plan
                .filter(|_| !is_over)
                .map(|plan| self.plan(plan)),
            since: At::new(frame, held.created_at),
            ended: held.ended_at.map(|at| At::new(frame, at)),
            reason: held.end_reason.clone(),
            payments: format!("/console/transactions?user={}", held.user_id),
        }
    }
}

#[cfg(test)]
mod samples;
