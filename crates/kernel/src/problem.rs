//! The one error body: `application/problem+json` (RFC 9457), with a stable `code`.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use crate::text::{Language, Text};
use crate::words::WORDS;

macro_rules! codes {
    ($($variant:ident $status:literal $code:literal)*) => {
        /// Every code a client can meet. The list is stable: codes are added, never renamed.
        ///
        /// ```
        /// use tollgate_kernel::problem::Code;
        /// use tollgate_kernel::text::Language;
        ///
        /// assert_eq!((Code::NotFound.as_str(), Code::NotFound.status()), ("not_found", 404));
        /// assert_eq!(Code::NotFound.title(Language::En), "Not found");
        /// let read = |text: &str| Code::ALL.iter().copied().find(|code| code.as_str() == text);
        /// assert_eq!(read("quota_exceeded"), Some(Code::QuotaExceeded));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(
            #[doc = concat!("`", $code, "`, ", stringify!($status))]
            $variant,
        )* }

        impl Code {
            /// All of them, in the order of their status.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What programs compare.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The status it is always sent with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// A short name of the kind of problem, the same at every occurrence.
            pub fn title(self, language: Language) -> &'static str {
                let name = match self { $(Self::$variant => concat!("problem.", $code)),* };
                WORDS.say(language, name)
            }
        }
    };
}

codes! {
    BadRequest 400 "bad_request"
    TwoCredentials 400 "two_credentials"
    Unauthenticated 401 "unauthenticated"
    TokenExpired 401 "token_expired"
    TokenRevoked 401 "token_revoked"
    InvalidCredentials 401 "invalid_credentials"
    ApiKeyInvalid 401 "api_key_invalid"
    ApiKeyExpired 401 "api_key_expired"
    UserInactive 401 "user_inactive"
    SubscriptionRequired 402 "subscription_required"
    PlanRequired 402 "plan_required"
    PermissionDenied 403 "permission_denied"
    RegistrationClosed 403 "registration_closed"
    SecondFactorRequired 403 "second_factor_required"
    ConfirmationRequired 403 "confirmation_required"
    CsrfFailed 403 "csrf_failed"
    NotFound 404 "not_found"
    NoSubscription 404 "no_subscription"
    MethodNotAllowed 405 "method_not_allowed"
    RequestTimeout 408 "request_timeout"
    EmailTaken 409 "email_taken"
    UsernameTaken 409 "username_taken"
    LastAdmin 409 "last_admin"
    IdempotencyInProgress 409 "idempotency_in_progress"
    RefundInProgress 409 "refund_in_progress"
    ReservationSettled 409 "reservation_settled"
    PlanInUse 409 "plan_in_use"
    BodyTooLarge 413 "body_too_large"
    UnsupportedMediaType 415 "unsupported_media_type"
    ValidationFailed 422 "validation_failed"
    UnknownField 422 "unknown_field"
    WeakPassword 422 "weak_password"
    IdempotencyKeyReused 422 "idempotency_key_reused"
    AmountMismatch 422 "amount_mismatch"
    RefundExceedsPayment 422 "refund_exceeds_payment"
    MethodUnavailable 422 "method_unavailable"
    CurrencyUnsupported 422 "currency_unsupported"
    RateLimited 429 "rate_limited"
    QuotaExceeded 429 "quota_exceeded"
    HeadersTooLarge 431 "headers_too_large"
    Internal 500 "internal"
    ProviderError 502 "provider_error"
    UpstreamUnavailable 502 "upstream_unavailable"
    UpstreamTimeout 504 "upstream_timeout"
    Unavailable 503 "unavailable"
    PaymentsNotConfigured 503 "payments_not_configured"
}

impl Code {
    /// The `type` of RFC 9457: a name, not an address.
    fn urn(self) -> String {
        format!("urn:tollgate:problem:{}", self.as_str())
    }
}

/// One refusal or failure, ready to be answered.
///
/// ```
/// use tollgate_kernel::problem::{Code, Occurrence, Problem};
/// use tollgate_kernel::text::{Language, Text};
///
/// let problem = Problem::new(Code::QuotaExceeded)
///     .detail(Text::new("本月配额已用完。", "The quota of this month is used up."))
///     .with("meter", "calls")
///     .default("meter", "units") // It is there already.
///     .retry_after(3_600);
/// assert_eq!(problem.code().status(), 429);
///
/// let document = problem.document(Language::En, &Occurrence::default());
/// assert_eq!(document["type"], "urn:tollgate:problem:quota_exceeded");
/// assert_eq!(document["detail"], "The quota of this month is used up.");
/// assert_eq!(document["meter"], "calls");
///
/// let answer = problem.response(Language::Zh, &Occurrence::default());
/// assert_eq!(answer.headers()["retry-after"], "3600");
/// assert_eq!(answer.headers()["content-language"], "zh-CN");
/// ```
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: Code,
    detail: Option<Text>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    errors: Vec<FieldFault>,
}

#[derive(Clone, Debug)]
struct FieldFault {
    pointer: String,
    code: &'static str,
    detail: Text,
}

impl Problem {
    /// The bare problem: its title is its detail.
    pub fn new(code: Code) -> Self {
        let problem = Self(Box::new(Parts {
            code,
            detail: None,
            members: Map::new(),
            headers: Vec::new(),
            errors: Vec::new(),
        }));
        match code.status() {
            401 => problem.challenge(),
            429 | 503 => problem.retry_after(1),
            _ => problem,
        }
    }

    /// What happened and what to do next, safe to show to anybody.
    #[must_use]
    pub fn detail(mut self, detail: Text) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// A named member beside the standard ones.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// A named member, unless it is there.
    #[must_use]
    pub fn default(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.entry(name).or_insert(value.into());
        self
    }

    /// A header to send with it, in place of one of the same name.
    ///
    /// ```
    /// # use axum::http::{HeaderValue, header};
    /// # use axum::response::IntoResponse as _;
    /// # use tollgate_kernel::problem::{Code, Problem};
    /// let asks = HeaderValue::from_static("Basic realm=\"films\"");
    /// let problem = Problem::new(Code::Unauthenticated).header(header::WWW_AUTHENTICATE, asks);
    /// assert_eq!(problem.into_response().headers()["www-authenticate"], "Basic realm=\"films\"");
    /// ```
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(present, _)| *present != name);
        self.0.headers.push((name, value));
        self
    }

    /// `Retry-After` in seconds (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// `validation_failed` for one field; `pointer` is a JSON pointer (RFC 6901).
    ///
    /// ```
    /// # use tollgate_kernel::problem::{Occurrence, Problem};
    /// # use tollgate_kernel::text::{Language, Text};
    /// let problem = Problem::invalid("/terms", "too_many", Text::new("最多 12", "12 at most"))
    ///     .field("/reason", "required", Text::new("必填", "required"));
    /// let document = problem.document(Language::En, &Occurrence::default());
    /// assert_eq!(document["code"], "validation_failed");
    /// assert_eq!(document["errors"][0]["field"], "/terms");
    /// assert_eq!(document["errors"][1]["code"], "required");
    /// ```
    pub fn invalid(pointer: &str, code: &'static str, detail: Text) -> Self {
        Self::validation_failed().field(pointer, code, detail)
    }

    pub(crate) fn validation_failed() -> Self {
        Self::new(Code::ValidationFailed).detail(WORDS.text("body.not_valid"))
    }

    /// One field that is not as it must be; `pointer` is a JSON pointer (RFC 6901).
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, code: &'static str, detail: Text) -> Self {
        self.0.errors.push(FieldFault {
            pointer: pointer.into(),
            code,
            detail,
        });
        self
    }

    /// Of the problem.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// `WWW-Authenticate` as RFC 6750 §3 wants it.
    fn challenge(self) -> Self {
        let value = match self.0.code {
            Code::Unauthenticated | Code::InvalidCredentials => "Bearer",
            _ => "Bearer error=\"invalid_token\"",
        };
        self.header(header::WWW_AUTHENTICATE, HeaderValue::from_static(value))
    }

    /// The document in `language`; `occurrence` adds what only the exchange knows.
    pub fn document(&self, language: Language, occurrence: &Occurrence<'_>) -> Value {
        let code = self.0.code;
        let title = code.title(language);
        let detail = self
            .0
            .detail
            .as_ref()
            .map_or(title, |text| text.get(language));
        let mut document = json!({
            "type": code.urn(),
            "title": title,
            "status": code.status(),
            "detail": detail,
            "code": code.as_str(),
        });
        let Some(members) = document.as_object_mut() else {
            return document;
        };
        if let Some(instance) = occurrence.instance {
            members.insert("instance".to_owned(), instance.into());
        }
        if let Some(request_id) = occurrence.request_id {
            members.insert("request_id".to_owned(), request_id.into());
        }
        if let Some(docs) = occurrence.docs {
            members.insert(
                "doc_url".to_owned(),
                format!("{docs}#{}", code.as_str()).into(),
            );
        }
        if !self.0.errors.is_empty() {
            let errors = self.0.errors.iter().map(|fault| {
                json!({
                    "field": fault.pointer,
                    "code": fault.code,
                    "detail": fault.detail.get(language),
                })
            });
            members.insert("errors".to_owned(), errors.collect());
        }
        members.extend(self.0.members.clone());
        document
    }

    /// The answer in `language`.
    pub fn response(&self, language: Language, occurrence: &Occurrence<'_>) -> Response<Body> {
        let status =
            StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.document(language, occurrence).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_static(language.tag()),
        );
        for (name, value) in &self.0.headers {
            headers.insert(name.clone(), value.clone());
        }
        response
    }
}

/// What only the exchange knows about a problem.
///
/// ```
/// # use tollgate_kernel::problem::{Code, Occurrence, Problem};
/// # use tollgate_kernel::text::Language;
/// let here = Occurrence {
///     instance: Some("/plans/pro"),
///     request_id: Some("order-7"),
///     docs: Some("https://pay.example/docs/errors"),
/// };
/// let document = Problem::new(Code::NotFound).document(Language::En, &here);
/// assert_eq!(document["instance"], "/plans/pro");
/// assert_eq!(document["request_id"], "order-7");
/// assert_eq!(document["doc_url"], "https://pay.example/docs/errors#not_found");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Occurrence<'a> {
    /// The path that was asked.
    pub instance: Option<&'a str>,
    /// The exchange's id.
    pub request_id: Option<&'a str>,
    /// Where the errors are explained.
    pub docs: Option<&'a str>,
}

impl IntoResponse for Problem {
    /// In English; [`crate::exchange`] says it again in the language of the request.
    fn into_response(self) -> Response<Body> {
        let mut response = self.response(Language::En, &Occurrence::default());
        response.extensions_mut().insert(self);
        response
    }
}

/// How a typed constructor's refusal is shown beside its field.
///
/// ```
/// # use tollgate_kernel::problem::FieldError;
/// # use tollgate_kernel::text::{Language, Text};
/// struct TooLong;
///
/// impl FieldError for TooLong {
///     fn code(&self) -> &'static str {
///         "too_long"
///     }
///
///     fn detail(&self) -> Text {
///         Text::new("最多 100 个字符", "100 characters at most")
///     }
/// }
/// assert_eq!(TooLong.detail().get(Language::En), "100 characters at most");
/// ```
pub trait FieldError {
    /// Stable, for programs.
    fn code(&self) -> &'static str;
    /// For people, with the limit that was broken.
    fn detail(&self) -> Text;
}

/// Collects the faults of all fields, so that they are reported together.
///
/// ```
/// # use tollgate_kernel::problem::{FieldError, FieldErrors, Occurrence};
/// # use tollgate_kernel::text::{Language, Text};
/// # struct TooLong;
/// # impl FieldError for TooLong {
/// #     fn code(&self) -> &'static str { "too_long" }
/// #     fn detail(&self) -> Text { Text::new("最多 100 个字符", "100 characters at most") }
/// # }
/// let mut errors = FieldErrors::new();
/// let name: Option<&str> = errors.take("/name", Ok::<_, TooLong>("Ada"));
/// let note: Option<&str> = errors.take("/note", Err(TooLong));
/// errors.note("/terms", "required", Text::new("必填", "required"));
/// assert_eq!((name, note), (Some("Ada"), None));
///
/// let problem = errors.finish().expect_err("two faults");
/// let document = problem.document(Language::En, &Occurrence::default());
/// assert_eq!(document["errors"].as_array().map(Vec::len), Some(2));
/// ```
#[derive(Debug, Default)]
pub struct FieldErrors(Option<Problem>);

impl FieldErrors {
    /// No fault yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the value, or notes its fault.
    pub fn take<T, E: FieldError>(&mut self, pointer: &str, value: Result<T, E>) -> Option<T> {
        value
            .map_err(|fault| self.note(pointer, fault.code(), fault.detail()))
            .ok()
    }

    /// Notes a fault found by other means.
    pub fn note(&mut self, pointer: &str, code: &'static str, detail: Text) {
        let problem = self.0.take().unwrap_or_else(Problem::validation_failed);
        self.0 = Some(problem.field(pointer, code, detail));
    }

    /// # Errors
    /// `validation_failed` with every fault noted so far.
    pub fn finish(self) -> Result<(), Problem> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_named_in_both_languages() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(StatusCode::from_u16(code.status()).is_ok());
            assert!(!code.title(Language::Zh).is_ascii(), "{code:?}");
            assert!(code.title(Language::En).is_ascii(), "{code:?}");
            assert_ne!(
                code.title(Language::En),
                format!("problem.{}", code.as_str())
            );
        }
        let titles = WORDS.names().filter(|name| name.starts_with("problem."));
        assert_eq!(titles.count(), Code::ALL.len());
    }

    #[test]
    fn a_document_names_every_fault_in_the_language_asked_for() {
        let mut errors = FieldErrors::new();
        errors.note(
            "/email",
            "invalid_email",
            Text::new("邮箱格式不正确", "not an e-mail address"),
        );
        errors.note("/name", "too_long", Text::new("太长", "too long"));
        let problem = errors.finish().expect_err("two faults");
        let document = problem.document(
            Language::Zh,
            &Occurrence {
                instance: Some("/x"),
                ..Occurrence::default()
            },
        );
        assert_eq!(document["code"], "validation_failed");
        assert_eq!(document["status"], 422);
        assert_eq!(document["instance"], "/x");
        assert_eq!(document["errors"][0]["detail"], "邮箱格式不正确");
        assert_eq!(document["errors"][1]["field"], "/name");
    }
}
