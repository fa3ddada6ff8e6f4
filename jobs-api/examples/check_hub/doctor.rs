//! The doctor: whether the hub can be reached, and what the credential may do.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use jobs_api::reqwest::header::HeaderMap;
use jobs_api::types::{JobRequest, JobStatus};
use jobs_api::{Error, ErrorCode, JobFilter};
use tokio::net::lookup_host;

use crate::facts::words;
use crate::jobs::Jobs;
use crate::report::Line;
use crate::target::Target;

/// The clock skew that a hub tolerates when it reads a token.
const TOLERATED_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Examines name, network, TLS, clock, token, rights, tier and slots.
pub(crate) async fn examine(target: &Target, jobs: &Jobs) -> Vec<Line> {
    let name = name(target).await;
    let start = Utc::now();
    let first = jobs.read(&jobs.id("unknown")).await;
    let ahead = first.as_ref().ok().and_then(|job| date(job.headers())).map(|date| date - start);
    let first = first.map(|_| ());
    let skew = ahead.or_else(|| first.as_ref().err()?.service()?.clock_skew());
    let mut lines = vec![name, network(&first), tls(target, &first), clock(skew)];
    // Tokens are signed by the hub's clock from its first answer on.
    let read = jobs.read(&jobs.id("unknown")).await.map(|_| ());
    // Any hub must refuse a job without a type: it creates nothing.
    let create = jobs.create(&jobs.id("none"), &JobRequest::default()).await.map(|_| ());
    let cancel = jobs.cancel(&jobs.id("unknown")).await.map(|_| ());
    let query = jobs.query_devices("deviceId").await.map(|_| ());
    let tier = tier([&create, &cancel]);
    let results = [
        ("right: read", "RegistryRead or jobs/read", read),
        ("right: create", "RegistryWrite or jobs/write", create),
        ("right: cancel", "RegistryWrite or jobs/delete", cancel),
        ("right: query", "ServiceConnect or twins/read", query),
    ];
    let is_accepted = results.iter().any(|(_, _, result)| is_accepted(result));
    let no_token = results.iter().find_map(|(_, _, result)| match result {
        Err(error @ Error::Credential { .. }) => Some(words(error)),
        _ => None,
    });
    lines.push(token(is_accepted, no_token, results.iter().all(|(_, _, result)| is_refused(result))));
    lines.extend(results.iter().map(|(check, right, result)| self::right(check, right, result, is_accepted)));
    lines.extend([tier, slots(jobs).await]);
    lines
}

fn line(check: &'static str, is_ok: impl Into<Option<bool>>, detail: impl Into<String>) -> Line {
    Line { check, is_ok: is_ok.into(), detail: detail.into() }
}

async fn name(target: &Target) -> Line {
    let Some(host) = &target.host else { return line("name", true, "emulated") };
    match lookup_host((host.split(':').next().unwrap_or_default(), 443)).await {
        Ok(_) => line("name", true, "resolves"),
        // A proxy resolves names itself.
        Err(_) => line("name", None, "does not resolve on this machine"),
    }
}

fn network(read: &Result<(), Error>) -> Line {
    match read {
        Err(error @ Error::Transport(transport)) if transport.tls_failure().is_none() => {
            line("network", false, words(error))
        }
        Err(Error::Credential { .. }) => line("network", None, "no request was sent"),
        _ => line("network", true, "the hub answers"),
    }
}

fn tls(target: &Target, read: &Result<(), Error>) -> Line {
    match read {
        Err(Error::Transport(error)) => match error.tls_failure() {
            Some(reason) => line("TLS", false, reason),
            None => line("TLS", None, "no connection"),
        },
        Err(error) if error.service().is_none() => line("TLS", None, "no connection"),
        _ if target.is_real() => line("TLS", true, "the certificate is trusted"),
        _ => line("TLS", None, "the emulated hub is on this machine, without TLS"),
    }
}

fn clock(skew: Option<TimeDelta>) -> Line {
    match skew {
        Some(skew) => {
            let detail = format!("the hub's is {} s ahead", skew.num_seconds());
            line("clock", skew.abs() < TOLERATED_SKEW, detail)
        }
        None => line("clock", None, "no answer with a date, or less than five minutes apart"),
    }
}

fn token(is_accepted: bool, no_token: Option<String>, is_refused: bool) -> Line {
    match no_token {
        Some(reason) => line("token", false, reason),
        None if is_accepted => line("token", true, "accepted"),
        None if is_refused => {
            let detail = "refused: a wrong host name or key, an expired token, or no right at all";
            line("token", false, detail)
        }
        None => line("token", None, "no answer"),
    }
}

/// Says whether a right is missing: only a token that is accepted elsewhere shows it.
fn right(check: &'static str, right: &str, result: &Result<(), Error>, is_token_accepted: bool) -> Line {
    match result {
        Err(error) if is_refused(result) && is_token_accepted => {
            line(check, false, format!("missing: {right} ({})", words(error)))
        }
        Err(error) if !is_accepted(result) => line(check, None, words(error)),
        _ => line(check, true, right),
    }
}

fn tier(changes: [&Result<(), Error>; 2]) -> Line {
    let code = Some(&ErrorCode::OPERATION_NOT_AVAILABLE_IN_CURRENT_TIER);
    let is_basic = |result: &&Result<(), Error>| {
        result.as_ref().err().and_then(Error::service).and_then(|service| service.code()) == code
    };
    if changes.iter().any(is_basic) {
        line("tier", false, "basic: it has no jobs")
    } else if changes.into_iter().any(is_accepted) {
        line("tier", true, "free or standard: it has jobs")
    } else {
        line("tier", None, "no change of a job was accepted")
    }
}

async fn slots(jobs: &Jobs) -> Line {
    let mut active = 0;
    for status in [JobStatus::Queued, JobStatus::Scheduled, JobStatus::Running] {
        let listing = jobs.client.query_scheduled_jobs(JobFilter::default().status(status));
        match listing.try_fold(0, |count, _| async move { Ok(count + 1) }).await {
            Ok(count) => active += count,
            Err(error) => return line("slots", None, words(&error)),
        }
    }
    match active {
        0 => line("slots", true, "no job is scheduled or running"),
        _ => line("slots", None, format!("{active} jobs are scheduled or running, each in a slot")),
    }
}

/// Returns true if the hub accepted the token for a call, whatever it made of the call.
fn is_accepted(result: &Result<(), Error>) -> bool {
    let status = result.as_ref().err().map(Error::status);
    !is_refused(result) && status.is_none_or(|status| status.is_some_and(|status| status.as_u16() < 500))
}

fn is_refused(result: &Result<(), Error>) -> bool {
    let Some(service) = result.as_ref().err().and_then(Error::service) else { return false };
    matches!(service.status().as_u16(), 401 | 403)
        && service.code() != Some(&ErrorCode::OPERATION_NOT_AVAILABLE_IN_CURRENT_TIER)
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get("date")?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}
