//! Certificate mode: the chain, the numbers, a change of keys; and the files of both modes.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tollgate_sandbox::{AlipayCertificates, Rail};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;

use crate::harness::{Answer, Bench, Receiver, order, verified};

fn certificates(bench: &Bench) -> AlipayCertificates {
    let merchant = bench.sandbox.alipay_certificate_merchant();
    merchant.certificates.expect("in certificate mode")
}

fn read<T>(pem: &str, look: impl Fn(&X509Certificate<'_>) -> T) -> Vec<T> {
    let files = Pem::iter_from_buffer(pem.as_bytes());
    files
        .map(|pem| look(&pem.expect("PEM").parse_x509().expect("a certificate")))
        .collect()
}

/// As a merchant works it out: the issuer, last element first, and the serial number in decimal.
fn number(certificate: &X509Certificate<'_>) -> String {
    let issuer = certificate.issuer().to_string();
    let elements: Vec<_> = issuer.split(", ").collect();
    let issuer: Vec<_> = elements.into_iter().rev().collect();
    let text = format!("{}{}", issuer.join(","), certificate.serial);
    hex::encode(Md5::digest(text))
}

fn is_rsa(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    algorithm.starts_with("1.2.840.113549.1.1")
}

/// The two numbers of a request.
fn numbers(certificates: &AlipayCertificates) -> (String, String) {
    let roots = read(&certificates.root, |root| {
        is_rsa(root).then(|| number(root))
    });
    assert_eq!(roots.len(), 2, "one of them is not counted");
    let roots: Vec<_> = roots.into_iter().flatten().collect();
    (read(&certificates.app, number).remove(0), roots.join("_"))
}

async fn call(bench: &Bench, method: &str, content: &Value, sn: (&str, &str)) -> Answer {
    let mut parameters = bench.common(method, content);
    for (name, value) in [("app_cert_sn", sn.0), ("alipay_root_cert_sn", sn.1)] {
        if !value.is_empty() {
            parameters.insert(name.to_owned(), value.to_owned());
        }
    }
    bench.sign(&mut parameters);
    bench.send(&parameters).await
}

/// A bench whose merchant is in certificate mode.
async fn start() -> Bench {
    let mut bench = Bench::start().await;
    bench.merchant = bench.sandbox.alipay_certificate_merchant();
    bench
}

#[tokio::test]
async fn both_certificates_are_signed_by_the_root_and_over_the_right_keys() {
    let bench = start().await;
    let own = certificates(&bench);
    let root = read(&own.root, |root| {
        root.public_key().subject_public_key.data.to_vec()
    })
    .remove(0);
    let root = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, root);
    for pem in [&own.app, &own.alipay] {
        let keys = read(pem, |certificate| {
            let signature = &certificate.signature_value.data;
            root.verify(certificate.tbs_certificate.as_ref(), signature)
                .expect("signed by the root");
            BASE64_STANDARD.encode(certificate.public_key().raw)
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(
            keys[0] == bench.merchant.alipay_public_key,
            *pem == own.alipay
        );
    }
}

#[tokio::test]
async fn a_purchase_in_certificate_mode() {
    let bench = start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let own = certificates(&bench);
    let (app, root) = numbers(&own);
    let mut parameters = bench.common("alipay.trade.precreate", &order("a"));
    for (name, value) in [
        ("app_cert_sn", &app),
        ("alipay_root_cert_sn", &root),
        ("notify_url", &receiver.url),
    ] {
        parameters.insert(name.to_owned(), value.clone());
    }
    bench.sign(&mut parameters);
    let made = bench.send(&parameters).await;
    assert_eq!((made.code(), made.signed), ("10000", true));
    assert_eq!(made.certificate, Some(read(&own.alipay, number).remove(0)));
    let code = made.value["qr_code"].as_str().expect("a code");
    assert_eq!(bench.press(code, "pay").await.0, 200);
    let asked = json!({ "out_trade_no": "a" });
    let found = call(&bench, "alipay.trade.query", &asked, (&app, &root)).await;
    assert_eq!(found.value["trade_status"], "TRADE_SUCCESS");
    bench.deliver().await;
    let notice = verified(&bench, &receiver.bodies()[0]);
    assert_eq!(notice["app_id"], bench.merchant.app_id);
    let books = bench.sandbox.books(Rail::Alipay).await.expect("books");
    assert_eq!(books.sums[0].app_id, bench.merchant.app_id);
}

#[tokio::test]
async fn in_certificate_mode_both_numbers_are_required_and_checked() {
    let bench = start().await;
    let (app, root) = numbers(&certificates(&bench));
    let asked = json!({ "out_trade_no": "a" });
    for (sn, sub_code) in [
        (("", root.as_str()), "isv.missing-app-cert-sn"),
        ((app.as_str(), ""), "isv.missing-root-cert-sn"),
        ((root.as_str(), root.as_str()), "isv.invalid-app-cert-sn"),
        ((app.as_str(), app.as_str()), "isv.invalid-root-cert-sn"),
        ((app.as_str(), root.as_str()), "ACQ.TRADE_NOT_EXIST"),
    ] {
        let answer = call(&bench, "alipay.trade.query", &asked, sn).await;
        assert_eq!(answer.sub_code(), sub_code);
    }
    // The other application is in public-key mode: nothing is asked of it, and no number comes back.
    let plain = Bench {
        merchant: bench.sandbox.alipay_merchant(),
        ..bench
    };
    let answer = call(&plain, "alipay.trade.query", &asked, ("", "")).await;
    assert_eq!(
        (answer.sub_code(), answer.certificate.as_ref()),
        ("ACQ.TRADE_NOT_EXIST", None)
    );
}

#[tokio::test]
async fn a_changed_key_comes_with_a_certificate_that_can_be_asked_for() {
    let bench = start().await;
    let before = certificates(&bench);
    let (app, root) = numbers(&before);
    let old = bench.merchant.alipay_public_key.clone();
    let wanted = json!({ "kind": "key_changed" });
    let put = bench
        .client
        .post(format!("{}/sandbox/alipay/faults", bench.base));
    assert_eq!(
        put.json(&wanted).send().await.expect("an answer").status(),
        201
    );
    let mut parameters = bench.common("alipay.trade.precreate", &order("a"));
    parameters.insert("app_cert_sn".to_owned(), app.clone());
    parameters.insert("alipay_root_cert_sn".to_owned(), root.clone());
    bench.sign(&mut parameters);
    let made = bench.send(&parameters).await;
    let code = made.value["qr_code"].as_str().expect("a code").to_owned();
    bench.press(&code, "pay").await;

    let merchant = bench.sandbox.alipay_certificate_merchant();
    assert_ne!(merchant.alipay_public_key, old);
    let bench = Bench { merchant, ..bench };
    let asked = json!({ "out_trade_no": "a" });
    let found = call(&bench, "alipay.trade.query", &asked, (&app, &root)).await;
    assert_eq!(found.value["trade_status"], "TRADE_SUCCESS");
    let sn = found.certificate.expect("a number");
    assert_ne!(Some(&sn), made.certificate.as_ref());
    for (sn, pem) in [
        (&sn, &certificates(&bench).alipay),
        (made.certificate.as_ref().expect("a number"), &before.alipay),
    ] {
        let asked = json!({ "alipay_cert_sn": sn });
        let method = "alipay.open.app.alipaycert.download";
        let answer = call(&bench, method, &asked, (&app, &root)).await;
        let content = answer.value["alipay_cert_content"]
            .as_str()
            .expect("a text");
        let content = BASE64_STANDARD.decode(content).expect("base64");
        assert_eq!(content, pem.as_bytes());
    }
    let asked = json!({ "alipay_cert_sn": "0" });
    let method = "alipay.open.app.alipaycert.download";
    let answer = call(&bench, method, &asked, (&app, &root)).await;
    assert_eq!(answer.sub_code(), "CERT_NOT_FOUND");
    assert_eq!(certificates(&bench).root, before.root);
    // It is kept.
    let newest = bench.sandbox.alipay_merchant().alipay_public_key;
    assert_eq!(bench.restart().await.merchant.alipay_public_key, newest);
}

#[tokio::test]
async fn the_files_lie_beside_the_data_and_the_public_ones_are_served() {
    let bench = start().await;
    let own = certificates(&bench);
    let folder = bench.folder.path().join("sandbox.alipay");
    for (name, text) in [
        ("appCertPublicKey.crt", &own.app),
        ("alipayCertPublicKey_RSA2.crt", &own.alipay),
        ("alipayRootCert.crt", &own.root),
    ] {
        assert_eq!(
            std::fs::read_to_string(folder.join(name)).expect("a file"),
            *text
        );
        let url = format!("{}/sandbox/alipay/certificates/{name}", bench.base);
        let served = bench.client.get(url).send().await.expect("an answer");
        assert_eq!(served.text().await.expect("a text"), *text);
    }
    let private = std::fs::read_to_string(folder.join("appPrivateKey.pem")).expect("a file");
    let inside: String = private
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert_eq!(inside, bench.merchant.private_key);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = std::fs::metadata(folder.join("appPrivateKey.pem")).expect("a file");
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
    for name in ["appPrivateKey.pem", "sandbox.db", "%2e%2e%2fsandbox.db"] {
        let url = format!("{}/sandbox/alipay/certificates/{name}", bench.base);
        let status = bench
            .client
            .get(url)
            .send()
            .await
            .expect("an answer")
            .status();
        assert_eq!(status, 404, "{name}");
    }
    let url = format!("{}/sandbox/alipay/merchant", bench.base);
    let merchant = bench.client.get(url).send().await.expect("an answer");
    let merchant = merchant.text().await.expect("a text");
    assert!(merchant.contains(&bench.merchant.app_id), "{merchant}");
    assert!(!merchant.contains(&bench.merchant.private_key[..64]));
}
