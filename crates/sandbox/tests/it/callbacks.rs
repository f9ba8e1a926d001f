//! Calling back: until it is accepted, and no longer than the real one.

use std::time::Duration;

use crate::harness::{Bench, Receiver, verified};

/// A paid trade, whose notice has not been sent yet.
async fn paid(bench: &Bench, number: &str, url: &str) {
    let code = bench.code(number, url).await;
    assert_eq!(bench.press(&code, "pay").await.0, 200);
}

#[tokio::test]
async fn success_ends_the_calls() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    paid(&bench, "a", &receiver.url).await;
    assert_eq!(bench.deliver().await, 1);
    bench.clock.advance(Duration::from_hours(48));
    assert_eq!(bench.deliver().await, 0);
    assert_eq!(receiver.bodies().len(), 1);
}

#[tokio::test]
async fn a_merchant_that_does_not_accept_is_called_eight_times_with_the_same_bytes() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[
        (500, "success"),
        (200, "success\n"),
        (200, "\"success\""),
        (200, "SUCCESS"),
        (302, "success"),
        (201, "success"),
        (200, ""),
        (404, "not here"),
    ])
    .await;
    paid(&bench, "a", &receiver.url).await;
    let mut sends = 0;
    for minutes in [0, 4, 10, 10, 60, 120, 360, 900] {
        if minutes > 0 {
            bench.clock.advance(Duration::from_secs(minutes * 60 - 1));
            assert_eq!(bench.deliver().await, 0, "before {minutes} m");
            bench.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(bench.deliver().await, 1, "after {minutes} m");
        sends += 1;
        assert_eq!(receiver.bodies().len(), sends);
    }
    bench.clock.advance(Duration::from_hours(24 * 30));
    assert_eq!(bench.deliver().await, 0);
    let bodies = receiver.bodies();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(verified(&bench, &bodies[0])["out_trade_no"], "a");
    let page = bench.scan(&format!("{}/sandbox/pay/a", bench.base)).await;
    assert!(
        page.contains("never accepted") && page.contains("HTTP 404"),
        "{page}"
    );
}

#[tokio::test]
async fn what_nobody_answers_is_kept_over_a_restart() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    // The address of a receiver that is not there yet.
    paid(&bench, "a", "http://127.0.0.1:1/callback").await;
    paid(&bench, "b", &receiver.url).await;
    assert_eq!(bench.deliver().await, 2);
    let page = bench.scan(&format!("{}/sandbox/pay/a", bench.base)).await;
    assert!(page.contains("nobody listens"), "{page}");
    assert!(!page.contains("http-equiv"), "{page}");
    let bench = bench.restart().await;
    assert_eq!(bench.deliver().await, 0);
    bench.clock.advance(Duration::from_mins(4));
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(bench.status("a").await, "TRADE_SUCCESS");
    assert_eq!(receiver.bodies().len(), 1);
}

#[tokio::test]
async fn a_call_that_broke_off_is_made_again() {
    let bench = Bench::start().await;
    // Accepts connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    paid(&bench, "a", &url).await;
    tokio::select! {
        _ = bench.deliver() => panic!("nobody answered"),
        accepted = silent.accept() => drop(accepted.expect("a call")),
    }
    let bench = bench.restart().await;
    assert_eq!(bench.deliver().await, 0, "still somebody's");
    bench.clock.advance(Duration::from_secs(30));
    let (calls, accepted) = tokio::join!(bench.deliver(), async {
        drop(silent.accept().await.expect("a call"));
    });
    assert_eq!((calls, accepted), (1, ()));
}

#[tokio::test]
async fn many_are_sent_in_one_pass() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    for number in 0..40 {
        paid(&bench, &format!("a{number}"), &receiver.url).await;
    }
    let (one, other) = tokio::join!(bench.deliver(), bench.deliver());
    assert_eq!(one + other, 40);
    let numbers: std::collections::BTreeSet<_> = receiver
        .bodies()
        .iter()
        .map(|body| verified(&bench, body)["notify_id"].clone())
        .collect();
    assert_eq!((numbers.len(), receiver.bodies().len()), (40, 40));
}

#[tokio::test]
async fn the_loop_sends_at_once_and_stops_when_told() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(bench.sandbox.clone().run(async {
        stopped.await.ok();
    }));
    // The loop looks by itself every half second: five times would take two seconds and more.
    let limit = Duration::from_secs(2);
    tokio::time::timeout(limit, async {
        for number in 1..=5 {
            paid(&bench, &format!("a{number}"), &receiver.url).await;
            while receiver.bodies().len() < number {
                tokio::task::yield_now().await;
            }
        }
    })
    .await
    .expect("sent as soon as owed");
    stop.send(()).expect("running");
    tokio::time::timeout(limit, running)
        .await
        .expect("stopped")
        .expect("well");
}

#[tokio::test]
async fn the_newest_address_of_an_unscanned_code_is_called() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let code = bench.code("a", "http://127.0.0.1:1/old").await;
    assert_eq!(bench.code("a", &receiver.url).await, code);
    bench.press(&code, "pay").await;
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(receiver.bodies().len(), 1);
}
