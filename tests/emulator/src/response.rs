//! Answers: their body, and the ones that are alike everywhere.

use std::fmt;

use futures_util::stream::{self, Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::StatusCode;
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER, VARY};

/// Body of an answer: a block, or a stream that a fault makes.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Reset>>;
pub(crate) type Response = hyper::Response<Body>;

/// End of a connection in place of an answer, or within one.
#[derive(Debug)]
pub(crate) struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset by an injected fault")
    }
}

impl std::error::Error for Reset {}

/// Makes an answer with this body.
pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn json_response(status: StatusCode, body: impl Into<Bytes>) -> Response {
    response(status, "application/json; charset=utf-8", body)
}

/// Adds the headers that every answer of the service has.
pub(crate) fn with_service_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Ok(id) = HeaderValue::try_from(random_guid()) {
        headers.insert("x-ms-request-id", id);
    }
    response
}

fn random_guid() -> String {
    let digits = format!("{:032x}", fastrand::u128(..));
    let part = |range| &digits[range];
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// Makes the answer of the service's front end to a body whose length is not stated.
pub(crate) fn length_required() -> Response {
    let page = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
         <HTML><HEAD><TITLE>Length Required</TITLE></HEAD>\r\n\
         <BODY><h2>Length Required</h2>\r\n<hr><p>HTTP Error 411. The request must be chunked or have a content length.</p>\r\n\
         </BODY></HTML>\r\n";
    response(StatusCode::LENGTH_REQUIRED, "text/html; charset=us-ascii", page)
}

pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(body.into()))
}

/// Makes a body of blocks; an error among them ends the connection.
pub(crate) fn streamed(blocks: impl Stream<Item = Result<Bytes, Reset>> + Send + 'static) -> Body {
    Either::Right(StreamBody::new(blocks.map(|block| block.map(Frame::data))).boxed_unsync())
}

/// Makes a body after which the connection ends, whatever length was announced.
pub(crate) fn cut_off(start: Bytes) -> Body {
    let end = stream::once(async {
        // Bytes written earlier reach the client only if the server has a chance to flush them.
        tokio::task::yield_now().await;
        Err(Reset)
    });
    streamed(stream::iter([Ok(start)]).chain(end))
}
