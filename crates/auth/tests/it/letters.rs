//! What a letter looks like on the wire.

use std::collections::HashSet;

use tollgate_auth::mailer::{Content, Letter, Mailer as _, SendError, samples};
use tollgate_auth::model::user::Locale;

use crate::harness::clock;
use crate::mail::{CANARY_LINK, id, smtp};
use crate::mail_server::MailServer;

#[tokio::test]
async fn every_letter_arrives_whole_in_both_languages() {
    let (server, at) = (MailServer::start().await, clock().now());
    let smtp = smtp(&server);
    let mut subjects = HashSet::new();
    for locale in [Locale::Zh, Locale::En] {
        for letter in samples("https://pay.example", locale, at) {
            let kind = letter.content.kind();
            let id = id(at);
            smtp.send(&letter, id).await.expect("taken");
            let arrived = server.accepted().pop().expect("a letter");
            assert_eq!(
                (arrived.from.as_str(), &arrived.to[..]),
                ("no-reply@shop.example", &["ann@example.com".to_owned()][..])
            );
            for (name, value) in [
                ("From", "Shop <no-reply@shop.example>".to_owned()),
                ("To", "ann@example.com".to_owned()),
                ("Date", "Fri, 02 Jan 2026 03:04:05 +0000".to_owned()),
                ("Message-ID", format!("<{id}@shop.example>")),
                ("Auto-Submitted", "auto-generated".to_owned()),
                ("MIME-Version", "1.0".to_owned()),
            ] {
                assert_eq!(arrived.header(name), value, "{kind}");
            }
            let subject = arrived.header("Subject");
            assert!(subject.ends_with(" · Shop"), "{subject}");
            assert!(arrived.data.is_ascii(), "{kind} needs no 8BITMIME");
            let parts = arrived.parts();
            let [(plain, text), (rich, html)] = &parts[..] else {
                panic!("{parts:?}")
            };
            assert_eq!(
                (plain.as_str(), rich.as_str()),
                ("text/plain; charset=utf-8", "text/html; charset=utf-8")
            );
            let headline = subject.trim_end_matches(" · Shop");
            assert!(html.contains(&format!("{headline}</h1>")), "{kind}");
            if let Some((link, minutes)) = letter.content.link() {
                assert!(text.lines().any(|line| line == link), "{text}");
                assert_eq!(
                    html.matches(&format!("href=\"{link}\"")).count(),
                    2,
                    "{kind}"
                );
                assert!(html.contains(&format!(">{link}</a>")), "{kind}");
                // A link that works for days says until when.
                let so_long = match (&letter.content, minutes) {
                    (Content::SubscriptionExpiring { .. }, _) => {
                        "2026-01-05 11:04:05 +08:00 (Asia/Shanghai)".to_owned()
                    }
                    (_, Some(minutes)) => minutes.to_string(),
                    (_, None) => String::new(),
                };
                for part in [text, html] {
                    assert!(part.contains(&so_long), "{kind}");
                }
            } else {
                // An address may be named that the admins have set themselves; nothing leads there.
                let named = match &letter.content {
                    Content::EndpointDisabled { url, .. } => text.replace(url, ""),
                    _ => text.clone(),
                };
                assert!(!html.contains("href") && !named.contains("://"), "{kind}");
            }
            if let Content::NewSignIn { .. } = letter.content {
                for part in [text, html] {
                    for fact in [
                        "2026-01-02 11:04:05 +08:00 (Asia/Shanghai)",
                        "Firefox",
                        "192.0.2.7",
                    ] {
                        assert!(part.contains(fact), "{fact} in {part}");
                    }
                }
            }
            for remote in ["<img", "<script", "src=", "@import", "url("] {
                assert!(!html.contains(remote), "{kind}: {remote}");
            }
            for part in [text, html] {
                assert!(!part.contains("{{") && !part.contains("\n\n\n"), "{part}");
            }
            assert!(subjects.insert(subject), "{kind}");
        }
    }
}

#[tokio::test]
async fn what_a_stranger_typed_stays_text() {
    let (server, at) = (MailServer::start().await, clock().now());
    let smtp = smtp(&server);
    let evil = "x\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u{202E}gnp.\u{2066}\"'&";
    let letter = Letter {
        to: "ann@example.com".to_owned(),
        name: evil.to_owned(),
        locale: Locale::En,
        content: Content::NewSignIn {
            at,
            device: Some(evil.to_owned()),
            address: Some(evil.to_owned()),
        },
    };
    smtp.send(&letter, id(at)).await.expect("taken");
    let arrived = server.accepted().pop().expect("a letter");
    assert_eq!(arrived.to, ["ann@example.com"]);
    let mut names: Vec<String> = arrived
        .headers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "Auto-Submitted",
            "Content-Type",
            "Date",
            "From",
            "MIME-Version",
            "Message-ID",
            "Subject",
            "To"
        ]
    );
    let parts = arrived.parts();
    let (text, html) = (&parts[0].1, &parts[1].1);
    for part in [text, html] {
        assert!(
            !part.contains('\u{202E}') && !part.contains('\u{2066}'),
            "{part}"
        );
        assert!(!part.lines().any(|line| line.starts_with("Bcc")), "{part}");
    }
    assert!(
        !html.contains("<script") && html.contains("&#60;script&#62;"),
        "{html}"
    );
    assert!(
        text.contains("x Bcc: all@example.com <script>alert(1)</script>gnp.\"'&"),
        "{text}"
    );
    // Somebody who typed a foreign address writes no words of their own to it.
    let content = Content::VerifyEmail {
        link: CANARY_LINK.to_owned(),
        minutes: 60,
    };
    let letter = Letter {
        name: "visit-evil.example".to_owned(),
        content,
        ..letter
    };
    smtp.send(&letter, id(at)).await.expect("taken");
    let arrived = server.accepted().pop().expect("a letter");
    for (_, part) in arrived.parts() {
        assert!(!part.contains("visit-evil"), "{part}");
    }
    // An address that is none reaches no server.
    for to in [
        "a@example.com\r\nRCPT TO:<b@example.com>",
        "a@example.com, b@example.com",
        "",
    ] {
        let letter = Letter {
            to: to.to_owned(),
            ..letter.clone()
        };
        let refused = smtp.send(&letter, id(at)).await;
        assert!(matches!(refused, Err(SendError::Never(_))), "{refused:?}");
    }
    assert_eq!(server.arrived().len(), 2);
}
