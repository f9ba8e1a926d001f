//! Lines of the list of bad inputs, as callbacks: sizes, encodings, methods, slow bodies, floods, odd amounts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::harness::{App, Pen, each_engine, until};

const PATH: &str = "/payments/webhooks/alipay";
const CALLS: &str = "SELECT COUNT(*) FROM webhook_calls";
const POSTINGS: &str = "SELECT COUNT(*) FROM ledger_postings";
const SUSPENSE: &str = "SELECT COUNT(*) FROM suspense";
const INBOX: &str = "SELECT COUNT(*) FROM webhook_inbox";

#[tokio::test(flavor = "multi_thread")]
async fn line_34_an_amount_that_no_gateway_writes_grants_nothing() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        for amount in [
            "0",
            "0.00",
            "-1",
            "-99.00",
            "+99.00",
            "99.001",
            "9.9e1",
            "1e2",
            "٩٩",
            "1,000.00",
            "NaN",
            "Infinity",
            "99999999999999999999",
            " 99.00",
            "99.00 ",
            "0x63",
            "99.",
            "",
            "99.00元",
        ] {
            let mut fields = pen.paid(&order);
            fields.insert("total_amount", amount.to_owned());
            fields.insert("notify_id", format!("n{amount}"));
            let (status, words) = app.notify(pen.sign(&fields)).await;
            let refused = (status, words.as_str()) == (400, "failure");
            assert!(
                refused || (status, words.as_str()) == (200, "success"),
                "{amount}: {status} {words}"
            );
            assert_eq!(
                app.count("SELECT COUNT(*) FROM subscriptions").await,
                0,
                "{amount}"
            );
        }
        assert_eq!(
            (app.count(POSTINGS).await, app.count(SUSPENSE).await),
            (0, 0)
        );
        let paid = "SELECT COUNT(*) FROM payment_transactions WHERE paid_at IS NOT NULL";
        assert_eq!(app.count(paid).await, 0);
        // As Alipay writes it, with one digit, two or three.
        let mut fields = pen.paid(&order);
        fields.insert("total_amount", "99.000".to_owned());
        fields.insert("trade_no", "20260102".to_owned());
        assert_eq!(app.notify(pen.sign(&fields)).await.1, "success");
        assert_eq!(app.count(paid).await, 1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_40_many_who_wait_hold_no_connection() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let id = order["transaction"]["id"].as_str().expect("an id");
        let mut waiting = JoinSet::new();
        // Far more than the pool has connections.
        for _ in 0..200 {
            let url = format!("{}/payments/status/{id}?wait=9999", app.url);
            let call = app.http.get(url).bearer_auth(&buyer.token);
            waiting.spawn(async move {
                let answer = call.send().await.expect("answered");
                answer.json::<Value>().await.expect("JSON")["status"].clone()
            });
        }
        // They wait; whoever asks something else meanwhile is answered.
        let begun = Instant::now();
        for _ in 0..10 {
            app.get("/payments/subscriptions/current", &buyer.token)
                .await
                .refused(404, "no_subscription");
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(app.notify(pen.sign(&pen.paid(&order))).await.0, 200);
        for status in waiting.join_all().await {
            assert_eq!(status, "completed");
        }
        for bad in ["-1", "x", "1.5", "99999999999999999999999"] {
            let path = format!("/payments/status/{id}?wait={bad}");
            app.get(&path, &buyer.token)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_48_too_much_packed_or_by_another_method_is_refused_and_costs_no_row() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let notice = pen.sign(&pen.paid(&order));
        let post = async |encoding: &str, body: Vec<u8>| {
            let mut call = app.http.post(format!("{}{PATH}", app.url)).body(body);
            if !encoding.is_empty() {
                call = call.header("content-encoding", encoding);
            }
            crate::harness::Answer::read(call.send().await.expect("answered")).await
        };
        post("", vec![b'a'; 256 * 1024 + 1])
            .await
            .refused(413, "body_too_large");
        post("", vec![b'a'; 2 * 1024 * 1024])
            .await
            .refused(413, "body_too_large");
        for encoding in ["gzip", "GZIP", "deflate", "br", "identity, gzip", "x"] {
            let packed = post(encoding, notice.clone().into_bytes()).await;
            packed.refused(415, "unsupported_media_type");
        }
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = app.call(method, PATH, "", None).await;
            assert_eq!(answer.headers["allow"], "POST");
            answer.refused(405, "method_not_allowed");
        }
        for nowhere in ["paypal", "cash", "%00", "alipay%2F", "ALIPAY"] {
            let path = format!("/payments/webhooks/{nowhere}");
            app.call(Method::POST, &path, "", None)
                .await
                .refused(404, "not_found");
        }
        assert_eq!((app.count(CALLS).await, app.count(POSTINGS).await), (0, 0));
        // No label decides: without a signature it is refused, with one it counts.
        for (media, body, expected) in [
            ("application/json", "{}", StatusCode::BAD_REQUEST),
            ("text/plain", "a=b", StatusCode::UNAUTHORIZED),
            ("", "", StatusCode::UNAUTHORIZED),
            (
                "application/x-www-form-urlencoded",
                "sign=&sign_type=RSA2",
                StatusCode::UNAUTHORIZED,
            ),
            ("text/plain", notice.as_str(), StatusCode::OK),
        ] {
            let mut call = app
                .http
                .post(format!("{}{PATH}", app.url))
                .body(body.to_owned());
            if !media.is_empty() {
                call = call.header("content-type", media);
            }
            let answer = call.send().await.expect("answered");
            assert_eq!(answer.status(), expected, "{media} {body}");
        }
        assert_eq!((app.count(INBOX).await, app.count(CALLS).await), (1, 5));
        app.balance().await;
    })
    .await;
}

/// Sends a head and the beginning of a body, a byte a second at most; gives the answer and how long it took.
async fn dripped(app: &App) -> (String, Duration) {
    let address = app.url.trim_start_matches("http://").to_owned();
    let talk = move || {
        let mut stream = TcpStream::connect(address).expect("connects");
        let pause = Some(Duration::from_secs(1));
        stream.set_read_timeout(pause).expect("a limit");
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let (begun, mut answer, mut piece) = (Instant::now(), Vec::new(), [0; 4_096]);
        while begun.elapsed() < Duration::from_secs(25) {
            let _ = stream.write_all(b"a");
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&piece[..count]),
                // Nothing yet.
                Err(_) if answer.is_empty() => {}
                Err(_) => break,
            }
        }
        (
            String::from_utf8_lossy(&answer).into_owned(),
            begun.elapsed(),
        )
    };
    tokio::task::spawn_blocking(talk).await.expect("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn line_48_a_body_that_drips_is_not_waited_for() {
    each_engine(async |app| {
        let (answer, took) = dripped(app).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\"request_timeout\""), "{answer}");
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert_eq!(app.count(CALLS).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_48_beside_a_flood_of_forged_calls_a_genuine_one_is_answered_in_time() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let genuine = pen.sign(&pen.paid(&order));
        let forged = genuine.replace("TRADE_SUCCESS", "TRADE_FINISHED");
        let mut flood = JoinSet::new();
        for _ in 0..16 {
            let (http, url) = (app.http.clone(), format!("{}{PATH}", app.url));
            let forged = forged.clone();
            flood.spawn(async move {
                for _ in 0..60 {
                    let call = http.post(&url).body(forged.clone()).send().await;
                    assert_eq!(call.expect("answered").status(), StatusCode::UNAUTHORIZED);
                }
            });
        }
        until("the flood is here", async || app.count(CALLS).await >= 60).await;
        let begun = Instant::now();
        assert_eq!(
            app.notify(genuine.clone()).await,
            (200, "success".to_owned())
        );
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        flood.join_all().await;
        // A minute may have begun in between, not sixteen of them.
        let kept = app
            .count("SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'forged'")
            .await;
        assert!((60..=240).contains(&kept), "{kept} forged calls were kept");
        let live = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
        assert_eq!((app.count(INBOX).await, app.count(live).await), (1, 1));
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_48_a_genuine_call_sent_without_end_is_answered_each_time_and_kept_so_many_times() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let genuine = pen.sign(&pen.paid(&order));
        let mut flood = JoinSet::new();
        for _ in 0..16 {
            let (http, url) = (app.http.clone(), format!("{}{PATH}", app.url));
            let genuine = genuine.clone();
            flood.spawn(async move {
                for _ in 0..250 {
                    let call = http.post(&url).body(genuine.clone()).send().await;
                    let answer = call.expect("answered").text().await.expect("text");
                    assert_eq!(answer, "success");
                }
            });
        }
        flood.join_all().await;
        let kept = app.count(CALLS).await;
        assert!(
            (600..=2_500).contains(&kept),
            "{kept} of 4000 deliveries were kept"
        );
        let one_month = "SELECT COUNT(*) FROM subscriptions WHERE version = 1";
        assert_eq!((app.count(INBOX).await, app.count(one_month).await), (1, 1));
        app.balance().await;
    })
    .await;
}
