//! A1: token kinds do not mix, and nothing but our own token opens anything.

use aws_lc_rs::hmac;
use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_auth::JwtKey;
use tollgate_kernel::clock::Timestamp;
use tollgate_storage::signing_keys;
use tollgate_storage::testing::each_engine;

use crate::harness::{App, claims, config, part};

const SECRET: &str = "a secret that is only known to tests";
const DAY: i64 = 86_400;

fn encode(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// HS256 by hand, so that what no library would write can be signed too.
fn forge(header: &str, payload: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        message.as_bytes(),
    );
    format!("{message}.{}", encode(tag))
}

fn with(object: &Value, name: &str, value: Value) -> String {
    let mut object = object.clone();
    object[name] = value;
    object.to_string()
}

fn without(object: &Value, name: &str) -> String {
    let mut object = object.clone();
    object.as_object_mut().expect("an object").remove(name);
    object.to_string()
}

/// What a token of ours would never say.
fn altered(said: &Value, now: i64) -> Vec<String> {
    let payload = said.to_string();
    vec![
        with(said, "type", json!("refresh")),
        with(said, "type", json!("reset")),
        without(said, "type"),
        with(said, "iss", json!("https://other.example")),
        with(said, "iss", json!(["https://pay.example"])),
        without(said, "iss"),
        with(said, "aud", json!("other")),
        with(said, "aud", json!(["tollgate", "other"])),
        without(said, "aud"),
        with(said, "livemode", json!(true)),
        without(said, "livemode"),
        with(said, "exp", json!((now + 60).to_string())),
        with(said, "exp", json!(null)),
        with(said, "exp", json!(-1)),
        without(said, "exp"),
        payload.replace(&format!("\"exp\":{}", said["exp"]), "\"exp\":1e400"),
        payload.replace(&format!("\"exp\":{}", said["exp"]), "\"exp\":1.9e12"),
        with(said, "iat", json!(now + 600)),
        without(said, "iat"),
        with(said, "sub", json!("ann")),
        without(said, "sub"),
        without(said, "sid"),
        format!("[{payload}]"),
    ]
}

#[tokio::test]
async fn inv_a1_only_an_access_token_of_this_service_opens() {
    each_engine(&[], async |db| {
        let mut config = config();
        config.jwt = JwtKey::Hs256(SECRET.into());
        let app = App::with(&db, config).await;
        let tokens = app.person("ann").await;
        let access = tokens.text("access_token");
        let (head, said) = (part(&access, 0), claims(&access));
        assert_eq!(head["typ"], "at+jwt");
        assert_eq!(said["type"], "access");
        let now = app.clock.now().seconds();
        let (header, payload) = (head.to_string(), said.to_string());
        let ours = |header: &str, payload: &str| forge(header, payload, SECRET.as_bytes());
        // The forger's hand is steady: what is not changed opens.
        app.get("/auth/me", &ours(&header, &payload)).await.ok(200);
        app.get(
            "/auth/me",
            &ours(&header, &with(&said, "iat", json!(now + 30))),
        )
        .await
        .ok(200);

        let mut refused: Vec<String> = altered(&said, now)
            .iter()
            .map(|payload| ours(&header, payload))
            .collect();
        refused.extend(
            [
                with(&head, "kid", json!("../../etc/passwd")),
                without(&head, "kid"),
                with(&head, "typ", json!("JWT")),
                without(&head, "typ"),
                with(&head, "alg", json!("none")),
                with(&head, "alg", json!("HS384")),
                with(&head, "alg", json!("RS256")),
            ]
            .iter()
            .map(|header| ours(header, &payload)),
        );
        let with_address = with(&head, "jku", json!("https://evil.example/keys"));
        refused.push(forge(
            &with_address,
            &payload,
            b"a key of somebody else, 32 bytes",
        ));
        refused.push(format!(
            "{}.{}.",
            encode(with(&head, "alg", json!("none"))),
            encode(&payload)
        ));
        refused.push(format!("{access}.{}", encode("more")));
        refused.push(access.rsplit_once('.').expect("a signature").0.to_owned());
        refused.push(other_spelling(&access));
        refused.push(format!("{access}="));
        let (start, end) = access.split_once('.').expect("a header");
        refused.push(format!("{start}.{}{end}", "A".repeat(100_000)));
        refused.push(String::new());
        refused.push(tokens.text("refresh_token"));
        for token in refused {
            let answer = app.get("/auth/me", &token).await;
            answer.refused(401, "unauthenticated");
            assert_eq!(answer.body["valid"], false);
            assert!(answer.headers.contains_key("www-authenticate"));
        }
        for exp in [now, now - 1, now - 400 * DAY] {
            let expired = ours(&header, &with(&said, "exp", json!(exp)));
            app.get("/auth/me", &expired)
                .await
                .refused(401, "token_expired");
        }
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        for other in [
            access,
            key,
            "rt_".to_owned(),
            "rt_AAAA".to_owned(),
            String::new(),
        ] {
            app.refresh(&other).await.refused(401, "unauthenticated");
        }
    })
    .await;
}

/// The same bytes of signature in base64 that is not canonical: its last letter has unused bits.
fn other_spelling(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.chars().last().expect("a letter");
    let index = ALPHABET.find(last).expect("of the alphabet");
    let other = ALPHABET.chars().nth(index ^ 1).expect("a neighbour");
    format!("{}{other}", &token[..token.len() - 1])
}

/// `RSAPublicKey` (RFC 8017 A.1.1) from the parts of a JWK.
fn public_der(jwk: &Value) -> Vec<u8> {
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("short");
        let [high, low] = length.to_be_bytes();
        let head = if length < 128 {
            vec![tag, low]
        } else {
            vec![tag, 0x82, high, low]
        };
        [head, content.to_vec()].concat()
    }
    let number = |name: &str| {
        let text = jwk[name].as_str().expect("a number");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
        let sign = if bytes[0] < 0x80 { vec![] } else { vec![0] };
        element(0x02, &[sign, bytes].concat())
    };
    element(0x30, &[number("n"), number("e")].concat())
}

#[tokio::test]
async fn inv_a1_a_public_key_is_no_secret_and_modes_do_not_mix() {
    each_engine(&[], async |db| {
        let mut rsa = config();
        rsa.jwt = JwtKey::Generated;
        let app = App::with(&db, rsa.clone()).await;
        let access = app.person("ann").await.text("access_token");
        let (head, payload) = (part(&access, 0), claims(&access).to_string());
        assert_eq!(head["alg"], "RS256");
        app.get("/auth/me", &access).await.ok(200);

        let stored = signing_keys::find_active(&db)
            .await
            .expect("read")
            .expect("a key");
        assert_eq!(
            (
                stored.public_jwk["kty"].as_str(),
                stored.public_jwk["alg"].as_str()
            ),
            (Some("RSA"), Some("RS256"))
        );
        for private in ["d", "p", "q"] {
            assert_eq!(stored.public_jwk[private], Value::Null);
        }
        let der = public_der(&stored.public_jwk);
        let body = base64::prelude::BASE64_STANDARD.encode(&der);
        let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----\n");
        let hmac = with(&head, "alg", json!("HS256"));
        for secret in [
            der.as_slice(),
            pem.as_bytes(),
            stored.public_jwk["n"].as_str().expect("n").as_bytes(),
        ] {
            app.get("/auth/me", &forge(&hmac, &payload, secret))
                .await
                .refused(401, "unauthenticated");
        }

        // Another instance reads the same key; one of the other mode refuses the token and the key.
        let again = App::with(&db, rsa.clone()).await;
        again.get("/auth/me", &access).await.ok(200);
        rsa.livemode = true;
        let live = App::with(&db, rsa).await;
        live.get("/auth/me", &access)
            .await
            .refused(401, "unauthenticated");
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        live.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
        app.get("/auth/me", &key).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn two_credentials_are_refused_unless_they_are_one() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        let (token, bearer) = (format!("Bearer {access}"), format!("bearer  {key}"));
        let me =
            async |headers: &[(&str, &str)]| app.call(Method::GET, "/auth/me", headers, None).await;
        me(&[("authorization", &bearer), ("x-api-key", &key)])
            .await
            .ok(200);
        me(&[("authorization", &token), ("authorization", &token)])
            .await
            .ok(200);
        me(&[("authorization", "Basic YTpi"), ("x-api-key", &key)])
            .await
            .ok(200);
        let two: [[(&str, &str); 2]; 3] = [
            [("authorization", &token), ("x-api-key", &key)],
            [("authorization", &token), ("authorization", &bearer)],
            [("x-api-key", "sk_test_1"), ("x-api-key", &key)],
        ];
        for headers in &two {
            me(headers).await.refused(400, "two_credentials");
        }
        me(&[("x-api-key", &access)])
            .await
            .refused(401, "api_key_invalid");
        me(&[("authorization", "Bearer sk_1")])
            .await
            .refused(401, "api_key_invalid");
        me(&[("authorization", "Bearer")])
            .await
            .refused(401, "unauthenticated");
        for none in [
            &[][..],
            &[("authorization", "Basic YTpi")],
            &[("authorization", "Bearerx y")],
        ] {
            me(none).await.refused(401, "unauthenticated");
            assert!(me(none).await.body.get("valid").is_none());
        }
        let query = format!("/auth/me?access_token={access}&api_key={key}");
        app.call(Method::GET, &query, &[], None)
            .await
            .refused(401, "unauthenticated");
        // A bad credential is refused where none is needed, too.
        let bad = [("authorization", "Bearer x")];
        app.call(Method::POST, "/auth/login", &bad, Some(json!({})))
            .await
            .refused(401, "unauthenticated");
        assert!(Timestamp::from_seconds(claims(&access)["exp"].as_i64().expect("exp")).is_some());
    })
    .await;
}
