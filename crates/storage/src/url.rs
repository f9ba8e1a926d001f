//! `DATABASE_URL`, also as SQLAlchemy writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};

/// Which database, and where.
///
/// ```
/// use tollgate_storage::url::DatabaseUrl;
///
/// let server: DatabaseUrl = "postgresql+asyncpg://shop:sesame@db.example/shop".parse()?;
/// assert_eq!(server.shown(), "PostgreSQL db.example/shop");
/// assert_eq!(format!("{server:?}"), "PostgreSQL db.example/shop");
/// let file: DatabaseUrl = "sqlite:////var/lib/shop.db".parse()?;
/// assert_eq!(file.in_schema(&"pay".parse()?).shown(), "SQLite /var/lib/shop.db");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file; its folder must exist.
    Sqlite(PathBuf),
    /// A server. The address may hold a password.
    Postgres(SecretString),
}

/// A schema of PostgreSQL: 1 to 63 of `a-z 0-9 _`, no digit in front, and none of the server's own.
///
/// ```
/// # use tollgate_storage::url::{InvalidSchema, Schema};
/// let schema: Schema = "pay".parse()?;
/// assert_eq!(schema.as_str(), "pay");
/// assert_eq!("pg_pay".parse::<Schema>(), Err(InvalidSchema));
/// assert_eq!("7pay".parse::<Schema>(), Err(InvalidSchema));
/// # Ok::<(), InvalidSchema>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema(String);

/// Not the name of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 63 of a-z 0-9 _, without a digit or pg_ in front")]
pub struct InvalidSchema;

impl FromStr for Schema {
    type Err = InvalidSchema;

    fn from_str(text: &str) -> Result<Self, InvalidSchema> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let digit = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit());
        let own = text.starts_with("pg_") || text == "information_schema";
        ((1..=63).contains(&text.len()) && text.bytes().all(plain) && !digit && !own)
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidSchema)
    }
}

impl Schema {
    /// As it was set.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Neither of the two engines.
///
/// ```
/// # use tollgate_storage::url::{DatabaseUrl, InvalidDatabaseUrl};
/// let read = |text: &str| text.parse::<DatabaseUrl>().err();
/// assert_eq!(read("mysql://shop@db.example/shop"), Some(InvalidDatabaseUrl));
/// assert_eq!(read("sqlite://:memory:"), Some(InvalidDatabaseUrl), "it must outlive the process");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a database address: use sqlite:///./tollgate.db or postgresql://user:password@host/name"
)]
pub struct InvalidDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    /// A driver after `+` is ignored. After `sqlite:///` the path is relative and after
    /// `sqlite:////` absolute, as in SQLAlchemy; after `sqlite://` it is taken as it stands.
    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidDatabaseUrl)?;
        let engine = scheme
            .split_once('+')
            .map_or(scheme, |(engine, _driver)| engine);
        match engine {
            "sqlite" => {
                let path = rest.strip_prefix('/').unwrap_or(rest);
                if path.is_empty() || path == ":memory:" || path.contains('?') {
                    return Err(InvalidDatabaseUrl);
                }
                Ok(Self::Sqlite(path.into()))
            }
            "postgresql" | "postgres" if !rest.is_empty() => {
                Ok(Self::Postgres(format!("postgresql://{rest}").into()))
            }
            _ => Err(InvalidDatabaseUrl),
        }
    }
}

impl DatabaseUrl {
    /// With its tables in a schema of their own, which is made where it is missing. A file has none.
    #[must_use]
    pub fn in_schema(self, schema: &Schema) -> Self {
        match self {
            Self::Sqlite(_) => self,
            Self::Postgres(url) => {
                let url = url.expose_secret();
                let more = if url.contains('?') { '&' } else { '?' };
                let schema = schema.as_str();
                Self::Postgres(format!("{url}{more}options[search_path]={schema}").into())
            }
        }
    }

    /// For people: the file, or the server without user and password.
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("SQLite {}", path.display()),
            Self::Postgres(url) => {
                let url = url.expose_secret();
                let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
                let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
                let address = address
                    .split_once('?')
                    .map_or(address, |(address, _)| address);
                format!("PostgreSQL {address}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_sqlalchemy_are_understood() {
        for (text, shown) in [
            ("sqlite:///./x.db", "SQLite ./x.db"),
            ("sqlite+aiosqlite:///./x.db", "SQLite ./x.db"),
            ("sqlite:////var/lib/x.db", "SQLite /var/lib/x.db"),
            ("sqlite://data/x.db", "SQLite data/x.db"),
            ("postgresql://u:p@db:5432/shop", "PostgreSQL db:5432/shop"),
            (
                "postgresql+asyncpg://u:p@db/shop?ssl=true",
                "PostgreSQL db/shop",
            ),
            ("postgres://db/shop", "PostgreSQL db/shop"),
        ] {
            assert_eq!(
                text.parse::<DatabaseUrl>().map(|url| url.shown()),
                Ok(shown.to_owned())
            );
        }
        for text in [
            "",
            "x.db",
            "mysql://db/x",
            "sqlite://",
            "sqlite:///:memory:",
            "postgresql://",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        for text in ["shop", "_shop_2", "user"] {
            assert!(text.parse::<Schema>().is_ok(), "{text}");
        }
        let long = "a".repeat(64);
        for text in [
            "",
            "Shop",
            "2shop",
            "pg_shop",
            "information_schema",
            "a-b",
            "a b",
            "a\"b",
            &long,
        ] {
            assert_eq!(text.parse::<Schema>(), Err(InvalidSchema), "{text}");
        }
    }

    #[test]
    fn inv_a10_a_password_is_not_printed() {
        let url: DatabaseUrl = "postgresql://u:hunter2@db/shop"
            .parse()
            .expect("an address");
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
