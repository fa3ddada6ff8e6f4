//! Calls of generated operations.

use std::future::Future;

use crate::generated::Operations;
use crate::runtime::{Failure, Reply};

/// A generated operation, called once for each attempt with the operations for it.
pub(crate) trait GeneratedCall<T>: Fn(Operations) -> Self::Sending {
    type Sending: Future<Output = Result<Reply<T>, Failure>>;
}

impl<T, F, S> GeneratedCall<T> for F
where
    F: Fn(Operations) -> S,
    S: Future<Output = Result<Reply<T>, Failure>>,
{
    type Sending = S;
}
