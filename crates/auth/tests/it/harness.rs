//! An application that mounts the module, and clients for it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_auth::mailer::{Letter, Mailer, SendError};
use tollgate_auth::{AuthBuilder, AuthConfig, AuthService, CurrentUser, JwtAlgorithm, JwtKey};
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::{Ids, JobId};
use tollgate_kernel::origin::ClientAddress;
use tollgate_kernel::text::Language;
use tollgate_storage::db::Db;
use tollgate_storage::in_tx;
use tollgate_storage::seal::MasterKey;
use tower::ServiceExt as _;

/// Strong by estimate, and of letters that a form needs not escape.
pub(crate) const PASSWORD: &str = "plum-orchard-lantern-7";
const BODY_LIMIT: usize = 1_048_576;

pub(crate) struct App {
    pub(crate) auth: AuthService,
    pub(crate) letters: Letters,
    pub(crate) clock: Clock,
    pub(crate) db: Db,
    router: Router,
}

/// Keeps what was sent, in the place of a mail server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letters(Arc<Mutex<Vec<Letter>>>);

#[async_trait]
impl Mailer for Letters {
    async fn send(&self, letter: &Letter, _: JobId) -> Result<(), SendError> {
        self.0.lock().expect("whole").push(letter.clone());
        Ok(())
    }
}

impl Letters {
    /// What has arrived since it was last asked, as (address, kind).
    pub(crate) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.0.lock().expect("whole"))
    }
}

/// The token in the link of a letter.
pub(crate) fn token(letter: &Letter) -> String {
    let text = serde_json::to_value(letter).expect("JSON")["content"]["link"]
        .as_str()
        .expect("a link")
        .to_owned();
    text.split_once("token=").expect("a token").1.to_owned()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The text of a member.
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.body[name].as_str();
        text.unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_owned()
    }

    /// Panics unless the answer is this problem, in the shape of all problems.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), &self.body["code"]),
            (status, &json!(code)),
            "{self:?}"
        );
        assert_eq!(self.body["status"], json!(status));
        assert_eq!(
            self.body["type"],
            json!(format!("urn:tollgate:problem:{code}"))
        );
    }

    /// Panics unless the answer is `validation_failed` for this field.
    #[track_caller]
    pub(crate) fn invalid(&self, field: &str, fault: &str) {
        self.refused(422, "validation_failed");
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        assert!(
            errors
                .iter()
                .any(|error| error["field"] == field && error["code"] == fault),
            "{self:?}"
        );
    }

    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}

pub(crate) fn config() -> AuthConfig {
    let mut config = AuthConfig::new("https://pay.example");
    // A pair of RSA keys takes a moment to make; one test has it.
    config.jwt = JwtKey::Generated(JwtAlgorithm::Hs256);
    config.livemode = false;
    // Tests call more often in a minute than anybody.
    config.calls_per_minute = None;
    config
}

pub(crate) fn master_key() -> MasterKey {
    MasterKey::generate(&Entropy::seeded(7))
}

pub(crate) fn clock() -> Clock {
    Clock::fixed(Timestamp::from_seconds(1_767_323_045).expect("a moment"))
}

pub(crate) fn builder(db: &Db, config: AuthConfig, clock: &Clock) -> AuthBuilder {
    AuthService::builder(db.clone(), master_key(), config)
        .clock(clock.clone())
        .weak_hashing_for_tests()
}

impl App {
    pub(crate) async fn new(db: &Db) -> Self {
        Self::with(db, config()).await
    }

    pub(crate) async fn with(db: &Db, config: AuthConfig) -> Self {
        let (clock, letters) = (clock(), Letters::default());
        let mailer = Arc::new(letters.clone());
        let auth = builder(db, config, &clock).mailer(mailer).build().await;
        let mut app = Self::around(auth.expect("the service starts"), clock, db);
        app.letters = letters;
        app
    }

    /// Does what is due, and gives the letters that left.
    pub(crate) async fn mail(&self) -> Vec<Letter> {
        self.auth.tick().await.expect("ticks");
        self.letters.take()
    }

    pub(crate) fn around(auth: AuthService, clock: Clock, db: &Db) -> Self {
        let host = Router::new()
            .route(
                "/host/closed",
                get(|| async { "in" }).route_layer(auth.require_auth()),
            )
            .route(
                "/host/name",
                get(|CurrentUser(user): CurrentUser| async move { user.username }),
            )
            .nest("/auth", auth.router())
            .nest("/admin", auth.admin_router())
            .route(
                "/host/money",
                get(|| async { "counted" }).route_layer(auth.require_permission("finance")),
            )
            .layer(auth.identify())
            .route("/host/open", get(|| async { "open" }));
        let ids = Ids::new(clock.clone(), Entropy::system());
        let router = Exchange::new(ids, Language::En, "https://pay.example/errors").around(host);
        Self {
            auth,
            letters: Letters::default(),
            clock,
            db: db.clone(),
            router,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await;
        let (parts, body) = answer.expect("infallible").into_parts();
        let bytes = to_bytes(body, BODY_LIMIT).await.expect("a whole body");
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.expect("a request")).await
    }

    /// A call by somebody signed in.
    pub(crate) async fn as_user(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        self.call(method, path, &headers, body).await
    }

    /// A call by a credential from an address.
    pub(crate) async fn get_from(&self, address: &str, path: &str, credential: &str) -> Answer {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {credential}"))
            .body(Body::empty());
        let mut request = request.expect("a request");
        let address: IpAddr = address.parse().expect("an address");
        request.extensions_mut().insert(ClientAddress(address));
        self.send(request).await
    }

    /// A JSON call from an address.
    pub(crate) async fn post_from(
        &self,
        address: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        let mut request = request.expect("a request");
        let address: IpAddr = address.parse().expect("an address");
        request.extensions_mut().insert(ClientAddress(address));
        self.send(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn form(&self, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    pub(crate) async fn get(&self, path: &str, credential: &str) -> Answer {
        let bearer = format!("Bearer {credential}");
        self.call(Method::GET, path, &[("authorization", &bearer)], None)
            .await
    }

    pub(crate) async fn register(&self, name: &str) -> Answer {
        let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
        self.post("/auth/register", body).await
    }

    /// A new person's tokens.
    pub(crate) async fn person(&self, name: &str) -> Answer {
        self.register(name).await.ok(201);
        self.login(name, PASSWORD).await.ok(200)
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Answer {
        self.post(
            "/auth/login",
            json!({ "username": name, "password": password }),
        )
        .await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/refresh", json!({ "refresh_token": token }))
            .await
    }

    pub(crate) async fn create_key(&self, access: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {access}");
        let headers = [("authorization", bearer.as_str())];
        self.call(Method::POST, "/auth/api-keys", &headers, Some(body))
            .await
    }

    pub(crate) async fn delete_key(&self, access: &str, id: &str) -> Answer {
        let bearer = format!("Bearer {access}");
        let path = format!("/auth/api-keys/{id}");
        self.call(Method::DELETE, &path, &[("authorization", &bearer)], None)
            .await
    }

    /// Changes rows past the module, as an operator might.
    pub(crate) async fn execute(&self, statement: &'static str) {
        let mut tx = self.db.begin().await.expect("begins");
        in_tx!(&mut tx, |c| sqlx::query(statement)
            .execute(c)
            .await
            .map(|_| ()))
        .expect("the statement runs");
        tx.commit().await.expect("commits");
    }

    /// One number or text from the database.
    pub(crate) async fn one<T>(&self, statement: &'static str) -> T
    where
        T: Send + Unpin,
        (T,): for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
            + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
    {
        let row: (T,) =
            tollgate_storage::on_read!(&self.db, |e| sqlx::query_as(statement).fetch_one(e).await)
                .expect("a row");
        row.0
    }
}

/// The claims of a token, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

pub(crate) fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).expect("a part");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}
