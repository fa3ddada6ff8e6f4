//! The faults that the hub and the network between choose for each request.

use std::time::Duration;

use fastrand::Rng;

/// The fate of a request and of its answer.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The time from the arrival of the request to the answer, and to the change if it comes at once.
    pub(super) latency: Duration,
    pub(super) act: Act,
    /// The request is delivered once more after this time.
    pub(super) duplicate_after: Option<Duration>,
    pub(super) answer: Answer,
    pub(super) error_body: ErrorBody,
    pub(super) cut: Cut,
    pub(super) date: Date,
    pub(super) retry_after: RetryAfter,
    pub(super) shows_creation_time: bool,
    pub(super) closes: bool,
}

/// When the hub acts on a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    Now,
    Never,
    Later(Duration),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// The result of the act.
    Honest,
    /// A failure of this status and code.
    Failure(u16, &'static str),
    /// A redirect to the same path.
    Redirect,
    /// A success whose body is a page of another server.
    Page,
    /// A success whose body is an empty object.
    EmptyObject,
    /// None.
    Silence,
}

/// The shape of an error's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ErrorBody {
    Complete,
    /// The code is in the header alone.
    HeaderOnly,
    Empty,
    Html,
    /// JSON that is cut off before the code.
    Truncated,
    /// A complete error that repeats the request's token.
    Echo,
}

/// How the transfer of an answer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    Whole,
    BeforeHead,
    WithinHead,
    WithinBody,
    /// `Content-Length` is smaller than the body.
    TooShort,
    /// The body never ends.
    Endless,
    /// The body stops, and the connection stays.
    Stall,
    /// The whole body comes late.
    LateBody(Duration),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Date {
    True,
    Absent,
    Garbled,
    /// A century off, ahead or behind.
    Absurd(bool),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RetryAfter {
    None,
    Seconds(u64),
    /// A date this many seconds after the answer's own.
    Date(u64),
    Garbled,
}

/// The kinds of request that the model tells apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Create,
    Cancel,
    /// A read that resolves a lost response.
    Look,
    Read,
    List,
}

/// The density of faults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// The probability that a request meets a fault.
    pub(super) faults: f64,
    /// The probability that an answer has no usable date.
    pub(super) odd_dates: f64,
    /// The probability that a job is shown without the time of its creation.
    pub(super) undated_jobs: f64,
    /// The probability that connecting fails or hangs.
    pub(super) connect_failures: f64,
    /// The longest latency.
    pub(super) latency: Duration,
}

/// Failures after which the change may have been made, or is never made.
const OPEN: [(u16, &str); 6] = [
    (408, "GenericRequestTimeout"),
    (500, "ServerError"),
    (500, "GenericTimeout"),
    (502, "GenericBadGateway"),
    (503, "ServiceUnavailable"),
    (504, "GatewayTimeout"),
];

/// Refusals, which change nothing.
const REFUSALS: [(u16, &str); 13] = [
    (400, "ArgumentInvalid"),
    (401, "IotHubUnauthorizedAccess"),
    (403, "IotHubQuotaExceeded"),
    (404, "GenericNotFound"),
    (405, "OperationNotAllowedInCurrentState"),
    (409, "JobAlreadyExists"),
    (411, "GenericLengthRequired"),
    (412, "PreconditionFailed"),
    (413, "MessageTooLarge"),
    (429, "ThrottlingException"),
    (429, "ThrottlingMaxActiveJobCountExceeded"),
    (501, "GenericNotImplemented"),
    (505, "GenericHttpVersionNotSupported"),
];

impl Plan {
    pub(super) fn choose(rng: &mut Rng, kind: Kind, weather: &Weather) -> Self {
        let mut plan = Self {
            latency: latency(rng, weather.latency),
            act: Act::Now,
            duplicate_after: None,
            answer: Answer::Honest,
            error_body: error_body(rng),
            cut: Cut::Whole,
            date: if chance(rng, weather.odd_dates) { odd_date(rng) } else { Date::True },
            retry_after: RetryAfter::None,
            shows_creation_time: !chance(rng, weather.undated_jobs),
            closes: rng.u8(..8) == 0,
        };
        if rng.u8(..16) == 0 {
            plan.duplicate_after = Some(delay(rng, 20_000));
        }
        if chance(rng, weather.faults) {
            plan.add_fault(rng, kind);
        }
        plan
    }

    fn add_fault(&mut self, rng: &mut Rng, kind: Kind) {
        match rng.u8(..10) {
            0..=2 => self.lose(rng),
            3..=5 => {
                let (status, code) = OPEN[rng.usize(..OPEN.len())];
                self.answer = Answer::Failure(status, code);
                self.retry_after = retry_after(rng);
                // A gateway reports that it waits no longer; the hub behind it may still be working.
                let is_gateway = matches!(status, 408 | 502 | 504);
                self.act = match rng.u8(..3) {
                    0 => Act::Now,
                    1 if is_gateway => Act::Later(delay(rng, 60_000)),
                    _ => Act::Never,
                };
                self.garble(rng);
            }
            6..=7 => {
                self.act = Act::Never;
                (self.answer, self.retry_after) = match REFUSALS[rng.usize(..REFUSALS.len())] {
                    // The hub itself refuses nothing of a read but its token and its number.
                    (401, code) => (Answer::Failure(401, code), RetryAfter::None),
                    (429, _) if kind != Kind::Create => {
                        (Answer::Failure(429, "ThrottlingException"), retry_after(rng))
                    }
                    (429, code) => (Answer::Failure(429, code), retry_after(rng)),
                    _ if rng.u8(..8) == 0 => (Answer::Redirect, RetryAfter::None),
                    // The answer of the hub itself to a read is honest.
                    (404, _) if matches!(kind, Kind::Look | Kind::Read | Kind::List) => {
                        (Answer::Failure(404, "IotHubFailingOver"), RetryAfter::None)
                    }
                    (status, code) => (Answer::Failure(status, code), RetryAfter::None),
                };
                self.garble(rng);
            }
            8 => {
                // The response of the hub is exchanged on its way.
                self.act = if rng.bool() { Act::Now } else { Act::Never };
                let is_change = matches!(kind, Kind::Create | Kind::Cancel);
                self.answer =
                    if kind == Kind::Look && rng.bool() { Answer::EmptyObject } else { Answer::Page };
                if is_change && rng.bool() {
                    (self.answer, self.act) = (Answer::Honest, Act::Now);
                    self.cut = Cut::TooShort;
                }
            }
            _ => self.garble(rng),
        }
    }

    /// Loses the answer altogether.
    fn lose(&mut self, rng: &mut Rng) {
        self.answer = Answer::Silence;
        self.act = match rng.u8(..4) {
            0 | 1 => Act::Now,
            2 => Act::Later(delay(rng, 120_000)),
            _ => Act::Never,
        };
        self.cut = match rng.u8(..3) {
            0 => Cut::BeforeHead,
            1 => Cut::WithinHead,
            _ => Cut::Stall,
        };
    }

    /// Interrupts the answer, or not.
    fn garble(&mut self, rng: &mut Rng) {
        self.cut = match rng.u8(..10) {
            0 => Cut::WithinBody,
            1 => Cut::TooShort,
            2 if rng.u8(..4) == 0 => Cut::Endless,
            3 => Cut::Stall,
            4 => Cut::LateBody(delay(rng, 10_000)),
            _ => Cut::Whole,
        };
    }
}

pub(super) fn chance(rng: &mut Rng, probability: f64) -> bool {
    rng.f64() < probability
}

/// Returns a time that no timeout is a multiple of, up to so many milliseconds.
pub(super) fn delay(rng: &mut Rng, longest: u64) -> Duration {
    Duration::from_millis(rng.u64(..=longest / 10) * 10 + 3)
}

fn latency(rng: &mut Rng, longest: Duration) -> Duration {
    match rng.u8(..8) {
        0 => delay(rng, u64::try_from(longest.as_millis()).unwrap()),
        1 => Duration::ZERO,
        _ => delay(rng, 200),
    }
}

fn error_body(rng: &mut Rng) -> ErrorBody {
    match rng.u8(..8) {
        0 => ErrorBody::HeaderOnly,
        1 => ErrorBody::Empty,
        2 => ErrorBody::Html,
        3 => ErrorBody::Truncated,
        4 => ErrorBody::Echo,
        _ => ErrorBody::Complete,
    }
}

fn odd_date(rng: &mut Rng) -> Date {
    match rng.u8(..4) {
        0 => Date::Garbled,
        1 => Date::Absurd(rng.bool()),
        _ => Date::Absent,
    }
}

fn retry_after(rng: &mut Rng) -> RetryAfter {
    match rng.u8(..8) {
        0 | 1 => RetryAfter::Seconds(rng.u64(..5)),
        2 => RetryAfter::Seconds(rng.u64(..200)),
        3 => RetryAfter::Date(rng.u64(..20)),
        4 => RetryAfter::Garbled,
        _ => RetryAfter::None,
    }
}
