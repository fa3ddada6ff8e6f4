//! The wire: a local socket on which the hub answers as its faults command.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use fastrand::Rng;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep};

use super::clock::StillClock;
use super::faults::{Act, Answer, Cut, Date, ErrorBody, Kind, Plan, RetryAfter, Weather};
use super::hub::{Author, Honest, Hub};
use super::message::{Message, read_message};
use super::scenario::{JOB, UNPOLLED};

/// Bytes of an endless body that are sent at most.
const ENDLESS: usize = 4 * 1024 * 1024;

/// The hub as both sides see it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<State>>);

pub(super) struct State {
    pub(super) hub: Hub,
    pub(super) weather: Weather,
    pub(super) rng: Rng,
    /// The number of the call under way.
    pub(super) call: usize,
    /// The call under way creates or cancels a job.
    pub(super) is_change: bool,
    /// The requests of the call under way, in order.
    pub(super) requests: Vec<Request>,
    /// The signatures received so far.
    pub(super) signatures: HashSet<String>,
    /// Connections of the call under way that are never established.
    pub(super) hung_connections: u32,
}

/// A request and what was made of it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    pub(super) received: Instant,
    pub(super) plan: Plan,
    /// The status and the code of the answer, and when its head was sent.
    pub(super) answered: Option<(u16, Instant)>,
    /// The pause that the answer asks for.
    pub(super) retry_after: Option<Duration>,
    /// When the date of the answer was written, if it is true.
    pub(super) dated: Option<Instant>,
}

impl Shared {
    pub(super) fn new(hub: Hub, weather: Weather, rng: Rng) -> Self {
        let (requests, signatures) = (Vec::new(), HashSet::new());
        Self(Arc::new(Mutex::new(State {
            hub,
            weather,
            rng,
            call: 0,
            is_change: false,
            requests,
            signatures,
            hung_connections: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
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
            if message.path.contains(UNPOLLED) {
                // Nobody reads an answer.
                return;
            }
            let index = self.receive(&message);
            if !self.answer(&message, index, &mut stream).await {
                return;
            }
        }
    }

    /// Records a request and chooses its fate.
    fn receive(&self, message: &Message) -> usize {
        let mut state = self.lock();
        let State { weather, rng, is_change, signatures, .. } = &mut *state;
        let kind = match message.method.as_str() {
            "PUT" => Kind::Create,
            _ if message.path.starts_with("/devices/query") => Kind::List,
            "POST" => Kind::Cancel,
            _ if message.path.starts_with("/jobs/v2/query") => Kind::List,
            _ if *is_change => Kind::Look,
            _ => Kind::Read,
        };
        let field = |name: &str| message.authorization.split(['&', ' ']).find_map(|f| f.strip_prefix(name));
        signatures.insert(field("sig=").unwrap().to_owned());
        let expires_at: i64 = field("se=").unwrap().parse().unwrap();
        let mut plan = Plan::choose(rng, kind, weather);
        if expires_at <= state.hub.now().timestamp() && plan.answer != Answer::Silence {
            plan.act = Act::Never;
            plan.answer = Answer::Failure(401, "IotHubUnauthorizedAccess");
            plan.retry_after = RetryAfter::None;
        }
        state.requests.push(Request {
            kind,
            path: message.path.clone(),
            body: message.body.clone(),
            received: Instant::now(),
            plan,
            answered: None,
            retry_after: None,
            dated: None,
        });
        state.requests.len() - 1
    }

    /// Acts on a request and answers it. Returns true if the connection stays open.
    async fn answer(&self, message: &Message, index: usize, stream: &mut UnixStream) -> bool {
        let (plan, call, is_read) = {
            let state = self.lock();
            let request = &state.requests[index];
            (request.plan.clone(), state.call, !matches!(request.kind, Kind::Create | Kind::Cancel))
        };
        if let Act::Later(delay) = plan.act {
            self.act_later(message, call, delay);
        }
        sleep(plan.latency).await;
        let honest = if plan.act == Act::Now || is_read {
            self.lock().act(message, call, &plan)
        } else {
            // Never sent.
            Honest::success(Value::Null)
        };
        if let (Some(delay), true, 200) = (plan.duplicate_after, plan.act == Act::Now, honest.status) {
            self.act_later(message, call, delay);
        }
        let (head, body) = self.compose(message, index, call, &plan, honest);
        self.send(stream, (index, call), &plan, &head, &body).await
    }

    fn act_later(&self, message: &Message, call: usize, delay: Duration) {
        let (shared, message) = (self.clone(), message.clone());
        tokio::spawn(async move {
            sleep(delay).await;
            let mut state = shared.lock();
            if message.method == "PUT" || message.path.contains("/cancel") {
                state.change(&message, call);
            }
        });
    }

    /// Writes the head and the body of the answer, and records what it says.
    fn compose(
        &self,
        message: &Message,
        index: usize,
        call: usize,
        plan: &Plan,
        honest: Honest,
    ) -> (String, String) {
        let mut state = self.lock();
        let now = state.hub.now();
        let (status, code, body) = match plan.answer {
            Answer::Honest | Answer::Silence => (honest.status, honest.code, honest.body),
            Answer::Failure(status, code) => {
                (status, Some(code), Honest::refusal(status, code, "a\u{7}fault\r\noccurred").body)
            }
            Answer::Redirect => (302, None, String::new()),
            Answer::Page => (200, None, "<html><p>Welcome</p></html>".to_owned()),
            Answer::EmptyObject => (200, None, "{}".to_owned()),
        };
        let (code, body) = match plan.error_body {
            _ if status == 200 => (code, body),
            ErrorBody::Complete => (code, body),
            ErrorBody::HeaderOnly => (code, "{}".to_owned()),
            ErrorBody::Empty => (None, String::new()),
            ErrorBody::Html => (None, "<html>\n<h1>Oops</h1>\n</html>".to_owned()),
            ErrorBody::Truncated => (None, "{\"Message\":\"Erro".to_owned()),
            ErrorBody::Echo => (code, format!("{body} {}", message.authorization)),
        };
        let mut head = format!("HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n");
        let mut header = |name: &str, value: &str| head += &format!("{name}: {value}\r\n");
        if let Some(code) = code {
            header("iothub-errorcode", code);
        }
        if let Some(continuation) = &honest.continuation {
            header("x-ms-continuation", continuation);
        }
        if plan.answer == Answer::Redirect {
            header("location", &message.path);
        }
        match plan.date {
            Date::True => header("date", &http_date(now)),
            Date::Absent => {}
            Date::Garbled => header("date", "yesterday"),
            Date::Absurd(true) => header("date", &http_date(now + TimeDelta::days(36525))),
            Date::Absurd(false) => header("date", &http_date(now - TimeDelta::days(36525))),
        }
        let retry_after = match plan.retry_after {
            RetryAfter::None => None,
            RetryAfter::Garbled => {
                header("retry-after", "soon");
                None
            }
            RetryAfter::Date(seconds) if plan.date == Date::True => {
                let seconds_after = TimeDelta::seconds(i64::try_from(seconds).unwrap());
                header("retry-after", &http_date(now + seconds_after));
                Some(Duration::from_secs(seconds))
            }
            RetryAfter::Seconds(seconds) | RetryAfter::Date(seconds) => {
                header("retry-after", &seconds.to_string());
                Some(Duration::from_secs(seconds))
            }
        };
        if state.call == call {
            let request = &mut state.requests[index];
            request.answered = Some((status, Instant::now()));
            request.retry_after = retry_after;
            request.dated = (plan.date == Date::True).then(Instant::now);
        }
        (head, body)
    }

    /// Sends an answer as far as its fault lets it. Returns true if the connection stays open.
    async fn send(
        &self,
        stream: &mut UnixStream,
        (index, call): (usize, usize),
        plan: &Plan,
        head: &str,
        body: &str,
    ) -> bool {
        let cut = match plan.cut {
            // An empty body ends with the head.
            Cut::Stall | Cut::LateBody(_) if body.is_empty() && plan.answer != Answer::Silence => Cut::Whole,
            cut => cut,
        };
        let (length, body) = match cut {
            Cut::TooShort => (body.len() / 2, body),
            _ => (body.len(), body),
        };
        let whole = match cut {
            Cut::Endless => format!("{head}transfer-encoding: chunked\r\n\r\n"),
            _ => format!("{head}content-length: {length}\r\n\r\n"),
        };
        let is_silent = plan.answer == Answer::Silence;
        let sent = match cut {
            Cut::BeforeHead => String::new(),
            Cut::Stall if is_silent => String::new(),
            Cut::WithinHead => whole[..whole.len() / 2].to_owned(),
            Cut::WithinBody | Cut::Stall => format!("{whole}{}", &body[..body.len() / 2]),
            Cut::LateBody(_) | Cut::Endless => whole,
            Cut::Whole | Cut::TooShort => format!("{whole}{body}"),
        };
        let is_head_sent = !is_silent && !matches!(cut, Cut::BeforeHead | Cut::WithinHead);
        let is_sent = stream.write_all(sent.as_bytes()).await.is_ok();
        if !(is_head_sent && is_sent) {
            let mut state = self.lock();
            if state.call == call {
                let request = &mut state.requests[index];
                (request.answered, request.retry_after, request.dated) = (None, None, None);
            }
        }
        match cut {
            Cut::Whole => is_sent && !plan.closes,
            Cut::LateBody(delay) => {
                sleep(delay).await;
                stream.write_all(body.as_bytes()).await.is_ok()
            }
            Cut::Endless => {
                let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
                for _ in 0..ENDLESS / chunk.len() {
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        break;
                    }
                }
                false
            }
            Cut::Stall => {
                // Until the client leaves.
                while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
                false
            }
            Cut::BeforeHead | Cut::WithinHead | Cut::WithinBody | Cut::TooShort => false,
        }
    }
}

impl State {
    fn act(&mut self, message: &Message, call: usize, plan: &Plan) -> Honest {
        match message.method.as_str() {
            "GET" if message.path.starts_with("/jobs/v2/query") => {
                self.hub.page(message.continuation.as_deref())
            }
            "GET" => self.hub.job(message.job_id(), plan.shows_creation_time),
            _ if message.path.starts_with("/devices/query") => self.hub.rows(JOB),
            _ => self.change(message, call),
        }
    }

    fn change(&mut self, message: &Message, call: usize) -> Honest {
        let author = Author::Call(call);
        match message.method.as_str() {
            "PUT" => {
                self.hub.create(message.job_id(), &serde_json::from_slice(&message.body).unwrap(), author)
            }
            _ => self.hub.cancel(message.job_id(), author),
        }
    }
}

fn http_date(time: DateTime<chrono::Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
