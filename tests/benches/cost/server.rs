//! A server that answers every request at once with prepared bytes, so that the client's part is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use rcgen::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The rows of a page of jobs.
pub(crate) const ROWS: usize = 100;

/// A server on a thread of its own, with TLS and HTTP/1.1.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The certificate to trust.
    pub(crate) certificate: Vec<u8>,
}

/// The answers, head and body.
struct Answers {
    job: Vec<u8>,
    page: Vec<u8>,
    not_found: Vec<u8>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = cert.der().to_vec();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        // Named, since the features of this workspace bring two, between which rustls does not choose.
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let thread = thread::Builder::new().name("server".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { accept(TcpListener::from_std(listener).unwrap(), acceptor).await });
        });
        thread.unwrap();
        Self { address, certificate }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    let answers = Arc::new(Answers::new());
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, acceptor.clone(), answers.clone()));
    }
}

/// Answers the requests of one connection until the client closes it.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, answers: Arc<Answers>) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut received = Vec::new();
    while let Ok(read) = stream.read_buf(&mut received).await {
        if read == 0 {
            return;
        }
        while let Some(length) = request_length(&received) {
            if stream.write_all(answers.select(&received)).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            received.drain(..length);
        }
    }
}

/// Returns the bytes of the first request, once it is there as a whole.
fn request_length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).unwrap();
    let body = text
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = head + body.unwrap_or_default();
    (received.len() >= length).then_some(length)
}

impl Answers {
    fn new() -> Self {
        let job = job();
        let page = format!("[{}]", vec![job.as_str(); ROWS].join(","));
        let error = r#"{"Message":"ErrorCode:JobNotFound;Job missing was not found","ExceptionMessage":"Tracking ID:0123456789abcdef-G:0-TimeStamp:11/25/2026 10:00:00"}"#;
        Self {
            job: response("200 OK", "", &job),
            page: response("200 OK", "", &page),
            not_found: response("404 Not Found", "iothub-errorcode: JobNotFound\r\n", error),
        }
    }

    fn select(&self, request: &[u8]) -> &[u8] {
        match request {
            [b'P', b'U', b'T', ..] => &self.job,
            request if request.starts_with(b"GET /jobs/v2/query") => &self.page,
            _ => &self.not_found,
        }
    }
}

/// Returns a response as the hub's front end writes it.
fn response(status: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nContent-Length: {length}\r\n\
         Content-Type: application/json; charset=utf-8\r\nServer: Microsoft-HTTPAPI/2.0\r\n{header}\
         Date: Wed, 25 Nov 2026 10:00:00 GMT\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Returns a job as the service shows it, of 900 bytes.
fn job() -> String {
    let payload = "x".repeat(424);
    let job = format!(
        r#"{{"jobId":"reboot-43","createdTime":"2026-11-25T10:00:00.123Z","startTime":"2026-11-25T10:00:00.123Z","endTime":"2026-11-25T10:10:00.123Z","maxExecutionTimeInSeconds":3600,"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"reboot","payload":{{"reason":"{payload}"}},"responseTimeoutInSeconds":30}},"queryCondition":"tags.building = '43'","status":"completed","deviceJobStatistics":{{"deviceCount":1000,"failedCount":2,"succeededCount":998,"runningCount":0,"pendingCount":0}}}}"#
    );
    assert_eq!(job.len(), 900);
    job
}
