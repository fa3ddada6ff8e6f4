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
    requests: Mutex<VecDeque<Request>>,
}

impl Recorder {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, requests: Mutex::default() }
    }

    /// Returns true if requests are recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// Records a request; its credentials stay readable, but `Debug` does not show them.
    pub(crate) fn record(&self, mut request: Request) {
        if self.is_on() {
            if let Some(credentials) = request.headers.get_mut(AUTHORIZATION) {
                credentials.set_sensitive(true);
            }
            let mut requests = self.requests.lock();
            if requests.len() == self.capacity {
                requests.pop_front();
            }
            requests.push_back(request);
        }
    }

    /// Returns the recorded requests in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.requests.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_requests_are_kept_and_show_no_credentials() {
        let recorder = Recorder::new(2);
        for path in ["/a", "/b", "/c"] {
            let (method, mut headers) = (Method::GET, HeaderMap::new());
            headers.insert(AUTHORIZATION, "Bearer abc".parse().unwrap());
            recorder.record(Request {
                method,
                path: path.into(),
                query: String::new(),
                headers,
                body: Vec::new(),
            });
        }
        let shown = format!("{:?}", recorder.requests());
        assert!(!shown.contains("abc"), "{shown}");
        assert_eq!(recorder.requests()[0].header("authorization"), Some("Bearer abc"));
        let paths: Vec<_> = recorder.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/b", "/c"]);
    }
}
