//! Mail servers that are away, silent, or without the encryption that was asked for.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_auth::mailer::{Mailer as _, SendError, Smtp, SmtpUrl};

use crate::harness::clock;
use crate::mail::{house, id, reset, smtp};
use crate::mail_server::{Fate, MailServer};

#[tokio::test]
async fn a_mail_server_that_is_away_or_silent_costs_time_and_no_letter() {
    let (server, at) = (MailServer::start().await, clock().now());
    server.will(&[Fate::Silent]);
    let smtp_silent = smtp(&server).patience(Duration::from_millis(300));
    let refused = smtp_silent.send(&reset("ann@example.com"), id(at)).await;
    assert!(
        matches!(&refused, Err(SendError::Later(why)) if why.contains("in time")),
        "{refused:?}"
    );
    // A port that was open a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("smtp://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let url: SmtpUrl = url.parse().expect("an address");
    let from = "no-reply@shop.example".parse().expect("a sender");
    let away = Smtp::new(url, from, house()).expect("set up");
    let refused = away.send(&reset("ann@example.com"), id(at)).await;
    assert!(
        matches!(&refused, Err(SendError::Later(why)) if why.contains("no connection")),
        "{refused:?}"
    );
}

/// `smtps` is TLS from the first byte, also on loopback.
#[tokio::test]
async fn a_mail_server_without_tls_is_not_spoken_to_where_tls_is_asked_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("smtps://{}", listener.local_addr().expect("an address"));
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        stream
            .write_all(b"220 plain ESMTP\r\n")
            .await
            .expect("greeted");
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    let from = "no-reply@shop.example".parse().expect("a sender");
    let url: SmtpUrl = url.parse().expect("an address");
    let smtp = Smtp::new(url, from, house()).expect("set up");
    let refused = smtp
        .send(&reset("ann@example.com"), id(clock().now()))
        .await;
    assert!(matches!(refused, Err(SendError::Later(_))), "{refused:?}");
    // A TLS record, and no word of SMTP (RFC 8446 §5.1).
    let heard = heard.await.expect("a caller");
    assert_eq!(heard.first(), Some(&22));
    assert!(!heard.windows(4).any(|word| word == b"EHLO"));
}

/// A loopback address may do without; any other says nothing before TLS. 0.0.0.0 leads to this machine,
/// and is no loopback address.
#[tokio::test]
async fn inv_a10_no_letter_crosses_a_network_in_clear_text() {
    let server = MailServer::start().await;
    let url = format!("smtp://0.0.0.0:{}", server.addr.port());
    let url: SmtpUrl = url.parse().expect("an address");
    let from = "no-reply@shop.example".parse().expect("a sender");
    let smtp = Smtp::new(url, from, house()).expect("set up");
    let refused = smtp
        .send(&reset("ann@example.com"), id(clock().now()))
        .await;
    // It was there, and did not offer STARTTLS.
    assert!(
        matches!(&refused, Err(SendError::Later(why)) if why.contains("lacks what the settings ask for")),
        "{refused:?}"
    );
    assert!(server.arrived().is_empty());
}
