//! The body of a response: read up to a limit, and recorded as far as it came.

use std::mem;

use bytes::{Bytes, BytesMut};
use reqwest::Response;

use crate::runtime::Attempt;
use crate::runtime::attempt::BodyExtent;

/// Reads the body up to the limit of the attempt, and records it.
pub(super) async fn read_body(attempt: &Attempt, response: &mut Response) -> reqwest::Result<Bytes> {
    let limit = attempt.settings().body_limit;
    let mut body = PartialBody { attempt, first: Bytes::new(), rest: BytesMut::new() };
    while let Some(chunk) = response.chunk().await? {
        if !body.add(chunk, limit) {
            body.record(BodyExtent::OverLimit(limit));
            return Ok(Bytes::new());
        }
    }
    Ok(body.record(BodyExtent::Complete))
}

/// A body as far as it was read. Dropped, as at a timeout, it is recorded as interrupted.
struct PartialBody<'a> {
    attempt: &'a Attempt,
    /// The only chunk, as most bodies have: it is not copied.
    first: Bytes,
    /// All chunks, if there are several.
    rest: BytesMut,
}

impl PartialBody<'_> {
    /// Adds a chunk, or as much of it as the limit allows. Returns true if it was all.
    fn add(&mut self, chunk: Bytes, limit: usize) -> bool {
        if self.first.is_empty() && self.rest.is_empty() && chunk.len() <= limit {
            self.first = chunk;
            return true;
        }
        self.rest.extend_from_slice(&mem::take(&mut self.first));
        let room = limit - self.rest.len();
        self.rest.extend_from_slice(&chunk[..chunk.len().min(room)]);
        chunk.len() <= room
    }

    /// Records the body, and returns it.
    fn record(&mut self, extent: BodyExtent) -> Bytes {
        let first = mem::take(&mut self.first);
        let body = if self.rest.is_empty() { first } else { mem::take(&mut self.rest).freeze() };
        if let Some(response) = &mut self.attempt.exchange().response
            && response.extent == BodyExtent::Interrupted
        {
            (response.body, response.extent) = (body.clone(), extent);
        }
        body
    }
}

impl Drop for PartialBody<'_> {
    fn drop(&mut self) {
        self.record(BodyExtent::Interrupted);
    }
}
