//! What an operation hands to the pipeline, without a type of the generator's library in its signature.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::StatusCode;
use progenitor_client::{ByteStream, Error, ResponseValue};

/// The sending of a call.
pub type Sending<'a, T> = Pin<Box<dyn Future<Output = Result<Reply<T>, Failure>> + Send + 'a>>;

/// The success of one attempt at an operation, which [`Client::call`](crate::Client::call) makes a
/// [`Response`](crate::Response).
pub struct Reply<T>(pub(crate) ResponseValue<T>);

impl<T> Reply<T> {
    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Returns the value that was read.
    pub fn value(&self) -> &T {
        &self.0
    }
}

/// The failure of one attempt at an operation, of which [`Client::call`](crate::Client::call) makes an
/// [`Error`](crate::Error) or another attempt.
pub struct Failure(pub(crate) Box<Error<ByteStream>>);

/// Makes the outcome of a generated method that of a call.
pub(crate) fn reply<T>(outcome: Result<ResponseValue<T>, Error<ByteStream>>) -> Result<Reply<T>, Failure> {
    outcome.map(Reply).map_err(|error| Failure(Box::new(error)))
}

impl<T: fmt::Debug> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("value", self.value())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.0, self.0.status()) {
            (Error::CommunicationError(_) | Error::ResponseBodyError(_), _) => {
                f.write_str("no whole response was received")
            }
            (Error::InvalidRequest(_), _) => f.write_str("the request could not be made"),
            (_, Some(status)) => write!(f, "the hub responded with the status {status}"),
            _ => f.write_str("the response could not be read"),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({:?})", self.to_string())
    }
}

impl std::error::Error for Failure {}
