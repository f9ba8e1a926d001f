//! A purchase and the files that it pays for, on both engines.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dicom_core::{DicomValue, PrimitiveValue, Tag, VR};
use dicom_object::mem::{InMemDicomObject, InMemElement};
use dicom_object::meta::FileMetaTableBuilder;
use reqwest::Client;
use serde_json::{Value, json};
use tollgate_storage::testing::{ENGINES, TestDatabase};

use super::*;

/// Two rows of two samples of 16 bits.
fn picture(samples: [i16; 4]) -> Vec<u8> {
    let mut object = InMemDicomObject::new_empty();
    let mut number = |group, element, value: u16| {
        object.put_element(InMemElement::new(
            Tag(group, element),
            VR::US,
            DicomValue::from(PrimitiveValue::from(value)),
        ));
    };
    number(0x0028, 0x0002, 1);
    number(0x0028, 0x0010, 2);
    number(0x0028, 0x0011, 2);
    number(0x0028, 0x0100, 16);
    number(0x0028, 0x0103, 1);
    object.put_element(InMemElement::new(
        Tag(0x0008, 0x0060),
        VR::CS,
        DicomValue::from("CT"),
    ));
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    object.put_element(InMemElement::new(
        Tag(0x7FE0, 0x0010),
        VR::OW,
        DicomValue::from(PrimitiveValue::U8(bytes.into())),
    ));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax("1.2.840.10008.1.2.1")
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.2")
        .media_storage_sop_instance_uid("1.2.3.4");
    let file = object.with_meta(meta).expect("a file");
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).expect("written");
    bytes
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("text");
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn settings(database: &TestDatabase, addr: SocketAddr) -> Config {
    let folder = database.folder().join("data");
    let env = BTreeMap::from([
        ("DATABASE_URL".to_owned(), database.variable()),
        ("DATA_DIR".to_owned(), folder.display().to_string()),
        ("ADDR".to_owned(), addr.to_string()),
        ("SANDBOX".to_owned(), "on".to_owned()),
    ]);
    Config::from_layers(env, std::path::Path::new("/nonexistent/.env")).expect("settings")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bought_plan_pays_for_files_and_not_for_those_that_fail() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let addr = listener.local_addr().expect("an address");
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let hearing = heard.clone();
        let tollgate = Tollgate::builder()
            .config(settings(&database, addr))
            .on_event(move |event| hearing.lock().expect("whole").push(event.kind.clone()))
            .build()
            .await
            .expect("opens");
        let app = application(&tollgate);
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });

        let (http, url) = (Client::new(), format!("http://{addr}"));
        let post = |path: &str, token: &str, body: Value| {
            let request = http.post(format!("{url}{path}")).json(&body);
            answer(if token.is_empty() {
                request
            } else {
                request.bearer_auth(token)
            })
        };
        let process = |token: &str, file: Vec<u8>| {
            let request = http.post(format!("{url}/process/doe/2026-01-02"));
            answer(request.bearer_auth(token).body(file))
        };
        // Open to everybody, whatever they show.
        let health = || http.get(format!("{url}/health"));
        assert_eq!(answer(health()).await.0, 200);
        assert_eq!(answer(health().bearer_auth("nonsense")).await.0, 200);
        assert_eq!(process("nonsense", Vec::new()).await.0, 401);
        let (status, problem) = answer(http.post(format!("{url}/process/doe/2026-01-02"))).await;
        assert_eq!((status, &problem["code"]), (401, &json!("unauthenticated")));
        assert!(problem["request_id"].is_string());

        let person = json!({ "email": "ann@example.com", "username": "ann", "password": "plum orchard lantern 7" });
        assert_eq!(post("/auth/register", "", person.clone()).await.0, 201);
        let (_, session) = post("/auth/login", "", person).await;
        let token = session["access_token"].as_str().expect("a token");
        assert_eq!(process(token, picture([1, 2, 3, 4])).await.0, 402);
        let wish = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let (status, order) = post("/payments/subscriptions/subscribe", token, wish).await;
        assert_eq!(status, 201, "{order}");
        let code = order["payment"]["qr_content"].as_str().expect("a code");
        let code = code.rsplit('/').next().expect("its end");
        let phone = http.post(format!("{url}/sandbox/pay/{code}/pay"));
        let paid = answer(phone.header("accept", "application/json")).await;
        assert_eq!(paid.0, 200, "{paid:?}");
        let id = order["transaction"]["id"].as_str().expect("an id");
        let status = http
            .get(format!("{url}/payments/status/{id}?wait=25"))
            .bearer_auth(token);
        assert_eq!(answer(status).await.1["status"], "completed");

        let (status, processed) = process(token, picture([-5, 0, 1, 2])).await;
        assert_eq!(status, 200, "{processed}");
        assert_eq!(processed["modality"], "CT");
        assert_eq!(processed["user"], "ann");
        assert_eq!(
            (&processed["rows"], &processed["columns"]),
            (&json!(2), &json!(2))
        );
        let pixels = json!({ "count": 4, "least": -5, "most": 2, "mean": -1 });
        assert_eq!(processed["pixels"], pixels);
        // What fails is free.
        let mut broken = picture([1, 2, 3, 4]);
        broken.truncate(140);
        for file in [b"not a picture".to_vec(), broken, Vec::new()] {
            let (status, problem) = process(token, file).await;
            assert_eq!(
                (status, &problem["code"]),
                (422, &json!("validation_failed")),
                "{problem}"
            );
        }
        let summary = http.get(format!("{url}/usage/summary")).bearer_auth(token);
        let stands = answer(summary).await.1["quota"].clone();
        assert_eq!(
            (&stands["used"], &stands["reserved"]),
            (&json!(1), &json!(0))
        );
        let begun = std::time::Instant::now();
        while !heard
            .lock()
            .expect("whole")
            .iter()
            .any(|kind| kind == "subscription.activated")
        {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the application heard nothing"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        serving.abort();
        tollgate.close().await;
        database.remove().await;
    }
}
