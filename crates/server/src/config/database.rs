//! `DATABASE_URL`, `DATABASE_SCHEMA`.

use std::path::Path;

use tollgate_storage::url::{DatabaseUrl, Schema};

use super::reader::Reader;

impl Reader {
    /// Without an address a file in the data folder.
    pub(super) fn database(&mut self, data_dir: &Path) -> DatabaseUrl {
        let said = self.parsed(
            "DATABASE_URL",
            "is not a database address",
            "sqlite:///./tollgate.db",
        );
        let url = said.unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("tollgate.db")));
        let Some(text) = self.text("DATABASE_SCHEMA") else {
            return url;
        };
        let example = "DATABASE_SCHEMA=tollgate";
        match (text.parse::<Schema>(), &url) {
            (Err(error), _) => {
                self.fault("DATABASE_SCHEMA", format!("{text:?} {error}"), example);
                url
            }
            (Ok(_), DatabaseUrl::Sqlite(_)) => {
                let reason = "is set, and the database is a file of SQLite, which has no schemas";
                self.fault(
                    "DATABASE_SCHEMA",
                    reason,
                    "DATABASE_URL=postgresql://user:password@host/name beside it",
                );
                url
            }
            (Ok(schema), DatabaseUrl::Postgres(_)) => url.in_schema(&schema),
        }
    }
}
