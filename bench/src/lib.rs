//! What the benchmarks measure: accounts on a SQLite file of their own, and somebody signed in; people who use up a plan.

pub mod consumers;

use std::path::Path;

use secrecy::ExposeSecret as _;
use tollgate_auth::model::key_terms::KeyTerms;
use tollgate_auth::model::user::Locale;
use tollgate_auth::{AuthConfig, AuthService, CreateKey, JwtAlgorithm, JwtKey, Login, Register};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::url::DatabaseUrl;

const PASSWORD: &str = "plum orchard lantern 7";

/// Somebody who may call.
#[derive(Debug)]
pub struct Somebody {
    /// The accounts, with production's hashing.
    pub auth: AuthService,
    /// An access token.
    pub token: String,
    /// An API key.
    pub key: String,
}

/// Accounts in `folder`, whose tokens are signed by `algorithm`.
///
/// # Errors
/// The database, or the settings.
pub async fn somebody(folder: &Path, algorithm: JwtAlgorithm) -> anyhow::Result<Somebody> {
    let entropy = Entropy::system();
    let name = format!("bench-{:016x}.db", entropy.below(u64::MAX));
    let db = Db::open(&DatabaseUrl::Sqlite(folder.join(name)), 4).await?;
    let mut config = AuthConfig::new("http://localhost");
    config.jwt = JwtKey::Generated(algorithm);
    let builder = AuthService::builder(db, MasterKey::generate(&entropy), config);
    let auth = builder.build().await?;
    let wish = Register {
        email: "ann@example.com".parse()?,
        username: "ann".parse()?,
        password: PASSWORD.into(),
        locale: Locale::En,
        invite: None,
    };
    let user = auth.register(&wish, &Origin::default()).await?;
    let tokens = auth.login(&login(), &Origin::default()).await?;
    let wish = CreateKey {
        name: "bench".parse()?,
        expires_at: None,
        terms: KeyTerms::unlimited(),
    };
    let (_, key) = auth
        .create_api_key(user.id, &wish, &Origin::default())
        .await?;
    Ok(Somebody {
        token: tokens.access_token.expose_secret().to_owned(),
        key: key.text().to_owned(),
        auth,
    })
}

/// What the same person signs in with.
pub fn login() -> Login {
    Login {
        email: None,
        username: Some("ann".to_owned()),
        password: PASSWORD.into(),
        device: None,
    }
}
