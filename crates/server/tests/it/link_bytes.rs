//! S1 for the pages behind the links of letters: any query and any form is answered, by a page or by a
//! problem, and nothing that was sent comes back as markup.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::harness::{App, each_engine};

/// What once broke somebody's parser; new finds are kept here.
const CORPUS: &[&[u8]] = &[
    b"",
    b"&",
    b"token",
    b"token=&token=",
    b"token=%00&new_password=%00",
    b"token=%ff&new_password=%ff",
    b"token=%zz",
    b"token=%",
    b"token=\xFF\xFE",
    b"token=%ED%A0%80",
    b"token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&new_password=%22%3E%3Cscript%3E",
    b"token=ot_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&new_password=plum-orchard-lantern-7",
    b"lang=%00&token=x",
    b"lang=en&lang=zh",
    b"{\"token\":\"\\u0000\",\"new_password\":null}",
];
const CASES: usize = 48;
/// Far above what a page takes: what is refused is waiting without end.
const AN_END: Duration = Duration::from_secs(20);

fn pairs() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec!["token", "new_password", "lang", "", "%00", "x"]);
    let value = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| {
            let escaped = bytes.iter().map(|byte| format!("%{byte:02X}"));
            escaped.collect::<String>().into_bytes()
        }),
        2 => "(ot_)?[A-Za-z0-9_-]{0,60}".prop_map(String::into_bytes),
        1 => "[!-~]{0,60}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    let pair = (name, value).prop_map(|(name, value)| [name.as_bytes(), b"=", &value].concat());
    prop::collection::vec(pair, 0..5).prop_map(|all| all.join(&b'&'))
}

async fn answered(app: &App, page: &str, sent: &[u8]) {
    // An address holds text; the form holds anything.
    let text = String::from_utf8_lossy(sent).into_owned();
    let opened = url::Url::parse(&format!("{}{page}?{text}", app.url)).map(|url| app.http.get(url));
    let pressed = app
        .http
        .post(format!("{}{page}?lang=en", app.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(sent.to_vec());
    for request in opened.into_iter().chain([pressed]) {
        let answer = request
            .timeout(AN_END)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{page} {sent:?}: {error}"));
        let status = answer.status().as_u16();
        let kind = answer.headers()["content-type"].clone();
        let text = answer.text().await.expect("text");
        assert!(status < 500, "{page} {sent:?}: {status} {text}");
        assert!(!text.contains("<script>"), "{page} {sent:?}: {text}");
        assert_eq!(kind, "text/html; charset=utf-8", "{page} {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_s1_any_query_and_any_form_of_the_link_pages_is_answered() {
    each_engine(async |app| {
        let mut runner = TestRunner::default();
        for page in ["/portal/verify", "/portal/reset"] {
            for kept in CORPUS {
                answered(app, page, kept).await;
            }
            for _ in 0..CASES {
                let case = pairs().new_tree(&mut runner).expect("a case").current();
                answered(app, page, &case).await;
            }
        }
    })
    .await;
}
