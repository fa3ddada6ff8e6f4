//! The wire: a local socket, and the faults on it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep};

use super::hub::Hub;
use crate::simulation::clock::StillClock;
use crate::simulation::faults::chance;
use crate::simulation::hub::Honest;
use crate::simulation::message::{Message, read_message};

/// Rows of a page.
const PAGE: usize = 100;

#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<State>>);

pub(super) struct State {
    pub(super) hub: Hub,
    pub(super) rng: Rng,
    /// The probability that a request meets a fault.
    pub(super) faults: f64,
    /// Every request fails from the first time to the second.
    pub(super) outage: (Instant, Instant),
    pub(super) requests: usize,
}

/// The fate of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    /// It is refused, and nothing is done.
    Refusal(u16, &'static str),
    /// It is done or not, and no answer comes.
    Lost {
        is_done: bool,
    },
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap();
        state.hub.advance();
        state
    }

    /// Answers requests at `path` until the runtime ends.
    pub(super) fn listen(&self, clock: &StillClock, path: &Path) {
        let listener = UnixListener::bind(path).unwrap();
        let (shared, still) = (self.clone(), clock.clone());
        tokio::spawn(clock.observe(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(still.observe(shared.clone().serve(stream)));
            }
        }));
    }

    async fn serve(self, mut stream: UnixStream) {
        let mut buffer = Vec::new();
        while let Some(message) = read_message(&mut stream, &mut buffer).await {
            let (fault, latency) = self.lock().draw();
            sleep(latency).await;
            let answer = match fault {
                Fault::None => self.lock().act(&message),
                Fault::Refusal(status, code) => Honest::refusal(status, code, "not now"),
                Fault::Lost { is_done } => {
                    if is_done {
                        self.lock().act(&message);
                    }
                    return;
                }
            };
            let date = {
                let state = self.lock();
                state.hub.time(Instant::now())
            };
            let mut head = format!(
                "HTTP/1.1 {} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: {}\r\n",
                answer.status,
                answer.body.len(),
                date.format("%a, %d %b %Y %H:%M:%S GMT")
            );
            if let Some(code) = answer.code {
                head += &format!("iothub-errorcode: {code}\r\n");
            }
            if let Some(token) = &answer.continuation {
                head += &format!("x-ms-continuation: {token}\r\n");
            }
            if stream.write_all(format!("{head}\r\n{}", answer.body).as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

impl State {
    fn draw(&mut self) -> (Fault, Duration) {
        self.requests += 1;
        let (now, rng) = (Instant::now(), &mut self.rng);
        let latency =
            Duration::from_millis(if rng.u8(..20) == 0 { rng.u64(..8_000) } else { rng.u64(..200) });
        if now >= self.outage.0 && now < self.outage.1 {
            return (Fault::Refusal(503, "ServiceUnavailable"), latency);
        }
        let fault = match chance(rng, self.faults) {
            false => Fault::None,
            // Of many rejections without a cause the client would learn a rate close to none.
            true => match rng.u8(..100) {
                0 => Fault::Refusal(429, "ThrottlingException"),
                1..50 => Fault::Refusal(503, "ServiceUnavailable"),
                _ => Fault::Lost { is_done: rng.bool() },
            },
        };
        (fault, latency)
    }

    fn act(&mut self, message: &Message) -> Honest {
        let author = message.authorization.rsplit("skn=").next().unwrap().split('&').next().unwrap();
        match message.method.as_str() {
            "PUT" => {
                let request = serde_json::from_slice(&message.body).unwrap();
                self.hub.create(message.job_id(), request, author)
            }
            "GET" => self.hub.job(message.job_id()),
            _ if message.path.starts_with("/devices/query") => {
                let query: Value = serde_json::from_slice(&message.body).unwrap();
                let rows = match query["query"].as_str().unwrap().split_once("jobId = '") {
                    Some((_, id)) => self.hub.rows(id.trim_end_matches('\'')),
                    None => self.hub.devices.keys().map(|id| json!({ "deviceId": id })).collect(),
                };
                page(&rows, message.continuation.as_deref())
            }
            _ => self.hub.cancel(message.job_id()),
        }
    }
}

fn page(rows: &[Value], continuation: Option<&str>) -> Honest {
    let first = continuation.map_or(0, |token| token.parse().unwrap());
    let end = rows.len().min(first + PAGE);
    let continuation = (end < rows.len()).then(|| end.to_string());
    Honest { continuation, ..Honest::success(rows[first.min(end)..end].to_vec()) }
}
