//! `/console/jobs`: what is done again and again, what is to be done later, and what was given up.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::ids::JobId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::problem::Problem;
use tollgate_payment::RetryError;
use tollgate_storage::duties::Standing;
use tollgate_storage::job_records::{JobFilter, JobRecord, JobState};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Choice, Field, Shown, Typed};
use super::list::{Done, LIMIT, Pager, When, cursor, some};
use super::staff::{Admin, Staff};

const PATH: &str = "/console/jobs";
const STATES: [JobState; 3] = [JobState::Open, JobState::Dead, JobState::Done];

/// Which jobs.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    state: Option<String>,
    lane: Option<String>,
    kind: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "house_jobs.html")]
struct JobsPage {
    frame: Frame,
    told: String,
    duties: Vec<DutyRow>,
    filters: Vec<Field>,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct DutyRow {
    name: String,
    says: String,
    every: String,
    last: Option<When>,
    due: When,
    /// `running`, `failing` or `waiting`.
    state: &'static str,
    failures: u32,
    error: String,
}

struct Row {
    kind: String,
    lane: String,
    subject: String,
    state: &'static str,
    due: Option<When>,
    attempts: i64,
    error: String,
    created: When,
    retry: Option<Shown>,
}

fn every(frame: &Frame, seconds: u64) -> String {
    let (count, word) = match seconds {
        0..60 => (seconds, "duties.seconds"),
        60..3_600 => (seconds / 60, "duties.minutes"),
        _ => (seconds / 3_600, "duties.hours"),
    };
    frame.words().with(word, &[("count", &count)])
}

fn duty(frame: &Frame, duty: Standing) -> DutyRow {
    DutyRow {
        every: every(frame, duty.every.as_secs()),
        last: duty
            .last
            .as_ref()
            .map(|last| When::new(frame, last.ended_at)),
        due: When::new(frame, duty.due_at),
        state: match (&duty.turn, duty.failures) {
            (Some(_), _) => "running",
            (None, 0) => "waiting",
            (None, _) => "failing",
        },
        failures: duty.failures,
        error: duty
            .last_error
            .filter(|_| duty.failures > 0)
            .unwrap_or_default(),
        name: duty.name,
        says: duty.says,
    }
}

fn row(frame: &Frame, job: JobRecord) -> Row {
    let again = || {
        Shown::new(
            "retry",
            format!("{PATH}/{}/retry", job.id),
            frame.say("duties.retry"),
        )
        .look(" quiet small")
    };
    Row {
        state: job.state.as_str(),
        due: job
            .finished_at
            .is_none()
            .then(|| When::new(frame, job.due_at)),
        retry: (job.state == JobState::Dead).then(again),
        subject: job.subject.map(|id| id.to_string()).unwrap_or_default(),
        attempts: job.attempts,
        error: job.last_error.unwrap_or_default(),
        created: When::new(frame, job.created_at),
        kind: job.kind,
        lane: job.lane,
    }
}

fn filters(frame: &Frame, query: &Query) -> Vec<Field> {
    let mut typed = Typed::default();
    for (name, text) in [("lane", &query.lane), ("kind", &query.kind)] {
        typed.put(name, some(text.as_ref()).unwrap_or_default());
    }
    let chosen = some(query.state.as_ref()).unwrap_or_default();
    let mut states = vec![Choice::new("", frame.say("duties.not_done"), chosen)];
    states.extend(STATES.map(|state| {
        let word = state.as_str();
        Choice::new(word, frame.say(&format!("duties.state_{word}")), chosen)
    }));
    vec![
        Field::choice("state", frame.say("house.state"), states),
        Field::line("lane", frame.say("duties.lane"), &typed),
        Field::line("kind", frame.say("duties.kind"), &typed),
    ]
}

/// `GET /console/jobs`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.jobs"));
    let filter = JobFilter {
        state: some(query.state.as_ref()).and_then(|word| word.parse().ok()),
        lane: some(query.lane.as_ref()).map(str::to_owned),
        kind: some(query.kind.as_ref()).map(str::to_owned),
        starting_after: cursor(query.after.as_ref()),
    };
    let duties = console.payment.duties().await?;
    // A job that was the last of a page may be forgotten since.
    let (found, has_more) = console
        .payment
        .jobs(&filter, LIMIT)
        .await?
        .unwrap_or_default();
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| last.id.to_string());
    super::super::super::page(&JobsPage {
        told: done.told(&frame),
        duties: duties.into_iter().map(|one| duty(&frame, one)).collect(),
        filters: filters(&frame, &query),
        is_filtered: filter.state.is_some() || filter.lane.is_some() || filter.kind.is_some(),
        rows: found.into_iter().map(|job| row(&frame, job)).collect(),
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

/// `POST /console/jobs/{id}/retry`
pub(super) async fn retry(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathId(id): PathId<JobId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let done = match console.payment.retry_job(id, &staff.origin).await {
        Ok(_) => "retried",
        // The button was pressed twice.
        Err(RetryError::NotDead) => "unchanged",
        Err(error) => return Err(error.into()),
    };
    Ok(Redirect::to(&format!("{PATH}?done={done}")).into_response())
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;
    use tollgate_kernel::clock::Timestamp;
    use uuid::Uuid;

    #[test]
    fn jobs_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let now = || When::new(&frame, Timestamp::EPOCH);
                let text = |at: usize| [LONG, LONG_ZH, HOSTILE][at % 3].to_owned();
                let rows = (0..count).map(|at| {
                    let job = JobRecord {
                        id: Uuid::nil().into(),
                        lane: "mail".to_owned(),
                        kind: "letter".to_owned(),
                        subject: Some(Uuid::nil()),
                        state: STATES[at % 3],
                        due_at: Timestamp::EPOCH,
                        fence: 1,
                        attempts: 12,
                        last_error: Some(text(at)),
                        created_at: Timestamp::EPOCH,
                        finished_at: (at % 2 == 0).then_some(Timestamp::EPOCH),
                    };
                    row(&frame, job)
                });
                let page = JobsPage {
                    told: String::new(),
                    duties: (0..count.min(40))
                        .map(|at| DutyRow {
                            name: "expire_holds".to_owned(),
                            says: text(at),
                            every: every(&frame, [5, 300, 86_400][at % 3]),
                            last: (at % 2 == 0).then(now),
                            due: now(),
                            state: ["waiting", "failing", "running"][at % 3],
                            failures: 3,
                            error: text(at),
                        })
                        .collect(),
                    filters: filters(&frame, &Query::default()),
                    is_filtered: false,
                    rows: rows.collect(),
                    pager: Pager::default(),
                    frame: frame.clone(),
                };
                samples::render(&format!("console-jobs-{count}-{tag}"), &page);
            }
        }
    }
}
