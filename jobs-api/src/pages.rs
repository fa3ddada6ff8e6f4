//! The paged operations as streams: of items, or of whole pages that a later process can go on from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use progenitor_client::ResponseValue;

use crate::client::Client;
use crate::error::Error;
use crate::rules;
use crate::types::{DeviceJob, DeviceJobStatus, JobResponse, JobStatus, JobType, QuerySpecification};

/// The largest page that the service gives for a query, and the one asked for when none is set.
const PAGE_SIZE: u8 = 100;
const CONTINUATION: &str = "x-ms-continuation";

/// Which jobs to list: all, or those of a type or in a status.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobFilter {
    job_type: Option<JobType>,
    status: Option<JobStatus>,
}

impl JobFilter {
    /// Keeps only jobs of this type.
    #[must_use]
    pub fn job_type(mut self, job_type: JobType) -> Self {
        self.job_type = Some(job_type);
        self
    }

    /// Keeps only jobs in this status.
    #[must_use]
    pub fn status(mut self, status: JobStatus) -> Self {
        self.status = Some(status);
        self
    }
}

/// Which rows of a job to list.
#[derive(Clone, Debug)]
pub struct DeviceJobFilter {
    job_id: String,
    status: Option<DeviceJobStatus>,
}

/// One page of a listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items; a page may be empty and yet be followed by others.
    pub items: Vec<T>,
    /// From where [`Listing::resume_from`] goes on; `None` after the last page.
    pub continuation: Option<String>,
}

/// What a [`Listing`] lists: [`JobResponse`] or [`DeviceJob`].
pub trait Listed: sealed::Listed {}

impl<T: sealed::Listed> Listed for T {}

mod sealed {
    use super::*;

    pub trait Listed: Send + Sized + 'static {
        type Filter: Clone + fmt::Debug + Send + Sync + 'static;

        fn page(
            client: &Client,
            filter: &Self::Filter,
            continuation: Option<&str>,
            size: &str,
        ) -> impl Future<Output = Result<ResponseValue<Vec<Self>>, Error>> + Send;
    }
}

impl sealed::Listed for JobResponse {
    type Filter = JobFilter;

    async fn page(
        client: &Client,
        filter: &JobFilter,
        continuation: Option<&str>,
        size: &str,
    ) -> Result<ResponseValue<Vec<Self>>, Error> {
        let (status, job_type) = (filter.status.as_ref(), filter.job_type.as_ref());
        let page = |api: crate::generated::Client| async move {
            api.query_scheduled_jobs(status, job_type, continuation, Some(size)).await
        };
        client.call(page).await
    }
}

impl sealed::Listed for DeviceJob {
    type Filter = DeviceJobFilter;

    async fn page(
        client: &Client,
        filter: &DeviceJobFilter,
        continuation: Option<&str>,
        size: &str,
    ) -> Result<ResponseValue<Vec<Self>>, Error> {
        let query = &QuerySpecification { query: Some(filter.to_query()?) };
        let page = |api: crate::generated::Client| async move {
            api.query_device_jobs(continuation, Some(size), query).await
        };
        client.call(page).await
    }
}

impl DeviceJobFilter {
    pub(crate) fn of_job(job_id: &str) -> Self {
        Self { job_id: job_id.to_owned(), status: None }
    }

    fn to_query(&self) -> Result<String, Error> {
        rules::check_job_id(&self.job_id)?;
        let mut query = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{}'", self.job_id);
        if let Some(status) = &self.status {
            if !status.as_str().chars().all(|c| c.is_ascii_alphabetic()) {
                return Err(Error::invalid_request("status", "must have ASCII letters only"));
            }
            query += &format!(" AND devices.jobs.status = '{status}'");
        }
        Ok(query)
    }
}

/// A stream of items over all pages, in constant memory: a page is read when its first item is asked for.
///
/// Each page is retried as any other operation. After an error the stream ends.
#[must_use = "a listing does nothing until it is polled"]
pub struct Listing<T: Listed> {
    query: Query<T>,
    items: Option<BoxStream<'static, Result<T, Error>>>,
}

struct Query<T: sealed::Listed> {
    client: Client,
    filter: T::Filter,
    page_size: u8,
    continuation: Option<String>,
}

impl<T: Listed> Listing<T> {
    pub(crate) fn new(client: Client, filter: T::Filter) -> Self {
        Self { query: Query { client, filter, page_size: PAGE_SIZE, continuation: None }, items: None }
    }

    /// How many items a page may have at most, 1 to 100; 100 when not set. Another number is an
    /// [`Error::InvalidRequest`] at the first page.
    pub fn page_size(mut self, items: u8) -> Self {
        self.query.page_size = items;
        self
    }

    /// Goes on after the page that gave this [`continuation`](Page::continuation). The filter and the
    /// page size must be those of that listing, or the hub refuses.
    pub fn resume_from(mut self, continuation: impl Into<String>) -> Self {
        self.query.continuation = Some(continuation.into());
        self
    }

    /// The pages as they come.
    pub fn pages(self) -> impl Stream<Item = Result<Page<T>, Error>> + Send + 'static {
        self.query.pages()
    }
}

impl Listing<DeviceJob> {
    /// Keeps only rows in this status; the hub does the filtering.
    pub fn status(mut self, status: DeviceJobStatus) -> Self {
        self.query.filter.status = Some(status);
        self
    }
}

impl<T: sealed::Listed> Query<T> {
    fn pages(self) -> impl Stream<Item = Result<Page<T>, Error>> + Send + 'static {
        stream::try_unfold(Some(self), async |query| {
            let Some(mut query) = query else { return Ok(None) };
            let page = query.page().await?;
            let next = page.continuation.clone().map(|continuation| {
                query.continuation = Some(continuation);
                query
            });
            Ok(Some((page, next)))
        })
    }

    async fn page(&self) -> Result<Page<T>, Error> {
        if !(1..=PAGE_SIZE).contains(&self.page_size) {
            return Err(Error::invalid_request("x-ms-max-item-count", "must be a page size of 1 to 100"));
        }
        let (continuation, size) = (self.continuation.as_deref(), self.page_size.to_string());
        let answer = T::page(&self.client, &self.filter, continuation, &size).await?;
        let next = answer.headers().get(CONTINUATION).and_then(|token| token.to_str().ok());
        let next = next.filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_some() && next == self.continuation {
            return Err(Error::EndlessListing);
        }
        Ok(Page { items: answer.into_inner(), continuation: next })
    }
}

impl<T: Listed> Stream for Listing<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { query, items } = &mut *self;
        let items = items.get_or_insert_with(|| {
            let pages = query.clone().pages();
            pages.map_ok(|page| stream::iter(page.items.into_iter().map(Ok))).try_flatten().boxed()
        });
        items.poll_next_unpin(context)
    }
}

impl<T: Listed> Unpin for Listing<T> {}

impl<T: sealed::Listed> Clone for Query<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            filter: self.filter.clone(),
            page_size: self.page_size,
            continuation: self.continuation.clone(),
        }
    }
}

impl<T: Listed> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Query { client, filter, page_size, .. } = &self.query;
        f.debug_struct("Listing")
            .field("client", client)
            .field("filter", filter)
            .field("page_size", page_size)
            .finish_non_exhaustive()
    }
}
