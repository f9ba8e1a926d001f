//! Lines of the list of bad inputs that no client library sends: written on the wire by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{App, each_engine};

/// Far above what an answer takes: what is refused is waiting without end.
const AN_END: Duration = Duration::from_secs(20);

/// Sends `head`, then `piece` again and again until an answer stands or `most` were taken; gives the
/// answer and how many pieces were taken.
async fn exchanged(app: &App, head: String, piece: Vec<u8>, most: usize) -> (String, usize) {
    let address = app.url.trim_start_matches("http://").to_owned();
    let talk = move || {
        let mut stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(AN_END)).expect("a limit");
        stream.set_write_timeout(Some(AN_END)).expect("a limit");
        let mut taken = 0;
        if stream.write_all(head.as_bytes()).is_ok() {
            while taken < most && stream.write_all(&piece).is_ok() {
                taken += 1;
            }
        }
        let mut answer = Vec::new();
        // Who was refused may find the connection reset behind the answer.
        let _ = stream.read_to_end(&mut answer);
        (String::from_utf8_lossy(&answer).into_owned(), taken)
    };
    tokio::task::spawn_blocking(talk).await.expect("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn line_3_a_body_without_an_end_is_read_up_to_the_limit() {
    each_engine(async |app| {
        let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
            Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let piece = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
        // 16 MiB, where 1 is allowed: what the machine's buffers hold may be sent beyond it.
        let (answer, taken) = exchanged(app, head.to_owned(), piece, 1_024).await;
        assert!(taken < 1_024, "all of it was read");
        // Who goes on sending for ever loses it.
        if !answer.is_empty() {
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains("\"body_too_large\""), "{answer}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_3_who_sends_a_body_that_is_too_long_is_told_so_before_the_connection_ends() {
    each_engine(async |app| {
        // 4 MiB, and nobody reads before all of them are sent.
        let length = 4 * 1024 * 1024;
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
            Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        for _ in 0..20 {
            let (answer, taken) = exchanged(app, head.clone(), vec![b' '; 0x4000], 256).await;
            assert_eq!(taken, 256);
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains("\"body_too_large\""), "{answer}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_3_an_answer_before_the_body_was_read_says_that_the_connection_ends() {
    each_engine(async |app| {
        let packed = "POST /payments/webhooks/alipay HTTP/1.1\r\nHost: x\r\n\
            Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n";
        let (answer, _) = exchanged(app, packed.to_owned(), Vec::new(), 0).await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        // Where all was read, the next request goes on the same connection.
        let read =
            "POST /payments/webhooks/alipay HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na=";
        let last = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let (answers, _) = exchanged(app, format!("{read}{last}"), Vec::new(), 0).await;
        assert!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
        assert!(answers.contains("HTTP/1.1 200 "), "{answers}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_11_a_head_that_is_too_long_or_has_two_lengths_is_refused() {
    each_engine(async |app| {
        // In one field, and in many; and far above, where nothing is parsed any more.
        let one = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
        let fields = (0..90).map(|number| format!("X-{number}: {}\r\n", "x".repeat(750)));
        let many = fields.collect::<Vec<String>>().concat();
        for (fields, has_body) in [(one, true), (many, true), ("X-Long: x\r\n".repeat(50_000), false)] {
            let head = format!("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
            let (answer, _) = exchanged(app, head, Vec::new(), 0).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
            assert_eq!(answer.contains("\"headers_too_large\""), has_body, "{answer}");
        }
        let almost = "x".repeat(60 * 1024);
        let head = format!("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {almost}\r\n\r\n");
        let (answer, _) = exchanged(app, head, Vec::new(), 0).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let (answer, _) = exchanged(app, head.to_owned(), Vec::new(), 0).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert_eq!(app.get("/health", "").await.status, 200);
    })
    .await;
}
