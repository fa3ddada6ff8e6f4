//! Responses that violate the hub's contract, and servers that do not respond.

use std::time::Duration;

use jobs_api::{Client, ClientBuilder, Credential, Error, RetryPolicy};
use jobs_emulator::{Fault, Route, When};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{client, quick_hub};

fn builder(endpoint: String) -> ClientBuilder {
    let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
    Client::builder("h.net", credential).endpoint(endpoint).retry(RetryPolicy::none())
}

/// Returns a client of a server that writes the bytes of `response` to every request.
async fn client_of(response: &'static [u8]) -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(response).await;
        }
    });
    builder(endpoint).build().unwrap()
}

/// Starts a server that answers one request by `respond`. Returns its endpoint.
async fn serve_one<F: Future<Output = ()> + Send>(
    respond: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        respond(stream).await;
    });
    endpoint
}

/// Returns the error that a call gets for `response`.
async fn error_of(response: &'static [u8]) -> Error {
    client_of(response).await.get_scheduled_job("job").await.unwrap_err()
}

#[tokio::test]
async fn cause_that_quotes_a_long_text_is_cut() {
    let body = format!(r#"{{"maxExecutionTimeInSeconds":"{}"}}"#, "x".repeat(100_000));
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let error = error_of(response.leak().as_bytes()).await;
    let text = error.to_string();
    assert!(text.contains("maxExecutionTimeInSeconds: invalid type: string \"xxx"), "{text}");
    assert!(text.len() < 1500, "{} bytes", text.len());
}

#[tokio::test]
async fn unreadable_body_error_names_the_member() {
    let body = "{\"jobId\":\"a\",\n \"deviceJobStatistics\":{\"failedCount\":[]}}";
    let response =
        format!("HTTP/1.1 200 OK\r\nx-ms-request-id: 7\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let error = error_of(response.leak().as_bytes()).await;
    let Error::UnreadableResponse(unreadable) = &error else { panic!("{error}") };
    let reason = "deviceJobStatistics.failedCount: invalid type: sequence, expected a JSON number at line 2 column 40; \
                  it begins with \"{\\\"jobId";
    assert!(unreadable.reason().starts_with(reason), "{}", unreadable.reason());
    let attempt = error.attempt().unwrap();
    assert_eq!(attempt.status().unwrap().as_u16(), 200);
    assert_eq!(attempt.headers()["x-ms-request-id"], "7");
    assert_eq!(attempt.body(), body);
    let text = error.to_string();
    assert!(
        text.contains("the response cannot be read: deviceJobStatistics.failedCount: invalid type"),
        "{text}"
    );
}

#[tokio::test]
async fn answer_about_another_job_is_no_reading_of_the_one_asked_for() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let answer = |id: &str| json!({ "jobId": id, "status": "completed" }).to_string();
    hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(answer("other")));
    for error in [
        client.get_scheduled_job("job").await.unwrap_err(),
        client.find_scheduled_job("job").await.unwrap_err(),
        client.wait_for_job("job").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::UnreadableResponse(_)), "{error:?}");
        assert!(!error.is_not_found() && !error.is_retryable() && !error.is_outcome_unknown());
        let text = error.to_string();
        assert!(text.starts_with("get_scheduled_job (GET /jobs/v2/job): the response"), "{text}");
        assert!(text.contains(r#"cannot be read: it is about the job "other" (request id "#), "{text}");
        assert!(text.contains("; hint: check the endpoint, and any proxy or cache before the hub"), "{text}");
    }
}

#[tokio::test]
async fn reading_without_an_id_or_with_one_in_another_case_is_about_the_job() {
    let hub = quick_hub().await;
    for body in [r#"{"status":"running"}"#, r#"{"jobId":"JOB","status":"running"}"#] {
        hub.inject(Route::Get, When::Next(1), Fault::status(200).with_body(body));
        client(&hub).get_scheduled_job("job").await.unwrap();
    }
}

#[tokio::test]
async fn html_empty_and_binary_bodies_are_unreadable() {
    for response in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html>hello</"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xFF\xFE",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
    ] {
        let error = error_of(response).await;
        assert!(matches!(error, Error::UnreadableResponse(_)), "{error}");
    }
}

#[tokio::test]
async fn truncated_response_is_a_transport_error() {
    for response in [
        &b""[..],
        b"HTT",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}",
    ] {
        let error = error_of(response).await;
        assert!(matches!(error, Error::Transport(_)) && error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn undocumented_status_keeps_its_body() {
    let error = error_of(b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 5\r\n\r\nshort").await;
    let service = error.service().unwrap();
    assert_eq!((service.status().as_u16(), service.message()), (418, "short"));
    assert_eq!(error.attempt().unwrap().body(), "short");
    let error = error_of(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(error.status().unwrap().as_u16(), 204);
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let response =
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let error = error_of(response).await;
    assert_eq!(error.service().unwrap().status().as_u16(), 307);
    assert!(error.to_string().contains("redirects are not followed"), "{error}");
}

#[tokio::test]
async fn refused_connection_is_a_connect_error() {
    // Bound, so that no other process gets the port, but not listening.
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
async fn silent_hub_is_a_timeout() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = builder(endpoint).attempt_timeout(Duration::from_millis(100)).build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    assert!(transport.is_timeout());
}

#[tokio::test]
async fn response_that_does_not_end_in_time_keeps_the_part_that_came() {
    for (status, parts) in
        [(200, &["{\"jobId\":"][..]), (200, &["{\"jobId\"", ":"]), (503, &["{\"Message\":"])]
    {
        let endpoint = serve_one(move |mut stream| async move {
            let head = format!("HTTP/1.1 {status} OK\r\nx-ms-request-id: 7\r\ncontent-length: 900\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            for part in parts {
                stream.write_all(part.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            std::future::pending::<()>().await;
        })
        .await;
        let client = builder(endpoint).attempt_timeout(Duration::from_secs(1)).build().unwrap();
        let error = client.get_scheduled_job("job").await.unwrap_err();
        let sent = parts.concat();
        let attempt = error.attempt().unwrap();
        assert_eq!((attempt.status().unwrap().as_u16(), attempt.body()), (status, &*sent));
        assert_eq!(attempt.headers()["x-ms-request-id"], "7");
        match &error {
            Error::Transport(late) => {
                assert!(status == 200 && late.is_timeout() && !late.is_connect(), "{error}");
                assert!(error.to_string().contains("did not end in time; its status is 200"), "{error}");
            }
            Error::Service(_) => assert_eq!(status, 503),
            _ => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn response_over_the_size_limit_is_not_read_further() {
    let endpoint = serve_one(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    })
    .await;
    let client = builder(endpoint).max_response_size(100_000).build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert!(error.to_string().contains("it is larger than 100000 bytes"), "{error}");
}

#[tokio::test]
async fn connection_that_went_silent_is_left_after_a_timeout() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"jobId\":\"job\"}";
    let server = tokio::spawn(async move {
        let mut request = [0; 4096];
        let (mut first, _) = listener.accept().await.unwrap();
        assert_ne!(first.read(&mut request).await.unwrap(), 0);
        first.write_all(answer).await.unwrap();
        // The second request on this connection gets no answer, and the connection stays open.
        assert_ne!(first.read(&mut request).await.unwrap(), 0);
        let (mut second, _) = listener.accept().await.unwrap();
        assert_ne!(second.read(&mut request).await.unwrap(), 0);
        second.write_all(answer).await.unwrap();
        first
    });
    let retry = RetryPolicy::default().with_base(Duration::from_millis(1));
    let client = builder(endpoint).retry(retry).attempt_timeout(Duration::from_secs(1)).build().unwrap();
    client.get_scheduled_job("job").await.unwrap();
    let response = client.call(|api| async move { api.get_scheduled_job("job").await }).await.unwrap();
    assert_eq!((response.value().id(), response.attempts()), ("job", 2));
    server.await.unwrap();
}

#[tokio::test]
async fn truncated_refusal_after_a_lost_response_is_resolved_by_reading_the_job() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let refusal = "HTTP/1.1 409 Conflict\r\ncontent-length: 90\r\n\r\n{\"Message\":\"Error".to_owned();
        let job = r#"{"jobId":"job","type":"scheduleDeviceMethod","status":"queued","queryCondition":"*","cloudToDeviceMethod":{"methodName":"reboot"},"createdTime":"CREATED"}"#;
        let job = job.replace("CREATED", &chrono::Utc::now().to_rfc3339());
        let date = chrono::Utc::now().to_rfc2822().replace("+0000", "GMT");
        let found = format!("HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: {}\r\n\r\n{job}", job.len());
        let mut methods = Vec::new();
        // The first response is lost, the second is a refusal that breaks off, the third is the job.
        for response in ["".to_owned(), refusal, found] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            methods.push(String::from_utf8_lossy(&request[..length]).split(' ').next().unwrap().to_owned());
            stream.write_all(response.as_bytes()).await.unwrap();
        }
        methods
    });
    let retry = RetryPolicy::default().with_base(Duration::from_millis(1));
    let client = builder(endpoint).retry(retry).build().unwrap();
    let job = client.create_scheduled_job("job", &crate::support::reboot()).await.unwrap();
    assert_eq!(job.id(), "job");
    assert_eq!(server.await.unwrap(), ["PUT", "PUT", "GET"]);
}
