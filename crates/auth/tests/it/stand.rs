//! A service of its own for cases of arbitrary bytes, and its routes as its routers describe them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tollgate_kernel::origin::ClientAddress;
use tollgate_kernel::problem::Code;
use tollgate_storage::testing::{Engine, TestDatabase};

use crate::harness::{Answer, App};

/// Far above what anything here takes: what is refused is waiting without end.
const AN_END: Duration = Duration::from_secs(20);
pub(crate) const JSON: &str = "application/json";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A route, as its description has it.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) path: String,
    /// Names of query parameters.
    pub(crate) query: Vec<String>,
    pub(crate) json: bool,
    pub(crate) form: bool,
    /// Names of members of the body.
    pub(crate) fields: Vec<String>,
}

impl Route {
    pub(crate) fn at(&self, id: &str) -> String {
        let parts = self.path.split(['{', '}']).enumerate();
        parts
            .map(|(index, part)| if index % 2 == 0 { part } else { id })
            .collect()
    }
}

/// The member names of a body, wherever they stand in its description.
fn names(whole: &Value, schema: &Value, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        names(whole, whole.pointer(pointer).expect("a schema"), found);
    }
    let members = schema["properties"].as_object().into_iter().flatten();
    for (name, member) in members {
        found.push(name.clone());
        names(whole, member, found);
    }
    for list in ["oneOf", "allOf", "anyOf"] {
        for one in schema[list].as_array().into_iter().flatten() {
            names(whole, one, found);
        }
    }
}

fn described(document: &Value, prefix: &str) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let content = &operation["requestBody"]["content"];
            let mut fields = Vec::new();
            for kind in [JSON, FORM] {
                names(document, &content[kind]["schema"], &mut fields);
            }
            fields.sort_unstable();
            fields.dedup();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|parameter| parameter["in"] == "query");
            routes.push(Route {
                method: method.to_uppercase().parse().expect("a method"),
                path: format!("{prefix}{path}"),
                query: query
                    .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
                    .collect(),
                json: content[JSON].is_object(),
                form: content[FORM].is_object(),
                fields,
            });
        }
    }
    routes
}

/// Every route of the module.
pub(crate) fn routes(app: &App) -> Vec<Route> {
    let document = |router: utoipa_axum::router::OpenApiRouter| {
        serde_json::to_value(router.get_openapi()).expect("JSON")
    };
    let mut all = described(&document(app.auth.openapi_router()), "/auth");
    all.extend(described(
        &document(app.auth.openapi_admin_router()),
        "/admin",
    ));
    assert!(all.len() > 35, "the routers describe themselves");
    assert!(
        all.iter()
            .any(|route| route.form && route.fields.iter().any(|name| name == "refresh_token"))
    );
    all
}

/// The service, and somebody who may do everything: signed in anew whenever a case signed them out.
pub(crate) struct Stand {
    pub(crate) runtime: Runtime,
    pub(crate) app: App,
    database: TestDatabase,
    who: std::cell::RefCell<Who>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Who {
    pub(crate) number: u32,
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) key: String,
    /// Somebody else, to whom staff may do things.
    pub(crate) other: String,
}

impl Stand {
    pub(crate) fn new(engine: Engine) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (database, app) = runtime.block_on(async {
            let database = TestDatabase::new(engine).await;
            let app = App::new(&database.open(&[]).await).await;
            (database, app)
        });
        let stand = Self {
            runtime,
            app,
            database,
            who: std::cell::RefCell::default(),
        };
        stand.renew();
        stand
    }

    pub(crate) fn who(&self) -> Who {
        self.who.borrow().clone()
    }

    pub(crate) fn renew(&self) {
        let number = self.who().number + 1;
        let name = format!("person{number}");
        let who = self.runtime.block_on(async {
            let tokens = self.app.person(&name).await;
            let access = tokens.text("access_token");
            let key = self.app.create_key(&access, json!({ "name": "k" })).await;
            let other = self.app.register(&format!("other{number}")).await;
            self.app
                .execute("UPDATE users SET is_superuser = (1 = 1)")
                .await;
            Who {
                number,
                access,
                refresh: tokens.text("refresh_token"),
                key: key.ok(201).text("key"),
                other: other.ok(201).text("id"),
            }
        });
        self.who.replace(who);
    }

    /// Sends one, each from an address of its own, and looks at the answer.
    pub(crate) fn send(&self, mut request: Request<Body>, from: u32) -> Answer {
        let address = ClientAddress(IpAddr::V4(Ipv4Addr::from(from)));
        request.extensions_mut().insert(address);
        let told = format!("{} {}", request.method(), request.uri());
        let answer = self.runtime.block_on(async {
            tokio::time::timeout(AN_END, self.app.send(request))
                .await
                .unwrap_or_else(|_| panic!("{told} does not end"))
        });
        well_answered(&told, &answer);
        answer
    }

    pub(crate) fn end(self) {
        self.runtime.block_on(async {
            self.app.db.close().await;
            self.database.remove().await;
        });
    }
}

/// A refusal is a problem of the list, in the shape of all problems.
fn well_answered(told: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    assert!(status < 500, "{told}: {answer:?}");
    if status < 400 {
        return;
    }
    let kind = answer.headers[header::CONTENT_TYPE].to_str().expect("text");
    assert!(
        kind == "application/problem+json" || (kind == JSON && answer.body["error"].is_string()),
        "{told}: {answer:?}"
    );
    let code = Code::ALL
        .iter()
        .find(|code| answer.body["code"] == code.as_str())
        .unwrap_or_else(|| panic!("{told}: {answer:?}"));
    assert_eq!(code.status(), status, "{told}: {answer:?}");
    assert_eq!(answer.body["status"], status, "{told}");
    assert_eq!(
        answer.body["type"],
        format!("urn:tollgate:problem:{}", code.as_str()),
        "{told}"
    );
}
