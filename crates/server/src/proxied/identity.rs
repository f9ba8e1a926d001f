//! `X-Auth-*`: what an application behind a proxy is told of its caller.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_auth::Verified;

const USER_ID: HeaderName = HeaderName::from_static("x-auth-user-id");
const USER_EMAIL: HeaderName = HeaderName::from_static("x-auth-user-email");
const PLAN: HeaderName = HeaderName::from_static("x-auth-plan");
const PERMISSIONS: HeaderName = HeaderName::from_static("x-auth-permissions");
const SUBJECT_TYPE: HeaderName = HeaderName::from_static("x-auth-subject-type");
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// What all of ours begin with; whatever a client sends under it is not believed.
const OURS: &str = "x-auth-";

/// A caller who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    user_id: String,
    email: String,
    plan: String,
    permissions: String,
    subject_type: &'static str,
    token: String,
}

impl Identity {
    pub(crate) fn new(verified: &Verified, plan: Option<String>, token: String) -> Self {
        Self {
            user_id: verified.user.id.to_string(),
            email: verified.user.email.clone(),
            plan: plan.unwrap_or_default(),
            permissions: verified.permissions.names().join(","),
            subject_type: verified.subject_type(),
            token,
        }
    }

    /// All six, whatever is there: a proxy that copies them overwrites what a client made up.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let told = [
            (USER_ID, self.user_id.as_str()),
            (USER_EMAIL, &self.email),
            (PLAN, &self.plan),
            (PERMISSIONS, &self.permissions),
            (SUBJECT_TYPE, self.subject_type),
            (TOKEN, &self.token),
        ];
        for (name, value) in told {
            // Addresses may hold letters beyond ASCII: as bytes of UTF-8.
            let value = HeaderValue::from_bytes(value.as_bytes());
            headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
        }
    }
}

/// Takes away what a client says of itself in our name. An application that reads names as CGI does (WSGI, PHP) takes
/// `_` for `-`, and PHP takes `.` for it as well: what only looks like ours goes too.
pub(crate) fn blank(headers: &mut HeaderMap) {
    let ours = |name: &HeaderName| name.as_str().replace(['_', '.'], "-").starts_with(OURS);
    let sent: Vec<HeaderName> = headers.keys().filter(|name| ours(name)).cloned().collect();
    for name in sent {
        headers.remove(name);
    }
}
