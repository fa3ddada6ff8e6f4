//! The HTTP server: a record of what arrived, and no request left behind when it stops.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::fault::{Fault, Reset};
use crate::hub::{Hub, lock};
use crate::routes::router;
use crate::tls::Tls;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, undecoded.
    pub path: String,
    /// The query without its `?`, undecoded; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header as text; `None` when it is absent or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Accepts connections and owns them: dropping it ends all.
    _accepting: JoinSet<()>,
}

impl Server {
    /// Serves `hub` on a free port of the loopback interface, over HTTP/1.1 or HTTP/2 as the client
    /// likes.
    pub(crate) async fn start(hub: Arc<Hub>, tls: Option<Tls>) -> std::io::Result<Self> {
        let tls = tls.map(Arc::new);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let service = Service { router: router(hub.clone()), hub, requests: requests.clone() };
        let encryption = tls.clone();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        connections.spawn(service.clone().serve(stream, encryption.clone()));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, requests, tls, _accepting: accepting })
    }
}

#[derive(Clone)]
struct Service {
    router: axum::Router,
    hub: Arc<Hub>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    /// Serves a connection to its end.
    async fn serve(self, stream: TcpStream, tls: Option<Arc<Tls>>) {
        match tls {
            None => self.converse(stream).await,
            Some(tls) => {
                // A client that does not like the certificate goes away.
                if let Ok(stream) = tls.acceptor.accept(stream).await {
                    self.converse(stream).await;
                }
            }
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let serve = service_fn(move |request| self.clone().answer(request));
        let connection = auto::Builder::new(TokioExecutor::new());
        let _ = connection.serve_connection(TokioIo::new(stream), serve).await;
    }

    async fn answer(self, request: hyper::Request<Incoming>) -> Result<Response, Reset> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        lock(&self.requests).push(Request {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            body: body.to_vec(),
        });
        let fault = self.hub.faults.next(&parts.method, parts.uri.path());
        let hub = self.hub.clone();
        let mut response = match fault.as_ref().and_then(Fault::before) {
            Some(answer) => answer?,
            None => {
                let response = self.carry_out(hyper::Request::from_parts(parts, Body::from(body))).await;
                match fault {
                    Some(fault) => fault.after(response).await?,
                    None => response,
                }
            }
        };
        if let Ok(date) = HeaderValue::try_from(hub.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
            response.headers_mut().insert(DATE, date);
        }
        Ok(response)
    }

    async fn carry_out(mut self, request: hyper::Request<Body>) -> Response {
        match AssertUnwindSafe(self.router.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(panic) => {
                self.hub.note_panic(panic);
                let mut response = Response::new(Body::from("the handler panicked"));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}
