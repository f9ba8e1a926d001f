//! What comes in over HTTP, read strictly: bodies, query strings and ids in paths.

mod format;

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use self::format::{from_form, from_json, malformed};
use crate::exchange::IgnoredFields;
use crate::ids::Id;
use crate::problem::{Code, Problem};
use crate::words::WORDS;

/// A JSON object as `T`, and the bytes it was read from (an idempotency key is bound to them).
///
/// ```
/// # use axum::extract::FromRequest as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::input::Body;
/// # use tollgate_kernel::problem::Code;
/// #[derive(Debug, serde::Deserialize)]
/// struct Note {
///     text: String,
/// }
/// # #[tokio::main]
/// # async fn main() -> Result<(), axum::http::Error> {
/// let sent = |json: &'static str| {
///     Request::post("/notes").header("content-type", "application/json").body(json.into())
/// };
/// let note = Body::<Note>::from_request(sent(r#"{"text":"hello"}"#)?, &()).await;
/// let note = note.expect("a note");
/// assert_eq!((note.value.text.as_str(), note.bytes.len()), ("hello", 16));
/// let twice = Body::<Note>::from_request(sent(r#"{"text":"a","text":"b"}"#)?, &()).await;
/// assert_eq!(twice.expect_err("a name given twice").code(), Code::BadRequest);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Body<T> {
    /// What was sent.
    pub value: T,
    /// As it was sent.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if media_type(request.headers()) != Some(Media::Json) {
            return Err(
                Problem::new(Code::UnsupportedMediaType).detail(WORDS.text("body.not_json"))
            );
        }
        let ignored = ignored_fields(&request);
        let bytes = read(request, state).await?;
        let value = from_json(&bytes, &ignored)?;
        Ok(Self { value, bytes })
    }
}

/// A JSON object as `T` in which every field is known: for calls of staff and about money, where a
/// misspelt field must not pass for one that was left out. `unknown_field` otherwise.
///
/// ```
/// # use axum::extract::FromRequest as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::input::StrictBody;
/// # use tollgate_kernel::problem::Occurrence;
/// # use tollgate_kernel::text::Language;
/// #[derive(Debug, serde::Deserialize)]
/// struct Refund {
///     reason: Option<String>,
/// }
/// # #[tokio::main]
/// # async fn main() -> Result<(), axum::http::Error> {
/// let request = Request::post("/refunds")
///     .header("content-type", "application/json")
///     .body(r#"{"raeson":"broken"}"#.into())?;
/// let refused = StrictBody::<Refund>::from_request(request, &()).await.expect_err("a misspelt field");
/// let document = refused.document(Language::En, &Occurrence::default());
/// assert_eq!(document["code"], "unknown_field");
/// assert_eq!(document["errors"][0]["field"], "/raeson");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StrictBody<T> {
    /// What was sent.
    pub value: T,
    /// As it was sent.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictBody<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let unknown = IgnoredFields::default();
        request.extensions_mut().insert(unknown.clone());
        let Body { value, bytes } = Body::<T>::from_request(request, state).await?;
        let fields = unknown.names();
        if fields.is_empty() {
            return Ok(Self { value, bytes });
        }
        let problem = Problem::new(Code::UnknownField).detail(WORDS.text("body.unknown_fields"));
        Err(fields.into_iter().fold(problem, |problem, field| {
            let pointer = format!("/{}", field.replace('.', "/"));
            problem.field(pointer, "unknown_field", WORDS.text("body.unknown_field"))
        }))
    }
}

/// An object as `T`, sent as JSON or as an HTML form (in which every value is text).
///
/// ```
/// # use axum::extract::FromRequest as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::input::JsonOrForm;
/// #[derive(Debug, serde::Deserialize)]
/// struct Login {
///     username: String,
/// }
/// # #[tokio::main]
/// # async fn main() -> Result<(), axum::http::Error> {
/// let request = Request::post("/login")
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body("username=ada%40shop.example".into())?;
/// let login = JsonOrForm::<Login>::from_request(request, &()).await.expect("a form");
/// assert_eq!((login.value.username.as_str(), login.form), ("ada@shop.example", true));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct JsonOrForm<T> {
    /// What was sent.
    pub value: T,
    /// Whether it came as a form: OAuth clients then want `error` and `error_description`.
    pub form: bool,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonOrForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media = media_type(request.headers());
        let ignored = ignored_fields(&request);
        match media {
            Some(Media::Json) => {
                let value = from_json(&read(request, state).await?, &ignored)?;
                Ok(Self { value, form: false })
            }
            Some(Media::Form) => {
                let value = from_form(&read(request, state).await?, &ignored)?;
                Ok(Self { value, form: true })
            }
            None => Err(Problem::new(Code::UnsupportedMediaType)
                .detail(WORDS.text("body.not_json_or_form"))),
        }
    }
}

/// The query string as `T`; what does not fit is `validation_failed`.
///
/// ```
/// # use axum::extract::FromRequestParts as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::input::Params;
/// # use tollgate_kernel::problem::Code;
/// #[derive(Debug, serde::Deserialize)]
/// struct Page {
///     limit: Option<u32>,
/// }
/// # #[tokio::main]
/// # async fn main() -> Result<(), axum::http::Error> {
/// let (mut parts, ()) = Request::get("/plans?limit=20").body(())?.into_parts();
/// let Params(page) = Params::<Page>::from_request_parts(&mut parts, &()).await.expect("a page");
/// assert_eq!(page.limit, Some(20));
/// let (mut parts, ()) = Request::get("/plans?limit=many").body(())?.into_parts();
/// let refused = Params::<Page>::from_request_parts(&mut parts, &()).await;
/// assert_eq!(refused.expect_err("no number").code(), Code::ValidationFailed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Params<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refuse = || Problem::new(Code::ValidationFailed).detail(WORDS.text("query.not_valid"));
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(refuse());
        }
        Query::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|_| refuse())
    }
}

/// The one id in the path; what is no id names nothing, so it is 404 like an unknown one.
///
/// ```
/// # use axum::Router;
/// # use axum::body::Body;
/// # use axum::http::Request;
/// # use axum::routing::get;
/// # use tollgate_kernel::ids::PlanId;
/// # use tollgate_kernel::input::PathId;
/// # use tower::ServiceExt as _;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plan = get(|PathId(id): PathId<PlanId>| async move { id.to_string() });
/// let app: Router = Router::new().route("/plans/{id}", plan);
/// let ask = |path: &str| Request::get(path).body(Body::empty());
/// let known = ask("/plans/019b76da-a800-7000-8000-000000000000")?;
/// assert_eq!(app.clone().oneshot(known).await?.status(), 200);
/// assert_eq!(app.oneshot(ask("/plans/pro")?).await?.status(), 404);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: Id + FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        text.parse()
            .map(Self)
            .map_err(|_| Problem::new(Code::NotFound))
    }
}

/// The one parameter of the path as text; what is not text names nothing.
///
/// ```
/// # use axum::Router;
/// # use axum::body::{Body, to_bytes};
/// # use axum::http::Request;
/// # use axum::routing::get;
/// # use tollgate_kernel::input::PathText;
/// # use tower::ServiceExt as _;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plan = get(|PathText(slug): PathText| async move { slug });
/// let app: Router = Router::new().route("/plans/{id}", plan);
/// let answer = app.oneshot(Request::get("/plans/pro%20max").body(Body::empty())?).await?;
/// assert_eq!(to_bytes(answer.into_body(), 100).await?, "pro max");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // A nested router sees the parameters of the routers around it too: ours is the last.
        let last = RawPathParams::from_request_parts(parts, state)
            .await
            .ok()
            .and_then(|params| params.iter().last().map(|(_, value)| value.to_owned()));
        last.filter(|text| !text.contains('\0'))
            .map(Self)
            .ok_or_else(|| Problem::new(Code::NotFound))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Form,
}

fn media_type(headers: &HeaderMap) -> Option<Media> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next()?.trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some(Media::Json),
        "application/x-www-form-urlencoded" => Some(Media::Form),
        other if other.starts_with("application/") && other.ends_with("+json") => Some(Media::Json),
        _ => None,
    }
}

fn ignored_fields(request: &Request) -> IgnoredFields {
    request
        .extensions()
        .get::<IgnoredFields>()
        .cloned()
        .unwrap_or_default()
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| refused_body(&rejection))
}

/// The body did not arrive: too large, too slow, or cut off.
fn refused_body(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge),
        _ if is_timeout(rejection) => Problem::new(Code::RequestTimeout),
        _ => malformed(),
    }
}

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut current = Some(error);
    while let Some(error) = current {
        if error
            .to_string()
            .contains("data was not received within the designated timeout")
        {
            return true;
        }
        current = error.source();
    }
    false
}

/// Raw bytes of a callback, under the same limits.
///
/// ```
/// # use axum::body::Body;
/// # use tollgate_kernel::input::raw_body;
/// # use tollgate_kernel::problem::Code;
/// # #[tokio::main]
/// # async fn main() {
/// // The limit is in bytes.
/// let call = raw_body(Body::from("12345"), 5).await;
/// assert_eq!(call.expect("it fits"), "12345");
/// let longer = raw_body(Body::from("123456"), 5).await;
/// assert_eq!(longer.expect_err("one byte more").code(), Code::BodyTooLarge);
/// # }
/// ```
///
/// # Errors
/// `body_too_large`, `request_timeout` or `bad_request`.
pub async fn raw_body(body: axum::body::Body, limit: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        if is_timeout(&error) {
            Problem::new(Code::RequestTimeout)
        } else if std::error::Error::source(&error)
            .is_some_and(|cause| cause.to_string().contains("length limit"))
        {
            Problem::new(Code::BodyTooLarge)
        } else {
            malformed()
        }
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;
    use crate::money::AmountText;
    use crate::problem::Occurrence;
    use crate::text::Language;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read for its type only")]
    struct Order {
        amount: AmountText,
        note: Option<String>,
        lines: Option<Vec<u32>>,
    }

    fn parse(json: &str) -> Result<Order, (u16, Value)> {
        from_json(json.as_bytes(), &IgnoredFields::default()).map_err(|problem| {
            (
                problem.code().status(),
                problem.document(Language::En, &Occurrence::default()),
            )
        })
    }

    fn status(json: &str) -> u16 {
        parse(json).map_or_else(|(status, _)| status, |_| 200)
    }

    #[test]
    fn what_is_not_one_object_is_a_bad_request() {
        for json in [
            "",
            "null",
            "[]",
            "\"x\"",
            "{\"amount\":\"1.00\"",
            "{\"amount\":\"1.00\"}{}",
            "{\"amount\":\"1.00\",\"amount\":\"99.00\"}",
            "{\"amount\":\"1.00\",\"x\":{\"y\":1,\"y\":2}}",
            "{\"amount\":\"1.00\",\"note\":\"\\ud800\"}",
        ] {
            assert_eq!(status(json), 400, "{json}");
        }
        assert_eq!(status(&format!("{{\"amount\":{}", "[".repeat(10_000))), 400);
        let mut invalid = b"{\"amount\":\"1.00\",\"note\":\"".to_vec();
        invalid.extend([0xFF, b'"', b'}']);
        assert!(from_json::<Order>(&invalid, &IgnoredFields::default()).is_err());
    }

    #[test]
    fn what_does_not_fit_is_named_by_pointer() {
        assert_eq!(status("{\"amount\":1.50,\"other\":1}"), 200);
        assert_eq!(status("{\"amount\":\"1.00\",\"note\":\"a\\u0000\"}"), 422);
        for (json, pointer, code) in [
            ("{}", "/amount", "required"),
            ("{\"amount\":true}", "/amount", "invalid_type"),
            ("{\"amount\":\"1.00\",\"note\":7}", "/note", "invalid_type"),
            (
                "{\"amount\":\"1.00\",\"lines\":[1,-1]}",
                "/lines/1",
                "invalid_type",
            ),
        ] {
            let (status, document) = parse(json).expect_err(json);
            assert_eq!(status, 422, "{json}");
            assert_eq!(document["errors"][0]["field"], pointer, "{json}");
            assert_eq!(document["errors"][0]["code"], code, "{json}");
        }
    }

    #[test]
    fn unread_fields_are_noted() {
        let ignored = IgnoredFields::default();
        let read: Result<Order, Problem> =
            from_json(b"{\"amount\":\"1.00\",\"price\":1}", &ignored);
        assert!(read.is_ok());
        assert!(format!("{ignored:?}").contains("price"));
    }

    #[test]
    fn a_form_is_an_object_of_texts() {
        #[derive(Deserialize)]
        struct Login {
            username: String,
        }
        let ignored = IgnoredFields::default();
        let login: Login =
            from_form(b"username=a%40x.com&grant_type=password", &ignored).expect("a form");
        assert_eq!(login.username, "a@x.com");
        assert!(from_form::<Login>(b"username=a&username=b", &ignored).is_err());
        assert!(from_form::<Login>(b"username=%00", &ignored).is_err());
    }
}
