//! What the gateway lets in, and how it says no.

use serde_json::json;
use tollgate_kernel::text::Language;
use tollgate_sandbox::{Sandbox, SandboxConfig, SandboxError};

use crate::harness::{Bench, order};

#[tokio::test]
async fn a_request_is_let_in_only_when_everything_about_it_is_right() {
    let bench = Bench::start().await;
    for (name, value, code, sub_code) in [
        ("charset", "gbk", "40002", "isv.invalid-charset"),
        ("charset", "", "40002", "isv.invalid-charset"),
        ("version", "2.0", "40002", "isv.invalid-version"),
        ("format", "xml", "40002", "isv.invalid-format"),
        ("sign_type", "RSA", "40002", "isv.invalid-signature-type"),
        ("sign_type", "", "40001", "isv.missing-signature-type"),
        ("method", "", "40001", "isv.missing-method"),
        ("method", "alipay.trade.pay", "40002", "isv.invalid-method"),
        ("timestamp", "", "40001", "isv.missing-timestamp"),
        (
            "timestamp",
            "2026-01-02 03:04:05",
            "40002",
            "isv.invalid-timestamp",
        ),
        (
            "timestamp",
            "2026-01-02 10:49:04",
            "40002",
            "isv.invalid-timestamp",
        ),
        (
            "timestamp",
            "2026-01-02 11:19:06",
            "40002",
            "isv.invalid-timestamp",
        ),
        (
            "timestamp",
            "2026-1-2 11:4:5",
            "40002",
            "isv.invalid-timestamp",
        ),
        ("biz_content", "", "40001", "isv.missing-biz-content"),
        (
            "biz_content",
            "[\"a\",\"9.90\",\"x\"]",
            "40002",
            "isv.invalid-parameter",
        ),
        (
            "biz_content",
            "{\"out_trade_no\":\"a\",\"out_trade_no\":\"b\"}",
            "40002",
            "isv.invalid-parameter",
        ),
        (
            "biz_content",
            "{\"out_trade_no\":\"a\\u0000\"}",
            "40002",
            "isv.invalid-parameter",
        ),
        ("biz_content", "{", "40002", "isv.invalid-parameter"),
        ("notify_url", "/relative", "40002", "isv.invalid-parameter"),
        (
            "notify_url",
            "https://shop.example/cb",
            "40002",
            "isv.invalid-parameter",
        ),
        (
            "notify_url",
            "http://169.254.169.254/",
            "40002",
            "isv.invalid-parameter",
        ),
    ] {
        let mut parameters = bench.common("alipay.trade.precreate", &order("a"));
        parameters.insert(name.to_owned(), value.to_owned());
        bench.sign(&mut parameters);
        let answer = bench.send(&parameters).await;
        assert_eq!(
            (answer.code(), answer.sub_code()),
            (code, sub_code),
            "{name}={value}"
        );
        assert!(answer.signed, "{answer:?}");
        let root = if name == "method" {
            "error_response"
        } else {
            "alipay_trade_precreate_response"
        };
        assert_eq!(answer.root, root);
    }
    assert_eq!(bench.status("a").await, "ACQ.TRADE_NOT_EXIST");
    for value in ["2026-01-02 10:49:05", "2026-01-02 11:19:05"] {
        let mut parameters = bench.common("alipay.trade.precreate", &order("a"));
        parameters.insert("timestamp".to_owned(), value.to_owned());
        bench.sign(&mut parameters);
        assert_eq!(bench.send(&parameters).await.code(), "10000", "{value}");
    }
}

#[tokio::test]
async fn a_forged_or_missing_signature_gets_nothing() {
    let bench = Bench::start().await;
    let stranger = Bench::start().await;
    let genuine = {
        let mut parameters = bench.common("alipay.trade.precreate", &order("a"));
        bench.sign(&mut parameters);
        parameters
    };
    let mut cheaper = genuine.clone();
    let content = genuine["biz_content"].replace("9.90", "0.01");
    cheaper.insert("biz_content".to_owned(), content);
    let mut redirected = genuine.clone();
    redirected.insert("notify_url".to_owned(), "http://127.0.0.1:1/cb".to_owned());
    let mut foreign = genuine.clone();
    stranger.sign(&mut foreign);
    for forged in [cheaper, redirected, foreign] {
        let answer = bench.send(&forged).await;
        assert_eq!(
            (answer.code(), answer.sub_code()),
            ("40002", "isv.invalid-signature")
        );
        assert!(answer.signed);
    }
    let mut unsigned = genuine.clone();
    unsigned.remove("sign");
    let answer = bench.send(&unsigned).await;
    assert_eq!(
        (answer.code(), answer.sub_code()),
        ("40001", "isv.missing-signature")
    );
    // An empty parameter is not signed and changes nothing.
    let mut padded = genuine;
    padded.insert("return_url".to_owned(), String::new());
    assert_eq!(bench.send(&padded).await.code(), "10000");
}

#[tokio::test]
async fn a_foreign_application_is_told_so_without_a_signature() {
    let bench = Bench::start().await;
    for (app_id, code, sub_code) in [
        ("2021000000000001", "40002", "isv.invalid-app-id"),
        ("", "40001", "isv.missing-app-id"),
    ] {
        let mut parameters = bench.common("alipay.trade.query", &json!({"out_trade_no": "a"}));
        parameters.insert("app_id".to_owned(), app_id.to_owned());
        bench.sign(&mut parameters);
        let answer = bench.send(&parameters).await;
        assert_eq!((answer.code(), answer.sub_code()), (code, sub_code));
        assert_eq!(
            (answer.root.as_str(), answer.signed),
            ("error_response", false)
        );
    }
}

#[tokio::test]
async fn a_parameter_sent_twice_is_refused_and_where_it_stands_does_not_matter() {
    let bench = Bench::start().await;
    let mut parameters = bench.common("alipay.trade.precreate", &order("a"));
    bench.sign(&mut parameters);
    let encoded = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&parameters)
        .finish();
    let gateway = &bench.merchant.gateway;
    let form = "application/x-www-form-urlencoded";
    let post = |url: String, body: String| {
        bench
            .client
            .post(url)
            .header("content-type", form)
            .body(body)
            .send()
    };
    let twice = post(format!("{gateway}?charset=utf-8"), encoded.clone()).await;
    let answer = bench.read(twice.expect("an answer")).await;
    assert_eq!(
        (answer.root.as_str(), answer.sub_code()),
        ("error_response", "isv.invalid-parameter")
    );
    let in_body = post(gateway.clone(), encoded.clone())
        .await
        .expect("an answer");
    assert_eq!(bench.read(in_body).await.code(), "10000");
    let in_query = bench
        .client
        .get(format!("{gateway}?{encoded}"))
        .send()
        .await;
    assert_eq!(
        bench.read(in_query.expect("an answer")).await.code(),
        "10000"
    );
    let nul = format!("{gateway}?{encoded}&x=%00");
    let answer = bench.client.get(nul).send().await.expect("an answer");
    assert_eq!(bench.read(answer).await.sub_code(), "isv.invalid-parameter");
    let huge = post(gateway.clone(), "x".repeat(70_000))
        .await
        .expect("an answer");
    assert_eq!(huge.status(), 413);
}

#[tokio::test]
async fn answers_look_like_the_real_ones() {
    let bench = Bench::start().await;
    let answer = bench.precreate(order("a"), "").await;
    assert!(
        answer.slice.contains("\"qr_code\":\"http:\\/\\/127.0.0.1:"),
        "{}",
        answer.slice
    );
    let refused = bench.query("b").await;
    assert_eq!(
        refused.slice,
        "{\"code\":\"40004\",\"msg\":\"Business Failed\",\"sub_code\":\"ACQ.TRADE_NOT_EXIST\",\"sub_msg\":\"交易不存在\"}"
    );
}

#[tokio::test]
async fn keys_are_made_once_and_never_printed() {
    let bench = Bench::start().await;
    let first = bench.merchant.clone();
    assert_ne!(first.alipay_public_key, first.private_key);
    let printed = format!("{first:?} {:?}", bench.sandbox);
    assert!(printed.contains(&first.app_id), "{printed}");
    assert!(!printed.contains(&first.private_key[..16]), "{printed}");
    let second = bench.restart().await.merchant;
    assert_eq!(
        (
            first.app_id,
            first.seller_id,
            first.private_key,
            first.alipay_public_key
        ),
        (
            second.app_id,
            second.seller_id,
            second.private_key,
            second.alipay_public_key
        )
    );
}

#[tokio::test]
async fn an_address_or_a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = |base_url: &str, file: &str| SandboxConfig {
        data_file: folder.path().join(file),
        base_url: base_url.to_owned(),
        clock: tollgate_kernel::clock::Clock::system(),
        entropy: tollgate_kernel::entropy::Entropy::seeded(1),
        default_language: Language::Zh,
    };
    for base in [
        "",
        "127.0.0.1:8080",
        "ftp://x",
        "http://x/?a=1",
        "http://u:p@x",
    ] {
        let error = Sandbox::open(config(base, "sandbox.db"))
            .await
            .expect_err(base);
        assert!(
            matches!(error, SandboxError::BaseUrl(_)),
            "{base}: {error:?}"
        );
    }
    let error = Sandbox::open(config("http://127.0.0.1:1", "no/such/folder.db")).await;
    assert!(matches!(error, Err(SandboxError::File { .. })), "{error:?}");
    std::fs::write(
        folder.path().join("text.db"),
        "not a database at all, but a text",
    )
    .expect("written");
    let error = Sandbox::open(config("http://127.0.0.1:1", "text.db")).await;
    assert!(matches!(error, Err(SandboxError::Database(_))), "{error:?}");
}
