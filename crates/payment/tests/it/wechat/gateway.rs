//! A gateway of WeChat Pay's for tests: it checks how it is called, by reading and arithmetic of its own,
//! and answers what it was told to, signed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, PKCS_RSA_SHA256, SerialNumber, date_time_ymd};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::providers::RawWebhook;
use tollgate_payment::providers::wechat::{
    Wechat, WechatConfig, WechatPublicKey, WechatSettingError,
};

pub(super) const APP_ID: &str = "wx0000000000000001";
pub(super) const MCH_ID: &str = "1900000001";
pub(super) const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";
pub(super) const KEY_ID: &str = "PUB_KEY_ID_0119000000012026010200000000000001";
pub(super) const CERTIFICATES: &str = "GET /v3/certificates";
/// Of the merchant's certificate; the zero stays.
pub(super) const MERCHANT_SERIAL: &str = "0A57F09EFDC096DE15EBE81A47057A7232F1B8E1";

pub(super) fn make_key() -> KeyPair {
    KeyPair::generate(KeySize::Rsa2048).expect("a key")
}

fn pkcs8(key: &KeyPair) -> Vec<u8> {
    let der: Pkcs8V1Der<'_> = key.as_der().expect("a key");
    der.as_ref().to_vec()
}

pub(super) fn private(key: &KeyPair) -> String {
    BASE64_STANDARD.encode(pkcs8(key))
}

pub(super) fn public(key: &KeyPair) -> String {
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().expect("a key");
    BASE64_STANDARD.encode(der.as_ref())
}

/// A certificate over this key, good from 2020 until the end of `last` year.
pub(super) fn certificate(key: &KeyPair, serial: &str, last: i32) -> String {
    let der = PrivatePkcs8KeyDer::from(pkcs8(key));
    let signer = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256);
    let mut params = CertificateParams::default();
    let serial = hex::decode(serial).expect("digits");
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last, 12, 31);
    let made = params.self_signed(&signer.expect("a key"));
    let base64 = BASE64_STANDARD.encode(made.expect("a certificate").der());
    let dashes = "-".repeat(5);
    format!("{dashes}BEGIN CERTIFICATE{dashes}\n{base64}\n{dashes}END CERTIFICATE{dashes}\n")
}

#[expect(
    clippy::disallowed_methods,
    reason = "PKCS#1 v1.5 is deterministic: the generator only blinds"
)]
fn sign(key: &KeyPair, text: &[u8]) -> String {
    let mut signature = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
        .expect("signs");
    BASE64_STANDARD.encode(signature)
}

pub(super) fn verifies(key: &KeyPair, text: &str, signature: &str) -> bool {
    let signature = BASE64_STANDARD.decode(signature).expect("base64");
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(text.as_bytes(), &signature)
        .is_ok()
}

/// Encrypted under the `APIv3` key.
pub(super) fn sealed(plain: &[u8], beside: &str, api_key: &str) -> Value {
    let key = UnboundKey::new(&AES_256_GCM, api_key.as_bytes()).expect("a key");
    let nonce = Nonce::try_assume_unique_for_key(b"fdasflkja484").expect("a nonce");
    let mut bytes = plain.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, Aad::from(beside), &mut bytes)
        .expect("encrypts");
    json!({
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": "fdasflkja484",
        "associated_data": beside,
        "ciphertext": BASE64_STANDARD.encode(bytes),
    })
}

/// One of WeChat's keys: of a platform certificate, or the public key.
#[derive(Clone)]
pub(super) struct Seal {
    pub(super) serial: String,
    pub(super) key: Arc<KeyPair>,
}

impl Seal {
    pub(super) fn new(serial: &str) -> Self {
        Self {
            serial: serial.to_owned(),
            key: Arc::new(make_key()),
        }
    }

    /// The headers over this body, signed at `at`.
    pub(super) fn headers(&self, body: &[u8], at: Timestamp) -> HeaderMap {
        let timestamp = at.seconds().to_string();
        let mut text = format!("{timestamp}\nEcfIRO4aEMBVGdxE\n").into_bytes();
        text.extend_from_slice(body);
        text.push(b'\n');
        let signature = sign(&self.key, &text);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("wechatpay-serial", self.serial.as_str()),
            ("wechatpay-timestamp", &timestamp),
            ("wechatpay-nonce", "EcfIRO4aEMBVGdxE"),
            ("wechatpay-signature", &signature),
        ] {
            headers.insert(name, value.parse().expect("a value"));
        }
        headers
    }

    /// A notice as WeChat sends it.
    pub(super) fn notice(&self, body: String, at: Timestamp) -> RawWebhook {
        RawWebhook {
            headers: self.headers(body.as_bytes(), at),
            body: body.into(),
        }
    }

    /// Of an entry in the list of certificates.
    pub(super) fn listed(&self, last: i32, api_key: &str) -> Value {
        let pem = certificate(&self.key, &self.serial, last);
        json!({
            "serial_no": self.serial,
            "effective_time": "2020-01-01T08:00:00+08:00",
            "expire_time": "2040-12-31T08:00:00+08:00",
            "encrypt_certificate": sealed(pem.as_bytes(), "certificate", api_key),
        })
    }
}

/// How an answer goes out.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// `None`: unsigned.
    pub(super) seal: Option<Seal>,
    /// Instead of the real signature, or of the real header.
    pub(super) forged: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn new(status: u16, body: &str, seal: &Seal) -> Self {
        Self {
            status,
            body: body.as_bytes().to_vec(),
            seal: Some(seal.clone()),
            forged: Vec::new(),
        }
    }
}

/// What arrived.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Call {
    pub(super) fn content(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

struct Desk {
    /// By method and path: what is answered next. The last one stays.
    answers: BTreeMap<String, Vec<Answer>>,
    calls: Vec<Call>,
    clock: Clock,
    /// Whoever holds it keeps answers back.
    door: Arc<tokio::sync::Mutex<()>>,
}

/// The gateway, and the merchant that is known there.
pub(super) struct Gateway {
    pub(super) url: String,
    pub(super) clock: Clock,
    desk: Arc<Mutex<Desk>>,
    pub(super) merchant: KeyPair,
}

fn note(desk: &Mutex<Desk>, call: Call) -> Arc<tokio::sync::Mutex<()>> {
    let mut desk = desk.lock().expect("the desk");
    desk.calls.push(call);
    desk.door.clone()
}

async fn answer(
    State(desk): State<Arc<Mutex<Desk>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let name = format!("{method} {}", uri.path());
    let door = note(
        &desk,
        Call {
            name: name.clone(),
            target: uri.to_string(),
            headers,
            body: String::from_utf8(body.to_vec()).expect("UTF-8"),
        },
    );
    let _open = door.lock().await;
    let mut desk = desk.lock().expect("the desk");
    let now = desk.clock.now();
    let Some(answers) = desk.answers.get_mut(&name) else {
        return Response::builder()
            .status(500)
            .body(Body::from("nothing is laid out"))
            .expect("an answer");
    };
    let next = if answers.len() > 1 {
        answers.remove(0)
    } else {
        answers[0].clone()
    };
    let mut response = Response::new(Body::from(next.body.clone()));
    *response.status_mut() = next.status.try_into().expect("a status");
    if let Some(seal) = &next.seal {
        *response.headers_mut() = seal.headers(&next.body, now);
    }
    for (name, value) in next.forged {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    response
}

impl Gateway {
    pub(super) async fn open() -> Self {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000).expect("a moment"));
        let desk = Arc::new(Mutex::new(Desk {
            answers: BTreeMap::new(),
            calls: Vec::new(),
            door: Arc::default(),
            clock: clock.clone(),
        }));
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            clock,
            desk,
            merchant: make_key(),
        }
    }

    /// A gateway with a client in public-key mode.
    pub(super) async fn by_key() -> (Self, Wechat, Seal) {
        let gateway = Self::open().await;
        let seal = Seal::new(KEY_ID);
        let wechat = gateway.client(Some(&seal)).expect("good settings");
        (gateway, wechat, seal)
    }

    /// A gateway with a client that has certificates only.
    pub(super) async fn by_certificates() -> (Self, Wechat) {
        let gateway = Self::open().await;
        let wechat = gateway.client(None).expect("good settings");
        (gateway, wechat)
    }

    pub(super) fn settings(&self, key: Option<&Seal>) -> WechatConfig {
        WechatConfig {
            app_id: APP_ID.to_owned(),
            mch_id: MCH_ID.to_owned(),
            api_key: API_KEY.to_owned().into(),
            certificate: certificate(&self.merchant, MERCHANT_SERIAL, 2030),
            private_key: private(&self.merchant).into(),
            public_key: key.map(|seal| WechatPublicKey {
                id: seal.serial.clone(),
                key: public(&seal.key),
            }),
            gateway: self.url.parse().expect("an address"),
            refund_notify_url: Some("https://pay.example/payments/webhooks/wechat".to_owned()),
        }
    }

    pub(super) fn client(&self, key: Option<&Seal>) -> Result<Wechat, Vec<WechatSettingError>> {
        let chance = Entropy::seeded(7);
        Wechat::new(&self.settings(key), self.clock.clone(), chance)
    }

    /// Lays an answer out, behind those that lie there.
    pub(super) fn will_answer(&self, name: &str, answer: Answer) {
        let mut desk = self.desk.lock().expect("the desk");
        desk.answers
            .entry(name.to_owned())
            .or_default()
            .push(answer);
    }

    /// Keeps all answers back as long as it is held.
    pub(super) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        let door = self.desk.lock().expect("the desk").door.clone();
        door.lock_owned().await
    }

    /// In place of all answers that lie there.
    pub(super) fn answers(&self, name: &str, answer: Answer) {
        let mut desk = self.desk.lock().expect("the desk");
        desk.answers.insert(name.to_owned(), vec![answer]);
    }

    /// The list of certificates, signed with the first of them.
    pub(super) fn lists(&self, seals: &[&Seal]) {
        let data: Vec<_> = seals
            .iter()
            .map(|seal| seal.listed(2040, API_KEY))
            .collect();
        let body = json!({ "data": data }).to_string();
        self.answers(CERTIFICATES, Answer::new(200, &body, seals[0]));
    }

    pub(super) fn calls(&self, name: &str) -> Vec<Call> {
        let desk = self.desk.lock().expect("the desk");
        let calls = desk.calls.iter().filter(|call| call.name == name);
        calls.cloned().collect()
    }

    /// Whether the merchant signed this call, as WeChat reads it.
    pub(super) fn is_signed(&self, call: &Call) -> bool {
        let header = call.headers["authorization"].to_str().expect("a text");
        let rest = header
            .strip_prefix("WECHATPAY2-SHA256-RSA2048 ")
            .expect("the schema");
        let parts: BTreeMap<&str, &str> = rest
            .split(',')
            .map(|part| {
                let (name, value) = part.split_once('=').expect("a value");
                (name, value.trim_matches('"'))
            })
            .collect();
        assert_eq!(parts["mchid"], MCH_ID);
        assert_eq!(parts["serial_no"], MERCHANT_SERIAL);
        assert!((16..=32).contains(&parts["nonce_str"].len()));
        let (method, _) = call.name.split_once(' ').expect("a method");
        let text = format!(
            "{method}\n{}\n{}\n{}\n{}\n",
            call.target, parts["timestamp"], parts["nonce_str"], call.body
        );
        verifies(&self.merchant, &text, parts["signature"])
    }
}
