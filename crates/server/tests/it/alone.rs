//! Accounts in one process, plans and payments in another that knows them by their public keys (A1, A3, A8, S2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate::config::Config;
use tollgate::{Alone, Module};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::Db;
use tollgate_storage::in_tx;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};

use crate::harness::{Answer, Buyer, buyer, give_sandbox, until};
use crate::pages::browser::Browser;

/// One module that runs.
struct One {
    url: String,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl One {
    async fn start(
        module: Module,
        database: &TestDatabase,
        clock: &Clock,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = database.folder().join("data");
        let mut env = BTreeMap::from([
            ("DATABASE_URL", database.variable()),
            ("DATA_DIR", folder.display().to_string()),
            ("ADDR", "127.0.0.1:0".to_owned()),
            ("SANDBOX", "on".to_owned()),
            ("RATE_LIMIT_PER_MINUTE", "0".to_owned()),
        ]);
        env.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let env = env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let config = Config::from_layers(env.collect(), Path::new("/nonexistent/.env"));
        let config = config.expect("good settings");
        let alone = Alone::start(module, &config, clock.clone(), Entropy::system());
        let alone = alone.await.expect("starts");
        let url = format!("http://127.0.0.1:{}", alone.port());
        let (stop, stopping) = watch::channel(false);
        Self {
            url,
            stop,
            running: tokio::spawn(alone.run(stopping)),
        }
    }

    async fn stop(self) {
        self.stop.send(true).expect("still running");
        self.running.await.expect("ends well");
    }
}

/// Both, each with a database of its own.
struct Two {
    accounts: One,
    plans: One,
    clock: Clock,
    http: Client,
    admin: Buyer,
    databases: [TestDatabase; 2],
}

impl Two {
    /// With `settings` that both have.
    async fn start(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let databases = [
            TestDatabase::new(engine).await,
            TestDatabase::new(engine).await,
        ];
        for database in &databases {
            give_sandbox(&database.folder().join("data")).await;
        }
        let (clock, http) = (Clock::system(), Client::new());
        let accounts = One::start(Module::Auth, &databases[0], &clock, settings).await;
        let admin = buyer(&http, &accounts.url).await;
        raise(&databases[0], &admin, true).await;
        let wish = json!({ "name": "plans", "scopes": ["introspect"] });
        let made = call(
            &http,
            Method::POST,
            &accounts.url,
            "/admin/service-keys",
            &admin.token,
            Some(wish),
        )
        .await;
        let key = made.expect(StatusCode::CREATED)["key"]
            .as_str()
            .expect("a key")
            .to_owned();
        let mut own = settings.to_vec();
        own.push(("TOLLGATE_URL", &accounts.url));
        own.push(("TOLLGATE_SERVICE_KEY", &key));
        let plans = One::start(Module::Payment, &databases[1], &clock, &own).await;
        Self {
            accounts,
            plans,
            clock,
            http,
            admin,
            databases,
        }
    }

    async fn stop(self) {
        self.plans.stop().await;
        self.accounts.stop().await;
        for database in self.databases {
            database.remove().await;
        }
    }

    async fn at(
        &self,
        one: &One,
        method: Method,
        path: &str,
        credential: &str,
        body: Value,
    ) -> Answer {
        let body = Some(body).filter(|body| !body.is_null());
        call(&self.http, method, &one.url, path, credential, body).await
    }

    async fn accounts(&self, method: Method, path: &str, credential: &str, body: Value) -> Answer {
        self.at(&self.accounts, method, path, credential, body)
            .await
    }

    async fn plans(&self, method: Method, path: &str, credential: &str, body: Value) -> Answer {
        self.at(&self.plans, method, path, credential, body).await
    }

    async fn consume(&self, credential: &str) -> Answer {
        let body = json!({ "resource_type": "dicom_processing" });
        self.plans(Method::POST, "/quota/consume", credential, body)
            .await
    }

    async fn take_free(&self, buyer: &Buyer) {
        let free = json!({ "plan_slug": "free" });
        let path = "/payments/subscriptions/subscribe";
        let answer = self.plans(Method::POST, path, &buyer.token, free).await;
        answer.expect(StatusCode::CREATED);
    }
}

async fn each_engine(body: impl AsyncFn(&mut Two)) {
    each_engine_with(&[], body).await;
}

async fn each_engine_with(settings: &[(&str, &str)], body: impl AsyncFn(&mut Two)) {
    for engine in ENGINES {
        let mut two = Two::start(engine, settings).await;
        body(&mut two).await;
        two.stop().await;
    }
}

async fn call(
    http: &Client,
    method: Method,
    url: &str,
    path: &str,
    credential: &str,
    body: Option<Value>,
) -> Answer {
    let mut request = http.request(method, format!("{url}{path}"));
    if !credential.is_empty() {
        request = request.bearer_auth(credential);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

/// Makes an admin of somebody, or of an admin somebody.
async fn raise(database: &TestDatabase, person: &Buyer, up: bool) {
    let db = Db::open(database.url(), 1).await.expect("opens");
    let mut tx = db.begin().await.expect("begins");
    let id: uuid::Uuid = person.id.parse().expect("an id");
    let statement = "UPDATE users SET is_superuser = $2 WHERE id = $1";
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .bind(up)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_plans_alone_sell_to_the_people_of_accounts_elsewhere() {
    each_engine(async |two| {
        let ann = buyer(&two.http, &two.accounts.url).await;
        // Neither has the routes of the other.
        two.accounts(Method::GET, "/payments/plans", "", Value::Null)
            .await
            .refused(404, "not_found");
        two.plans(Method::GET, "/auth/me", &ann.token, Value::Null)
            .await
            .refused(404, "not_found");
        two.plans(Method::GET, "/payments/plans", "", Value::Null)
            .await
            .expect(StatusCode::OK);

        two.consume("").await.refused(401, "unauthenticated");
        two.consume(&ann.token)
            .await
            .refused(402, "subscription_required");
        two.take_free(&ann).await;
        assert_eq!(
            two.consume(&ann.token).await.expect(StatusCode::OK)["quota"]["used"],
            1
        );
        let used = two.consume(&ann.key).await.expect(StatusCode::OK);
        assert_eq!(
            (&used["quota"]["used"], &used["quota"]["limit"]),
            (&json!(2), &json!(10))
        );
        for _ in 2..10 {
            two.consume(&ann.key).await.expect(StatusCode::OK);
        }
        two.consume(&ann.key).await.refused(429, "quota_exceeded");

        // Whoever comes after there is a default plan has it at their first call, once.
        let listed = two
            .plans(Method::GET, "/admin/plans", &two.admin.token, Value::Null)
            .await;
        let listed = listed.expect(StatusCode::OK);
        let free = listed["data"]
            .as_array()
            .expect("plans")
            .iter()
            .find(|plan| plan["slug"] == "free");
        let path = format!(
            "/admin/plans/{}",
            free.expect("free")["id"].as_str().expect("an id")
        );
        let default = json!({ "is_default": true });
        two.plans(Method::PATCH, &path, &two.admin.token, default)
            .await
            .expect(StatusCode::OK);
        let bob = buyer(&two.http, &two.accounts.url).await;
        assert_eq!(
            two.consume(&bob.key).await.expect(StatusCode::OK)["quota"]["used"],
            1
        );
        let held = two
            .plans(
                Method::GET,
                "/payments/subscriptions/current",
                &bob.token,
                Value::Null,
            )
            .await;
        assert_eq!(held.expect(StatusCode::OK)["plan"]["slug"], "free");
        assert_eq!(
            two.consume(&ann.key).await.status,
            429,
            "what was used stays used"
        );

        // A host's key is a key of the accounts too.
        let wish = json!({ "name": "host", "scopes": ["quota"] });
        let made = two
            .accounts(Method::POST, "/admin/service-keys", &two.admin.token, wish)
            .await;
        let key = made.expect(StatusCode::CREATED)["key"]
            .as_str()
            .expect("a key")
            .to_owned();
        let wish = json!({ "resource_type": "dicom_processing", "user_id": bob.id });
        let reserved = two
            .plans(Method::POST, "/quota/reserve", &key, wish)
            .await
            .expect(StatusCode::CREATED);
        let settle = json!({ "reservation_id": reserved["reservation_id"] });
        two.plans(Method::POST, "/quota/commit", &key, settle)
            .await
            .expect(StatusCode::OK);
        let usage = two
            .plans(Method::GET, "/usage/logs", &key, Value::Null)
            .await;
        usage.refused(403, "permission_denied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_plans_alone_take_access_tokens_of_their_accounts_and_nothing_else() {
    each_engine(async |two| {
        let ann = buyer(&two.http, &two.accounts.url).await;
        two.take_free(&ann).await;
        let whose = async |token: &str| two.plans(Method::GET, "/payments/subscriptions/current", token, Value::Null).await;
        whose(&ann.token).await.expect(StatusCode::OK);
        let (head, rest) = ann.token.split_once('.').expect("a token");
        let (payload, signature) = rest.split_once('.').expect("a token");
        let part = |text: &str| -> Value {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let with = |text: &str, name: &str, value: Value| {
            let mut changed = part(text);
            changed[name] = value;
            BASE64_URL_SAFE_NO_PAD.encode(changed.to_string())
        };
        let kid = part(head)["kid"].clone();
        let jwks = two.accounts(Method::GET, "/auth/.well-known/jwks.json", "", Value::Null).await;
        let public = jwks.body["keys"][0]["n"].as_str().expect("a modulus").to_owned();
        let by_public = {
            let head = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid }).to_string());
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
            let tag = aws_lc_rs::hmac::sign(&key, format!("{head}.{payload}").as_bytes());
            format!("{head}.{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
        };
        // Another house signs as well as this one does.
        let database = TestDatabase::new(ENGINES[0]).await;
        give_sandbox(&database.folder().join("data")).await;
        let other = One::start(Module::Auth, &database, &two.clock, &[]).await;
        let stranger = buyer(&two.http, &other.url).await;
        for forged in [
            format!("{head}.{}.{signature}", with(payload, "sub", json!(two.admin.id))),
            format!("{}.{payload}.{signature}", with(head, "typ", json!("JWT"))),
            format!("{}.{payload}.", with(head, "alg", json!("none"))),
            by_public,
            stranger.token.clone(),
            format!("{}.{}", head, "A".repeat(10_000)),
            String::from("x"),
        ] {
            whose(&forged).await.refused(401, "unauthenticated");
        }
        whose(&stranger.key).await.refused(401, "api_key_invalid");
        other.stop().await;
        database.remove().await;
        let refresh = json!({ "email": two.accounts(Method::GET, "/auth/me", &ann.token, Value::Null).await.body["email"],
            "password": ann.password });
        let session = two.accounts(Method::POST, "/auth/login", "", refresh).await.expect(StatusCode::OK);
        whose(session["refresh_token"].as_str().expect("a token")).await.refused(401, "unauthenticated");
        two.clock.advance(Duration::from_secs(15 * 60 + 1));
        whose(&ann.token).await.refused(401, "token_expired");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_a_token_of_the_right_hand_that_says_anything_else_opens_nothing() {
    let secret = "s".repeat(48);
    each_engine_with(&[("JWT_SECRET_KEY", &secret)], async |two| {
        let ann = buyer(&two.http, &two.accounts.url).await;
        two.take_free(&ann).await;
        let mut parts = ann.token.split('.').map(|part| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
            serde_json::from_slice::<Value>(&bytes).unwrap_or_default()
        });
        let (head, said) = (parts.next().expect("a head"), parts.next().expect("claims"));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let signed = |head: &Value, said: &Value| {
            let encoded = [head, said].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
            let text = encoded.join(".");
            let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
            format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
        };
        let whose = async |token: &str| {
            let path = "/payments/subscriptions/current";
            two.plans(Method::GET, path, token, Value::Null).await
        };
        // The hand is steady: what says the same opens.
        whose(&signed(&head, &said)).await.expect(StatusCode::OK);
        let with = |of: &Value, name: &str, value: Value| {
            let mut changed = of.clone();
            changed[name] = value;
            changed
        };
        for (name, value) in [
            ("type", json!("forward")),
            ("type", json!("refresh")),
            ("iss", json!("https://pay.example")),
            ("aud", json!("another")),
            ("livemode", json!(true)),
            ("iat", json!(two.clock.now().seconds() + 120)),
            ("sub", json!("ann")),
            ("sid", Value::Null),
        ] {
            let forged = signed(&head, &with(&said, name, value));
            whose(&forged).await.refused(401, "unauthenticated");
        }
        for (name, value) in [
            ("typ", json!("JWT")),
            ("typ", Value::Null),
            ("crit", json!(["exp"])),
            ("alg", json!("HS384")),
            ("alg", json!("none")),
        ] {
            let forged = signed(&with(&head, name, value), &said);
            whose(&forged).await.refused(401, "unauthenticated");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a3_what_ends_at_the_accounts_ends_at_the_plans() {
    each_engine(async |two| {
        let ann = buyer(&two.http, &two.accounts.url).await;
        two.take_free(&ann).await;
        two.consume(&ann.key).await.expect(StatusCode::OK);
        let keys = two
            .accounts(Method::GET, "/auth/api-keys", &ann.token, Value::Null)
            .await
            .expect(StatusCode::OK);
        let id = keys["data"][0]["id"].as_str().expect("an id").to_owned();
        let ended = two
            .accounts(
                Method::DELETE,
                &format!("/auth/api-keys/{id}"),
                &ann.token,
                Value::Null,
            )
            .await;
        assert_eq!(ended.status, 204);
        two.clock.advance(Duration::from_secs(2));
        two.consume(&ann.key).await.refused(401, "api_key_invalid");

        // A key that is limited to a network of others.
        let wish = json!({ "name": "far", "allowed_addresses": ["192.0.2.0/24"] });
        let far = two
            .accounts(Method::POST, "/auth/api-keys", &ann.token, wish)
            .await
            .expect(StatusCode::CREATED);
        two.consume(far["key"].as_str().expect("a key"))
            .await
            .refused(403, "permission_denied");

        // What staff may do is asked each time; what takes a confirmation takes a fresh one.
        let admin = two.admin.token.clone();
        let plans = async |token: &str| {
            two.plans(Method::GET, "/admin/plans", token, Value::Null)
                .await
        };
        plans(&admin).await.expect(StatusCode::OK);
        plans(&ann.token).await.refused(403, "permission_denied");
        plans(&two.admin.key)
            .await
            .refused(403, "permission_denied");
        let refund = async || {
            let path = "/payments/refund/0198c0de-0000-7000-8000-000000000001";
            two.plans(Method::POST, path, &admin, json!({ "reason": "asked for" }))
                .await
        };
        refund().await.refused(404, "not_found");
        two.clock.advance(Duration::from_mins(6));
        refund().await.refused(403, "confirmation_required");
        raise(&two.databases[0], &two.admin, false).await;
        plans(&admin).await.refused(403, "permission_denied");
        let out = two
            .accounts(Method::POST, "/auth/logout", &admin, json!({}))
            .await;
        assert_eq!(out.status, 204);
        plans(&admin).await.refused(401, "token_revoked");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_s2_while_the_accounts_are_away_nobody_is_let_in_by_what_they_alone_know() {
    each_engine(async |two| {
        let ann = buyer(&two.http, &two.accounts.url).await;
        two.take_free(&ann).await;
        two.consume(&ann.key).await.expect(StatusCode::OK);
        let port = two
            .accounts
            .url
            .rsplit(':')
            .next()
            .expect("a port")
            .to_owned();
        let addr = format!("127.0.0.1:{port}");
        let database = TestDatabase::new(ENGINES[0]).await;
        let other = One::start(Module::Auth, &database, &two.clock, &[]).await;
        std::mem::replace(&mut two.accounts, other).stop().await;
        two.clock.advance(Duration::from_secs(2));
        let refused = two.consume(&ann.key).await;
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        refused.refused(503, "unavailable");
        two.plans(Method::GET, "/admin/plans", &two.admin.token, Value::Null)
            .await
            .refused(503, "unavailable");
        // Tokens are checked by keys that are known, and everybody sees what is for sale.
        two.consume(&ann.token).await.expect(StatusCode::OK);
        two.plans(Method::GET, "/payments/plans", "", Value::Null)
            .await
            .expect(StatusCode::OK);
        let back = One::start(
            Module::Auth,
            &two.databases[0],
            &two.clock,
            &[("ADDR", &addr)],
        )
        .await;
        std::mem::replace(&mut two.accounts, back).stop().await;
        database.remove().await;
        until("the accounts are back", async || {
            two.consume(&ann.key).await.status == 200
        })
        .await;
    })
    .await;
}

/// Opens `from` and every page that is led to from there; none is missing. Gives what was opened.
async fn walked(browser: &mut Browser<'_>, from: &[&str]) -> BTreeSet<String> {
    let mut next: Vec<String> = from.iter().map(|path| (*path).to_owned()).collect();
    // A page about what is not there is one that leads on, too.
    let starts: BTreeSet<String> = next.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = browser.get(&path).await;
        assert!(
            page.status != 404 || starts.contains(&path),
            "{path} is led to, and not there"
        );
        if (300..400).contains(&page.status) {
            let to = page.location().to_owned();
            next.extend(Some(to).filter(|to| to.starts_with('/')));
        }
        // The look-alikes' own pages are none of ours.
        let is_ours = !path.starts_with("/sandbox") && !path.starts_with("/docs");
        let kind = page.headers.get("content-type");
        let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if is_ours && is_page {
            next.extend(page.ways());
        }
    }
    seen
}

fn without_redirects() -> Client {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_accounts_alone_leads_to_one_that_is_not_there() {
    each_engine(async |two| {
        let http = without_redirects();
        let mut browser = Browser::at(&http, &two.accounts.url);
        let open = [
            "/portal",
            "/portal/login",
            "/portal/verify?token=x",
            "/portal/reset?token=x",
            "/console/setup?token=x",
        ];
        let seen = walked(&mut browser, &open).await;
        assert!(seen.contains("/portal/register?next=%2Fportal"), "{seen:?}");
        // What a link of a letter leads to once its button was pressed.
        browser.get("/portal/login").await;
        for path in ["/portal/verify", "/portal/reset"] {
            let fields = [("token", "x"), ("new_password", "plum orchard lantern 7")];
            let told = browser.post(path, &fields).await;
            assert_eq!(told.status, 200, "{path}: {}", told.body);
            for way in told.ways() {
                assert_ne!(browser.get(&way).await.status, 404, "{path} → {way}");
            }
        }
        // Whoever signs in comes to a page that is there; staff too, whose console is elsewhere.
        browser.sign_in(&two.admin).await;
        let home = browser.open("/portal").await;
        home.expect(StatusCode::OK);
        home.hides(&["href=\"/console\"", "/portal/usage", "/portal/payments"]);
        let missing = "/portal/keys/0198a000-0000-7000-8000-000000000000/rotate";
        browser.get(missing).await.expect(StatusCode::NOT_FOUND);
        let seen = walked(&mut browser, &["/portal", "/portal/welcome", missing]).await;
        for page in [
            "/portal/settings/security",
            "/portal/keys/new",
            "/sandbox/mail",
        ] {
            assert!(seen.contains(page), "{page}: {seen:?}");
        }
        // A new key is shown with samples of how to use it.
        browser.get("/portal/keys/new").await;
        let made = browser.post("/portal/keys/new", &[("name", "mine")]).await;
        for way in made.ways() {
            assert_ne!(browser.get(&way).await.status, 404, "{way}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_plans_alone_leads_to_one_that_is_not_there() {
    each_engine(async |two| {
        let ann = buyer(&two.http, &two.accounts.url).await;
        let wish = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let subscribe = "/payments/subscriptions/subscribe";
        let begun = two.plans(Method::POST, subscribe, &ann.token, wish).await;
        let begun = begun.expect(StatusCode::CREATED);
        let url = begun["payment"]["checkout_url"].as_str().expect("a page");
        let order = &url[url.find("/checkout").expect("a path")..];
        let http = without_redirects();
        let mut browser = Browser::at(&http, &two.plans.url);
        let broken = ["/checkout/nobodys", "/portal/renew?token=x"];
        let from = [order, broken[0], broken[1]];
        let seen = walked(&mut browser, &from).await;
        assert!(seen.iter().any(|path| path.contains("/pay?")), "{seen:?}");
        // And what it says once it is over.
        two.clock.advance(Duration::from_mins(31));
        browser.get(order).await.expect(StatusCode::OK);
        walked(&mut browser, &from).await;
    })
    .await;
}
