//! Standing duties and jobs, as admins see them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine, until};
use crate::outbound::admin;

const JOBS: &str = "/admin/jobs";

async fn jobs(app: &App, staff: &Buyer, query: &str) -> Value {
    let answer = app.get(&format!("{JOBS}{query}"), &staff.token).await;
    answer.expect(StatusCode::OK)
}

fn rows(list: &Value) -> &Vec<Value> {
    list["data"].as_array().expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_duty_is_shown_with_its_last_and_its_next_run() {
    each_engine(async |app| {
        let staff = admin(app).await;
        let names = [
            "audit_books",
            "conclude_calls",
            "drop_usage",
            "expire_holds",
            "expire_subscriptions",
            "fold_usage",
            "forget_answers",
            "forget_calls",
            "forget_counts",
            "forget_jobs",
            "forget_links",
            "forget_sessions",
            "forget_told",
            "forget_tries",
            "make_months",
            "remind",
            "reset_quota",
            "seal_audit",
            "sweep_orders",
        ];
        until("each has run", async || {
            let list = jobs(app, &staff, "").await;
            let duties = list["duties"].as_array().expect("a list").clone();
            let ran = |duty: &Value| duty["last_outcome"] == "succeeded" && duty["runs"] != 0;
            duties.len() >= names.len() && duties.iter().all(ran)
        })
        .await;
        let list = jobs(app, &staff, "").await;
        let duties = list["duties"].as_array().expect("a list");
        for name in names {
            let duty = duties.iter().find(|duty| duty["name"] == name);
            let duty = duty.unwrap_or_else(|| panic!("{name} is not there"));
            assert_ne!(duty["says"], "", "{name}");
            assert_eq!(
                (&duty["failures"], &duty["last_error"]),
                (&json!(0), &Value::Null)
            );
            for member in ["due_at", "last_started_at", "last_ended_at", "last_by"] {
                assert!(duty[member].is_string(), "{name}: {member}");
            }
            assert!(duty["fence"].as_i64() >= Some(1), "{name}");
            let path = format!("{JOBS}/{}", duty["id"].as_str().expect("an id"));
            let job = app.get(&path, &staff.token).await.expect(StatusCode::OK);
            assert_eq!((&job["kind"], &job["lane"]), (&json!(name), &json!("duty")));
        }
        // They are no jobs among others.
        assert!(rows(&list).iter().all(|job| job["lane"] != "duty"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_given_up_is_found_shown_without_its_load_and_done_again() {
    each_engine(async |app| {
        let (staff, buyer) = (admin(app).await, app.buyer().await);
        let sent = "SELECT COUNT(*) FROM jobs WHERE kind = 'letter' AND state = 'done'";
        until("the letters have left", async || app.count(sent).await == 2).await;
        app.damage(
            "UPDATE jobs SET state = 'dead', attempts = 12, last_error = 'the letter will never be taken: 550'
             WHERE kind = 'letter'",
        )
        .await;
        let order = app.order(&buyer).await;
        let list = jobs(app, &staff, "?state=dead").await;
        assert_eq!(rows(&list).len(), 2, "{list}");
        let letter = &rows(&list)[0];
        assert_eq!(
            (&letter["lane"], &letter["kind"], &letter["attempts"], &letter["due_at"]),
            (&json!("mail"), &json!("letter"), &json!(12), &Value::Null)
        );
        assert!(letter["last_error"].as_str().expect("a reason").ends_with("550"));
        for (query, found) in [
            ("?lane=mail", 2),
            ("?kind=letter&state=dead", 2),
            ("?kind=letter&state=open", 0),
            ("?lane=alipay&kind=reconcile&state=open", 1),
            ("?lane=nowhere", 0),
        ] {
            let list = jobs(app, &staff, query).await;
            assert_eq!(rows(&list).len(), found, "{query}: {list}");
            assert!(!list.to_string().contains("sealed"), "what it carries is not shown");
        }
        let asked = jobs(app, &staff, "?kind=reconcile").await;
        assert_eq!(rows(&asked)[0]["subject_id"], order["transaction"]["id"]);
        // Page by page.
        let first = jobs(app, &staff, "?state=dead&limit=1").await;
        assert_eq!(first["has_more"], true);
        let cursor = first["next_cursor"].as_str().expect("a cursor");
        let second = jobs(app, &staff, &format!("?state=dead&limit=1&starting_after={cursor}")).await;
        assert_ne!(rows(&second)[0]["id"], rows(&first)[0]["id"]);
        assert_eq!(second["has_more"], false);

        let id = letter["id"].as_str().expect("an id");
        let retry = format!("{JOBS}/{id}/retry");
        let again = app.post(&retry, &staff.token, json!({})).await;
        let again = again.expect(StatusCode::ACCEPTED);
        assert_eq!((&again["state"], &again["attempts"]), (&json!("open"), &json!(0)));
        until("it has left after all", async || {
            let path = format!("{JOBS}/{id}");
            let job = app.get(&path, &staff.token).await.expect(StatusCode::OK);
            job["state"] == "done" && job["attempts"] == 1
        })
        .await;
        let refused = app.post(&retry, &staff.token, json!({})).await;
        let refused = refused.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["code"], "not_dead");
        let audited = "SELECT COUNT(*) FROM audit_log WHERE action = 'job.retried' AND subject_kind = 'job'";
        assert_eq!(app.count(audited).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_filter_and_no_job_is_refused() {
    each_engine(async |app| {
        let (staff, buyer) = (admin(app).await, app.buyer().await);
        for query in [
            "state=waiting",
            "lane=",
            "lane=%00",
            "kind=Letter",
            "kind=a%20b",
            "limit=0",
            "limit=101",
            "starting_after=x",
            "starting_after=0198a000-0000-7000-8000-000000000000",
        ] {
            let answer = app.get(&format!("{JOBS}?{query}"), &staff.token).await;
            answer.refused(422, "validation_failed");
        }
        let nobodys = "0198a000-0000-7000-8000-000000000000";
        for (path, is_post) in [
            (nobodys.to_owned(), false),
            (format!("{nobodys}/retry"), true),
        ] {
            let path = format!("{JOBS}/{path}");
            let answer = if is_post {
                app.post(&path, &staff.token, json!({})).await
            } else {
                app.get(&path, &staff.token).await
            };
            answer.refused(404, "not_found");
        }
        app.get(JOBS, &buyer.token)
            .await
            .refused(403, "permission_denied");
    })
    .await;
}
