//! Answers that are not what the hub promises.

use std::time::Duration;

use jobs_api::{Client, ClientBuilder, Credential, Error, RetryPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn builder(endpoint: String) -> ClientBuilder {
    let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
    Client::builder("h.net").endpoint(endpoint).credential(credential).retry(RetryPolicy::none())
}

/// A server that reads the beginning of each request and writes `answer`, whatever it is.
async fn client_of(answer: &'static [u8]) -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    builder(endpoint).build().unwrap()
}

async fn error_of(answer: &'static [u8]) -> Error {
    client_of(answer).await.get_scheduled_job("job").await.unwrap_err()
}

#[tokio::test]
async fn a_body_that_cannot_be_read_says_where_it_broke() {
    let body = "{\"jobId\":\"a\",\n \"deviceJobStatistics\":{\"failedCount\":[]}}";
    let answer =
        format!("HTTP/1.1 200 OK\r\nx-ms-request-id: 7\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let error = error_of(answer.leak().as_bytes()).await;
    let Error::UnreadableAnswer(unreadable) = &error else { panic!("{error}") };
    assert_eq!(unreadable.status().as_u16(), 200);
    assert_eq!(unreadable.headers()["x-ms-request-id"], "7");
    assert_eq!(unreadable.place(), "deviceJobStatistics.failedCount");
    assert_eq!(unreadable.body(), body);
    assert!(error.to_string().contains("line 2, column 38, at deviceJobStatistics.failedCount"), "{error}");
}

#[tokio::test]
async fn a_page_and_nothing_at_all_are_unreadable() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html>hello</"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xFF\xFE",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
    ] {
        let error = error_of(answer).await;
        assert!(matches!(error, Error::UnreadableAnswer(_)), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_stops_half_way_is_no_answer() {
    for answer in [
        &b""[..],
        b"HTT",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}",
    ] {
        let error = error_of(answer).await;
        assert!(matches!(error, Error::Transport(_)) && error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn another_status_keeps_its_body() {
    let error = error_of(b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 5\r\n\r\nshort").await;
    let service = error.service().unwrap();
    assert_eq!((service.status().as_u16(), service.body(), service.message()), (418, "short", "short"));
    let error = error_of(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(error.service().unwrap().status().as_u16(), 204);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer =
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let error = error_of(answer).await;
    assert_eq!(error.service().unwrap().status().as_u16(), 307);
    assert!(error.to_string().contains("redirects are not followed"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_connect_error() {
    // Bound, so that nobody else takes the port, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = socket.local_addr().unwrap();
    let error =
        builder(format!("http://{free}")).build().unwrap().get_scheduled_job("job").await.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    assert!(transport.is_connect() && !transport.is_timeout());
    assert!(
        error.to_string().starts_with(&format!(
            "get_scheduled_job (GET /jobs/v2/job): no connection to {free} (request id"
        ))
    );
}

#[tokio::test]
async fn a_hub_that_never_answers_is_given_up_on() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = builder(endpoint).timeout(Duration::from_millis(100)).build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    assert!(transport.is_timeout());
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read_on() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    });
    let client = builder(endpoint).max_response_size(100_000).build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert!(error.to_string().contains("it is larger than 100000 bytes"), "{error}");
}
