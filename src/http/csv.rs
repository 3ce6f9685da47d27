//! Files for spreadsheets (RFC 4180), in which no cell is a formula.

use std::future::Future;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use belfry_store::StoreError;
use bytes::Bytes;
use csv::{Terminator, Writer, WriterBuilder};
use futures::{StreamExt, stream};

use crate::http::problem::Problem;

/// Rows read at once for a long file, and the most that one holds.
const ROWS: i64 = 500;
const MOST_ROWS: i64 = 50_000;

/// Lines in the making.
pub struct File(Writer<Vec<u8>>);

impl File {
    /// Begins with the names of the columns.
    pub fn new(columns: &[&str]) -> Self {
        let mut file = Self::more();
        file.row(columns);
        file
    }

    /// More lines of a file that has begun.
    fn more() -> Self {
        let mut builder = WriterBuilder::new();
        Self(builder.terminator(Terminator::CRLF).from_writer(Vec::new()))
    }

    /// Adds a line.
    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        let safe = cells.iter().map(|cell| harmless(cell.as_ref()));
        if let Err(error) = self.0.write_record(safe) {
            // Memory takes everything, and every line has as many cells as the first.
            tracing::error!(%error, "a line of a file was not written");
        }
    }

    /// The lines as they are sent.
    pub fn bytes(self) -> Bytes {
        self.0.into_inner().map(Bytes::from).unwrap_or_default()
    }
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe, which they hide. Numbers
/// stay numbers.
fn harmless(cell: &str) -> String {
    let risky =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && cell.parse::<f64>().is_err();
    if risky {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// A file of at most fifty thousand rows, sent as they are read: `read` answers so many after the one with this key.
///
/// # Errors
/// When nothing can be read. What breaks off later breaks the connection off.
pub async fn streamed<R: 'static, K: 'static, const N: usize, F>(
    name: &str,
    columns: [&str; N],
    line: fn(&R) -> [String; N],
    key: fn(&R) -> K,
    read: impl Fn(Option<K>, i64) -> F + 'static,
) -> Result<HttpResponse, Problem>
where
    F: Future<Output = Result<Vec<R>, StoreError>> + 'static,
{
    let first = read(None, ROWS).await?;
    let mut head = File::new(&columns);
    first.iter().for_each(|row| head.row(&line(row)));
    let state = (first.last().map(key), first.len() as i64);
    let rest = stream::try_unfold(state, move |(after, told)| {
        let is_whole = told % ROWS == 0 && told < MOST_ROWS;
        let found = (after.is_some() && is_whole).then(|| read(after, ROWS));
        async move {
            let Some(found) = found else {
                return Ok::<_, StoreError>(None);
            };
            let found = found.await?;
            let mut lines = File::more();
            found.iter().for_each(|row| lines.row(&line(row)));
            let state = (found.last().map(key), told + found.len() as i64);
            Ok(Some((lines.bytes(), state)))
        }
    });
    let all = stream::once(async move { Ok(head.bytes()) }).chain(rest);
    Ok(answer(name).streaming(all))
}

/// An answer that is kept as a file of this name.
pub fn answer(name: &str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .insert_header((CACHE_CONTROL, "no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_formulas() {
        let mut file = File::new(&["name", "note"]);
        file.row(&["Nguyễn, \"An\"", "two\nlines"]);
        file.row(&["=HYPERLINK(\"http://evil\")", "+1+1"]);
        file.row(&["-12", "@sum"]);
        file.row(&["-2+3", "\t=1"]);
        let text = String::from_utf8(file.bytes().to_vec()).unwrap();
        let expected = [
            "name,note",
            "\"Nguyễn, \"\"An\"\"\",\"two\nlines\"",
            "\"'=HYPERLINK(\"\"http://evil\"\")\",'+1+1",
            "-12,'@sum",
            "'-2+3,'\t=1",
            "",
        ];
        assert_eq!(text, expected.join("\r\n"));
    }
}
