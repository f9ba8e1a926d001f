//! The description of the service at `/openapi.json`, and its reader at `/docs`: both from the
//! binary.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tollgate_auth::AuthService;
use tollgate_payment::PaymentService;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

/// The reader of the API reference sets styles by itself and shows inline pictures.
const REFERENCE: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(info(
    title = "Tollgate",
    description = "Accounts, plans, payments, API keys, quotas and usage.",
    license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
))]
struct Document;

/// The document, made from the same table as the routes.
///
/// ```
/// # use tollgate::{Server, openapi};
/// fn operations(server: &Server) -> usize {
///     let document = openapi::document(server.auth(), server.payment());
///     document.paths.paths.len()
/// }
/// ```
pub fn document(auth: &AuthService, payment: &PaymentService) -> utoipa::openapi::OpenApi {
    described(Some(auth), Some(payment))
}

/// The same of what there is.
fn described(
    auth: Option<&AuthService>,
    payment: Option<&PaymentService>,
) -> utoipa::openapi::OpenApi {
    let mut routes: OpenApiRouter = OpenApiRouter::with_openapi(Document::openapi());
    let mut admin: OpenApiRouter = OpenApiRouter::new();
    if let Some(auth) = auth {
        routes = routes.nest("/auth", auth.openapi_router());
        admin = admin.merge(auth.openapi_admin_router());
    }
    if let Some(payment) = payment {
        admin = admin.merge(payment.openapi_admin_router());
    }
    routes = routes.nest("/admin", admin);
    if let Some(auth) = auth {
        routes = routes.merge(auth.openapi_metadata_router());
    }
    if let Some(payment) = payment {
        routes = routes
            .nest("/payments", payment.openapi_router())
            .nest("/quota", payment.openapi_quota_router())
            .nest("/usage", payment.openapi_usage_router());
    }
    let mut document = routes.into_openapi();
    name_operations(&mut document);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("an access token, or an API key"))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document.security = Some(vec![utoipa::openapi::security::SecurityRequirement::new::<
        _,
        [&str; 0],
        &str,
    >("bearer", [])]);
    document
}

/// Handlers of different modules have the same names; by method and path each operation has one of its own, which
/// generated clients can use: `get_quota_check`.
fn name_operations(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(format!("{method}_{}", words.join("_")));
            }
        }
    }
}

pub(crate) fn router(auth: Option<&AuthService>, payment: Option<&PaymentService>) -> Router {
    let reader = SwaggerUi::new("/docs").url("/openapi.json", described(auth, payment));
    let policy = |response: &Response| {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_page = kind.is_none_or(|kind| kind != "application/json");
        is_page.then(|| HeaderValue::from_static(REFERENCE))
    };
    let told = SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, policy);
    Router::from(reader).layer(told)
}
