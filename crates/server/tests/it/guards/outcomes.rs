//! What an answer does to the units of its call (Q1, Q3, Q5).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::task::Poll;

use axum::body::Body;
use axum::http::Request;
use tokio::task::JoinSet;
use tollgate_kernel::ids::UserId;
use tower::ServiceExt as _;

use super::stand::{Stand, on_each};

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_q3_200_guarded_calls_of_100_units_let_exactly_100_pass() {
    on_each(async |stand| {
        for (path, units) in [("/one", 1), ("/open", 1), ("/admitted", 5)] {
            let before = stand.stands().await;
            let ran = stand.ran();
            let user = stand.somebody("free").await;
            let mut calls = JoinSet::new();
            for _ in 0..200 {
                let url = format!("http://{}{path}", stand.address);
                let request = stand.http.post(url).header("x-user", user.to_string());
                calls.spawn(async move { request.send().await.expect("an answer").status() });
            }
            let mut outcomes: BTreeMap<u16, i64> = BTreeMap::new();
            for status in calls.join_all().await {
                *outcomes.entry(status.as_u16()).or_default() += 1;
            }
            let passed = 100 / units;
            assert_eq!(
                outcomes,
                BTreeMap::from([(200, passed), (429, 200 - passed)]),
                "{path}"
            );
            assert_eq!(i64::try_from(stand.ran() - ran), Ok(passed), "{path}");
            let after = stand.stands().await;
            // A refused call changes nothing and writes no row.
            assert_eq!(
                (after.0 - before.0, after.1, after.2 - before.2),
                (100, 0, passed),
                "{path}"
            );
            stand.balances().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q3_only_an_answer_below_400_is_charged() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        let mut charged = 0;
        for status in [200, 204, 302, 399] {
            for path in ["/five", "/admitted"] {
                let path = format!("{path}?say={status}");
                assert_eq!(stand.post(&path, user).await.status, status);
                charged += 5;
                // Answered, it is durable.
                let stands = stand.stands().await;
                assert_eq!((stands.0, stands.1), (charged, 0), "{path}");
            }
        }
        for status in [400, 404, 429, 500, 503] {
            let path = format!("/five?say={status}");
            let before = stand.stands().await;
            assert_eq!(stand.post(&path, user).await.status, status);
            assert_eq!(stand.stands().await, before, "{path}: no row, nothing held");
            let path = format!("/admitted?say={status}");
            assert_eq!(stand.post(&path, user).await.status, status);
            // Charged and given back: the log tells of both.
            let after = stand.stands().await;
            assert_eq!(after, (before.0, 0, before.2 + 2), "{path}");
        }
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q3_a_call_that_is_cut_off_is_not_charged() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        for path in [
            "/five?then=panic",
            "/admitted?then=panic",
            "/cut?then=hang",
            "/cut-inside?then=hang",
        ] {
            let status = stand.post(path, user).await.status;
            assert!(status == 500 || status == 408, "{path}: {status}");
            stand.nothing_is_held().await;
            given_back(stand, path).await;
        }
        for path in ["/five?then=hang", "/admitted?then=hang"] {
            hang_up(stand, path, user).await;
            given_back(stand, path).await;
        }
        let open = "SELECT COUNT(*) FROM quota_holds WHERE state <> 'released'";
        assert_eq!(stand.count(open).await, 0);
        stand.balances().await;
    })
    .await;
}

/// Whoever hangs up while units are being taken leaves nobody behind who would give them back. On one thread, so that
/// the units cannot be taken while the call is polled: it would be let in then.
#[tokio::test(flavor = "current_thread")]
async fn inv_q3_a_call_that_is_dropped_while_it_is_let_in_gives_back_what_it_was_given() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        let rows = "SELECT COUNT(*) FROM quota_holds";
        for number in 1..=5 {
            let request = Request::post("/five").header("x-user", user.to_string());
            let request = request.body(Body::empty()).expect("a request");
            let mut call = Box::pin(stand.router.clone().oneshot(request));
            let polled = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context)));
            assert!(polled.await.is_pending());
            drop(call);
            crate::harness::until("the hold, and its end", async || {
                stand.count(rows).await == number && stand.stands().await.1 == 0
            })
            .await;
        }
        assert_eq!((stand.ran(), stand.stands().await), (0, (0, 0, 0)));
        stand.balances().await;
    })
    .await;
}

/// Of a charge on admission, which holds nothing, the log tells.
async fn given_back(stand: &Stand, path: &str) {
    crate::harness::until(path, async || {
        let (used, held, _) = stand.stands().await;
        (used, held) == (0, 0)
    })
    .await;
}

/// A client that goes away while the handler works.
async fn hang_up(stand: &Stand, path: &str, user: UserId) {
    // Told by its count: that a handler entered is remembered, and an earlier one may have said it.
    let ran = stand.ran();
    let mut stream = std::net::TcpStream::connect(stand.address).expect("connects");
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-user: {user}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    crate::harness::until("the handler", async || stand.ran() > ran).await;
    let taken = stand.stands().await;
    assert_eq!(taken.0 + taken.1, 5, "taken while the handler works");
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_a_handler_charges_less_and_never_more() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        assert_eq!(stand.post("/five?cost=2", user).await.status, 200);
        assert_eq!(stand.stands().await, (2, 0, 1));
        assert_eq!(stand.post("/five?cost=5", user).await.status, 200);
        assert_eq!(stand.stands().await, (7, 0, 2));
        for cost in ["6", "0", "-1", "9223372036854775807"] {
            let answer = stand.post(&format!("/five?cost={cost}"), user).await;
            let problem = answer.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "/cost", "{cost}");
            assert_eq!(stand.stands().await, (7, 0, 2), "{cost}");
        }
        // What is charged before the handler runs is charged whole.
        let answer = stand.post("/admitted?cost=2", user).await;
        answer.refused(409, "reservation_settled");
        assert_eq!(stand.post("/admitted?cost=5", user).await.status, 200);
        assert_eq!(stand.stands().await.0, 12);
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q3_whoever_may_not_pay_is_not_served() {
    on_each(async |stand| {
        let nobody = stand.http.post(format!("http://{}/one", stand.address));
        let answer = crate::harness::Answer::read(nobody.send().await.expect("an answer")).await;
        answer.refused(401, "unauthenticated");
        let poor = stand.nobody();
        let problem = stand.post("/one", poor).await;
        let problem = problem.refused(402, "subscription_required");
        assert!(problem["upgrade_url"].is_string());
        let user = stand.somebody("free").await;
        let problem = stand.post("/priceless", user).await;
        let problem = problem.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["code"], "no_price");
        // A mistake of the host's is told as one, and lets nobody pass.
        stand.post("/mistaken", user).await.refused(500, "internal");
        stand
            .post("/free-of-charge", user)
            .await
            .refused(500, "internal");
        assert_eq!(stand.ran(), 0);
        assert_eq!(stand.stands().await, (0, 0, 0));
    })
    .await;
}
