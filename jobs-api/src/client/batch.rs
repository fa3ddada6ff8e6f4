//! Batches of jobs.

use futures_util::stream::{Stream, StreamExt as _};

use super::Client;
use crate::generated::types::JobRequest;
use crate::jobs::batch::RunJobs;

impl Client {
    /// Runs a batch of jobs to their ends, as many at a time as the hub has slots: see [`RunJobs`].
    ///
    /// Takes any stream of ids and requests; `futures_util::stream::iter` makes one of any iterator. Repeat the
    /// call with the same requests to resume the batch after a crash.
    pub fn run_jobs<'a, S, I>(&self, requests: S) -> RunJobs<'a>
    where
        S: Stream<Item = (I, JobRequest)> + Send + 'a,
        I: Into<String>,
    {
        RunJobs::new(self.0.clone(), requests.map(|(id, request)| (id.into(), request)).boxed())
    }
}
