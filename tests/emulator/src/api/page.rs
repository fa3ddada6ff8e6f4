//! Pages of a query, and their continuation tokens.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::limits::PAGE_SIZE;
use crate::response::{Response, json_response};
use crate::service_error::ServiceError;

const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");
const MAX_ITEM_COUNT: HeaderName = HeaderName::from_static("x-ms-max-item-count");

/// A requested page.
#[derive(Debug)]
pub(super) struct PageRequest {
    /// Identifies the query, to which a token belongs.
    query: u64,
    pub(super) size: usize,
    /// Where the page begins; `None` for the first.
    pub(super) cursor: Option<Value>,
}

/// A page, with the cursor of the next one.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) item_type: &'static str,
    pub(super) items: Vec<Value>,
    pub(super) next: Option<Value>,
}

impl PageRequest {
    /// Reads the paging headers of a request for `query`.
    pub(super) fn parse(headers: &HeaderMap, query: &str) -> Result<Self, ServiceError> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let size = text(MAX_ITEM_COUNT).map_or(Some(PAGE_SIZE), |size| size.parse().ok());
        let size = size.filter(|size| (1..=PAGE_SIZE).contains(size)).ok_or_else(|| {
            ServiceError::argument_invalid(format!("x-ms-max-item-count must be within [1; {PAGE_SIZE}]"))
        })?;
        let mut hasher = DefaultHasher::new();
        query.hash(&mut hasher);
        let mut page = Self { query: hasher.finish(), size, cursor: None };
        if let Some(token) = text(CONTINUATION) {
            page.cursor = Some(page.resume(token).ok_or_else(invalid_token)?);
        }
        Ok(page)
    }

    fn token(&self, cursor: &Value) -> String {
        BASE64.encode(json!([self.query, self.size, cursor]).to_string())
    }

    fn resume(&self, token: &str) -> Option<Value> {
        let mut token: Value = serde_json::from_slice(&BASE64.decode(token).ok()?).ok()?;
        let is_own = token[0] == self.query && token[1] == self.size;
        is_own.then(|| token.get_mut(2).map(Value::take)).flatten()
    }

    /// Makes the answer with a page.
    pub(super) fn to_response(&self, page: Page) -> Response {
        let mut response = json_response(StatusCode::OK, Value::Array(page.items).to_string());
        let headers = response.headers_mut();
        headers.insert(ITEM_TYPE, HeaderValue::from_static(page.item_type));
        let token = page.next.and_then(|cursor| HeaderValue::try_from(self.token(&cursor)).ok());
        if let Some(token) = token {
            headers.insert(CONTINUATION, token);
        }
        response
    }
}

/// Refuses a token that belongs to another query or page size, or to none.
pub(super) fn invalid_token() -> ServiceError {
    ServiceError::argument_invalid("The continuation token is not one of this query and page size")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str, size: &str, token: Option<String>) -> Result<PageRequest, ServiceError> {
        let mut headers = HeaderMap::new();
        headers.insert(MAX_ITEM_COUNT, size.parse().unwrap());
        if let Some(token) = token {
            headers.insert(CONTINUATION, token.parse().unwrap());
        }
        PageRequest::parse(&headers, query)
    }

    #[test]
    fn token_belongs_to_its_query_and_page_size() {
        let cursor = json!(["a", 1]);
        let token = || Some(request("q", "10", None).unwrap().token(&cursor));
        assert_eq!(request("q", "10", token()).unwrap().cursor.as_ref(), Some(&cursor));
        for (query, size, token) in [
            ("other", "10", token()),
            ("q", "11", token()),
            ("q", "10", Some(String::new())),
            ("q", "10", Some("x".into())),
            ("q", "0", None),
            ("q", "101", None),
            ("q", "ten", None),
        ] {
            assert!(request(query, size, token).is_err());
        }
    }
}
