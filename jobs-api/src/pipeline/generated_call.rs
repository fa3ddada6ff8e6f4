//! Calls of generated operations.

use std::future::Future;

use progenitor_client::ResponseValue;

use crate::generated;

/// A generated operation, called once for each attempt with a client for it.
pub(crate) trait GeneratedCall<T, E>: Fn(generated::Client) -> Self::Sending {
    type Sending: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>;
}

impl<T, E, F, S> GeneratedCall<T, E> for F
where
    F: Fn(generated::Client) -> S,
    S: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
{
    type Sending = S;
}
