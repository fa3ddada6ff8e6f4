//! The promises of the client, checked against what truly happened.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use jobs_api::{Client, Error, JobOutcome, JobReport};
use tokio::time::Instant;

use super::draws::{Operation, Settings};
use super::faults::{Answer, Cut, Kind};
use super::hub::{Author, EffectKind, Fate, Hub};
use super::scenario::{Call, Failure, JOB, KEY, Returned, is_cancelled};
use super::server::{Request, State};

/// The resolution of Tokio's timers.
const TICK: Duration = Duration::from_millis(5);
/// How far the clocks of a hub's machines may be apart, and the resolution of the header `Date`.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(7);
/// Readings of the job after a lost response, whose pauses grow, apart from one before each throttled attempt.
const READINGS: usize = 32;
/// The time that a reading needs.
const READING_TIME: Duration = Duration::from_millis(250);

/// How calls ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) calls: u64,
    pub(super) requests: u64,
    pub(super) successes: u64,
    /// Successes of calls one of whose responses was lost.
    pub(super) resolved: u64,
    pub(super) failures: u64,
    /// Failures of calls one of whose responses was lost, with a known outcome.
    pub(super) settled: u64,
    pub(super) unknown: u64,
    /// Of the unknown ones, those that one more reading within the deadline would have settled.
    pub(super) knowable: u64,
}

impl Tally {
    pub(super) fn count(&mut self, call: &Call, settings: &Settings, hub: &Hub) {
        let is_change = call.operation.is_change();
        let has_looked = call.requests.iter().any(|request| request.kind == Kind::Look);
        self.calls += 1;
        self.requests += call.requests.len() as u64;
        match &call.result {
            Ok(_) => {
                self.successes += 1;
                self.resolved += u64::from(is_change && has_looked);
            }
            Err(error) if error.is_outcome_unknown() => {
                self.unknown += 1;
                self.knowable += u64::from(is_knowable(call, settings, hub));
            }
            Err(_) => {
                self.failures += 1;
                self.settled += u64::from(is_change && has_looked);
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.requests += other.requests;
        self.successes += other.successes;
        self.resolved += other.resolved;
        self.failures += other.failures;
        self.settled += other.settled;
        self.unknown += other.unknown;
        self.knowable += other.knowable;
    }
}

impl Call {
    /// Returns the requests that are no look at the job.
    fn attempts(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|request| request.kind != Kind::Look)
    }
}

/// Checks everything that is known when a call has ended.
pub(super) fn check(call: &Call, settings: &Settings, state: &State, client: &Client) -> Result<(), String> {
    let describe = |violation: String| {
        let result = match &call.result {
            Ok(_) => "it succeeds".to_owned(),
            Err(error) => format!("it fails: {}", **error),
        };
        let requests: Vec<_> = call.requests.iter().map(|r| describe_request(r, call.started)).collect();
        format!(
            "call {} ({:?}): {violation}\n  {settings:?}\n  {result} after {:?}\n  effects: {:?}\n  job: {:?}\n  {}",
            call.number,
            call.operation,
            call.elapsed,
            state.hub.effects,
            state.hub.jobs.get(JOB),
            requests.join("\n  ")
        )
    };
    check_time(call, settings)
        .and_then(|()| check_attempts(call, settings))
        .and_then(|()| check_retry_after(call))
        .and_then(|()| check_repetition(call))
        .and_then(|()| match &call.result {
            Ok(returned) => check_success(call, returned, &state.hub),
            Err(error) => check_failure(call, error, state, client),
        })
        .map_err(describe)
}

/// Checks, when nothing is under way any more, that a call with a known failure changed nothing.
pub(super) fn check_unchanged(
    number: usize,
    operation: Operation,
    error: &Error,
    state: &State,
) -> Result<(), String> {
    let effect = state.hub.effects.iter().find(|effect| effect.call == number);
    ensure(effect.is_none() || is_after_creation(operation, error), || {
        format!(
            "call {number} ({operation:?}) fails with a known outcome, but has an effect {effect:?}: {error}"
        )
    })
}

fn check_time(call: &Call, settings: &Settings) -> Result<(), String> {
    let single = settings.attempt_timeout;
    let limit = match (call.operation, settings.deadline) {
        // Each page has a deadline, and a batch none.
        (Operation::List | Operation::Batch, _) => return Ok(()),
        // The last poll may begin just before the limit; the first is always completed.
        (Operation::Wait { limit }, deadline) => limit + deadline.unwrap_or(2 * single),
        (_, Some(deadline)) => deadline,
        // The job is read once.
        (Operation::Ensure, None) => 4 * single,
        // The wait for the turn of the only attempt takes no longer than the attempt may.
        (_, None) => 2 * single,
    };
    ensure(call.elapsed <= limit + TICK, || format!("it takes {:?}, longer than {limit:?}", call.elapsed))
}

fn check_attempts(call: &Call, settings: &Settings) -> Result<(), String> {
    if matches!(call.operation, Operation::List | Operation::Wait { .. } | Operation::Batch) {
        return Ok(());
    }
    let count_status = |status: u16| {
        call.attempts().filter(|request| request.answered.is_some_and(|(sent, _)| sent == status)).count()
    };
    // One new token, and any number of waits for a turn or a slot.
    let throttles = count_status(429);
    let extra = count_status(401).min(1) + throttles;
    let limit = (settings.attempts.max(1) as usize) + extra;
    let (attempts, looks) = (call.attempts().count(), call.requests.len() - call.attempts().count());
    ensure(attempts <= limit, || format!("{attempts} attempts instead of {limit}"))?;
    let looks_allowed = match settings.attempts {
        // A job that exists is read, whatever the policy.
        0 | 1 if call.operation == Operation::Ensure => 1,
        0 | 1 => 0,
        _ => READINGS + throttles,
    };
    ensure(looks <= looks_allowed, || format!("{looks} looks at the job"))
}

fn check_retry_after(call: &Call) -> Result<(), String> {
    // A wait polls again, whatever a failed poll was asked to do.
    if matches!(call.operation, Operation::Wait { .. } | Operation::Batch) {
        return Ok(());
    }
    for (request, next) in call.requests.iter().zip(call.requests.iter().skip(1)) {
        if let (Some((status, answered)), Some(wait)) = (request.answered, request.retry_after) {
            // The time of an attempt may run out in the tick in which its answer is written.
            let is_late = next.received < answered + TICK
                && matches!(&call.result, Err(Failure::Call(error)) if is_timeout(error));
            ensure(is_late || next.received >= answered + wait, || {
                format!("a request {:?} after a {status} that asks for {wait:?}", next.received - answered)
            })?;
        }
    }
    Ok(())
}

/// Checks that every attempt asks for the same.
fn check_repetition(call: &Call) -> Result<(), String> {
    let mut changes = call.requests.iter().filter(|r| matches!(r.kind, Kind::Create | Kind::Cancel));
    let Some(first) = changes.next() else { return Ok(()) };
    ensure(changes.all(|other| (&other.path, &other.body) == (&first.path, &first.body)), || {
        "an attempt differs from the first".into()
    })
}

fn check_success(call: &Call, returned: &Returned, hub: &Hub) -> Result<(), String> {
    let returned = match returned {
        // A wait that ended before the hub showed the job.
        Returned::Job(job) if job.outcome() == JobOutcome::Unknown => {
            let is_wait = matches!(call.operation, Operation::Wait { .. });
            return ensure(is_wait, || "it returns a job that is not shown".into());
        }
        Returned::Job(job) => job,
        Returned::Report(report) => return check_report(report, hub),
        Returned::Listing => return Ok(()),
    };
    ensure(returned.job_id.as_deref() == Some(JOB), || format!("it returns another job: {returned:?}"))?;
    if matches!(call.operation, Operation::Wait { .. }) && returned.outcome() == JobOutcome::Unknown {
        // The wait timed out before the hub showed a job.
        return Ok(());
    }
    let Some(job) = hub.jobs.get(JOB) else { return Err("the job does not exist".into()) };
    match call.operation {
        Operation::Create | Operation::GeneratedCreate if job.author != Author::Call(call.number) => {
            // An attempt that hangs in connecting may have been sent, as far as the client can know.
            let first = match call.hung_connections {
                0 => call.requests.first().map(|request| request.received),
                _ => Some(call.started),
            };
            check_equal_job(job.author, job.created_at, first, call)
        }
        Operation::Ensure => ensure(is_identical(job.author), || "the job is another".into()),
        Operation::Cancel => ensure(hub.status(JOB) == Some("cancelled") && is_cancelled(returned), || {
            format!("the job is {:?}", hub.status(JOB))
        }),
        _ => Ok(()),
    }
}

/// Checks the report of a batch's job.
fn check_report(report: &JobReport, hub: &Hub) -> Result<(), String> {
    let Some(job) = hub.jobs.get(JOB) else { return Err("the job does not exist".into()) };
    ensure(is_identical(job.author), || "the job is another".into())?;
    let failures = hub.devices.iter().filter(|device| **device != Fate::Succeeds).count();
    let (status, outcome) = (hub.status(JOB), report.outcome());
    let is_true = match outcome {
        JobOutcome::Succeeded => status == Some("completed") && failures == 0 && !hub.devices.is_empty(),
        JobOutcome::CompletedWithFailures(count) => {
            status == Some("completed") && (1..=failures).contains(&(count as usize))
        }
        JobOutcome::Incomplete(_) => status == Some("completed"),
        JobOutcome::NoDevices => status == Some("completed") && hub.devices.is_empty(),
        JobOutcome::Cancelled => status == Some("cancelled"),
        _ => false,
    };
    ensure(is_true, || format!("{outcome}, but the job is {status:?}, its devices are {:?}", hub.devices))
}

fn is_identical(author: Author) -> bool {
    !matches!(author, Author::Other { is_identical: false })
}

/// Checks that a job of another client which a create call returns is the requested one, created since the
/// call began as far as the dates of answers reveal.
fn check_equal_job(
    author: Author,
    created: Instant,
    first: Option<Instant>,
    call: &Call,
) -> Result<(), String> {
    ensure(is_identical(author), || "the job is another".into())?;
    // A date bounds the hub's time as sharply as the answer came promptly.
    let delays = call.requests.iter().filter_map(|request| {
        let delay = match request.plan.cut {
            Cut::Whole | Cut::TooShort | Cut::WithinBody | Cut::Endless => Duration::ZERO,
            Cut::LateBody(delay) => delay,
            _ => return None,
        };
        request.dated.map(|_| delay)
    });
    let tolerance = CLOCK_TOLERANCE + delays.min().unwrap_or(Duration::from_secs(30));
    ensure(first.is_some_and(|first| created + tolerance >= first), || {
        format!("the job was created {:?} before the call", first.map(|first| first - created))
    })
}

fn check_failure(call: &Call, error: &Error, state: &State, client: &Client) -> Result<(), String> {
    let line = error.to_string();
    ensure(!line.chars().any(char::is_control), || format!("the error is no line: {line:?}"))?;
    let mut shown = format!("{client:?} {error:?} {error:#?}");
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        shown += &format!(" {error} {error:?}");
        cause = error.source();
    }
    check_secrets(&shown, &state.signatures)?;
    if error.is_outcome_unknown() {
        let may_change = call.operation.is_change() || call.operation == Operation::Batch;
        ensure(may_change, || "a read leaves an outcome unknown".into())?;
        // A request may also run out of time, or meet a closed connection, before it arrives.
        let is_open = call.hung_connections > 0
            || attempt_number(error) as usize > call.attempts().count()
            // The last answer was written in the tick in which its time ran out.
            || is_timeout(error)
            || call.attempts().any(is_open)
            // It is the job's likeness that is not known.
            || may_exist(call, state);
        return ensure(is_open, || "the outcome is unknown although every answer came".into());
    }
    if call.operation == Operation::Get && error.is_not_found() {
        let has_code = error.service().is_none_or(|service| service.code().is_some());
        return ensure(!call.was_shown_before || !has_code, || "an existing job is not found".into());
    }
    if matches!(error, Error::JobConflict { .. }) {
        let other = state.hub.jobs.get(JOB).is_some_and(|job| !is_identical(job.author));
        ensure(other, || "the job is the one requested".into())?;
    }
    if is_after_creation(call.operation, error) {
        return Ok(());
    }
    // The effects known now; later arrivals are checked in the end.
    let effect = state.hub.effects.iter().find(|effect| effect.call == call.number);
    ensure(effect.is_none(), || {
        let kind = match effect.map(|effect| effect.kind) {
            Some(EffectKind::Created) => "created",
            _ => "cancelled",
        };
        format!("the outcome is known, but the job is {kind}")
    })
}

/// Returns true if the error is that of a batch whose job may exist: it could not be followed, or reported on.
fn is_after_creation(operation: Operation, error: &Error) -> bool {
    operation == Operation::Batch && !error.to_string().starts_with("create_scheduled_job")
}

/// Returns true if the call asked for a job unless it exists, and the hub cannot or did not say which one does.
fn may_exist(call: &Call, state: &State) -> bool {
    matches!(call.operation, Operation::Ensure | Operation::Batch)
        && (!state.hub.is_comparable(JOB)
            || !state.hub.jobs.get(JOB).is_some_and(|job| is_identical(job.author))
            || call.attempts().any(|request| request.answered.is_some_and(|(status, _)| status == 409)))
}

/// Returns true if one more reading within the deadline would have settled the outcome, had the hub answered it.
fn is_knowable(call: &Call, settings: &Settings, hub: &Hub) -> bool {
    let (Some(job), Some(deadline)) = (hub.jobs.get(JOB), settings.deadline) else { return false };
    if settings.attempts < 2 || !call.operation.is_change() || call.operation == Operation::GeneratedCreate {
        return false;
    }
    let (ended, end) = (call.started + call.elapsed, call.started + deadline);
    let last = match call.requests.last() {
        Some(request) if request.kind != Kind::Look && call.hung_connections == 0 => request.received,
        _ => ended,
    };
    let pause = call.requests.last().and_then(|request| Some(request.answered?.1 + request.retry_after?));
    let last = pause.map_or(last, |pause| pause.max(last));
    // A job that seems to be older than the call may be another's.
    let is_datable = hub.creation_skew >= TimeDelta::zero() || call.operation != Operation::Create;
    let is_settled = |time: Instant| match (call.operation, hub.shown_status(JOB, time)) {
        (_, None) => false,
        (Operation::Cancel, status) => !matches!(status, Some("queued" | "scheduled")),
        _ => is_datable && hub.is_comparable(JOB) && job.author == Author::Call(call.number),
    };
    end.saturating_duration_since(last) >= READING_TIME && is_settled(end - READING_TIME)
}

fn is_timeout(error: &Error) -> bool {
    matches!(error, Error::Transport(error) if error.is_timeout())
}

/// Returns the number of the attempt that an error is about.
fn attempt_number(error: &Error) -> u32 {
    error.attempt().map_or(0, jobs_api::FailedAttempt::number)
}

fn check_secrets(shown: &str, signatures: &HashSet<String>) -> Result<(), String> {
    let decoded = |signature: &String| {
        percent_encoding::percent_decode_str(signature).decode_utf8().map(Into::into).unwrap_or_default()
    };
    let secrets = signatures.iter().flat_map(|signature: &String| [signature.clone(), decoded(signature)]);
    let leak = secrets.chain([KEY.to_owned()]).find(|secret| shown.contains(secret.as_str()));
    ensure(leak.is_none(), || format!("a secret is shown: {shown}"))
}

/// Returns true if the answer to this attempt leaves the outcome open.
fn is_open(request: &Request) -> bool {
    match (request.answered, request.plan.answer) {
        (None, _) | (_, Answer::Page | Answer::EmptyObject | Answer::Silence) => true,
        (Some((status, _)), _) => status == 408 || (500..600).contains(&status) || status == 200,
    }
}

fn describe_request(request: &Request, start: Instant) -> String {
    let plan = &request.plan;
    format!(
        "{:?} at {:?}: answered {:?}, {:?} {:?} {:?} {:?} {:?} after {:?}, retry after {:?}, dup {:?}",
        request.kind,
        request.received - start,
        request.answered.map(|(status, at)| (status, at - start)),
        plan.act,
        plan.answer,
        plan.error_body,
        plan.cut,
        plan.date,
        plan.latency,
        request.retry_after,
        plan.duplicate_after,
    )
}

fn ensure(condition: bool, violation: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(violation()) }
}
