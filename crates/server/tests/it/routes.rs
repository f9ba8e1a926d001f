//! The routes of the service, as its own description lists them: so that a new route without a row in
//! a table of the tests fails.

use std::path::Path;

use reqwest::Method;
use serde_json::Value;

/// A route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) path: String,
    /// Whether it takes a JSON body.
    pub(crate) takes_json: bool,
}

impl Route {
    /// `GET /auth/me`
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// With `id` in the place of every parameter.
    pub(crate) fn at(&self, id: &str) -> String {
        let mut path = String::new();
        for (index, part) in self.path.split(['{', '}']).enumerate() {
            path.push_str(if index % 2 == 0 { part } else { id });
        }
        path
    }
}

/// Every route of `docs/openapi.json`, which another test holds to what is served.
pub(crate) fn all() -> Vec<Route> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = std::fs::read_to_string(file).expect("docs/openapi.json");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            routes.push(Route {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                takes_json: operation["requestBody"]["content"]["application/json"].is_object(),
            });
        }
    }
    assert!(routes.len() > 40, "the document is not empty");
    routes
}
