//! One statement for any number of rows: a round trip for each row costs more than the row. They are handed over as one
//! JSON text, parameter `$1`, of which the engine makes rows; so a statement has one text however many they are, and
//! the engine keeps its plan.
//!
//! ```
//! use tollgate_storage::rows::{Cell, Kind, OverRows, Sheet};
//! use tollgate_storage::{in_tx, sqlx};
//! # use tollgate_storage::StorageError;
//! # use tollgate_storage::testing::{Engine, TestDatabase};
//!
//! static DEAR: OverRows = OverRows::new(
//!     &[("name", Kind::Text), ("units", Kind::Number)],
//!     |wanted| format!("SELECT name, units FROM {wanted} WHERE units >= $2 ORDER BY name"),
//! );
//! # #[tokio::main]
//! # async fn main() -> Result<(), StorageError> {
//! # let database = TestDatabase::new(Engine::Sqlite).await;
//! # let db = database.open(&[]).await;
//! let mut sheet = Sheet::default();
//! sheet.row([Cell::Text("film"), Cell::Number(20)]);
//! sheet.row([Cell::Text("print"), Cell::Number(3)]);
//! sheet.row([Cell::Text("lost"), Cell::Null]);
//! assert_eq!((sheet.len(), sheet.is_empty()), (3, false));
//!
//! let mut tx = db.begin().await?;
//! let (statement, rows) = (DEAR.text(&tx), sheet.text());
//! let dear: Vec<(String, i64)> = in_tx!(&mut tx, |c| sqlx::query_as(statement)
//!     .bind(&rows)
//!     .bind(10_i64)
//!     .fetch_all(c)
//!     .await)?;
//! assert_eq!(dear, [("film".to_owned(), 20)]);
//! # Ok(())
//! # }
//! ```

use std::fmt::Write as _;
use std::sync::OnceLock;

use chrono::SecondsFormat;
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::Id;
use uuid::Uuid;

use crate::db::Tx;

/// What a column of handed-over rows is. Any may be null.
///
/// ```
/// # use tollgate_storage::rows::{Kind, OverRows};
/// static LETTERS: OverRows = OverRows::new(
///     &[("id", Kind::Id), ("body", Kind::Json), ("at", Kind::Time), ("mac", Kind::Bytes)],
///     |wanted| format!("SELECT id FROM {wanted}"),
/// );
/// let [_, postgres] = LETTERS.texts();
/// assert!(postgres.contains("CAST(value ->> 2 AS TIMESTAMPTZ) AS at"));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// UUID.
    Id,
    /// Text.
    Text,
    /// A whole number of 64 bits.
    Number,
    /// A moment.
    Time,
    /// An object.
    Json,
    /// Bytes.
    Bytes,
}

/// Names and kinds, in the order in which cells are handed over.
///
/// ```
/// # use tollgate_storage::rows::{Columns, Kind, OverRows};
/// const ACCOUNT: Columns = &[("user_id", Kind::Id), ("units", Kind::Number)];
/// static BOTH: OverRows = OverRows::new(ACCOUNT, |wanted| format!("SELECT units FROM {wanted}"));
/// assert!(BOTH.texts()[0].contains("value ->> 1 AS units"));
/// ```
pub type Columns = &'static [(&'static str, Kind)];

/// A statement over such rows.
///
/// ```
/// # use tollgate_storage::rows::{Kind, OverRows};
/// static TAKE: OverRows = OverRows::new(&[("id", Kind::Id)], |wanted| {
///     format!("SELECT j.id FROM {wanted} JOIN jobs j ON j.id = wanted.id")
/// })
/// .locking(" FOR UPDATE OF j");
///
/// let [sqlite, postgres] = TAKE.texts();
/// assert!(sqlite.ends_with("j.id = wanted.id"));
/// assert!(postgres.ends_with("j.id = wanted.id FOR UPDATE OF j"));
/// ```
#[derive(Debug)]
pub struct OverRows {
    columns: Columns,
    write: fn(&str) -> String,
    locks: &'static str,
    texts: OnceLock<[String; 2]>,
}

impl OverRows {
    /// Of the text that `write` gives for a source of rows, a table expression named `wanted`. Its own parameters begin
    /// at `$2`.
    pub const fn new(columns: Columns, write: fn(&str) -> String) -> Self {
        Self {
            columns,
            write,
            locks: "",
            texts: OnceLock::new(),
        }
    }

    /// On PostgreSQL it ends so: `FOR UPDATE` … On SQLite, who writes has locked everything.
    #[must_use]
    pub const fn locking(mut self, locks: &'static str) -> Self {
        self.locks = locks;
        self
    }

    /// As this transaction's engine understands it.
    pub fn text(&'static self, tx: &Tx) -> &'static str {
        let [sqlite, postgres] = self.texts();
        match tx {
            Tx::Sqlite(..) => sqlite,
            Tx::Postgres(..) => postgres,
        }
    }

    /// For SQLite, and for PostgreSQL.
    pub fn texts(&'static self) -> [&'static str; 2] {
        let texts = self.texts.get_or_init(|| {
            let on_sqlite = (self.write)(&sqlite(self.columns));
            let on_postgres = (self.write)(&postgres(self.columns));
            [on_sqlite, on_postgres + self.locks]
        });
        [texts[0].as_str(), texts[1].as_str()]
    }
}

fn sqlite(columns: Columns) -> String {
    let mut text = String::from("(SELECT ");
    for (place, (name, kind)) in columns.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let _ = match kind {
            Kind::Id | Kind::Bytes => {
                write!(text, "{comma}unhex(value ->> {place}) AS {name}")
            }
            Kind::Text | Kind::Number | Kind::Time | Kind::Json => {
                write!(text, "{comma}value ->> {place} AS {name}")
            }
        };
    }
    // In the binary form, or each row would be written as text and parsed again for its cells.
    text + " FROM jsonb_each($1)) AS wanted"
}

fn postgres(columns: Columns) -> String {
    let mut text = String::from("(SELECT ");
    for (place, (name, kind)) in columns.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let _ = match kind {
            Kind::Id => write!(text, "{comma}CAST(value ->> {place} AS UUID) AS {name}"),
            Kind::Text => write!(text, "{comma}value ->> {place} AS {name}"),
            Kind::Number => write!(text, "{comma}CAST(value ->> {place} AS BIGINT) AS {name}"),
            Kind::Time => write!(
                text,
                "{comma}CAST(value ->> {place} AS TIMESTAMPTZ) AS {name}"
            ),
            Kind::Json => write!(text, "{comma}value -> {place} AS {name}"),
            Kind::Bytes => write!(text, "{comma}decode(value ->> {place}, 'hex') AS {name}"),
        };
    }
    text + " FROM jsonb_array_elements(CAST($1 AS JSONB))) AS wanted"
}

/// Rows being written down for one.
///
/// ```
/// # use tollgate_kernel::clock::Timestamp;
/// # use tollgate_storage::rows::{Cell, Sheet};
/// let mut sheet = Sheet::default();
/// sheet.row([Cell::Time(Timestamp::EPOCH), Cell::Bytes(&[0, 255])]);
/// sheet.row([Cell::Null, Cell::Null]);
/// assert_eq!(sheet.text(), r#"[["1970-01-01T00:00:00+00:00","00ff"],[null,null]]"#);
/// ```
#[derive(Debug)]
pub struct Sheet {
    text: String,
    rows: usize,
}

impl Default for Sheet {
    fn default() -> Self {
        Self {
            text: String::from("["),
            rows: 0,
        }
    }
}

impl Sheet {
    /// Of one column of ids.
    pub fn of_ids(ids: impl IntoIterator<Item = impl Id>) -> Self {
        let mut sheet = Self::default();
        for id in ids {
            sheet.row([Cell::Id(id.uuid())]);
        }
        sheet
    }

    /// One more row, with a cell for each column.
    pub fn row<const N: usize>(&mut self, cells: [Cell<'_>; N]) {
        self.text.push_str(if self.rows == 0 { "[" } else { ",[" });
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            cell.write(&mut self.text);
        }
        self.text.push(']');
        self.rows += 1;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The parameter `$1`.
    pub fn text(mut self) -> String {
        self.text.push(']');
        self.text
    }
}

/// What stands in a column.
///
/// ```
/// # use tollgate_storage::rows::Cell;
/// let note: Option<&str> = None;
/// assert!(matches!(Cell::from(note), Cell::Null));
/// assert!(matches!(Cell::from(Some("paid")), Cell::Text("paid")));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// Of [`Kind::Id`].
    Id(Uuid),
    /// Of [`Kind::Text`].
    Text(&'a str),
    /// Of [`Kind::Number`].
    Number(i64),
    /// Of [`Kind::Time`].
    Time(Timestamp),
    /// Of [`Kind::Json`].
    Json(&'a Value),
    /// Of [`Kind::Bytes`].
    Bytes(&'a [u8]),
    /// Of any.
    Null,
}

impl Cell<'_> {
    fn write(&self, text: &mut String) {
        // Writing into a text does not fail.
        let _ = match self {
            Self::Id(id) => write!(text, "\"{}\"", id.as_simple()),
            Self::Text(words) => write!(text, "{}", Value::from(*words)),
            Self::Number(number) => write!(text, "{number}"),
            // As SQLite's driver writes moments, so that they compare as text.
            Self::Time(at) => {
                let at = at.utc().to_rfc3339_opts(SecondsFormat::AutoSi, false);
                write!(text, "\"{at}\"")
            }
            Self::Json(value) => write!(text, "{value}"),
            Self::Bytes(bytes) => {
                text.push('"');
                for byte in *bytes {
                    let _ = write!(text, "{byte:02x}");
                }
                text.write_char('"')
            }
            Self::Null => text.write_str("null"),
        };
    }
}

impl From<Option<Uuid>> for Cell<'_> {
    fn from(id: Option<Uuid>) -> Self {
        id.map_or(Self::Null, Self::Id)
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::each_engine;
    use serde_json::json;

    const COLUMNS: Columns = &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("units", Kind::Number),
        ("at", Kind::Time),
        ("more", Kind::Json),
        ("hash", Kind::Bytes),
    ];
    static READ: OverRows = OverRows::new(COLUMNS, |rows| {
        format!("SELECT id, name, units, at, more, hash FROM {rows} WHERE units <> $2")
    });
    row!(
        struct Read {
            id: Option<Uuid>,
            name: Option<String>,
            units: Option<i64>,
            at: Option<chrono::DateTime<chrono::Utc>>,
            more: Option<sqlx::types::Json<Value>>,
            hash: Option<Vec<u8>>,
        }
    );

    #[tokio::test]
    async fn what_is_handed_over_is_read_as_it_was() {
        each_engine(&[], async |db| {
            let at = Timestamp::from_micros(1_790_000_000_123_456).expect("a moment");
            let (id, more) = (
                Uuid::from_u128(7),
                json!({"a": [1, "\u{e9}\"'\\"], "b": null}),
            );
            let names = ["", "plain", "O'Brien \"quoted\" \\ 四 \u{1f600} \n"];
            for count in [0, 1, 3, 300] {
                let mut sheet = Sheet::default();
                for row in 0..count {
                    sheet.row([
                        Cell::Id(id),
                        Cell::Text(names[row % 3]),
                        Cell::Number(i64::MAX - i64::try_from(row).expect("fits")),
                        Cell::Time(at),
                        Cell::Json(&more),
                        Cell::Bytes(&[0, 255, 16]),
                    ]);
                }
                sheet.row([
                    Cell::Null,
                    Cell::Null,
                    Cell::Number(1),
                    Cell::Null,
                    Cell::Json(&more),
                    Cell::Null,
                ]);
                sheet.row([
                    Cell::Null,
                    Cell::Null,
                    Cell::Number(0),
                    Cell::Null,
                    Cell::Json(&more),
                    Cell::Null,
                ]);
                assert_eq!(sheet.len(), count + 2);
                let mut tx = db.begin().await.expect("begins");
                let (text, sheet) = (READ.text(&tx), sheet.text());
                let rows: Vec<Read> = in_tx!(&mut tx, |c| sqlx::query_as(text)
                    .bind(&sheet)
                    .bind(0_i64)
                    .fetch_all(c)
                    .await)
                .expect("reads");
                assert_eq!(rows.len(), count + 1);
                for (place, row) in rows.iter().take(count).enumerate() {
                    assert_eq!((row.id, row.at), (Some(id), Some(at.utc())));
                    assert_eq!(row.name.as_deref(), Some(names[place % 3]));
                    assert_eq!(
                        row.units,
                        Some(i64::MAX - i64::try_from(place).expect("fits"))
                    );
                    assert_eq!(row.more.as_ref().map(|more| &more.0), Some(&more));
                    assert_eq!(row.hash.as_deref(), Some(&[0, 255, 16][..]));
                }
                let last = rows.last().expect("a row");
                assert!(last.id.is_none() && last.name.is_none() && last.at.is_none());
                assert!(last.hash.is_none());
            }
        })
        .await;
    }
}
