//! A list as a table that a spreadsheet opens: CSV (RFC 4180).

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use crate::problem::{Code, Problem};

/// Rows of one table, at most.
pub const LONGEST_TABLE: u32 = 10_000;

/// The answer that downloads as `file_name`: a head and one line a row. No cell is taken for a formula.
///
/// ```
/// use tollgate_kernel::table::csv_answer;
/// let answer = csv_answer("people.csv", &["name"], [["=1+1".to_owned()]]).expect("a table");
/// assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
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
    let broken = |_| Problem::new(Code::Internal);
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(head).map_err(broken)?;
    for row in rows {
        lines.write_record(row.map(inert)).map_err(broken)?;
    }
    let bytes = lines
        .into_inner()
        .map_err(|_| Problem::new(Code::Internal))?;
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
    Ok((headers, bytes).into_response())
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
}
