//! The two queries, a page at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hyper::HeaderMap;
use serde_json::{Value, json};

use crate::condition::Condition;
use crate::job::Job;
use crate::refusal::Refusal;
use crate::state::State;

/// The largest page, and the one given when no size is asked for.
const PAGE_SIZE: usize = 100;

/// What a query is about: the text that a continuation token belongs to.
pub(crate) struct Page {
    query: String,
    size: usize,
    start: usize,
}

impl Page {
    /// Reads the paging headers of a request for `query`.
    pub(crate) fn read(headers: &HeaderMap, query: String) -> Result<Self, Refusal> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let size = text("x-ms-max-item-count").map_or(Some(PAGE_SIZE), |size| size.parse().ok());
        let size = size
            .filter(|size| (1..=PAGE_SIZE).contains(size))
            .ok_or_else(|| Refusal::argument_invalid("x-ms-max-item-count must be within [1; 100]"))?;
        let mut page = Self { query, size, start: 0 };
        if let Some(token) = text("x-ms-continuation") {
            page.start = page.resume(token).ok_or_else(|| {
                Refusal::argument_invalid("The continuation token is not one of this query and page size")
            })?;
        }
        Ok(page)
    }

    /// The items of this page, and the token of the next.
    pub(crate) fn cut<T>(&self, items: impl Iterator<Item = T>) -> (Vec<T>, Option<String>) {
        let mut items = items.skip(self.start);
        let page = items.by_ref().take(self.size).collect();
        let token = items.next().map(|_| self.token(self.start + self.size));
        (page, token)
    }

    fn token(&self, start: usize) -> String {
        BASE64.encode(json!([start, self.size, self.query]).to_string())
    }

    fn resume(&self, token: &str) -> Option<usize> {
        let token: Value = serde_json::from_slice(&BASE64.decode(token).ok()?).ok()?;
        let is_own = token[1] == self.size && token[2] == self.query.as_str();
        token[0].as_u64().filter(|_| is_own)?.try_into().ok()
    }
}

/// The jobs of this type and status, both read without regard to case.
pub(crate) fn jobs<'a>(
    state: &'a State,
    job_type: Option<&'a str>,
    status: Option<&'a str>,
) -> impl Iterator<Item = &'a Job> {
    let is_wanted =
        |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(found));
    state.jobs().filter(move |job| {
        is_wanted(job_type, job.definition.work.type_name()) && is_wanted(status, job.status.as_str())
    })
}

/// The rows that a query `SELECT * FROM devices.jobs [WHERE …]` selects.
pub(crate) fn device_jobs<'a>(
    state: &'a State,
    query: &str,
) -> Result<impl Iterator<Item = Value> + 'a, Refusal> {
    let condition = row_condition(query).map_err(Refusal::argument_invalid)?;
    let rows = state.jobs().flat_map(|job| job.rows_to_json());
    Ok(rows.filter(move |row| condition.selects(row)))
}

fn row_condition(query: &str) -> Result<Condition, String> {
    let words: Vec<&str> = query.split_whitespace().collect();
    let starts_with = |expected: &[&str]| {
        words.len() >= expected.len() && words.iter().zip(expected).all(|(a, b)| a.eq_ignore_ascii_case(b))
    };
    if !starts_with(&["SELECT", "*", "FROM", "devices.jobs"]) {
        return Err("Only SELECT * FROM devices.jobs is supported here".into());
    }
    match words.get(4) {
        None => Ok(Condition::everything()),
        Some(word) if word.eq_ignore_ascii_case("WHERE") => {
            let start = query.to_ascii_lowercase().find("where").unwrap_or_default() + "where".len();
            Condition::on_rows(&query[start..], &["devices", "jobs"])
        }
        Some(word) => Err(format!("unexpected {word} after FROM devices.jobs")),
    }
}
