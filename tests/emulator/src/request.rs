//! Requests as they arrived.

use std::collections::VecDeque;

use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method};

use crate::mutex::Mutex;

/// A request as it arrived.
///
/// ```
/// # fn example(emulator: jobs_emulator::Emulator) {
/// let requests = emulator.requests();
/// let creations = requests.iter().filter(|request| request.method == "PUT");
/// for creation in creations {
///     println!("{}: {}", creation.path, creation.json()["queryCondition"]);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, undecoded.
    pub path: String,
    /// The query without its `?`, undecoded; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty if the request was refused before its body was read.
    pub body: Vec<u8>,
    /// What its meter did with it; `None` if it was refused before it was counted, or is not metered.
    pub metering: Option<Metering>,
    /// The status of its answer; `None` until then, and if the connection ended in place of it.
    pub status: Option<u16>,
}

/// What a meter does with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Metering {
    /// It passed at once.
    Immediate,
    /// It waited for its turn.
    Queued,
    /// It was rejected with 429.
    Rejected,
}

impl Request {
    /// Returns the value of a header as text; `None` when it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as JSON; null when it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The newest requests; the oldest give way.
#[derive(Debug)]
pub(crate) struct Recorder {
    capacity: usize,
    records: Mutex<Records>,
}

/// Number of a record, in the order of arrival.
pub(crate) type RecordNumber = u64;

#[derive(Debug, Default)]
struct Records {
    first: RecordNumber,
    requests: VecDeque<Request>,
}

impl Records {
    /// Removes the oldest `count` requests.
    fn forget(&mut self, count: usize) {
        self.requests.drain(..count);
        self.first += count as RecordNumber;
    }
}

impl Recorder {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, records: Mutex::default() }
    }

    /// Returns true if requests are recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// Records a request; its credentials stay readable, but `Debug` does not show them.
    pub(crate) fn record(&self, mut request: Request) -> RecordNumber {
        if let Some(credentials) = request.headers.get_mut(AUTHORIZATION) {
            credentials.set_sensitive(true);
        }
        let mut records = self.records.lock();
        if records.requests.len() == self.capacity {
            records.forget(1);
        }
        records.requests.push_back(request);
        records.first + records.requests.len() as RecordNumber - 1
    }

    /// Changes a record, if it is still there.
    pub(crate) fn update(&self, number: RecordNumber, change: impl FnOnce(&mut Request)) {
        let mut records = self.records.lock();
        let index = number.checked_sub(records.first).and_then(|index| usize::try_from(index).ok());
        if let Some(request) = index.and_then(|index| records.requests.get_mut(index)) {
            change(request);
        }
    }

    /// Returns the recorded requests in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.records.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut records = self.records.lock();
        let count = records.requests.len();
        records.forget(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_requests_are_kept_and_show_no_credentials() {
        let (recorder, mut numbers) = (Recorder::new(2), Vec::new());
        for path in ["/a", "/b", "/c"] {
            let (method, mut headers) = (Method::GET, HeaderMap::new());
            headers.insert(AUTHORIZATION, "Bearer abc".parse().unwrap());
            let number = recorder.record(Request {
                method,
                path: path.into(),
                query: String::new(),
                headers,
                body: Vec::new(),
                metering: None,
                status: None,
            });
            assert_eq!(number, numbers.len() as RecordNumber);
            numbers.push(number);
        }
        for number in numbers {
            recorder.update(number, |request| request.status = Some(200 + number as u16));
        }
        let shown = format!("{:?}", recorder.requests());
        assert!(!shown.contains("abc"), "{shown}");
        assert_eq!(recorder.requests()[0].header("authorization"), Some("Bearer abc"));
        let kept: Vec<_> =
            recorder.requests().into_iter().map(|request| (request.path, request.status.unwrap())).collect();
        assert_eq!(kept, [("/b".into(), 201), ("/c".into(), 202)]);
    }
}
