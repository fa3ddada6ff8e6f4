//! Listings: streams of items over all pages, or of whole pages from which a later process can continue.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use reqwest::header::{HeaderMap, HeaderValue};

use super::cycle::CycleDetector;
use super::query::{JobFilter, Query, Select};
use super::read::record_state;
use crate::error::Error;
use crate::generated::Client as Api;
use crate::generated::types::{DeviceJob, DeviceJobStatus, DeviceRow, JobResponse, QuerySpecification};
use crate::limits::{CONTINUATION, PAGE_SIZE, is_job_id};
use crate::pipeline::{Pipeline, Response, Scope};
use crate::runtime::{Rows, UnreadableRow};

/// Bytes of the largest item: payload and answer of a method, condition, twin patch, and their escapes.
const ITEM_SIZE: usize = 512 * 1024;
/// Bytes of a page besides its items.
const PAGE_OVERHEAD: usize = 64 * 1024;

/// One page of a listing.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// use std::pin::pin;
/// use futures_util::TryStreamExt;
///
/// let mut pages = pin!(client.query_device_jobs("reboot-43").pages());
/// while let Some(page) = pages.try_next().await? {
///     println!("{} rows, then {:?}", page.items.len(), page.continuation);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The readable items. A page may be empty although others follow.
    pub items: Vec<T>,
    /// The items that are not as the spec describes them.
    pub unreadable: Vec<UnreadableRow>,
    /// The token from which [`Pager::resume_from`] continues; `None` on the last page.
    pub continuation: Option<String>,
}

/// A listing: a stream of items, read page by page in constant memory.
///
/// A page is read when its first item is polled, with the client's retries. An item that cannot be read is
/// an [`Error::UnreadableRow`] after the other items of its page; a page that cannot be read is an
/// [`Error::UnreadableResponse`]. The stream then continues, with the next page if the hub names one. It ends
/// after any other error.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// use futures_util::TryStreamExt;
/// use jobs_api::JobFilter;
/// use jobs_api::types::JobStatus;
///
/// let filter = JobFilter::default().status(JobStatus::Running);
/// let mut running = client.query_scheduled_jobs(filter);
/// while let Some(job) = running.try_next().await? {
///     println!("{}", job.id());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a listing does nothing until it is polled"]
pub struct Pager<T> {
    listing: Listing<T>,
    items: Option<BoxStream<'static, Result<T, Error>>>,
}

/// A listing and the position in it.
struct Listing<T> {
    pipeline: Arc<Pipeline>,
    query: Query,
    read_page: ReadPage<T>,
    page_size: u8,
    continuation: Option<String>,
    cycle: CycleDetector,
}

/// Reads the page of a listing at its position.
type ReadPage<T> = for<'a> fn(&'a Listing<T>) -> BoxFuture<'a, Result<Page<T>, Error>>;

impl<T> Page<T> {
    pub(super) fn into_results(self) -> impl Iterator<Item = Result<T, Error>> + Send
    where
        T: Send,
    {
        let unreadable = self.unreadable.into_iter().map(|row| Err(Error::UnreadableRow(Box::new(row))));
        self.items.into_iter().map(Ok).chain(unreadable)
    }
}

impl Pager<JobResponse> {
    pub(crate) fn of_jobs(pipeline: Arc<Pipeline>, filter: JobFilter) -> Self {
        Self::new(pipeline, Query::Jobs(filter), |listing| listing.read_jobs().boxed())
    }
}

impl Pager<DeviceJob> {
    pub(crate) fn of_device_jobs(pipeline: Arc<Pipeline>, job_id: &str) -> Self {
        let query = Query::DeviceJobs { job_id: job_id.to_owned(), status: None };
        Self::new(pipeline, query, |listing| listing.read_device_jobs().boxed())
    }

    /// Lists only rows in this status; the hub filters them.
    pub fn status(mut self, row_status: impl Into<Option<DeviceJobStatus>>) -> Self {
        if let Query::DeviceJobs { status, .. } = &mut self.listing.query {
            *status = row_status.into();
        }
        self
    }
}

impl Pager<DeviceRow> {
    pub(super) fn of_devices(pipeline: Arc<Pipeline>, select: Select, condition: String) -> Self {
        let query = Query::Devices { select, condition };
        Self::new(pipeline, query, |listing| listing.read_devices().boxed())
    }
}

impl<T: Send + 'static> Pager<T> {
    fn new(pipeline: Arc<Pipeline>, query: Query, read_page: ReadPage<T>) -> Self {
        let page_size = *PAGE_SIZE.end();
        let (continuation, cycle) = (None, CycleDetector::default());
        Self { listing: Listing { pipeline, query, read_page, page_size, continuation, cycle }, items: None }
    }

    /// Sets the largest number of items on a page: 1 to 100, by default 100. Any other number is an
    /// [`Error::InvalidRequest`] at the first page.
    pub fn page_size(mut self, items: u8) -> Self {
        self.listing.page_size = items;
        self
    }

    /// Continues after the page that had this [`continuation`](Page::continuation). The hub rejects it
    /// for another filter or page size; one that cannot be sent is an [`Error::InvalidRequest`].
    pub fn resume_from(mut self, continuation: impl Into<String>) -> Self {
        self.listing.continuation = Some(continuation.into());
        self
    }

    /// Returns the pages as a stream, which continues after a page that cannot be read.
    pub fn pages(self) -> impl Stream<Item = Result<Page<T>, Error>> + Send + 'static {
        self.listing.into_pages()
    }
}

impl<T: Send + 'static> Listing<T> {
    fn into_pages(self) -> impl Stream<Item = Result<Page<T>, Error>> + Send + 'static {
        stream::unfold(Some(self), async |listing| {
            let mut listing = listing?;
            let page = listing.read().await;
            listing.continuation = match &page {
                Ok(page) => page.continuation.clone(),
                // The later pages do not depend on this one.
                Err(Error::UnreadableResponse(page)) => continuation(page.headers()),
                Err(_) => None,
            };
            let next =
                listing.continuation.as_deref().is_some_and(|token| !listing.cycle.has_repeated(token));
            Some((page, next.then_some(listing)))
        })
    }

    async fn read(&self) -> Result<Page<T>, Error> {
        if !PAGE_SIZE.contains(&self.page_size) {
            let rule = format!("must be a page size of {} to {}", PAGE_SIZE.start(), PAGE_SIZE.end());
            return Err(self.refuse(Error::invalid_request("x-ms-max-item-count", rule)));
        }
        let is_usable = |token: &String| !token.is_empty() && HeaderValue::from_str(token).is_ok();
        if !self.continuation.as_ref().is_none_or(is_usable) {
            return Err(
                self.refuse(Error::invalid_request(CONTINUATION, "must be the continuation of a page"))
            );
        }
        (self.read_page)(self).await
    }

    /// Returns the page of a response.
    fn to_page(&self, response: Response<Rows<T>>) -> Result<Page<T>, Error> {
        let continuation = continuation(response.headers());
        if let Some(token) = &continuation
            && (self.continuation.as_ref() == Some(token) || self.cycle.clone().has_repeated(token))
        {
            return Err(Error::EndlessListing);
        }
        let Rows { readable: items, unreadable } = response.into_inner();
        let (requested, received) = (usize::from(self.page_size), items.len() + unreadable.len());
        if received > requested {
            return Err(Error::OversizedPage { requested, received });
        }
        Ok(Page { items, unreadable, continuation })
    }

    /// Reports a page that is refused before anything is sent.
    fn refuse(&self, error: Error) -> Error {
        self.pipeline.refuse(self.query.operation(), self.query.job_id(), error)
    }

    fn specification(&self) -> Result<QuerySpecification, Error> {
        let query = self.query.to_text().map_err(|error| self.refuse(error))?;
        Ok(QuerySpecification { query: Some(query) })
    }

    fn scope(&self) -> Scope<'_> {
        let body_limit = PAGE_OVERHEAD + usize::from(self.page_size) * ITEM_SIZE;
        Scope {
            operation: Some(self.query.operation()),
            job_id: self.query.job_id(),
            is_read: true,
            is_query: self.query.is_metered(),
            body_limit: Some(body_limit),
            ..Scope::default()
        }
    }
}

impl Listing<JobResponse> {
    async fn read_jobs(&self) -> Result<Page<JobResponse>, Error> {
        let filter = match &self.query {
            Query::Jobs(filter) => filter,
            _ => &JobFilter::default(),
        };
        let (status, job_type) = (filter.status.as_ref(), filter.job_type.as_ref());
        let (continuation, size) = (self.continuation.as_deref(), &*self.page_size.to_string());
        let read = |api: Api| async move {
            api.query_scheduled_jobs(status, job_type, continuation, Some(size)).await
        };
        let page = self.pipeline.execute(self.scope(), read, |response| self.to_page(response)).await?;
        page.items.iter().for_each(|job| record_state(&self.pipeline, job.id(), job));
        Ok(page)
    }
}

impl Listing<DeviceJob> {
    async fn read_device_jobs(&self) -> Result<Page<DeviceJob>, Error> {
        let query = &self.specification()?;
        let (continuation, size) = (self.continuation.as_deref(), &*self.page_size.to_string());
        let read = |api: Api| async move { api.query_device_jobs(continuation, Some(size), query).await };
        self.pipeline.execute(self.scope(), read, |response| self.to_page(response)).await
    }
}

impl Listing<DeviceRow> {
    async fn read_devices(&self) -> Result<Page<DeviceRow>, Error> {
        let query = &self.specification()?;
        let (continuation, size) = (self.continuation.as_deref(), &*self.page_size.to_string());
        let read = |api: Api| async move { api.query_devices(continuation, Some(size), query).await };
        self.pipeline.execute(self.scope(), read, |response| self.to_page(response)).await
    }
}

/// Returns the token of the next page.
fn continuation(headers: &HeaderMap) -> Option<String> {
    let token = headers.get(CONTINUATION).filter(|token| !token.is_empty())?;
    // A token of other characters is not dropped: the hub rejects it, while the listing would seem to end.
    Some(String::from_utf8_lossy(token.as_bytes()).into_owned())
}

impl<T: Send + 'static> Stream for Pager<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { listing, items } = &mut *self;
        let items = items.get_or_insert_with(|| {
            let pages = listing.clone().into_pages();
            pages.map_ok(|page| stream::iter(page.into_results())).try_flatten().boxed()
        });
        items.poll_next_unpin(context)
    }
}

impl<T> Unpin for Pager<T> {}

impl<T> Clone for Listing<T> {
    fn clone(&self) -> Self {
        Self {
            pipeline: self.pipeline.clone(),
            query: self.query.clone(),
            read_page: self.read_page,
            page_size: self.page_size,
            continuation: self.continuation.clone(),
            cycle: self.cycle.clone(),
        }
    }
}

/// Shows the id of a job only if it is valid: it may be anything, such as a key by mistake.
impl<T> fmt::Debug for Pager<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listing { query, page_size, .. } = &self.listing;
        f.debug_struct("Pager")
            .field("operation", &query.operation())
            .field("job_id", &query.job_id().filter(|id| is_job_id(id)))
            .field("page_size", page_size)
            .finish_non_exhaustive()
    }
}
