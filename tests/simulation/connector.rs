//! Connecting that fails or hangs, as a layer around the HTTP client's connector.

use std::error::Error;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::faults::chance;
use super::server::Shared;

type BoxError = Box<dyn Error + Send + Sync>;

/// Makes connectors fail as the weather commands.
#[derive(Clone)]
pub(super) struct UnreliableConnections(pub(super) Shared);

#[derive(Clone)]
pub(super) struct UnreliableConnector<S> {
    inner: S,
    shared: Shared,
}

impl<S> Layer<S> for UnreliableConnections {
    type Service = UnreliableConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        UnreliableConnector { inner, shared: self.0.clone() }
    }
}

impl<S, R> Service<R> for UnreliableConnector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let mut state = self.shared.lock();
        let probability = state.weather.connect_failures;
        if !chance(&mut state.rng, probability) {
            return Box::pin(self.inner.call(request));
        }
        match state.rng.bool() {
            true => Box::pin(async { Err("connection refused".into()) }),
            false => {
                state.hung_connections += 1;
                Box::pin(pending())
            }
        }
    }
}
