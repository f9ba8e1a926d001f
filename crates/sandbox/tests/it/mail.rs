//! The mailbox: for people, and for programs.

use reqwest::header;
use serde_json::Value;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, JobId};
use tollgate_sandbox::Mail;

use crate::harness::Bench;

fn mail(id: JobId, to: &str, subject: &str) -> Mail {
    Mail {
        id,
        to: to.to_owned(),
        subject: subject.to_owned(),
        text: format!("Hello,\n\n{subject}:\nhttps://pay.example/x#token=abc\n"),
        html: format!(
            "<!doctype html><title>{subject}</title><style>a{{color:red}}</style><p>Hello"
        ),
    }
}

impl Bench {
    fn ids(&self, seed: u64) -> Ids {
        Ids::new(Clock::fixed(self.clock.now()), Entropy::seeded(seed))
    }

    async fn json(&self, path: &str) -> (u16, Value) {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = request
            .header(header::ACCEPT, "application/json")
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    async fn page(&self, path: &str) -> (u16, header::HeaderMap, String) {
        let answer = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.text().await.expect("a text"))
    }
}

#[tokio::test]
async fn programs_ask_for_the_letters_of_one_address() {
    let bench = Bench::start().await;
    let ids = bench.ids(1);
    let (first, second): (JobId, JobId) = (ids.next(), ids.next());
    for mail in [
        mail(first, "ann@example.com", "one"),
        mail(second, "bob@example.com", "two"),
    ] {
        bench.sandbox.put_mail(&mail).await.expect("kept");
    }
    // The same letter once more, as after a crash: one letter.
    bench.clock.advance(std::time::Duration::from_secs(5));
    let again = mail(first, "ann@example.com", "one");
    bench.sandbox.put_mail(&again).await.expect("kept");
    let (status, all) = bench.json("/sandbox/mail").await;
    assert_eq!(
        (status, all["data"].as_array().map(Vec::len)),
        (200, Some(2))
    );
    let (_, anns) = bench.json("/sandbox/mail?to=Ann%40example.com").await;
    assert_eq!(anns["data"].as_array().map(Vec::len), Some(1));
    let letter = &anns["data"][0];
    for (member, value) in [
        ("to", "ann@example.com"),
        ("subject", "one"),
        ("created_at", "2026-01-02T03:04:05.000Z"),
    ] {
        assert_eq!(letter[member], value, "{letter}");
    }
    assert!(
        letter["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("Hello"))
    );
    assert_eq!(
        letter["links"],
        serde_json::json!(["https://pay.example/x#token=abc"])
    );
    let (status, one) = bench.json(&format!("/sandbox/mail/{first}")).await;
    assert_eq!((status, &one), (200, letter));
    for unknown in ["0198c0de-0000-7000-8000-000000000000", "x", "%00"] {
        let (status, _) = bench.json(&format!("/sandbox/mail/{unknown}")).await;
        assert_eq!(status, 404, "{unknown}");
    }
    let (status, none) = bench.json("/sandbox/mail?to=nobody@example.com").await;
    assert_eq!(
        (status, none["data"].as_array().map(Vec::len)),
        (200, Some(0))
    );
    // It lies in the file.
    let bench = bench.restart().await;
    let (_, all) = bench.json("/sandbox/mail").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_newest_two_hundred_are_kept_newest_first() {
    let bench = Bench::start().await;
    let ids = bench.ids(2);
    for number in 0..203 {
        let mail = mail(ids.next(), "ann@example.com", &format!("letter {number}"));
        bench.sandbox.put_mail(&mail).await.expect("kept");
        bench.clock.advance(std::time::Duration::from_secs(1));
    }
    let (_, all) = bench.json("/sandbox/mail").await;
    let subjects: Vec<&str> = all["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|mail| mail["subject"].as_str())
        .collect();
    assert_eq!(
        (subjects.len(), subjects[0], subjects[199]),
        (200, "letter 202", "letter 3")
    );
}

#[tokio::test]
async fn people_read_letters_that_can_do_nothing() {
    let bench = Bench::start().await;
    let (_, _, empty) = bench.page("/sandbox/mail?lang=en").await;
    assert!(empty.contains("No letters yet") && empty.contains("http-equiv=\"refresh\""));
    let id: JobId = bench.ids(3).next();
    let evil = Mail {
        to: "\"><script>alert(1)</script>@example.com".to_owned(),
        text: "<b>text</b> https://pay.example/\"><script>".to_owned(),
        html: "<p>letter</p><script>alert(1)</script>".to_owned(),
        ..mail(id, "", "<script>alert(1)</script>")
    };
    bench.sandbox.put_mail(&evil).await.expect("kept");
    for (path, words) in [
        (
            "/sandbox/mail?lang=zh",
            ["沙箱，不产生真实扣款", "沙箱邮箱", "lang=\"zh-CN\""],
        ),
        (
            "/sandbox/mail?lang=en&to=%22%3E%3Cscript%3E",
            [
                "SANDBOX · no real money",
                "No letters to this address",
                "lang=\"en\"",
            ],
        ),
        (
            &format!("/sandbox/mail/{id}?lang=zh"),
            ["返回列表", "纯文本", "&#60;b&#62;text"],
        ),
        (
            &format!("/sandbox/mail/{id}?lang=en"),
            [
                "Plain text",
                "Links",
                "sandbox=\"allow-popups allow-popups-to-escape-sandbox\"",
            ],
        ),
    ] {
        let (status, headers, page) = bench.page(path).await;
        assert_eq!(status, 200, "{path}");
        let policy = headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        for word in words {
            assert!(page.contains(word), "{word} in {page}");
        }
        // The house's own file, and no other.
        let own = "<script src=\"static/again.js\" defer></script>";
        let rest = page.replace(own, "");
        assert!(
            !rest.contains("<script") && !rest.contains("style="),
            "{page}"
        );
    }
    let (status, headers, letter) = bench.page(&format!("/sandbox/mail/{id}/html")).await;
    assert_eq!((status, letter.as_str()), (200, evil.html.as_str()));
    let policy = headers[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; "),
        "{policy}"
    );
    assert!(
        policy.contains("; sandbox allow-popups")
            && !policy.contains("allow-scripts")
            && !policy.contains("allow-same-origin"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
    let (status, _, page) = bench
        .page("/sandbox/mail/0198c0de-0000-7000-8000-000000000000?lang=zh")
        .await;
    assert!(status == 404 && page.contains("没有这封邮件"));
    let (status, _, _) = bench
        .page("/sandbox/mail/0198c0de-0000-7000-8000-000000000000/html")
        .await;
    assert_eq!(status, 404);
    let (_, headers, _) = bench.page("/sandbox/static/mail.css").await;
    assert_eq!(headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
    // A name of somebody else's that leads here.
    let foreign = bench
        .client
        .get(format!("{}/sandbox/mail", bench.base))
        .header(header::HOST, "evil.example");
    assert_eq!(foreign.send().await.expect("an answer").status(), 403);
}
