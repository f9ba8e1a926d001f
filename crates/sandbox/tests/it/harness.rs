//! A sandbox on a port of its own, a merchant, and a merchant's callback address.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Response, header};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::text::Language;
use tollgate_sandbox::{AlipayMerchant, Sandbox, SandboxConfig};

/// 2026-01-02 11:04:05 in Beijing.
const START_SECONDS: i64 = 1_767_323_045;

pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) merchant: AlipayMerchant,
    pub(crate) base: String,
    pub(crate) client: Client,
    /// Where the sandbox's files lie.
    pub(crate) folder: TempDir,
}

/// What the gateway said, once its signature was looked at.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) root: String,
    pub(crate) signed: bool,
    /// `alipay_cert_sn`
    pub(crate) certificate: Option<String>,
    /// The exact text under the root.
    pub(crate) slice: String,
    pub(crate) value: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.value["code"].as_str().expect("a code")
    }

    pub(crate) fn sub_code(&self) -> &str {
        self.value["sub_code"].as_str().unwrap_or_default()
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::fixed(Timestamp::from_seconds(START_SECONDS).expect("a plain moment"));
        Self::start_in(folder, clock).await
    }

    /// As after a restart of the process: the same file, another port.
    pub(crate) async fn restart(self) -> Self {
        let Self { folder, clock, .. } = self;
        Self::start_in(folder, clock).await
    }

    async fn start_in(folder: TempDir, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let sandbox = Sandbox::open(SandboxConfig {
            data_file: folder.path().join("sandbox.db"),
            base_url: base.clone(),
            clock: clock.clone(),
            entropy: Entropy::seeded(7),
            default_language: Language::En,
        })
        .await
        .expect("a sandbox");
        let router: Router = sandbox.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            merchant: sandbox.alipay_merchant(),
            client: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .expect("a client"),
            sandbox,
            clock,
            base,
            folder,
        }
    }

    /// Common parameters of a request made now.
    pub(crate) fn common(&self, method: &str, content: &Value) -> BTreeMap<String, String> {
        let beijing = self.clock.now().utc() + chrono::TimeDelta::hours(8);
        [
            ("app_id", self.merchant.app_id.clone()),
            ("method", method.to_owned()),
            ("format", "JSON".to_owned()),
            ("charset", "utf-8".to_owned()),
            ("sign_type", "RSA2".to_owned()),
            ("timestamp", beijing.format("%Y-%m-%d %H:%M:%S").to_string()),
            ("version", "1.0".to_owned()),
            ("biz_content", content.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Signs as a merchant does.
    pub(crate) fn sign(&self, parameters: &mut BTreeMap<String, String>) {
        let content = parameters
            .iter()
            .filter(|(name, value)| name.as_str() != "sign" && !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&");
        let key = BASE64_STANDARD
            .decode(&self.merchant.private_key)
            .expect("base64");
        let key = RsaKeyPair::from_pkcs8(&key).expect("PKCS#8");
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign_digest(
            &RSA_PKCS1_SHA256,
            &digest(&SHA256, content.as_bytes()),
            &mut signature,
        )
        .expect("a signature");
        parameters.insert("sign".to_owned(), BASE64_STANDARD.encode(signature));
    }

    /// Whether the gateway's key made this signature.
    pub(crate) fn is_genuine(&self, content: &str, sign: &str) -> bool {
        let key = BASE64_STANDARD
            .decode(&self.merchant.alipay_public_key)
            .expect("base64");
        let sign = BASE64_STANDARD.decode(sign).expect("base64");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(content.as_bytes(), &sign)
            .is_ok()
    }

    /// Common parameters in the address, content in the body, as the official kits send it.
    pub(crate) async fn send(&self, parameters: &BTreeMap<String, String>) -> Answer {
        let encode = |wanted: bool| {
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(
                    parameters
                        .iter()
                        .filter(|(name, _)| (name.as_str() == "biz_content") == wanted),
                )
                .finish()
        };
        let url = format!("{}?{}", self.merchant.gateway, encode(false));
        let request = self.client.post(url).body(encode(true)).header(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded;charset=utf-8",
        );
        self.read(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn read(&self, response: Response) -> Answer {
        assert_eq!(response.status(), 200);
        let body = response.text().await.expect("a text");
        let mut members: BTreeMap<String, &RawValue> =
            serde_json::from_str(&body).expect("an object");
        let sign = members.remove("sign");
        let certificate = members.remove("alipay_cert_sn");
        let certificate = certificate.map(|sn| sn.get().trim_matches('"').to_owned());
        let (root, slice) = members.pop_first().expect("a root");
        assert!(members.is_empty(), "{body}");
        let slice = slice.get().to_owned();
        if let Some(sign) = sign {
            let sign: String = serde_json::from_str(sign.get()).expect("a text");
            assert!(self.is_genuine(&slice, &sign), "{body}");
        }
        Answer {
            signed: sign.is_some(),
            certificate,
            value: serde_json::from_str(&slice).expect("JSON"),
            root,
            slice,
        }
    }

    pub(crate) async fn call(&self, method: &str, content: Value) -> Answer {
        let mut parameters = self.common(method, &content);
        self.sign(&mut parameters);
        let answer = self.send(&parameters).await;
        assert!(answer.signed, "{answer:?}");
        let root = format!("{}_response", method.replace('.', "_"));
        assert_eq!(answer.root, root);
        answer
    }

    pub(crate) async fn precreate(&self, content: Value, notify_url: &str) -> Answer {
        let mut parameters = self.common("alipay.trade.precreate", &content);
        parameters.insert("notify_url".to_owned(), notify_url.to_owned());
        self.sign(&mut parameters);
        self.send(&parameters).await
    }

    /// A code for 9.90 yuan, which must be granted.
    pub(crate) async fn code(&self, out_trade_no: &str, notify_url: &str) -> String {
        let answer = self.precreate(order(out_trade_no), notify_url).await;
        assert_eq!(answer.code(), "10000", "{answer:?}");
        answer.value["qr_code"].as_str().expect("a code").to_owned()
    }

    pub(crate) async fn query(&self, out_trade_no: &str) -> Answer {
        self.call(
            "alipay.trade.query",
            json!({ "out_trade_no": out_trade_no }),
        )
        .await
    }

    /// `trade_status`, or the `sub_code` when there is none.
    pub(crate) async fn status(&self, out_trade_no: &str) -> String {
        let answer = self.query(out_trade_no).await;
        let status = answer.value["trade_status"].as_str();
        status.unwrap_or(answer.sub_code()).to_owned()
    }

    pub(crate) async fn scan(&self, code: &str) -> String {
        let response = self.client.get(code).send().await.expect("a page");
        assert_eq!(response.status(), 200);
        response.text().await.expect("a text")
    }

    /// Status and body of what a program is told.
    pub(crate) async fn press(&self, code: &str, action: &str) -> (u16, Value) {
        let response = self
            .client
            .post(format!("{code}/{action}"))
            .header(header::ACCEPT, "application/json")
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.expect("JSON"))
    }

    pub(crate) async fn deliver(&self) -> usize {
        self.sandbox.deliver_due().await.expect("a pass")
    }
}

pub(crate) fn order(out_trade_no: &str) -> Value {
    json!({"out_trade_no": out_trade_no, "total_amount": "9.90", "subject": "专业版 A+B 100%"})
}

/// A merchant's callback address: answers by its script, then by its last line for ever.
pub(crate) struct Receiver {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug)]
struct Script {
    answers: Vec<(u16, &'static str)>,
    headers: Vec<HeaderMap>,
    bodies: Vec<String>,
}

impl Receiver {
    pub(crate) async fn start(answers: &[(u16, &'static str)]) -> Self {
        let script = Arc::new(Mutex::new(Script {
            answers: answers.to_vec(),
            headers: Vec::new(),
            bodies: Vec::new(),
        }));
        let router = Router::new()
            .route("/callback", post(receive))
            .with_state(Arc::clone(&script));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}/callback"),
            script,
        }
    }

    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.script.lock().expect("not poisoned").headers.clone()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.script.lock().expect("not poisoned").bodies.clone()
    }
}

async fn receive(
    State(script): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    let mut script = script.lock().expect("not poisoned");
    let turn = script.bodies.len().min(script.answers.len() - 1);
    script.headers.push(headers);
    script.bodies.push(body);
    let (status, answer) = script.answers[turn];
    (StatusCode::from_u16(status).expect("a status"), answer)
}

/// A notice, verified as a merchant does: split, decoded, sorted, without `sign` and `sign_type`.
pub(crate) fn verified(bench: &Bench, body: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body.as_bytes()).into_owned() {
        assert_eq!(fields.insert(name, value), None, "{body}");
    }
    let sign = fields.remove("sign").expect("signed");
    assert_eq!(fields.remove("sign_type").as_deref(), Some("RSA2"));
    let content = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&");
    assert!(bench.is_genuine(&content, &sign), "{content}");
    fields
}
