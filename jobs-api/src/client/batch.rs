//! Batches of jobs.

use futures_util::stream::{Stream, StreamExt as _};

use super::Client;
use crate::jobs::batch::{BatchRequest, RunJobs};

impl Client {
    /// Runs a batch of jobs to their ends, as many at a time as the hub has slots: see [`RunJobs`].
    ///
    /// Takes any stream of ids and requests, or [requests for lists of devices](BatchRequest);
    /// `futures_util::stream::iter` makes one of any iterator. Repeat the call with the same requests to resume
    /// the batch after a crash.
    pub fn run_jobs<'a, S, I, R>(&self, requests: S) -> RunJobs<'a>
    where
        S: Stream<Item = (I, R)> + Send + 'a,
        I: Into<String>,
        R: Into<BatchRequest>,
    {
        RunJobs::new(self.0.clone(), requests.map(|(id, request)| (id.into(), request.into())).boxed())
    }
}
