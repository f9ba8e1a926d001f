//! S1: whatever is sent to whatever route, the answer is an answer: no panic, no 500, no waiting without
//! end, and a refusal is a problem document. Routes and fields are taken from the description of the
//! routers, so that a new one is tried without being named here.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tollgate_auth::model::api_key::PlainKey;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::testing::{ENGINES, Engine};

use crate::corpus::{BODIES, COOKIES, FORMS, KEYS, PATHS, QUERIES};
use crate::harness::PASSWORD;
use crate::stand::{FORM, JSON, Route, Stand, Who, routes};

/// So many of each kind: with the whole file far below half a minute on each engine. `PROPTEST_CASES`
/// asks for longer runs.
fn runner(cases: u32) -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|text| text.parse().ok()).unwrap_or(cases);
    // What is found is written into the corpus, where its name says what it was.
    TestRunner::new(Config {
        failure_persistence: None,
        cases,
        ..Config::default()
    })
}

/// Text that somebody would try.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\\PC{0,40}",
        2 => "[a-z0-9.@+-]{0,24}",
        1 => any::<String>(),
        1 => "[a-z]{200,400}@[a-z]{1,80}\\.[a-z]{2,9}",
        1 => "ot_[A-Za-z0-9_-]{0,60}",
        1 => "rt_[A-Za-z0-9_-]{0,60}",
        2 => prop::sample::select(vec![
            "", " ", "\u{0}", "a\u{0}b", "\u{202e}moc", "ann@example.com\r\nBcc: b@example.com", "\u{feff}", "ﬁ@ｅｘ.com",
            "😀😀😀😀😀😀😀😀😀", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "-262143-01-01T00:00:00Z",
            "2027-02-30T00:00:00Z", "0198c0de-0000-7000-8000-000000000000", "{0198c0de-0000-7000-8000-000000000000}",
            "' OR 1=1 --", "../../etc/passwd", "<script>", "en", "zh", "admin", "finance", "123456", "000000",
            "recovery", "password", "refresh_token",
        ])
        .prop_map(str::to_owned),
    ]
}

/// JSON as text, so that what no value can hold is in it too.
fn value() -> impl Strategy<Value = String> {
    let text = hostile().prop_map(|text| Value::String(text).to_string());
    let flat = prop_oneof![
        6 => text,
        1 => any::<i64>().prop_map(|number| number.to_string()),
        3 => prop::sample::select(vec![
            "null", "true", "false", "0", "-0", "-1", "1e999", "-1e999", "1.5", "18446744073709551616", "9007199254740993",
            "\"\\ud800\"", "\"\\u0000\"", "\"\\ude00\\ud83d\"", "[]", "{}", "\"PASSWORD\"", "\"EMAIL\"", "\"NAME\"",
            "\"REFRESH\"", "\"ACCESS\"", "\"KEY\"",
        ])
        .prop_map(str::to_owned),
    ];
    flat.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(("[a-z_]{0,8}", inner), 0..4).prop_map(|all| {
                let members: Vec<String> = all
                    .into_iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// An object whose members are those of the route, some left out, some twice, with any values; or what
/// is no object; now and then with a byte changed.
fn body(fields: &[String]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let mut known: Vec<String> = fields.to_vec();
    known.push("is_superuser".to_owned());
    let every: Vec<_> = fields.iter().map(|_| value()).collect();
    let names = fields.to_vec();
    let whole = every.prop_map(move |values| {
        let pairs = names.iter().zip(&values);
        object(pairs.map(|(name, value)| (name.clone(), value.clone())))
    });
    let some = prop::collection::vec((prop::sample::select(known), value()), 0..6).prop_map(object);
    let shaped = prop_oneof![4 => whole, 2 => some, 1 => value()];
    let harm = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    let harmed = (shaped, harm).prop_map(|(text, harm)| {
        let mut bytes = text.into_bytes();
        if let Some((index, byte)) = harm
            && !bytes.is_empty()
        {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![8 => harmed, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn object(members: impl IntoIterator<Item = (String, String)>) -> String {
    let members: Vec<String> = members
        .into_iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Pairs as a form or a query has them: names of the route, some twice, escapes that are none.
fn pairs(names: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let mut known = names;
    known.extend(["grant_type", "", "%00", "a[]", "%zz"].map(str::to_owned));
    let plain = |text: String| -> Vec<u8> {
        let escaped = text.bytes().map(|byte| format!("%{byte:02X}"));
        escaped.collect::<String>().into_bytes()
    };
    let value = prop_oneof![
        3 => hostile().prop_map(plain),
        2 => prop::sample::select(vec![
            "PASSWORD", "EMAIL", "NAME", "REFRESH", "ACCESS", "KEY", "password", "refresh_token", "", "%", "%4", "%zz", "%00", "%ff",
            "%C3%28", "%ED%A0%80", "+", "=", "0", "-1", "100", "101", "1e9", "99999999999999999999", "true",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..24),
    ];
    let pair = (prop::sample::select(known), value)
        .prop_map(|(name, value)| [name.as_bytes(), b"=", &value].concat());
    prop::collection::vec(pair, 0..7).prop_map(|all| all.join(&b'&'))
}

/// Puts what a caller really holds in the place of its name, so that cases come past the first check.
fn filled(bytes: &[u8], who: &Who) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return bytes.to_vec();
    };
    let name = format!("person{}", who.number);
    text.replace("PASSWORD", PASSWORD)
        .replace("EMAIL", &format!("{name}@example.com"))
        .replace("NAME", &name)
        .replace("REFRESH", &who.refresh)
        .replace("ACCESS", &who.access)
        .replace("KEY", &who.key)
        .into_bytes()
}

/// One call of a signed-in person who may everything.
fn call(stand: &Stand, route: &Route, path: &str, kind: &str, body: &[u8], from: u32) {
    let who = stand.who();
    let Ok(uri) = Uri::try_from(path) else {
        return;
    };
    let bearer = format!("Bearer {}", who.access);
    let request = Request::builder()
        .method(route.method.clone())
        .uri(uri)
        .header(header::AUTHORIZATION, bearer)
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(filled(body, &who)));
    let answer = stand.send(request.expect("a request"), from);
    // A case that ended the sign-in, or the account, did what it should.
    let is_out = stand
        .runtime
        .block_on(stand.app.get("/auth/me", &who.access))
        .status
        != 200;
    if is_out || answer.status == 401 {
        stand.renew();
    }
}

/// Of everybody else and of nobody.
fn place(stand: &Stand, route: &Route, from: u32) -> String {
    let nobody = "0198c0de-0000-7000-8000-000000000000";
    match from % 4 {
        0 => route.at(nobody),
        _ => route.at(&stand.who().other),
    }
}

fn bodies(engine: Engine) {
    let stand = Stand::new(engine);
    for route in routes(&stand.app) {
        let name = format!("{} {}", route.method, route.path);
        if route.json {
            for kept in BODIES {
                call(&stand, &route, &place(&stand, &route, 1), JSON, kept, 1);
            }
            runner(24)
                .run(&(body(&route.fields), any::<u32>()), |(body, from)| {
                    let path = place(&stand, &route, from);
                    call(&stand, &route, &path, JSON, &body, from);
                    Ok(())
                })
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        if route.form {
            for kept in FORMS {
                call(&stand, &route, &route.path, FORM, kept, 1);
            }
            let forms = (pairs(route.fields.clone()), any::<u32>());
            runner(96)
                .run(&forms, |(form, from)| {
                    call(&stand, &route, &route.path, FORM, &form, from);
                    Ok(())
                })
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    stand.end();
}

#[test]
fn inv_s1_any_body_of_any_route_is_answered() {
    for engine in ENGINES {
        bodies(engine);
    }
}

fn addresses(engine: Engine) {
    let stand = Stand::new(engine);
    let escaped = prop::collection::vec(any::<u8>(), 0..24).prop_map(|bytes| {
        let escaped = bytes.iter().map(|byte| format!("%{byte:02x}"));
        escaped.collect::<String>()
    });
    let id = prop_oneof![
        2 => escaped,
        2 => "[!-~]{0,60}",
        1 => "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-fA-F]{12}",
        1 => prop::sample::select(PATHS).prop_map(str::to_owned),
    ];
    for route in routes(&stand.app) {
        let has_id = route.path.contains('{');
        let kept: &[&str] = if has_id { PATHS } else { &["x"] };
        for (kept, query) in kept
            .iter()
            .flat_map(|id| QUERIES.iter().map(move |query| (id, query)))
        {
            let path = format!("{}?{query}", route.at(kept));
            call(&stand, &route, &path, JSON, b"{}", 1);
        }
        let cases = if has_id || !route.query.is_empty() {
            48
        } else {
            4
        };
        let query = pairs(route.query.clone());
        runner(cases)
            .run(&(id.clone(), query), |(id, query)| {
                // Bytes that no address can hold never arrive in one.
                let query = String::from_utf8_lossy(&query).into_owned();
                let path = format!("{}?{query}", route.at(&id));
                call(&stand, &route, &path, JSON, b"{}", 1);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{} {}: {error}", route.method, route.path));
    }
    stand.end();
}

#[test]
fn inv_s1_any_id_and_any_query_is_answered() {
    for engine in ENGINES {
        addresses(engine);
    }
}

/// As either header; nothing but the key itself opens.
fn key_opens_nothing(stand: &Stand, bytes: &[u8]) {
    let bearer = [b"Bearer ".as_slice(), bytes].concat();
    for (name, value) in [("x-api-key", bytes), ("authorization", &bearer)] {
        // What no header can hold never arrives as one.
        let Ok(value) = HeaderValue::from_bytes(value) else {
            continue;
        };
        for path in ["/host/closed", "/auth/me"] {
            let request = Request::builder()
                .uri(path)
                .header(HeaderName::from_static(name), value.clone())
                .body(Body::empty());
            let answer = stand.send(request.expect("a request"), 1);
            assert_eq!(answer.status, 401, "{name} {bytes:?}: {answer:?}");
        }
    }
}

fn keys(engine: Engine) {
    let stand = Stand::new(engine);
    let key = stand.who().key;
    for kept in KEYS {
        key_opens_nothing(&stand, kept);
    }
    let arbitrary = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "sk_(test|live)_[A-Za-z0-9]{49}".prop_map(String::into_bytes),
        "(sk|pk|rt|ot|st)_(test|live|)_?\\PC{0,60}".prop_map(String::into_bytes),
        // Well made, and nobody's: these ask the database.
        any::<u64>().prop_map(|seed| {
            let key = PlainKey::random("sk", false, &Entropy::seeded(seed));
            key.text().as_bytes().to_vec()
        }),
        (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8).prop_map({
            let key = key.clone().into_bytes();
            move |(index, byte, how)| {
                let mut bytes = key.clone();
                let at = index.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at),
                }
                bytes
            }
        }),
    ]
    .prop_filter("not the key itself", {
        let key = key.clone().into_bytes();
        move |bytes| bytes.trim_ascii() != key
    });
    runner(256)
        .run(&arbitrary, |bytes| {
            key_opens_nothing(&stand, &bytes);
            Ok(())
        })
        .expect("no other bytes open");
    // The key does, all the same.
    let me = stand.runtime.block_on(stand.app.get("/auth/me", &key));
    me.ok(200);
    stand.end();
}

#[test]
fn inv_a7_inv_s1_no_other_bytes_than_the_key_open_anything() {
    for engine in ENGINES {
        keys(engine);
    }
}

/// A sign-in with the right password and any cookies: they decide nothing but the device.
fn cookie_decides_nothing(stand: &Stand, cookies: &[Vec<u8>], from: u32) {
    let name = format!("person{}", stand.who().number);
    let body = json!({ "username": name, "password": PASSWORD }).to_string();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/auth/login")
        .header(header::CONTENT_TYPE, JSON);
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_bytes(cookie) {
            request = request.header(header::COOKIE, value);
        }
    }
    let request = request.body(Body::from(body)).expect("a request");
    let answer = stand.send(request, from).ok(200);
    for kept in answer.headers.get_all(header::SET_COOKIE) {
        let kept = kept.to_str().expect("plain text");
        let (value, rules) = kept
            .strip_prefix("__Host-tollgate-device=")
            .and_then(|rest| rest.split_once(';'))
            .expect("the one cookie");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(
            value.bytes().all(plain) && rules.contains("Secure"),
            "{kept}"
        );
    }
}

fn cookies(engine: Engine) {
    let stand = Stand::new(engine);
    for kept in COOKIES {
        cookie_decides_nothing(&stand, &[kept.to_vec()], 1);
    }
    let name = prop::sample::select(vec![
        "__Host-tollgate-device",
        "tollgate-device",
        "__host-tollgate-device",
        "",
        "x",
    ]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "[A-Za-z0-9_-]{0,60}".prop_map(String::into_bytes),
        "\\PC{0,20}".prop_map(String::into_bytes),
    ];
    let pair =
        (name, value).prop_map(|(name, value)| [name.as_bytes(), b"=", &value, b"; "].concat());
    let header = prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.concat());
    let headers = prop::collection::vec(header, 0..3);
    runner(64)
        .run(&(headers, any::<u32>()), |(headers, from)| {
            cookie_decides_nothing(&stand, &headers, from);
            Ok(())
        })
        .expect("cookies decide nothing");
    stand.end();
}

#[test]
fn inv_s1_any_cookie_is_answered() {
    for engine in ENGINES {
        cookies(engine);
    }
}
