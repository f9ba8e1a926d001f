//! Header → caller. A further method is a file here and a line in [`AuthService::identify_headers`].

mod api_key;
mod bearer;

use axum::http::{HeaderMap, header};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};

use crate::AuthService;
use crate::model::api_key::looks_like_a_key;

impl AuthService {
    /// Who asks, by the credential in the headers; `None`: there is none.
    ///
    /// # Errors
    /// A credential that is not good (401, with `valid: false`), or two different ones (400).
    pub async fn identify_headers(&self, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        let Some(credential) = credential(headers)? else {
            return Ok(None);
        };
        let found = if looks_like_a_key(&credential, &self.parts().config.api_key_prefix) {
            api_key::identify(self, &credential).await
        } else {
            bearer::identify(self, &credential)
        };
        found
            .map(Some)
            .map_err(|problem| match problem.code().status() {
                401 => problem.with("valid", false),
                _ => problem,
            })
    }
}

/// The one credential of a request; other schemes than Bearer are not ours to judge.
fn credential(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut sent: Vec<&str> = Vec::new();
    for value in headers.get_all(header::AUTHORIZATION) {
        let text = value
            .to_str()
            .map_err(|_| Problem::new(Code::Unauthenticated))?;
        if let Some((scheme, token)) = text.split_once(' ')
            && scheme.eq_ignore_ascii_case("bearer")
        {
            sent.push(token.trim());
        }
    }
    for value in headers.get_all("x-api-key") {
        sent.push(
            value
                .to_str()
                .map_err(|_| Problem::new(Code::ApiKeyInvalid))?
                .trim(),
        );
    }
    match sent.split_first() {
        None => Ok(None),
        Some((first, rest)) if rest.iter().all(|other| other == first) => {
            Ok(Some((*first).to_owned()))
        }
        Some(_) => Err(Problem::new(Code::TwoCredentials)),
    }
}
