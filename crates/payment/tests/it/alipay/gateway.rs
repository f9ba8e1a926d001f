//! A gateway of Alipay's for tests: it checks how it is called, by reading and arithmetic of its own,
//! and answers what it was told to, signed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tokio::net::TcpListener;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_payment::providers::alipay::{
    Alipay, AlipayConfig, AlipayKeys, AlipaySettingError, CertificateFiles,
};

pub(super) const APP_ID: &str = "2021000000000001";
pub(super) const SELLER: &str = "2088000000000001";

/// A text of the vectors: `word("certificates", "/root_pem")`.
pub(super) fn word(file: &str, pointer: &str) -> String {
    let text = match file {
        "certificates" => include_str!("../../vectors/certificates.json"),
        "key" => include_str!("../../vectors/rsa_key.json"),
        _ => include_str!("../../vectors/alipay.json"),
    };
    let vectors: Value = serde_json::from_str(text).expect("vectors");
    let text = vectors.pointer(pointer).and_then(Value::as_str);
    text.expect("a text").to_owned()
}

/// The key of the vectors: Alipay's in public-key mode, and that of its next certificate; in
/// certificate mode the application's as well.
pub(super) fn vector_key() -> KeyPair {
    let der = BASE64_STANDARD.decode(word("key", "/rsa_private_pkcs8_base64"));
    KeyPair::from_pkcs8(&der.expect("base64")).expect("a key")
}

#[expect(
    clippy::disallowed_methods,
    reason = "PKCS#1 v1.5 is deterministic: the generator only blinds"
)]
pub(super) fn sign(key: &KeyPair, text: &[u8]) -> String {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text,
        &mut signature,
    )
    .expect("signs");
    BASE64_STANDARD.encode(signature)
}

/// What arrived: all parameters of one call.
pub(super) type Call = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Desk {
    /// By method: what is answered next, to the byte. The last one stays.
    answers: BTreeMap<String, Vec<String>>,
    calls: Vec<Call>,
}

/// The gateway, and the application that is known there.
pub(super) struct Gateway {
    pub(super) url: String,
    desk: Arc<Mutex<Desk>>,
    app: KeyPair,
}

async fn answer(State(desk): State<Arc<Mutex<Desk>>>, uri: Uri, body: String) -> String {
    let mut call = Call::new();
    let query = uri.query().unwrap_or_default();
    for part in [query, &body] {
        for (name, value) in form_urlencoded::parse(part.as_bytes()) {
            let twice = call.insert(name.into_owned(), value.into_owned());
            assert!(twice.is_none(), "a parameter is sent twice");
        }
    }
    let mut desk = desk.lock().expect("the desk");
    let method = call["method"].clone();
    desk.calls.push(call);
    let answers = desk
        .answers
        .get_mut(&method)
        .expect("an answer is laid out");
    if answers.len() > 1 {
        answers.remove(0)
    } else {
        answers[0].clone()
    }
}

impl Gateway {
    pub(super) async fn open(app: KeyPair) -> Self {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = Router::new()
            .route("/gateway.do", post(answer))
            .with_state(desk.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let url = format!(
            "http://{}/gateway.do",
            listener.local_addr().expect("an address")
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, desk, app }
    }

    /// A gateway with a client in public-key mode.
    pub(super) async fn by_key() -> (Self, Alipay) {
        let gateway = Self::open(KeyPair::generate(KeySize::Rsa2048).expect("a key")).await;
        let key = word("key", "/rsa_public_spki_base64");
        let alipay = gateway.client(AlipayKeys::PublicKey(key), &clock());
        (gateway, alipay.expect("good settings"))
    }

    /// The settings of the application that is known here.
    pub(super) fn client(
        &self,
        keys: AlipayKeys,
        clock: &Clock,
    ) -> Result<Alipay, Vec<AlipaySettingError>> {
        let der: Pkcs8V1Der<'_> = self.app.as_der().expect("a key");
        let config = AlipayConfig {
            app_id: APP_ID.to_owned(),
            private_key: BASE64_STANDARD.encode(der.as_ref()).into(),
            keys,
            gateway: self.url.parse().expect("an address"),
            pages: None,
            seller_id: Some(SELLER.to_owned()),
        };
        Alipay::new(&config, clock.clone())
    }

    /// Lays an answer out, behind those that lie there.
    pub(super) fn will_answer(&self, method: &str, body: String) {
        let mut desk = self.desk.lock().expect("the desk");
        desk.answers
            .entry(method.to_owned())
            .or_default()
            .push(body);
    }

    /// Takes all answers to a method away.
    pub(super) fn forget(&self, method: &str) {
        self.desk.lock().expect("the desk").answers.remove(method);
    }

    pub(super) fn calls(&self, method: &str) -> Vec<Call> {
        let desk = self.desk.lock().expect("the desk");
        let calls = desk.calls.iter().filter(|call| call["method"] == method);
        calls.cloned().collect()
    }

    /// Whether the application signed these parameters, as the open platform reads them.
    pub(super) fn is_signed(&self, call: &Call) -> bool {
        let mut text = String::new();
        let signed = call
            .iter()
            .filter(|(name, value)| *name != "sign" && !value.is_empty());
        for (name, value) in signed {
            let and = if text.is_empty() { "" } else { "&" };
            write!(text, "{and}{name}={value}").expect("a String grows");
        }
        let signature = BASE64_STANDARD.decode(&call["sign"]).expect("base64");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.app.public_key().as_ref())
            .verify(text.as_bytes(), &signature)
            .is_ok()
    }
}

/// A signed answer; `number`: of the certificate it says it was signed with.
pub(super) fn signed(method: &str, content: &str, key: &KeyPair, number: Option<&str>) -> String {
    let root = format!("{}_response", method.replace('.', "_"));
    let number = number.map_or_else(String::new, |number| {
        format!(",\"alipay_cert_sn\":\"{number}\"")
    });
    let signature = sign(key, content.as_bytes());
    format!("{{\"{root}\":{content}{number},\"sign\":\"{signature}\"}}")
}

/// Certificate mode, with `alipay` as Alipay's file.
pub(super) fn files(alipay: &str) -> AlipayKeys {
    AlipayKeys::Certificates(CertificateFiles {
        app: word("certificates", "/app_pem"),
        alipay: word("certificates", alipay),
        root: word("certificates", "/root_pem"),
    })
}

/// In January 2027, within the time of all certificates.
pub(super) fn clock() -> Clock {
    Clock::fixed(Timestamp::from_seconds(1_800_000_000).expect("a moment"))
}
