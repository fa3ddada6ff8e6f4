//! Lists in responses, read row by row.
//!
//! A row repeats what a device answered, and a device may answer anything. The text of a list is therefore split into
//! the texts of its rows first, and each is read by itself. A row that cannot be read is kept with its text and the
//! reason, since a row that disappeared would look like a device that the job never reached.

use std::fmt;

use progenitor_client::{Error, ResponseValue};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::value::RawValue;

use super::attempt::Attempt;
use super::members::escape;
use super::reply::{add_path, truncate};

/// The rows that are read before a list counts as malformed: the largest page of any version of the
/// service. The hub is asked for 100 at most.
const MAX_ROWS: usize = 1000;
/// Bytes of an unreadable row that are kept.
const KEPT_TEXT: usize = 64 * 1024;
/// Characters of the row that a message repeats.
const SHOWN_TEXT: usize = 120;

/// The rows of a response.
///
/// Each row is read by itself: a device's answer that is not valid for its type, such as JSON nested deeper
/// than 128 levels, makes its own row unreadable and no other. A list of more than 1,000 rows is an error,
/// and null is an empty list.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// let list = |api: jobs_api::Operations| async move {
///     api.query_scheduled_jobs().with_x_ms_max_item_count("100").await
/// };
/// let jobs = client.call(list).await?.into_inner();
/// for row in jobs.unreadable {
///     println!("{row}");
/// }
/// for job in jobs.readable {
///     println!("{}", job.id());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rows<T> {
    /// The rows that are as the spec describes them, in the hub's order.
    pub readable: Vec<T>,
    /// The other rows, in the hub's order.
    pub unreadable: Vec<UnreadableRow>,
}

/// A row that is not what the spec describes.
///
/// A listing yields it as an error, and continues with the next row:
///
/// ```
/// # async fn example(client: jobs_api::Client) {
/// use futures_util::StreamExt;
/// use jobs_api::Error;
///
/// let mut rows = client.query_device_jobs("reboot-43");
/// while let Some(row) = rows.next().await {
///     match row {
///         Ok(row) => println!("{}", row.id()),
///         Err(Error::UnreadableRow(row)) => println!("skipped: {}", row.reason),
///         Err(error) => println!("the listing ends: {error}"),
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnreadableRow {
    /// The position of the row in its response, from 0.
    pub index: usize,
    /// The row as the hub wrote it without tokens, at most its first 64 KiB.
    pub text: String,
    /// Why the row could not be read: on one line, at most its first 400 characters.
    pub reason: String,
}

/// Reads a response of rows. What an unreadable row repeats of the request's token is removed.
pub(crate) async fn read_rows<T: DeserializeOwned + fmt::Debug, E>(
    attempt: &Attempt,
    response: reqwest::Response,
) -> Result<ResponseValue<Rows<T>>, Error<E>> {
    let response = ResponseValue::<Rows<T>>::from_response(response).await?;
    response.map(|mut rows| {
        for text in rows.unreadable.iter_mut().flat_map(|row| [&mut row.text, &mut row.reason]) {
            if let Some(redacted) = (attempt.settings().redact)(text) {
                *text = redacted;
            }
        }
        rows
    })
}

impl UnreadableRow {
    fn new(index: usize, row: &RawValue, error: serde_json::Error) -> Self {
        let text = truncate(row.get(), KEPT_TEXT).to_owned();
        Self { index, text, reason: escape(error).to_string() }
    }
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, reason, .. } = self;
        let start: String = self.text.chars().take(SHOWN_TEXT).collect();
        write!(f, "row {index} of a page cannot be read: {reason}; it begins with {start:?}")
    }
}

impl std::error::Error for UnreadableRow {}

/// Reads from JSON text; a deserializer of other formats, or of a `serde_json::Value`, is an error.
impl<'de, T: DeserializeOwned> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The raw text is scanned without recursion and without building values.
        let texts = Option::<Vec<&'de RawValue>>::deserialize(deserializer)?.unwrap_or_default();
        if texts.len() > MAX_ROWS {
            return Err(D::Error::custom(format_args!("more than {MAX_ROWS} rows")));
        }
        let mut rows = Self { readable: Vec::new(), unreadable: Vec::new() };
        for (index, text) in texts.into_iter().enumerate() {
            match serde_json::from_str(text.get()) {
                Ok(row) => rows.readable.push(row),
                Err(error) => {
                    let error = add_path::<T>(text.get().as_bytes(), error);
                    rows.unreadable.push(UnreadableRow::new(index, text, error));
                }
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Row {
        #[serde(rename = "deviceId", default)]
        id: String,
        #[serde(rename = "outcome")]
        _outcome: Option<Outcome>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Outcome {
        #[serde(rename = "status")]
        _status: Option<i32>,
        #[serde(rename = "payload")]
        _payload: Option<serde_json::Value>,
    }

    fn read(list: &str) -> Result<Rows<Row>, serde_json::Error> {
        serde_json::from_slice(list.as_bytes())
    }

    #[test]
    fn unreadable_row_leaves_the_others_readable() {
        let deep = format!("{}{}", "[".repeat(130), "]".repeat(130));
        for payload in [deep.as_str(), "1e999", r#""\ud800""#, r#"{"a":1}, "payload": 2"#] {
            let poisoned = format!(r#"{{"deviceId":"b","outcome":{{"payload":{payload}}}}}"#);
            let rows = read(&format!(r#"[{{"deviceId":"a"}}, {poisoned}, {{"deviceId":"c"}}]"#)).unwrap();
            let ids: Vec<&str> = rows.readable.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids, ["a", "c"], "{payload}");
            let [unreadable] = &rows.unreadable[..] else { panic!("{payload}: {rows:?}") };
            assert_eq!((unreadable.index, unreadable.text.as_str()), (1, poisoned.as_str()));
            assert!(!unreadable.reason.is_empty());
        }
        let number = read(r#"[{"outcome":{"status":3000000000}}, 7, {}]"#).unwrap();
        assert_eq!((number.readable.len(), number.unreadable.len()), (1, 2));
    }

    #[test]
    fn null_is_an_empty_list() {
        assert!(read("null").unwrap().readable.is_empty() && read("[]").unwrap().readable.is_empty());
    }

    #[test]
    fn text_that_is_no_list_is_an_error() {
        for text in ["{}", "7", "[{}", "[oops]", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn list_of_more_than_a_thousand_rows_is_an_error() {
        let list = format!("[{}{{}}]", "{},".repeat(1_000_000));
        assert!(read(&list).unwrap_err().to_string().contains("more than 1000 rows"));
        assert_eq!(read(&format!("[{}{{}}]", "{},".repeat(MAX_ROWS - 1))).unwrap().readable.len(), MAX_ROWS);
    }

    #[test]
    fn long_row_is_cut_at_a_character() {
        let rows = read(&format!("[\"{}\"]", "é".repeat(KEPT_TEXT))).unwrap();
        assert_eq!(rows.unreadable[0].text.len(), KEPT_TEXT - 1);
        assert_eq!(rows.unreadable[0].reason.chars().count(), 400);
    }
}
