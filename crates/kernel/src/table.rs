//! A list as a table that a spreadsheet opens: CSV (RFC 4180).

use axum::BoxError;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};

use crate::problem::{Code, Problem};

/// Rows of one table, at most.
///
/// ```
/// # use tollgate_kernel::table::LONGEST_TABLE;
/// let wanted = 25_000_u32;
/// assert_eq!(wanted.min(LONGEST_TABLE), 10_000);
/// ```
pub const LONGEST_TABLE: u32 = 10_000;

/// The answer that downloads as `file_name`: a head and one line a row. No cell is taken for a formula.
///
/// ```
/// # use axum::body::to_bytes;
/// # use tollgate_kernel::table::csv_answer;
/// # #[tokio::main]
/// # async fn main() -> Result<(), axum::Error> {
/// let rows = [["Ada, Countess".to_owned(), "=1+1".to_owned()]];
/// let answer = csv_answer("people.csv", &["name", "note"], rows).expect("a table");
/// assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
/// assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"people.csv\"");
/// assert_eq!(to_bytes(answer.into_body(), 100).await?, "name,note\n\"Ada, Countess\",'=1+1\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `internal`, when a name cannot be written or rows are of another length than the head; neither happens with
/// rows of one type.
pub fn csv_answer<const COLUMNS: usize>(
    file_name: &'static str,
    head: &[&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Result<Response, Problem> {
    let mut bytes = line(head)?;
    bytes.extend(lines(rows)?);
    download(file_name, Body::from(bytes))
}

/// The same, a part at a time: whoever reads slowly is read for slowly, and nobody holds the whole table. A part that
/// fails cuts the answer off, so that nobody takes it for whole.
///
/// ```
/// # use axum::body::to_bytes;
/// # use futures_util::stream;
/// # use std::io::Error;
/// # use tollgate_kernel::table::csv_stream;
/// # #[tokio::main]
/// # async fn main() {
/// let parts = [Ok(vec![["Ada".to_owned()]]), Err(Error::other("the database went away"))];
/// let answer = csv_stream("people.csv", &["name"], stream::iter(parts)).expect("begun");
/// assert_eq!(answer.status(), 200);
/// assert!(to_bytes(answer.into_body(), 100).await.is_err(), "cut off, and seen to be");
/// # }
/// ```
///
/// # Errors
/// As [`csv_answer`].
pub fn csv_stream<const COLUMNS: usize, E>(
    file_name: &'static str,
    head: &[&str; COLUMNS],
    parts: impl Stream<Item = Result<Vec<[String; COLUMNS]>, E>> + Send + 'static,
) -> Result<Response, Problem>
where
    E: Into<BoxError> + Send + 'static,
{
    let head: Result<Vec<u8>, BoxError> = Ok(line(head)?);
    let parts = parts.map(|rows| {
        let rows = rows.map_err(Into::into)?;
        lines(rows).map_err(|_| BoxError::from("a row that cannot be written"))
    });
    let all = stream::iter([head]).chain(parts);
    download(file_name, Body::from_stream(all))
}

fn line<const COLUMNS: usize>(cells: &[&str; COLUMNS]) -> Result<Vec<u8>, Problem> {
    let mut line = csv::Writer::from_writer(Vec::new());
    line.write_record(cells)
        .map_err(|_| Problem::new(Code::Internal))?;
    line.into_inner().map_err(|_| Problem::new(Code::Internal))
}

fn lines<const COLUMNS: usize>(
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Result<Vec<u8>, Problem> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    for row in rows {
        lines
            .write_record(row.map(inert))
            .map_err(|_| Problem::new(Code::Internal))?;
    }
    lines.into_inner().map_err(|_| Problem::new(Code::Internal))
}

fn download(file_name: &'static str, body: Body) -> Result<Response, Problem> {
    let disposition = format!("attachment; filename=\"{file_name}\"");
    let disposition = HeaderValue::from_str(&disposition);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (
            header::CONTENT_DISPOSITION,
            disposition.map_err(|_| Problem::new(Code::Internal))?,
        ),
    ];
    Ok((headers, body).into_response())
}

/// A cell that a spreadsheet would run begins with an apostrophe, which makes it text. Numbers below zero
/// begin like formulas and cannot be told from them: they get it too.
fn inert(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        return format!("'{cell}");
    }
    cell
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn line_59_no_cell_is_a_formula_and_no_cell_breaks_its_row() {
        let cells = [
            (
                "=HYPERLINK(\"http://x\")",
                "\"'=HYPERLINK(\"\"http://x\"\")\"",
            ),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "'＝1"),
            ("a=b", "a=b"),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\""),
            ("", "\"\""),
        ];
        for (cell, written) in cells {
            let answer = csv_answer("x.csv", &["a"], [[cell.to_owned()]]).expect("a table");
            let disposition = &answer.headers()["content-disposition"];
            assert_eq!(disposition, "attachment; filename=\"x.csv\"");
            let bytes = answer
                .into_body()
                .collect()
                .await
                .expect("whole")
                .to_bytes();
            assert_eq!(String::from_utf8_lossy(&bytes), format!("a\n{written}\n"));
        }
    }

    #[tokio::test]
    async fn line_59_a_table_in_parts_is_the_same_table() {
        let parts = [
            Ok::<_, BoxError>(vec![["=1".to_owned()], ["b".to_owned()]]),
            Ok(Vec::new()),
            Ok(vec![["-2".to_owned()]]),
        ];
        let answer = csv_stream("x.csv", &["a"], stream::iter(parts)).expect("a table");
        assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
        let bytes = answer.into_body().collect().await.expect("whole");
        assert_eq!(bytes.to_bytes(), "a\n'=1\nb\n'-2\n");
        let broken = [
            Ok(vec![["b".to_owned()]]),
            Err(BoxError::from("the database")),
        ];
        let answer = csv_stream("x.csv", &["a"], stream::iter(broken)).expect("begun");
        assert!(answer.into_body().collect().await.is_err(), "cut off");
    }
}
