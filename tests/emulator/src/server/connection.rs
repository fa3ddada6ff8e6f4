//! One connection, from its first byte to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::service::Service;
use super::timed_stream::TimedStream;
use crate::limits::{HANDSHAKE_TIMEOUT, HEAD_SIZE, HEAD_TIMEOUT};
#[cfg(feature = "http2")]
use crate::limits::{IDLE_TIMEOUT, STREAMS, WRITE_TIMEOUT};
use crate::tls::Tls;

/// First byte of a TLS connection: the type of a handshake record.
const TLS_HANDSHAKE: u8 = 22;

/// Protocols that are served on one port.
#[derive(Clone)]
pub(super) struct Protocols {
    /// `None` to serve without TLS only.
    pub(super) tls: Option<Arc<Tls>>,
    /// Whether a connection without TLS is served beside TLS, and not control alone.
    pub(super) is_plain_allowed: bool,
}

/// Serves a connection to its end.
pub(super) async fn serve(service: Service, stream: TcpStream, peer: SocketAddr, protocols: Protocols) {
    // Answers are written whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = protocols.tls else {
        return converse(service, TimedStream::new(stream), peer).await;
    };
    let mut first = [0];
    let Ok(Ok(1)) = timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await else { return };
    if first[0] != TLS_HANDSHAKE {
        let service = if protocols.is_plain_allowed { service } else { service.control_only() };
        return converse(service, TimedStream::new(stream), peer).await;
    }
    // A client that refuses the certificate goes away.
    if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, tls.accept(TimedStream::new(stream))).await {
        converse(service, stream, peer).await;
    }
}

async fn converse(
    service: Service,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: SocketAddr,
) {
    let answer = service_fn(move |request| service.clone().answer(request, peer));
    let mut connection = auto::Builder::new(TokioExecutor::new());
    connection.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_SIZE);
    #[cfg(feature = "http2")]
    connection
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(IDLE_TIMEOUT / 2)
        .keep_alive_timeout(WRITE_TIMEOUT)
        .max_header_list_size(HEAD_SIZE as u32)
        .max_concurrent_streams(STREAMS);
    let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
}
