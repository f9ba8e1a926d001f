//! WeChat Pay's look-alike: whom it believes, what it sends and when.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tollgate_sandbox::{Rail, WechatMerchant};

use crate::harness::{Bench, Receiver};

/// A PEM's bytes.
fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(base64).expect("base64")
}

/// What a client may get wrong.
#[derive(Clone)]
struct Call<'a> {
    mch_id: &'a str,
    serial: &'a str,
    seconds: i64,
    body: String,
    /// What is signed in place of the path.
    path: &'a str,
    agent: &'a str,
}

struct Client<'a> {
    bench: &'a Bench,
    merchant: WechatMerchant,
    serial: String,
}

impl<'a> Client<'a> {
    fn of(bench: &'a Bench) -> Self {
        let merchant = bench.sandbox.wechat_merchant();
        let certificate = der(&merchant.certificate);
        let (_, certificate) =
            x509_parser::parse_x509_certificate(&certificate).expect("a certificate");
        let serial = certificate.raw_serial_as_string();
        Self {
            bench,
            merchant,
            serial: serial.replace(':', "").to_uppercase(),
        }
    }

    async fn send(&self, method: Method, path: &str, call: &Call<'_>) -> Response {
        let key = RsaKeyPair::from_pkcs8(&der(&self.merchant.private_key)).expect("a key");
        let text = format!(
            "{method}\n{}\n{}\nnonce\n{}\n",
            call.path, call.seconds, call.body
        );
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign_digest(
            &RSA_PKCS1_SHA256,
            &digest(&SHA256, text.as_bytes()),
            &mut signature,
        )
        .expect("signs");
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"nonce\",timestamp=\"{}\",serial_no=\"{}\",signature=\"{}\"",
            call.mch_id,
            call.seconds,
            call.serial,
            BASE64_STANDARD.encode(signature),
        );
        let url = format!("{}/sandbox/wechat{path}", self.bench.base);
        let request = self
            .bench
            .client
            .request(method, url)
            .body(call.body.clone());
        let request = request
            .header("authorization", authorization)
            .header("accept", "application/json")
            .header("user-agent", call.agent)
            .header("wechatpay-serial", &self.merchant.public_key_id);
        request.send().await.expect("an answer")
    }

    fn right<'b>(&'b self, path: &'b str, body: &Value) -> Call<'b> {
        Call {
            mch_id: &self.merchant.mch_id,
            serial: &self.serial,
            seconds: self.bench.clock.now().seconds(),
            body: if body.is_null() {
                String::new()
            } else {
                body.to_string()
            },
            path,
            agent: "tests",
        }
    }

    /// A genuine call, whose answer must be signed.
    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, path, &self.right(path, &body)).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a text");
        assert!(self.is_genuine(&headers, &text), "{headers:?} {text}");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Whether the public key has signed this.
    fn is_genuine(&self, headers: &HeaderMap, body: &str) -> bool {
        let of = |name: &str| headers[name].to_str().expect("text").to_owned();
        if of("wechatpay-serial") != self.merchant.public_key_id {
            return false;
        }
        let text = format!(
            "{}\n{}\n{body}\n",
            of("wechatpay-timestamp"),
            of("wechatpay-nonce")
        );
        let key =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der(&self.merchant.public_key));
        let signature = BASE64_STANDARD.decode(of("wechatpay-signature"));
        signature.is_ok_and(|signature| key.verify(text.as_bytes(), &signature).is_ok())
    }

    fn order(&self, number: &str, url: &str) -> Value {
        json!({
            "appid": self.merchant.app_id, "mchid": self.merchant.mch_id, "description": "专业版",
            "out_trade_no": number, "notify_url": url, "amount": { "total": 990, "currency": "CNY" },
        })
    }

    async fn begun(&self, number: &str, url: &str) -> String {
        let order = self.order(number, url);
        let (status, begun) = self
            .call(Method::POST, "/v3/pay/transactions/native", order)
            .await;
        assert_eq!(status, 200, "{begun}");
        begun["code_url"].as_str().expect("a code").to_owned()
    }

    async fn fault(&self, kind: &str) {
        let url = format!("{}/sandbox/wechat/faults", self.bench.base);
        let put = self
            .bench
            .client
            .post(url)
            .json(&json!({ "kind": kind }))
            .send()
            .await;
        assert_eq!(put.expect("an answer").status(), 201, "{kind}");
    }
}

#[tokio::test]
async fn only_the_merchants_own_signature_of_this_moment_is_believed() {
    let bench = Bench::start().await;
    let client = Client::of(&bench);
    let (path, order) = (
        "/v3/pay/transactions/native",
        client.order("order-1", &bench.base),
    );
    let right = client.right(path, &order);
    let other = "1".repeat(40);
    for (what, call) in [
        (
            "merchant",
            Call {
                mch_id: "1900000000",
                ..right.clone()
            },
        ),
        (
            "serial",
            Call {
                serial: &other,
                ..right.clone()
            },
        ),
        (
            "old",
            Call {
                seconds: right.seconds - 301,
                ..right.clone()
            },
        ),
        (
            "ahead",
            Call {
                seconds: right.seconds + 301,
                ..right.clone()
            },
        ),
        (
            "path",
            Call {
                path: "/v3/pay/transactions/app",
                ..right.clone()
            },
        ),
    ] {
        let answer = client.send(Method::POST, path, &call).await;
        assert_eq!(answer.status(), 401, "{what}");
        let told: Value = answer.json().await.expect("JSON");
        assert_eq!(told["code"], "SIGN_ERROR", "{what}");
    }
    let answer = client
        .send(
            Method::POST,
            path,
            &Call {
                agent: "",
                ..right.clone()
            },
        )
        .await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        client
            .call(
                Method::GET,
                &format!(
                    "/v3/pay/transactions/out-trade-no/order-1?mchid={}",
                    client.merchant.mch_id
                ),
                Value::Null
            )
            .await
            .0,
        404
    );
    // The line as it is sent, or as the documentation has it.
    for path_signed in ["/sandbox/wechat/v3/pay/transactions/native", path] {
        let call = Call {
            path: path_signed,
            ..right.clone()
        };
        let answer = client.send(Method::POST, path, &call).await;
        assert_eq!(answer.status(), 200, "{path_signed}");
    }
    for (path, status) in [("/v3/nothing", 404), ("/v3/pay/transactions/native", 404)] {
        assert_eq!(
            client.call(Method::GET, path, Value::Null).await.0,
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_no_order_is_refused_by_its_member() {
    let bench = Bench::start().await;
    let client = Client::of(&bench);
    let path = "/v3/pay/transactions/native";
    for (member, value) in [
        ("out_trade_no", json!("a b")),
        ("out_trade_no", json!("12345")),
        ("description", json!("")),
        ("notify_url", json!("https://shop.example/x")),
        ("notify_url", json!(format!("{}/x?y=1", bench.base))),
        ("amount", json!({ "total": 0 })),
        ("amount", json!({ "total": 1, "currency": "USD" })),
        ("amount", json!({ "total": "1" })),
        ("time_expire", json!("2026-01-02T11:04:05+08:00")),
        ("time_expire", json!("soon")),
        ("mchid", json!("1900000000")),
    ] {
        let mut order = client.order("order-1", &bench.base);
        order[member] = value.clone();
        let (status, told) = client.call(Method::POST, path, order).await;
        assert_eq!(status, 400, "{member} {value} {told}");
    }
    for (product, member) in [("jsapi", "payer"), ("h5", "scene_info")] {
        let order = client.order("order-1", &bench.base);
        let path = format!("/v3/pay/transactions/{product}");
        let (status, told) = client.call(Method::POST, &path, order).await;
        let says = told["message"].as_str().expect("a text");
        assert!(status == 400 && says.contains(member), "{told}");
    }
    for body in ["[]", "{", "\"x\"", "{\"appid\":\"\\u0000\"}"] {
        let call = Call {
            body: body.to_owned(),
            ..client.right(path, &Value::Null)
        };
        assert_eq!(
            client.send(Method::POST, path, &call).await.status(),
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_order_ends_at_its_time_and_is_told_of_only_when_it_is_paid() {
    let bench = Bench::start().await;
    let client = Client::of(&bench);
    let receiver = Receiver::start(&[(204, "")]).await;
    let query = format!(
        "/v3/pay/transactions/out-trade-no/order-1?mchid={}",
        client.merchant.mch_id
    );
    let code = client.begun("order-1", &receiver.url).await;
    assert_eq!(
        client.call(Method::GET, &query, Value::Null).await.1["trade_state"],
        "NOTPAY"
    );
    bench.clock.advance(Duration::from_hours(7 * 24));
    assert_eq!(
        client.call(Method::GET, &query, Value::Null).await.1["trade_state"],
        "CLOSED"
    );
    let (status, told) = bench.press(&code, "pay").await;
    assert_eq!((status, &told["reason"]), (409, &json!("trade_closed")));
    assert_eq!(bench.deliver().await, 0);
    assert!(
        bench
            .sandbox
            .books(Rail::Wechat)
            .await
            .expect("books")
            .data
            .is_empty()
    );
}

#[tokio::test]
async fn a_notice_is_sent_sixteen_times_each_time_under_a_seal_of_its_own() {
    let bench = Bench::start().await;
    let client = Client::of(&bench);
    // A 200 is enough whatever it says; nothing else is.
    let receiver = Receiver::start(&[(500, "{\"code\":\"SUCCESS\"}")]).await;
    let code = client.begun("order-1", &receiver.url).await;
    assert_eq!(bench.press(&code, "pay").await.0, 200);
    let waits = [
        0, 15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600,
        21_600,
    ];
    for (sends, wait) in waits.into_iter().enumerate() {
        if wait > 0 {
            bench.clock.advance(Duration::from_secs(wait - 1));
            assert_eq!(bench.deliver().await, 0, "before {wait} s");
            bench.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(bench.deliver().await, 1, "after {wait} s");
        let (headers, bodies) = (receiver.headers(), receiver.bodies());
        assert_eq!(bodies.len(), sends + 1);
        assert_eq!(bodies[sends], bodies[0]);
        assert!(client.is_genuine(&headers[sends], &bodies[sends]));
        let sealed = headers[sends]["wechatpay-timestamp"]
            .to_str()
            .expect("text");
        assert_eq!(sealed, bench.clock.now().seconds().to_string());
    }
    bench.clock.advance(Duration::from_hours(24 * 30));
    assert_eq!(bench.deliver().await, 0);
}

#[tokio::test]
async fn false_notices_come_first_and_the_genuine_one_after_them() {
    for kind in [
        "callback_forged",
        "probe_callback",
        "unknown_key",
        "stale_callback",
        "wrong_secret",
    ] {
        let bench = Bench::start().await;
        let client = Client::of(&bench);
        let receiver = Receiver::start(&[(401, ""), (204, "")]).await;
        client.fault(kind).await;
        let code = client.begun("order-1", &receiver.url).await;
        assert_eq!(bench.press(&code, "pay").await.0, 200);
        assert_eq!(bench.deliver().await, 1, "{kind}");
        let (headers, bodies) = (receiver.headers(), receiver.bodies());
        let genuine = client.is_genuine(&headers[0], &bodies[0]);
        // What is too old, or closed to everybody, is well signed all the same.
        assert_eq!(
            genuine,
            ["stale_callback", "wrong_secret"].contains(&kind),
            "{kind}"
        );
        let at: i64 = headers[0]["wechatpay-timestamp"]
            .to_str()
            .expect("text")
            .parse()
            .expect("seconds");
        let age = bench.clock.now().seconds() - at;
        assert_eq!(age > 300, kind == "stale_callback", "{kind}");
        let signature = headers[0]["wechatpay-signature"].to_str().expect("text");
        assert_eq!(
            signature.starts_with("WECHATPAY/SIGNTEST/"),
            kind == "probe_callback"
        );
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.deliver().await, 1, "{kind}");
        let (headers, bodies) = (receiver.headers(), receiver.bodies());
        assert!(client.is_genuine(&headers[1], &bodies[1]), "{kind}");
        bench.clock.advance(Duration::from_hours(24));
        assert_eq!(
            bench.deliver().await,
            0,
            "{kind}: nobody repeats what is false"
        );
    }
}

#[tokio::test]
async fn the_other_key_signs_to_order_and_the_rails_have_faults_of_their_own() {
    let bench = Bench::start().await;
    let client = Client::of(&bench);
    let receiver = Receiver::start(&[(204, "")]).await;
    client.fault("other_key").await;
    let code = client.begun("order-1", &receiver.url).await;
    assert_eq!(bench.press(&code, "pay").await.0, 200);
    assert_eq!(bench.deliver().await, 1);
    let headers = receiver.headers();
    let serial = headers[0]["wechatpay-serial"].to_str().expect("text");
    assert!(
        serial.len() == 40 && !serial.starts_with("PUB_KEY_ID"),
        "{serial}"
    );
    for (rail, kind, status) in [
        ("alipay", "other_key", 422),
        ("alipay", "probe_answer", 422),
        ("wechat", "busy", 201),
        ("nobody", "busy", 404),
    ] {
        let url = format!("{}/sandbox/{rail}/faults", bench.base);
        let put = bench
            .client
            .post(url)
            .json(&json!({ "kind": kind }))
            .send()
            .await;
        assert_eq!(put.expect("an answer").status(), status, "{rail} {kind}");
    }
}

#[tokio::test]
async fn both_sides_are_the_same_after_a_restart_and_a_change_of_certificates() {
    let bench = Bench::start().await;
    let before = bench.sandbox.wechat_merchant();
    let listed = async |bench: &Bench| {
        let client = Client::of(bench);
        let (status, list) = client
            .call(Method::GET, "/v3/certificates", Value::Null)
            .await;
        assert_eq!(status, 200);
        let serials = list["data"].as_array().expect("a list").iter();
        let serials: Vec<String> = serials
            .map(|row| row["serial_no"].as_str().expect("a serial").to_owned())
            .collect();
        serials
    };
    let first = listed(&bench).await;
    assert_eq!(first.len(), 1);
    bench
        .sandbox
        .change_wechat_certificate()
        .await
        .expect("changed");
    let both = listed(&bench).await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    let bench = bench.restart().await;
    assert_eq!(listed(&bench).await, both);
    let after = bench.sandbox.wechat_merchant();
    assert_eq!(
        (after.mch_id, after.private_key, after.api_key),
        (before.mch_id, before.private_key, before.api_key)
    );
    let folder = bench.folder.path().join("sandbox.wechat");
    for (name, text) in [
        (
            "apiclient_key.pem",
            bench.sandbox.wechat_merchant().private_key,
        ),
        ("api_v3_key", bench.sandbox.wechat_merchant().api_key),
    ] {
        let file = folder.join(name);
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&file).expect("a file").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
