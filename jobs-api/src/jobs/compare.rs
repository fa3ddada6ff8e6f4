//! Comparison of a job with a request: the same, another one, or not certain.
//!
//! A hub may write what it was sent in another form: the payload of a method as its bytes, a date with other digits,
//! a number as 1 or 1.0. It may fill in what was not sent, and leave out what was.
//!
//! | member | comparison |
//! |---|---|
//! | type, condition, name of a method | exactly; unclear if the hub leaves it out |
//! | timeouts, time limit | exactly; none is the service's default, and unclear beside another value |
//! | payload of a method | as JSON, also if it is shown as bytes, text or base64; never different for certain |
//! | patch of a twin | the members that a job writes; those that begin with `$` are the hub's |
//! | start | to the millisecond or the second; without one, within a minute of the creation |
//!
//! A difference that is certain makes the job another one, however alike the rest; one that is not leaves it open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{SubsecRound as _, TimeDelta};
use serde_json::{Map, Value};

use super::validate::complete_request;
use crate::error::Error;
use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobResponse, Twin};
use crate::limits::{DEFAULT_CONNECT_TIMEOUT, DEFAULT_EXECUTION_TIME, DEFAULT_RESPONSE_TIMEOUT};
use crate::runtime::Timestamp;

/// How far the start of a job may lie from its creation when it starts at once.
const IMMEDIATE_START: TimeDelta = TimeDelta::minutes(1);

/// The comparison of a job that exists with a request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Likeness {
    pub(crate) verdict: Verdict,
    /// The members that have this verdict, unless the job is the one requested.
    members: Vec<&'static str>,
}

/// The comparison of a job, or of a member, from the best to the worst.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verdict {
    /// The hub shows what was sent.
    Same,
    /// The hub shows it in a form that cannot be compared, or not at all.
    Unclear,
    /// The hub shows something else, for certain.
    Differs,
}

use Verdict::{Differs, Same, Unclear};

impl Likeness {
    /// Returns the conflict with the job of this id, which is not known to be the one requested.
    pub(crate) fn conflict(&self, id: &str) -> Error {
        let is_certain = self.verdict == Differs;
        Error::JobConflict { job_id: id.to_owned(), differences: self.members.clone(), is_certain }
    }
}

impl JobResponse {
    /// Checks that this is the job that `request` describes: same type, condition, work, start and time limit, in
    /// whatever form the hub writes them.
    ///
    /// # Errors
    ///
    /// [`Error::JobConflict`] if it is not, or if the hub shows it in a form that cannot be compared:
    /// [`Error::is_outcome_unknown`] tells the two apart.
    pub fn check_request(&self, request: &JobRequest) -> Result<(), Error> {
        let likeness = compare(self, &complete_request(self.id(), request));
        if likeness.verdict == Same { Ok(()) } else { Err(likeness.conflict(self.id())) }
    }
}

/// Compares a job with a request, as it is sent.
pub(crate) fn compare(job: &JobResponse, request: &JobRequest) -> Likeness {
    // Without `..`, here and for methods: a new member does not compile until someone decides how it is compared.
    let JobRequest {
        job_id: _,
        type_,
        query_condition,
        cloud_to_device_method: method,
        update_twin: twin,
        start_time,
        max_execution_time_in_seconds: limit,
    } = request;
    let found = job.max_execution_time_in_seconds;
    let members = [
        ("type", compare_exactly(job.type_.as_ref(), type_.as_ref())),
        ("queryCondition", compare_exactly(job.query_condition.as_ref(), query_condition.as_ref())),
        ("cloudToDeviceMethod", compare_methods(job.cloud_to_device_method.as_ref(), method.as_ref())),
        ("updateTwin", compare_patches(job.update_twin.as_ref(), twin.as_ref())),
        ("startTime", compare_starts(job, start_time.as_ref())),
        ("maxExecutionTimeInSeconds", compare_filled_in(found, *limit, DEFAULT_EXECUTION_TIME)),
    ];
    let verdict = worst(members.map(|(_, verdict)| verdict));
    let differing = members.into_iter().filter(|(_, other)| verdict != Same && *other == verdict);
    Likeness { verdict, members: differing.map(|(name, _)| name).collect() }
}

fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().max().unwrap_or(Same)
}

fn exact(is_same: bool) -> Verdict {
    if is_same { Same } else { Differs }
}

/// Compares a member that the hub keeps as it was sent.
fn compare_exactly<T: PartialEq>(found: Option<&T>, sent: Option<&T>) -> Verdict {
    found.map_or(Unclear, |found| exact(Some(found) == sent))
}

/// Compares a member for which the hub fills in a default.
fn compare_filled_in<T: PartialEq>(found: Option<T>, sent: Option<T>, default: T) -> Verdict {
    match (found, sent) {
        (None, None) => Same,
        (Some(found), Some(sent)) => exact(found == sent),
        (Some(one), None) | (None, Some(one)) if one == default => Same,
        (Some(_), None) | (None, Some(_)) => Unclear,
    }
}

fn compare_methods(found: Option<&CloudToDeviceMethod>, sent: Option<&CloudToDeviceMethod>) -> Verdict {
    // The type of a job without a method is another.
    let Some(sent) = sent else { return Same };
    let Some(found) = found else { return Unclear };
    let CloudToDeviceMethod {
        method_name,
        payload,
        response_timeout_in_seconds: response,
        connect_timeout_in_seconds: connect,
    } = sent;
    worst([
        compare_exactly(found.method_name.as_ref(), method_name.as_ref()),
        compare_payloads(found.payload.as_ref(), payload.as_ref()),
        compare_filled_in(found.response_timeout_in_seconds, *response, DEFAULT_RESPONSE_TIMEOUT),
        compare_filled_in(found.connect_timeout_in_seconds, *connect, DEFAULT_CONNECT_TIMEOUT),
    ])
}

/// Compares the payload of a method. A difference may be one of form, so none is certain.
fn compare_payloads(found: Option<&Value>, sent: Option<&Value>) -> Verdict {
    let (found, sent) = (found.unwrap_or(&Value::Null), sent.unwrap_or(&Value::Null));
    let is_same = |found: &Value| compare_values(found, sent) == Same;
    if is_same(found) || decode(found).as_ref().is_some_and(is_same) { Same } else { Unclear }
}

/// Reads a payload that is written as the values of its bytes, as text, or in base64.
fn decode(payload: &Value) -> Option<Value> {
    let byte = |item: &Value| item.as_u64().and_then(|number| u8::try_from(number).ok());
    let parse = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
    match payload {
        Value::Array(items) => parse(&items.iter().map(byte).collect::<Option<Vec<_>>>()?),
        Value::String(text) => parse(text.as_bytes()).or_else(|| parse(&BASE64.decode(text).ok()?)),
        _ => None,
    }
}

/// Compares the members of a patch that a job writes. The hub ignores the others, and fills some of them in.
fn compare_patches(found: Option<&Twin>, sent: Option<&Twin>) -> Verdict {
    let Some(sent) = sent else { return Same };
    match found.map(|found| (found.tags.as_ref(), desired(found))) {
        // A patch without members, which no job has, is as good as none.
        None | Some((None, None)) => Unclear,
        Some((tags, properties)) => {
            worst([compare_objects(tags, sent.tags.as_ref()), compare_objects(properties, desired(sent))])
        }
    }
}

fn desired(twin: &Twin) -> Option<&Map<String, Value>> {
    twin.properties.as_ref()?.desired.as_ref()
}

/// Compares objects, of which an absent one is empty.
fn compare_objects(found: Option<&Map<String, Value>>, sent: Option<&Map<String, Value>>) -> Verdict {
    let none = &Map::new();
    let (found, sent) = (found.unwrap_or(none), sent.unwrap_or(none));
    worst(found.keys().chain(sent.keys()).map(|key| match (found.get(key), sent.get(key)) {
        (Some(found), Some(sent)) => compare_values(found, sent),
        // The hub's own, which no request can have.
        (Some(_), None) if key.starts_with('$') => Same,
        // A null may be left out or filled in, though it removes the key of a twin.
        (Some(Value::Null), None) | (None, Some(Value::Null)) => Unclear,
        _ => Differs,
    }))
}

fn compare_values(found: &Value, sent: &Value) -> Verdict {
    match (found, sent) {
        (Value::Object(found), Value::Object(sent)) => compare_objects(Some(found), Some(sent)),
        (Value::Array(found), Value::Array(sent)) if found.len() == sent.len() => {
            worst(found.iter().zip(sent).map(|(found, sent)| compare_values(found, sent)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() != other.is_f64() => {
            exact(one.as_f64() == other.as_f64())
        }
        _ => exact(found == sent),
    }
}

fn compare_starts(job: &JobResponse, sent: Option<&Timestamp>) -> Verdict {
    let created = job.created_time.as_ref().and_then(Timestamp::to_utc);
    let Some(found) = job.start_time.as_ref().and_then(Timestamp::to_utc) else {
        return if sent.is_none() { Same } else { Unclear };
    };
    let is_immediate = created.map(|created| (found - created).abs() <= IMMEDIATE_START);
    let Some(sent) = sent.and_then(Timestamp::to_utc) else {
        return is_immediate.map_or(Unclear, exact);
    };
    match is_immediate {
        _ if [3, 0].map(|digits| sent.trunc_subsecs(digits)).contains(&found.trunc_subsecs(3)) => Same,
        // The hub starts a job at once whose start has passed, and may date it so.
        Some(true) if created.is_some_and(|created| sent <= created) => Unclear,
        None => Unclear,
        Some(_) => Differs,
    }
}

#[cfg(test)]
mod tests;
