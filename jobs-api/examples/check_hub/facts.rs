//! The facts that are checked, by their ids in `spec/facts.json`, and what was found.

use jobs_api::{Error, ErrorCode};
use serde::Serialize;

/// The id of a fact, and a statement for the report.
pub(crate) type Fact = (&'static str, &'static str);

pub(crate) const UNKNOWN: &[Fact] = &[
    ("unauthorized", "a token of another key is 401"),
    ("cancel-unknown-id", "cancel of an unknown id is 404 JobNotFound"),
    ("read-unknown-id", "GET of an unknown id is 200 `unknown`"),
    ("read-unknown-id-bare", "that answer has no jobId"),
];
pub(crate) const SCHEDULED: &[Fact] = &[
    ("create-answer", "a create is answered with the id, the type and `queued`"),
    ("answer-headers", "answers have Date, x-ms-request-id, and JSON in UTF-8"),
    ("read-lag", "a new job is known to GET within 30 s"),
    ("create-reused-id", "a second PUT of an id is 409 JobAlreadyExists"),
    ("error-body", "the Message of an error begins with its code"),
    ("error-tracking", "its tracking id has the form …-G:…"),
    ("slots-scheduled", "a scheduled job holds a slot: the next create is 429"),
    ("rate-retry-after", "a 429 has no Retry-After"),
    ("life-scheduled", "a job for later is `scheduled` within seconds"),
    ("read-end-time", "the end of a job that has not ended is 9999-12-31"),
    ("limit-default", "the default time limit is 3,600 s"),
    ("twin-echo", "a twin update reads back as it was sent"),
    ("list-filter", "the list filters without regard to case"),
    ("cancel-answer", "a cancel is answered with `cancelled`"),
    ("cancel-lag", "a cancelled job is `cancelled` to GET within 30 s"),
    ("cancel-running", "cancel of an ended job is 405"),
];
pub(crate) const AT_ONCE: &[Fact] = &[
    ("start-omitted", "a job without a start starts when it is created"),
    ("life-no-device", "a job that selects no device is `completed`"),
];
pub(crate) const PAST_START: &[Fact] = &[("start-past", "a start in the past runs the job at once")];
pub(crate) const UNREADABLE_CONDITION: &[Fact] =
    &[("condition-unreadable", "a condition that cannot be parsed fails the job")];
pub(crate) const PAYLOAD: &[Fact] = &[("method-payload-echo", "a payload reads back as its bytes")];
pub(crate) const REFUSALS: &[Fact] = &[
    ("job-id-lower-case", "an id in upper case is 400"),
    ("start-latest", "a start more than 168 hours ahead is 400"),
    ("method-response-timeout", "a response timeout below 5 s is 400"),
    ("method-connect-above-response", "a connect timeout above the response timeout is 400"),
    ("twin-etag", "a twin update without an etag is 412"),
    ("twin-etag-other", "a twin update with an etag other than * is refused"),
    ("twin-key", "a key with a dot is 400"),
    ("twin-string", "a string of 4,097 bytes is 400"),
    ("twin-integer", "an integer of 2^52 is 400"),
    ("twin-depth", "a twin 12 levels deep is 400"),
    ("twin-null-in-array", "a null within an array is 400"),
    ("condition-length", "a condition of 8,193 characters is 412"),
];
pub(crate) const QUERIES: &[Fact] = &[
    ("rows-query", "devices.jobs can be queried by job"),
    ("query-count-empty", "COUNT of nothing is one row of 0"),
    ("item-type", "x-ms-item-type is DeviceJob for rows, Raw for COUNT"),
    ("query-unreadable", "a query that cannot be parsed is 400 `ArgumentInvalid;BadRequest`"),
];
pub(crate) const OF_DEVICES: &[Fact] = &[
    ("method-unreachable", "a method on an unreachable device fails at the time limit"),
    ("rows-lag", "rows lag behind their job"),
    ("rows-lag-missing", "a row that lags is missing"),
    ("rows-module", "rows of modules have a moduleId"),
];
pub(crate) const OF_THROTTLING: &[Fact] =
    &[("rate-rejected", "a call beyond the rate is 429 ThrottlingBacklogTimeout")];

/// The facts in the order of the report.
const STEPS: &[&[Fact]] = &[
    UNKNOWN,
    SCHEDULED,
    AT_ONCE,
    PAST_START,
    UNREADABLE_CONDITION,
    PAYLOAD,
    REFUSALS,
    QUERIES,
    OF_DEVICES,
    OF_THROTTLING,
];

pub(crate) fn facts() -> impl Iterator<Item = &'static Fact> {
    STEPS.iter().copied().flatten()
}

/// The state of a fact on this hub, with the answer seen, or the reason why it was not tested.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "verdict", content = "seen", rename_all = "camelCase")]
pub(crate) enum Verdict {
    Holds(String),
    Differs(String),
    NotTested(String),
}

impl Verdict {
    /// Returns whether the hub refused a call with this status, and this code unless any will do.
    pub(crate) fn of_refusal<T>(result: &Result<T, Error>, status: u16, code: Option<&ErrorCode>) -> Self {
        let Err(error) = result else { return Self::Differs("accepted".to_owned()) };
        let found = error.service().filter(|service| service.status().as_u16() == status);
        match found.map(|service| code.is_none() || service.code() == code) {
            Some(true) => Self::Holds(words(error)),
            Some(false) => Self::Differs(words(error)),
            None if is_inconclusive(error) => Self::NotTested(words(error)),
            None => Self::Differs(words(error)),
        }
    }
}

/// Returns true if the error says nothing about the request: the hub was not reached, was busy, or refused the
/// credential.
fn is_inconclusive(error: &Error) -> bool {
    error.is_retryable()
        || error.service().is_none_or(|service| matches!(service.status().as_u16(), 401 | 403))
}

/// Returns the reason of an error, without the hub's name and its texts, which may name the principal or other jobs.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::Service(service) => {
            let code = service.code().map(|code| format!(" {code}")).unwrap_or_default();
            format!("{}{code}", service.status().as_u16())
        }
        Error::Transport(transport) => match transport.tls_failure() {
            Some(reason) => reason.to_owned(),
            None if transport.is_connect() => "no connection".to_owned(),
            None if transport.is_timeout() => "no response in time".to_owned(),
            None => "the connection ended".to_owned(),
        },
        Error::UnreadableResponse(_) => "a success with a body that cannot be read".to_owned(),
        Error::UnreadableRow(_) => "a row that cannot be read".to_owned(),
        other => other.to_string(),
    }
}

/// The reason why a step ended before all its facts were tested.
pub(crate) struct Untested {
    reason: String,
    /// The hub did not do what the step relies on.
    is_conclusive: bool,
}

impl Untested {
    pub(crate) fn new(reason: &str) -> Self {
        Self { reason: reason.to_owned(), is_conclusive: false }
    }
}

impl From<Error> for Untested {
    fn from(error: Error) -> Self {
        Self { reason: words(&error), is_conclusive: !is_inconclusive(&error) }
    }
}

/// The findings, by fact.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(&'static str, Verdict)>);

impl Findings {
    pub(crate) fn record(&mut self, fact: &'static str, verdict: Verdict) {
        self.0.push((fact, verdict));
    }

    /// Records whether a fact holds, with what was seen.
    pub(crate) fn check(&mut self, fact: &'static str, holds: bool, seen: impl Into<String>) {
        let seen = seen.into();
        self.record(fact, if holds { Verdict::Holds(seen) } else { Verdict::Differs(seen) });
    }

    /// Ends a step that tests these facts in this order. If it ended early, the next fact differs if the hub's
    /// answer is conclusive; the others were not tested.
    pub(crate) fn end(&mut self, facts: &[Fact], step: Result<(), Untested>) {
        let Err(Untested { reason, mut is_conclusive }) = step else { return };
        for (fact, _) in facts {
            if self.find(fact).is_none() {
                let reason = reason.clone();
                let verdict =
                    if is_conclusive { Verdict::Differs(reason) } else { Verdict::NotTested(reason) };
                is_conclusive = false;
                self.record(fact, verdict);
            }
        }
    }

    /// Returns the verdict on a fact.
    pub(crate) fn of(&self, fact: &str) -> Verdict {
        self.find(fact)
            .cloned()
            .unwrap_or_else(|| Verdict::NotTested("the program was interrupted".to_owned()))
    }

    fn find(&self, fact: &str) -> Option<&Verdict> {
        self.0.iter().find(|(found, _)| *found == fact).map(|(_, verdict)| verdict)
    }
}
