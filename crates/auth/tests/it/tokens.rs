//! A1: token kinds do not mix, and nothing but our own token opens anything.

use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tollgate_auth::{JwtAlgorithm, JwtKey};
use tollgate_kernel::clock::Timestamp;
use tollgate_storage::db::Db;
use tollgate_storage::signing_keys::{self, RingKey};
use tollgate_storage::testing::{ENGINES, TestDatabase, each_engine};

use crate::harness::{App, claims, config, master_key, part};
use crate::pen::{Pen, encode, pem};

const DAY: i64 = 86_400;
pub(crate) const ALGORITHMS: [JwtAlgorithm; 4] = [
    JwtAlgorithm::Hs256,
    JwtAlgorithm::Rs256,
    JwtAlgorithm::Es256,
    JwtAlgorithm::EdDsa,
];

/// Runs `body` for each algorithm on each engine, with a database of its own each time.
async fn each_algorithm(body: impl AsyncFn(JwtAlgorithm, Db, App)) {
    for engine in ENGINES {
        for algorithm in ALGORITHMS {
            let database = TestDatabase::new(engine).await;
            let db = database.open(&[]).await;
            let app = App::with(&db, signed_by(algorithm)).await;
            body(algorithm, db.clone(), app).await;
            db.close().await;
            database.remove().await;
        }
    }
}

pub(crate) fn signed_by(algorithm: JwtAlgorithm) -> tollgate_auth::AuthConfig {
    let mut config = config();
    config.jwt = JwtKey::Generated(algorithm);
    config
}

pub(crate) fn with(object: &Value, name: &str, value: Value) -> String {
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
    each_algorithm(async |algorithm, db, app| {
        let tokens = app.person("ann").await;
        let access = tokens.text("access_token");
        let (head, said) = (part(&access, 0), claims(&access));
        assert_eq!(head["typ"], "at+jwt");
        assert_eq!(head["alg"], algorithm.as_str());
        assert_eq!(said["type"], "access");
        let now = app.clock.now().seconds();
        let (header, payload) = (head.to_string(), said.to_string());
        let pen = Pen::active(&db).await;
        let ours = |header: &str, payload: &str| pen.sign(header, payload);
        // The forger's hand is steady: what is not changed opens.
        app.get("/auth/me", &ours(&header, &payload)).await.ok(200);
        let ahead = with(&said, "iat", json!(now + 30));
        app.get("/auth/me", &ours(&header, &ahead)).await.ok(200);

        let mut refused: Vec<String> = altered(&said, now)
            .iter()
            .map(|payload| ours(&header, payload))
            .collect();
        refused.extend(
            altered_heads(&head)
                .iter()
                .map(|header| ours(header, &payload)),
        );
        refused.extend(foreign_keys(&head, &payload));
        let (start, end) = access.split_once('.').expect("a header");
        refused.extend([
            format!(
                "{}.{}.",
                encode(with(&head, "alg", json!("none"))),
                encode(&payload)
            ),
            format!("{access}.{}", encode("more")),
            access.rsplit_once('.').expect("a signature").0.to_owned(),
            other_spelling(&access),
            format!("{access}="),
            format!("{start}.{}{end}", "A".repeat(100_000)),
            String::new(),
            tokens.text("refresh_token"),
        ]);
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
        let key = app.create_key(&access, json!({ "name": "k" })).await;
        let key = key.ok(201).text("key");
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

/// Heads that no token of ours has, signed all the same.
fn altered_heads(head: &Value) -> Vec<String> {
    let own = head["alg"].as_str().expect("an algorithm");
    let mut heads = vec![
        with(head, "kid", json!("../../etc/passwd")),
        with(head, "kid", json!(["a"])),
        without(head, "kid"),
        with(head, "typ", json!("JWT")),
        without(head, "typ"),
        with(head, "crit", json!(["exp"])),
    ];
    let others = [
        "none", "None", "HS256", "HS384", "RS256", "PS256", "ES256", "EdDSA", "",
    ];
    let others = others.into_iter().filter(|other| *other != own);
    heads.extend(others.map(|other| with(head, "alg", json!(other))));
    heads
}

/// Tokens under keys that the head itself brings along or points to.
fn foreign_keys(head: &Value, payload: &str) -> Vec<String> {
    let secret = b"a key of somebody else, 32 bytes";
    let key = aws_lc_rs::signature::Ed25519KeyPair::generate().expect("a key");
    let pkcs8 = key.to_pkcs8v1().expect("PKCS#8");
    let pen = Pen::of("", "EdDSA", pkcs8.as_ref());
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&pen.key, Algorithm::EdDSA).expect("a JWK");
    let mut tokens = Vec::new();
    for (pen, alg) in [(Pen::secret(secret), "HS256"), (pen, "EdDSA")] {
        for (name, value) in [
            ("jku", json!("https://evil.example/keys")),
            ("x5u", json!("https://evil.example/chain")),
            ("x5c", json!(["AAAA"])),
            ("jwk", json!(jwk)),
        ] {
            let mut head = head.clone();
            head["alg"] = json!(alg);
            tokens.push(pen.sign(&with(&head, name, value.clone()), payload));
            head["kid"] = json!("evil");
            tokens.push(pen.sign(&with(&head, name, value), payload));
        }
    }
    tokens
}

/// The same bytes of signature in base64 that is not canonical: its last letter has unused bits.
fn other_spelling(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.chars().last().expect("a letter");
    let index = ALPHABET.find(last).expect("of the alphabet");
    let other = ALPHABET.chars().nth(index ^ 1).expect("a neighbour");
    format!("{}{other}", &token[..token.len() - 1])
}

/// Everything that somebody could take for a secret who has only the public half.
fn public_halves(key: &RingKey) -> Vec<Vec<u8>> {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
    };
    let private = master_key()
        .open("signing key", &key.key.private_sealed)
        .expect("opens");
    let spki = |der: Result<PublicKeyX509Der<'_>, aws_lc_rs::error::Unspecified>| {
        der.expect("a public key").as_ref().to_vec()
    };
    let (raw, spki) = match key.key.algorithm.as_str() {
        "RS256" => {
            let pair = RsaKeyPair::from_pkcs8(&private).expect("RSA");
            (
                pair.public_key().as_ref().to_vec(),
                spki(pair.public_key().as_der()),
            )
        }
        "ES256" => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private);
            let pair = pair.expect("P-256");
            (
                pair.public_key().as_ref().to_vec(),
                spki(pair.public_key().as_der()),
            )
        }
        _ => {
            let pair = Ed25519KeyPair::from_pkcs8(&private).expect("Ed25519");
            (
                pair.public_key().as_ref().to_vec(),
                spki(pair.public_key().as_der()),
            )
        }
    };
    let jwk = &key.key.public_jwk;
    let mut halves = vec![
        pem("RSA PUBLIC KEY", &raw).into_bytes(),
        pem("PUBLIC KEY", &spki).into_bytes(),
        pem("PUBLIC KEY", &spki).trim_end().as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        key.key.kid.clone().into_bytes(),
        Vec::new(),
        raw,
        spki,
    ];
    for name in ["n", "x", "y"] {
        if let Some(text) = jwk[name].as_str() {
            halves.push(text.as_bytes().to_vec());
            halves.push(BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64"));
        }
    }
    halves
}

#[tokio::test]
async fn inv_a1_a_public_key_is_no_secret_and_modes_do_not_mix() {
    each_algorithm(async |algorithm, db, app| {
        let access = app.person("ann").await.text("access_token");
        let (head, payload) = (part(&access, 0), claims(&access).to_string());
        let keys = signing_keys::find_all(&db).await.expect("read");
        if algorithm == JwtAlgorithm::Hs256 {
            assert_eq!(keys[0].key.public_jwk, json!({}));
        } else {
            for private in ["d", "p", "q", "k"] {
                assert_eq!(keys[0].key.public_jwk[private], Value::Null);
            }
            let hmac = with(&head, "alg", json!("HS256"));
            for half in public_halves(&keys[0]) {
                let forged = Pen::secret(&half).sign(&hmac, &payload);
                app.get("/auth/me", &forged)
                    .await
                    .refused(401, "unauthenticated");
            }
        }

        // Another instance reads the same key; one of the other mode refuses the token and the key.
        let again = App::with(&db, signed_by(algorithm)).await;
        again.get("/auth/me", &access).await.ok(200);
        let mut other = signed_by(algorithm);
        other.livemode = true;
        let live = App::with(&db, other).await;
        live.get("/auth/me", &access)
            .await
            .refused(401, "unauthenticated");
        let key = app.create_key(&access, json!({ "name": "k" })).await;
        let key = key.ok(201).text("key");
        live.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
        app.get("/auth/me", &key).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn inv_a1_a_token_opens_no_service_of_another_algorithm() {
    for engine in ENGINES {
        let mut services = Vec::new();
        for algorithm in ALGORITHMS {
            let database = TestDatabase::new(engine).await;
            let db = database.open(&[]).await;
            let app = App::with(&db, signed_by(algorithm)).await;
            let access = app.person("ann").await.text("access_token");
            services.push((app, access, Pen::active(&db).await, database));
        }
        for (signs, (_, access, pen, _)) in services.iter().enumerate() {
            for (checks, (app, theirs, _, _)) in services.iter().enumerate() {
                let (head, payload) = (part(access, 0), claims(access).to_string());
                // Under the name of the other's key, too; and with the other's head as it is.
                let named = with(&head, "kid", part(theirs, 0)["kid"].clone());
                let dressed = part(theirs, 0).to_string();
                let tokens = [
                    access.clone(),
                    pen.sign(&named, &payload),
                    pen.sign(&dressed, &payload),
                ];
                for token in tokens {
                    let answer = app.get("/auth/me", &token).await;
                    if signs == checks {
                        answer.ok(200);
                    } else {
                        answer.refused(401, "unauthenticated");
                    }
                }
            }
        }
        for (app, _, _, database) in services {
            app.db.close().await;
            database.remove().await;
        }
    }
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
