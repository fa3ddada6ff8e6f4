//! Bad input: an answer in the hub's shape or a closed connection, never a panic or growth.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Caller, PATIENCE, VERSION, exchange, quick_hub, read_answer};

#[tokio::test]
async fn post_without_a_length_is_refused_in_html() {
    let hub = quick_hub().await;
    let token = Caller::of(&hub).token;
    let request = format!(
        "POST /jobs/v2/a/cancel?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {token}\r\nconnection: close\r\n\r\n"
    );
    let answer = exchange(hub.address(), request.as_bytes()).await.unwrap();
    assert!(answer.status == 411 && answer.body.contains("<h2>Length Required</h2>"), "{answer:?}");
}

#[tokio::test]
async fn malformed_http_is_refused_or_closed() {
    let hub = quick_hub().await;
    for bytes in [
        &b"\r\n\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /jobs/v2/query HTTP/1.1\r\nbad header\r\n\r\n",
        b"PUT /jobs/v2/a HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n",
        b"PUT /jobs/v2/a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
    ] {
        let mut stream = TcpStream::connect(hub.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = timeout(PATIENCE, read_answer(&mut stream)).await.unwrap();
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{bytes:?}");
    }
    assert_eq!(Caller::of(&hub).get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
}

#[tokio::test]
async fn head_of_4_mb_is_refused_early() {
    let hub = quick_hub().await;
    let mut stream = TcpStream::connect(hub.address()).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}", "a".repeat(4 * 1024 * 1024));
    // The hub closes while this is still being sent.
    let sent = stream.write_all(head.as_bytes()).await;
    let answer = timeout(PATIENCE, read_answer(&mut stream)).await.unwrap();
    assert!(answer.as_ref().is_none_or(|answer| answer.status == 431), "{answer:?} {sent:?}");
}

#[tokio::test]
async fn body_of_200_mb_without_a_token_is_refused_before_it_is_read() {
    let hub = quick_hub().await;
    let mut stream = TcpStream::connect(hub.address()).await.unwrap();
    let head = format!("PUT /jobs/v2/a?{VERSION} HTTP/1.1\r\nhost: h\r\ncontent-length: 209715200\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Nothing of the body is sent, and yet the answer comes.
    let mut start = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 401");
}

#[tokio::test]
async fn body_beyond_the_limit_is_refused_by_its_length_or_its_size() {
    let hub = quick_hub().await;
    let token = Caller::of(&hub).token;
    let head = format!("PUT /jobs/v2/a?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {token}\r\n");
    for rest in [
        "content-length: 209715200\r\n\r\n".to_owned(),
        format!("transfer-encoding: chunked\r\n\r\n200000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x200000)),
    ] {
        let mut stream = TcpStream::connect(hub.address()).await.unwrap();
        let _ = stream.write_all(format!("{head}{rest}").as_bytes()).await;
        let mut start = [0; 12];
        match timeout(PATIENCE, stream.read_exact(&mut start)).await.unwrap() {
            Ok(_) => assert_eq!(&start, b"HTTP/1.1 413"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn slow_heads_and_bodies_end_in_time() {
    let hub = quick_hub().await;
    let token = Caller::of(&hub).token;
    let start = Instant::now();
    let head = "PUT /jobs/v2/a HTTP/1.1\r\nhost: h\r\n".to_owned();
    let body = format!(
        "PUT /jobs/v2/a?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {token}\r\ncontent-length: 100\r\n\r\n{{"
    );
    let slow = |request: String| {
        let address = hub.address();
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            read_answer(&mut stream).await
        }
    };
    let requests = (0..200).map(|n| slow(if n % 2 == 0 { head.clone() } else { body.clone() }));
    let answers = join_all(requests).await;
    for answer in answers.iter().flatten() {
        assert!([400, 408].contains(&answer.status), "{answer:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(300), "{:?}", start.elapsed());
    assert_eq!(Caller::of(&hub).get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
}

#[tokio::test]
async fn half_closed_connections_are_answered_or_closed() {
    let hub = quick_hub().await;
    let token = Caller::of(&hub).token;
    let head = format!("/jobs/v2/none?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {token}\r\n");
    for request in [
        format!("GET {head}\r\n"),
        format!("GET {head}"),
        format!("PUT {head}content-length: 100\r\n\r\n{{"),
        String::new(),
    ] {
        let mut stream = TcpStream::connect(hub.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = timeout(PATIENCE, read_answer(&mut stream)).await.unwrap();
        assert!(answer.is_none_or(|answer| [400, 200].contains(&answer.status)), "{request}");
    }
    assert_eq!(Caller::of(&hub).get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
}

#[tokio::test]
async fn deep_json_is_a_bad_request() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let body = "[".repeat(100_000);
    let request = format!(
        "POST /devices/query?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        caller.token,
        body.len()
    );
    let answer = exchange(hub.address(), request.as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (400, "GenericBadRequest"));
    assert_eq!(caller.create("a", &json!({})).await.error(), "ArgumentInvalid");
}
