//! How a payment stands, told as it changes: to whom, for how long, and until when.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tollgate_storage::testing::ENGINES;

use super::checkout::{order, path, press};
use crate::harness::{App, Buyer, each_engine, until};

/// As many as a process has room for.
const ROOM: usize = 256;
/// As many as one order has.
const OF_ONE: usize = 4;

async fn open(app: &App, page: &str) -> Response {
    let request = app.http.get(format!("{}{page}/events", app.url));
    let request = request.header("accept-language", "en");
    let answer = request.header("accept", "text/event-stream").send().await;
    answer.expect("an answer")
}

/// A stream, and what was read of it.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn of(app: &App, page: &str) -> Self {
        let answer = open(app, page).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The next event's data; `None`: it has ended, and well.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let is_status = event.lines().any(|line| line == "event: status");
                let data = data
                    .filter(|_| is_status)
                    .map(|data| serde_json::from_str(data).expect("JSON"));
                self.text = String::from(rest);
                if data.is_some() {
                    return data;
                }
                continue;
            }
            let read = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk());
            let chunk = read
                .await
                .expect("something in time")
                .expect("a whole stream");
            self.text
                .push_str(std::str::from_utf8(&chunk?).expect("text"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_told_as_it_happens_and_then_the_stream_ends() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let begun = order(app, &buyer, json!({})).await;
        let page = path(&begun);
        let mut streams = [Stream::of(app, &page).await, Stream::of(app, &page).await];
        for stream in &mut streams {
            let first = stream.next().await.expect("how it stands");
            assert_eq!(first["status"], "pending", "{first}");
        }
        press(app, &begun, "pay").await;
        for stream in &mut streams {
            let paid = stream.next().await.expect("that it is paid");
            assert_eq!(
                (&paid["status"], &paid["text"]),
                (&json!("completed"), &json!("Paid ✓"))
            );
            assert_eq!(stream.next().await, None);
        }
        // Whoever comes later hears it at once.
        let mut late = Stream::of(app, &page).await;
        assert_eq!(late.next().await.expect("the end")["status"], "completed");
        assert_eq!(late.next().await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_instance_writes_is_told_and_what_is_over_too() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let first = path(&order(app, &buyer, json!({})).await);
        let mut stream = Stream::of(app, &first).await;
        assert_eq!(stream.next().await.expect("how it stands")["status"], "pending");
        // Past everything that this process keeps in its memory.
        app.damage("UPDATE payment_transactions SET state = 'failed', status = 'failed', failure_code = 'declined'").await;
        let told = stream.next().await.expect("that it is closed");
        assert_eq!(told["status"], "failed", "{told}");
        assert_eq!(stream.next().await, None);
        let second = path(&order(app, &buyer, json!({ "payment_method": "wechat" })).await);
        let mut stream = Stream::of(app, &second).await;
        assert_eq!(stream.next().await.expect("how it stands")["status"], "pending");
        app.clock.advance(Duration::from_mins(31));
        assert_eq!(stream.next().await.expect("that it is over")["status"], "failed");
        assert_eq!(stream.next().await, None);
    })
    .await;
}

/// An order of its own, however many there are.
async fn one_off(app: &App, buyer: &Buyer, at: usize) -> Value {
    let wish = json!({
        "amount_minor": 100 + at, "currency": "CNY", "payment_method": "alipay", "description": "one of many",
    });
    let begun = app.post("/payments/create", &buyer.token, wish).await;
    begun.expect(StatusCode::CREATED)
}

/// The script asks by itself then.
#[track_caller]
fn full(refused: &Response) {
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "30");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_has_room_for_four_streams_and_leaves_the_rest_to_others() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let begun = order(app, &buyer, json!({})).await;
        let page = path(&begun);
        let mut streams = Vec::new();
        for _ in 0..OF_ONE {
            streams.push(Stream::of(app, &page).await);
        }
        full(&open(app, &page).await);
        let status = app.get(&format!("{page}/status"), "").await;
        assert_eq!(status.expect(StatusCode::OK)["status"], "pending");
        let other = path(&one_off(app, &buyer, 0).await);
        let mut other = Stream::of(app, &other).await;
        assert_eq!(
            other.next().await.expect("how it stands")["status"],
            "pending"
        );
        // Who leaves makes room for one.
        streams.pop();
        until("room", async || match open(app, &page).await {
            room if room.status() == StatusCode::OK => {
                streams.push(Stream {
                    answer: room,
                    text: String::new(),
                });
                true
            }
            _ => false,
        })
        .await;
        full(&open(app, &page).await);
        press(app, &begun, "pay").await;
        for stream in &mut streams {
            let mut last = None;
            while let Some(told) = stream.next().await {
                last = Some(told);
            }
            assert_eq!(last.expect("the end")["status"], "completed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_streams_and_others_ask_by_themselves() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut orders = Vec::new();
        for at in 0..=ROOM / OF_ONE {
            orders.push(one_off(app, &buyer, at).await);
        }
        let (mut streams, begun) = (Vec::new(), orders.pop().expect("the last"));
        for begun in &orders {
            for _ in 0..OF_ONE {
                streams.push(Stream::of(app, &path(begun)).await);
            }
        }
        let page = path(&begun);
        full(&open(app, &page).await);
        // What the script does then.
        let status = app.get(&format!("{page}/status"), "").await;
        assert_eq!(status.expect(StatusCode::OK)["status"], "pending");
        // Who leaves makes room.
        streams.pop();
        until("room", async || {
            open(app, &page).await.status() == StatusCode::OK
        })
        .await;
        press(app, &begun, "pay").await;
        until("it is paid", async || {
            let status = app.get(&format!("{page}/status"), "").await;
            status.expect(StatusCode::OK)["status"] == "completed"
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stops_at_once_with_streams_open_and_ends_them_well() {
    for engine in ENGINES {
        let app = App::start(engine, &[]).await;
        let buyer = app.buyer().await;
        let mut streams = Vec::new();
        for at in 0..20 {
            let page = path(&one_off(&app, &buyer, at).await);
            let mut stream = Stream::of(&app, &page).await;
            assert_eq!(
                stream.next().await.expect("how it stands")["status"],
                "pending"
            );
            streams.push(stream);
        }
        let begun = std::time::Instant::now();
        app.stop().await;
        // Nine seconds are given to what does not end by itself.
        assert!(
            begun.elapsed() < Duration::from_secs(6),
            "{:?}",
            begun.elapsed()
        );
        for stream in &mut streams {
            assert_eq!(stream.next().await, None);
        }
    }
}
