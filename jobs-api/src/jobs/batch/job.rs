//! Jobs of a request: one, or as many as its list of devices takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::OnceCell;

use super::comparison::{Comparison, Found};
use super::list::List;
use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::ensure::compare_job;
use crate::jobs::validate::check_request;
use crate::limits::JOB_ID_LENGTH;
use crate::pipeline::Pipeline;

/// A job of a request.
#[derive(Clone, Debug)]
pub(super) struct Job {
    work: Arc<Work>,
    index: usize,
}

/// The common part of a request's jobs.
#[derive(Debug)]
struct Work {
    id: String,
    request: JobRequest,
    list: Option<List>,
    comparison: OnceCell<Comparison>,
    /// Comparisons that failed.
    failures: AtomicUsize,
    /// The index of the job that the last of them could not read.
    unread: AtomicUsize,
}

impl Job {
    /// Returns the jobs of the request `id`, checked as far as they do not differ.
    pub(super) fn all_of(id: &str, request: JobRequest, list: Option<List>) -> Result<Vec<Self>, Error> {
        let (comparison, failures, unread) = Default::default();
        let mut work = Work { id: id.to_owned(), request, list, comparison, failures, unread };
        let count = work.count();
        check_request(id, &work.request(0))?;
        check_id_of_jobs(id, count)?;
        // From now on it is that of each job.
        work.request.job_id = None;
        let work = Arc::new(work);
        Ok((0..count).map(|index| Self { work: work.clone(), index }).collect())
    }

    /// Returns the id: that of the request, followed by the number of the job unless it is the first.
    ///
    /// The number of jobs is no part of it: a list that changes would otherwise change every id, and its devices
    /// would be called again.
    pub(super) fn id(&self) -> String {
        self.work.id_of(self.index)
    }

    /// Returns the devices of the job; empty for a request without a list.
    pub(super) fn devices(&self) -> &[String] {
        self.work.list.as_ref().map(|list| list.devices(self.index)).unwrap_or_default()
    }

    /// Returns true if the job selects each of its devices.
    pub(super) fn selects_all(&self) -> bool {
        self.work.list.as_ref().is_some_and(List::selects_all)
    }

    /// Returns the request, which is as large as its payload.
    pub(super) fn to_request(&self) -> JobRequest {
        self.work.request(self.index)
    }

    /// Compares all jobs of the request with those of the hub, once, before the first of them is created.
    /// Returns the state of this one; `None` if it is the only one, which needs no comparison.
    ///
    /// # Errors
    ///
    /// [`Error::JobConflict`] if the job differs from that of its id, or is missing while another one differs.
    pub(super) async fn find(
        &self,
        pipeline: &Arc<Pipeline>,
        concurrency: usize,
    ) -> Result<Option<Found>, Error> {
        let work = &self.work;
        if work.count() <= 1 {
            return Ok(None);
        }
        let comparison = loop {
            // While a job cannot be read, the others fail at the same time, not at one comparison after another.
            if let Some(unread) = work.unread() {
                compare_job(pipeline, &work.id_of(unread), &work.request(unread)).await?;
            }
            if let Some(comparison) = work.compare(pipeline, concurrency).await? {
                break comparison;
            }
        };
        let found = comparison.find(self.index).map_err(|(index, likeness)| {
            let conflict = likeness.conflict(&work.id_of(index));
            pipeline.refuse("run_jobs", Some(&self.id()), conflict)
        });
        found.map(Some)
    }
}

impl Work {
    /// Returns the number of jobs.
    fn count(&self) -> usize {
        self.list.as_ref().map_or(1, List::len)
    }

    /// Returns the index of the job that could not be read, if the comparison has failed and was not repeated.
    fn unread(&self) -> Option<usize> {
        let has_failed = self.failures.load(Ordering::Relaxed) > 0 && !self.comparison.initialized();
        has_failed.then(|| self.unread.load(Ordering::Relaxed))
    }

    /// Returns the comparison of all jobs, which is made once. Returns `None` if it failed meanwhile for another
    /// job.
    async fn compare(
        &self,
        pipeline: &Arc<Pipeline>,
        concurrency: usize,
    ) -> Result<Option<&Comparison>, Error> {
        let failures = self.failures.load(Ordering::Relaxed);
        let read = || async {
            if self.failures.load(Ordering::Relaxed) != failures {
                return Err(None);
            }
            let jobs = (0..self.count()).map(|index| (self.id_of(index), self.request(index)));
            let comparison = Comparison::read(pipeline.clone(), jobs, concurrency).await;
            comparison.map_err(|(index, error)| {
                self.unread.store(index, Ordering::Relaxed);
                self.failures.fetch_add(1, Ordering::Relaxed);
                Some(error)
            })
        };
        match self.comparison.get_or_try_init(read).await {
            Ok(comparison) => Ok(Some(comparison)),
            Err(Some(error)) => Err(error),
            Err(None) => Ok(None),
        }
    }

    fn id_of(&self, index: usize) -> String {
        format!("{}{}", self.id, suffix(index))
    }

    fn request(&self, index: usize) -> JobRequest {
        let mut request = self.request.clone();
        if let Some(list) = &self.list {
            request.query_condition = Some(list.condition(index));
        }
        request
    }
}

/// Returns the part of a job's id that distinguishes it from the others of its request.
fn suffix(index: usize) -> String {
    if index == 0 { String::new() } else { format!("-part-{}", index + 1) }
}

fn check_id_of_jobs(id: &str, count: usize) -> Result<(), Error> {
    let longest = JOB_ID_LENGTH.end().saturating_sub(suffix(count.saturating_sub(1)).len());
    if id.len() > longest {
        let rule = format!("must have at most {longest} characters: the list of devices takes {count} jobs");
        return Err(Error::invalid_request("jobId", rule));
    }
    Ok(())
}
