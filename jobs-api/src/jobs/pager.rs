//! Listings: streams of items over all pages, or of whole pages from which a later process can continue.
//!
//! Every listing is a [`Pager`] of its kind of item; `listings.rs` has their queries and operations.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use reqwest::header::{HeaderMap, HeaderValue};

use super::cycle::CycleDetector;
use super::query::Query;
use crate::error::Error;
use crate::generated::types::QuerySpecification;
use crate::limits::{CONTINUATION, PAGE_SIZE, is_job_id};
use crate::pipeline::{GeneratedCall, Pipeline, Response, Scope};
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
    pub(super) listing: Listing,
    read: ReadPage<T>,
    items: Option<BoxStream<'static, Result<T, Error>>>,
}

/// A query and the position in its results.
#[derive(Clone)]
pub(super) struct Listing {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) query: Query,
    page_size: u8,
    continuation: Option<String>,
    cycle: CycleDetector,
}

/// The valid parts of the request for a page.
pub(super) struct PageRequest<'a> {
    pub(super) continuation: Option<&'a str>,
    pub(super) size: String,
    pub(super) query: QuerySpecification,
}

/// Reads a page of a listing.
type ReadPage<T> = for<'a> fn(&'a Listing, PageRequest<'a>) -> BoxFuture<'a, Result<Page<T>, Error>>;

impl<T: Send + 'static> Pager<T> {
    pub(super) fn new(pipeline: Arc<Pipeline>, query: Query, read: ReadPage<T>) -> Self {
        let (page_size, cycle) = (*PAGE_SIZE.end(), CycleDetector::default());
        let listing = Listing { pipeline, query, page_size, continuation: None, cycle };
        Self { listing, read, items: None }
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
        read_pages(self.listing, self.read)
    }
}

fn read_pages<T: Send + 'static>(
    listing: Listing,
    read: ReadPage<T>,
) -> impl Stream<Item = Result<Page<T>, Error>> + Send + 'static {
    stream::unfold(Some(listing), move |listing: Option<Listing>| async move {
        let mut listing = listing?;
        let page = match listing.pipeline.check(listing.scope(), listing.to_request()) {
            Ok(request) => read(&listing, request).await,
            Err(error) => Err(error),
        };
        listing.continuation = match &page {
            Ok(page) => page.continuation.clone(),
            // The later pages do not depend on this one.
            Err(Error::UnreadableResponse(page)) => continuation(page.attempt.headers()),
            Err(_) => None,
        };
        let next = listing.continuation.as_deref().is_some_and(|token| !listing.cycle.has_repeated(token));
        Some((page, next.then_some(listing)))
    })
}

impl Listing {
    fn to_request(&self) -> Result<PageRequest<'_>, Error> {
        if !PAGE_SIZE.contains(&self.page_size) {
            let rule = format!("must be a page size of {} to {}", PAGE_SIZE.start(), PAGE_SIZE.end());
            return Err(Error::invalid_request("x-ms-max-item-count", rule));
        }
        let continuation = self.continuation.as_deref();
        if continuation.is_some_and(|token| token.is_empty() || HeaderValue::from_str(token).is_err()) {
            return Err(Error::invalid_request(CONTINUATION, "must be the continuation of a page"));
        }
        let query = QuerySpecification { query: self.query.to_text()? };
        Ok(PageRequest { continuation, size: self.page_size.to_string(), query })
    }

    /// Reads a page by this operation.
    pub(super) async fn read<T>(&self, operation: impl GeneratedCall<Rows<T>>) -> Result<Page<T>, Error> {
        self.pipeline.execute(self.scope(), operation, |response| self.to_page(response)).await
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            operation: Some(self.query.operation()),
            job_id: self.query.job_id(),
            is_read: true,
            is_query: self.query.is_metered(),
            body_limit: Some(PAGE_OVERHEAD + usize::from(self.page_size) * ITEM_SIZE),
            ..Scope::default()
        }
    }

    fn to_page<T>(&self, response: Response<Rows<T>>) -> Result<Page<T>, Error> {
        let continuation = continuation(response.headers());
        if let Some(token) = &continuation
            && (self.continuation.as_ref() == Some(token) || self.cycle.clone().has_repeated(token))
        {
            let defect = "the listing would never end: the hub repeats a continuation token that it was sent";
            return Err(Error::MalformedPage(defect.into()));
        }
        let Rows { readable: items, unreadable } = response.into_inner();
        let (requested, received) = (usize::from(self.page_size), items.len() + unreadable.len());
        if received > requested {
            let defect =
                format!("the hub returned a page of {received} items instead of at most {requested}");
            return Err(Error::MalformedPage(defect));
        }
        Ok(Page { items, unreadable, continuation })
    }
}

/// Returns the token of the next page.
fn continuation(headers: &HeaderMap) -> Option<String> {
    let token = headers.get(CONTINUATION).filter(|token| !token.is_empty())?;
    // A token of other characters is not dropped: the hub rejects it, while the listing would seem to end.
    Some(String::from_utf8_lossy(token.as_bytes()).into_owned())
}

impl<T> Page<T> {
    /// Returns the readable items, then the others.
    fn into_results(self) -> impl Iterator<Item = Result<T, Error>> {
        let unreadable = self.unreadable.into_iter().map(|row| Err(Error::UnreadableRow(Box::new(row))));
        self.items.into_iter().map(Ok).chain(unreadable)
    }
}

impl<T: Send + 'static> Stream for Pager<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { listing, read, items } = &mut *self;
        let items = items.get_or_insert_with(|| {
            let pages = read_pages(listing.clone(), *read);
            pages.map_ok(|page| stream::iter(page.into_results())).try_flatten().boxed()
        });
        items.poll_next_unpin(context)
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
