//! Lists in responses, read row by row.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use progenitor_client::{Error, ResponseValue};
use serde::de::{DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::attempt::Attempt;

/// The rows that are read before a list counts as malformed: the largest page of any version of the
/// service. The hub is asked for 100 at most.
const MAX_ROWS: usize = 1000;
/// Bytes of an unreadable row that are kept.
const KEPT_TEXT: usize = 64 * 1024;
/// Bytes of the reason that are kept: it may quote a text of the row.
const KEPT_REASON: usize = 1000;

/// The rows of a response. Dereferences to the readable ones.
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
/// for row in jobs.unreadable() {
///     println!("{row}");
/// }
/// for job in jobs {
///     println!("{}", job.id());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rows<T> {
    rows: Vec<T>,
    unreadable: Vec<UnreadableRow>,
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
///         Err(Error::UnreadableRow(row)) => println!("skipped: {}", row.reason()),
///         Err(error) => println!("the listing ends: {error}"),
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnreadableRow {
    index: usize,
    text: String,
    reason: String,
}

/// Reads a response of rows. What an unreadable row repeats of the request's token is removed.
pub(crate) async fn read_rows<T: DeserializeOwned + fmt::Debug, E>(
    attempt: &Attempt,
    response: reqwest::Response,
) -> Result<ResponseValue<Rows<T>>, Error<E>> {
    let response = ResponseValue::<Rows<T>>::from_response(response).await?;
    response.map(|rows| rows.redact(|text| attempt.redact(text)))
}

impl<T> Rows<T> {
    /// Returns the readable rows.
    pub fn into_vec(self) -> Vec<T> {
        self.rows
    }

    /// Returns the unreadable rows.
    pub fn unreadable(&self) -> &[UnreadableRow] {
        &self.unreadable
    }

    pub(crate) fn into_parts(self) -> (Vec<T>, Vec<UnreadableRow>) {
        (self.rows, self.unreadable)
    }

    /// Replaces the texts of the unreadable rows by what `redact` returns for them.
    fn redact(self, redact: impl Fn(&str) -> Option<String>) -> Self {
        let unreadable = self.unreadable.into_iter().map(|row| row.redact(&redact)).collect();
        Self { unreadable, ..self }
    }
}

impl UnreadableRow {
    /// Returns the position of the row in its response, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the row as the hub wrote it without tokens, at most its first 64 KiB.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the reason why the row could not be read, at most its first 1,000 bytes.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn redact(mut self, redact: impl Fn(&str) -> Option<String>) -> Self {
        for text in [&mut self.text, &mut self.reason] {
            if let Some(redacted) = redact(text) {
                *text = redacted;
            }
        }
        self
    }

    /// Returns a row that lacks a member which the query selects.
    pub(crate) fn lacking(index: usize, member: &str, text: String) -> Self {
        Self { index, text, reason: format!("it has no usable {member}") }
    }

    fn new(index: usize, row: &RawValue, error: &serde_json::Error) -> Self {
        let text = truncate(row.get(), KEPT_TEXT).to_owned();
        Self { index, text, reason: truncate(&error.to_string(), KEPT_REASON).to_owned() }
    }
}

/// Returns the beginning of a text, at most so many bytes.
fn truncate(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of a page cannot be read: {:?}", self.index, self.reason)
    }
}

impl std::error::Error for UnreadableRow {}

impl<T> Deref for Rows<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<T: Serialize> Serialize for Rows<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

/// Reads from JSON text; a deserializer of other formats, or of a `serde_json::Value`, is an error.
impl<'de, T: DeserializeOwned> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowsVisitor(PhantomData))
    }
}

struct RowsVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for RowsVisitor<T> {
    type Value = Rows<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_unit<E>(self) -> Result<Rows<T>, E> {
        Ok(Rows { rows: Vec::new(), unreadable: Vec::new() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows<T>, A::Error> {
        let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
        let mut index = 0;
        // The raw text is scanned without recursion and without building values.
        while let Some(row) = list.next_element::<&'de RawValue>()? {
            if index == MAX_ROWS {
                return Err(A::Error::custom(format_args!("more than {MAX_ROWS} rows")));
            }
            match serde_json::from_str(row.get()) {
                Ok(row) => rows.push(row),
                Err(error) => unreadable.push(UnreadableRow::new(index, row, &error)),
            }
            index += 1;
        }
        Ok(Rows { rows, unreadable })
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
            let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids, ["a", "c"], "{payload}");
            let [unreadable] = rows.unreadable() else { panic!("{payload}: {rows:?}") };
            assert_eq!((unreadable.index(), unreadable.text()), (1, poisoned.as_str()));
            assert!(!unreadable.reason().is_empty());
        }
        let number = read(r#"[{"outcome":{"status":3000000000}}, 7, {}]"#).unwrap();
        assert_eq!((number.len(), number.unreadable().len()), (1, 2));
    }

    #[test]
    fn null_is_an_empty_list() {
        assert!(read("null").unwrap().is_empty() && read("[]").unwrap().is_empty());
    }

    #[test]
    fn text_that_is_no_list_is_an_error() {
        for text in ["{}", "7", "[{}", "[oops]", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn endless_list_is_an_error_before_it_is_built() {
        let list = format!("[{}{{}}]", "{},".repeat(1_000_000));
        assert!(read(&list).unwrap_err().to_string().contains("more than 1000 rows"));
        assert_eq!(read(&format!("[{}{{}}]", "{},".repeat(MAX_ROWS - 1))).unwrap().len(), MAX_ROWS);
    }

    #[test]
    fn long_row_is_cut_at_a_character() {
        let rows = read(&format!("[\"{}\"]", "é".repeat(KEPT_TEXT))).unwrap();
        assert_eq!(rows.unreadable()[0].text().len(), KEPT_TEXT - 1);
        assert_eq!(rows.unreadable()[0].reason().len(), KEPT_REASON);
    }
}
