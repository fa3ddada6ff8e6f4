//! What must hold after a roll-out, whatever happened in between.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{TimeDelta, Timelike as _};
use jobs_api::{DeviceOutcome, FailureKind, LastWord, RollOutPlan, RollOutReport};
use tokio::time::Instant;

use super::hub::{Fate, Hub, Job};
use super::scenario::Rules;

/// How exactly times are kept: the hub's clock is known to a second, and plans have whole seconds.
const CLOCK: Duration = Duration::from_secs(3);

/// How long a creation may be under way.
const UNDER_WAY: Duration = Duration::from_secs(150);

/// A run that ended.
pub(super) struct Ended {
    pub(super) report: RollOutReport,
    /// Its author and the time at which it decided to stop, if it did.
    pub(super) stopped: Option<(String, Instant)>,
}

/// A job by its place in the plan.
type Place = (usize, usize, u32);

pub(super) fn check(plan: &RollOutPlan, rules: &Rules, hub: &Hub, ended: &[Ended]) -> Result<(), String> {
    let waves: Vec<Vec<&str>> = plan.devices().map(Iterator::collect).collect();
    let jobs = places(plan, hub)?;
    check_calls(rules, hub)?;
    for run in ended {
        check_stop(run, hub)?;
        check_report(plan.name(), &waves, hub, &jobs, run)?;
    }
    for (number, wave) in (1..).zip(&waves) {
        let next = jobs.iter().filter(|((wave, ..), _)| *wave > number).map(|(_, job)| job.created).min();
        if let Some(next) = next {
            check_predecessor(number, wave.len(), rules, hub, &jobs, next)?;
        }
    }
    jobs.iter().try_for_each(|(place, job)| check_hours(*place, job, rules, hub))
}

/// Returns the jobs of the hub by their places, of which each has a predecessor.
fn places<'a>(plan: &RollOutPlan, hub: &'a Hub) -> Result<BTreeMap<Place, &'a Job>, String> {
    let mut jobs = BTreeMap::new();
    for (id, job) in &hub.jobs {
        let numbers = id.strip_prefix(plan.name()).unwrap().split('-').skip(1);
        let numbers: Vec<usize> = numbers.map(|number| number[1..].parse().unwrap()).collect();
        let &[wave, part, attempt] = &numbers[..] else {
            return Err(format!("the job {id} is not of the plan"));
        };
        jobs.insert((wave, part, u32::try_from(attempt).unwrap()), job);
    }
    match jobs
        .keys()
        .find(|(wave, part, attempt)| *attempt > 1 && !jobs.contains_key(&(*wave, *part, attempt - 1)))
    {
        Some(place) => Err(format!("{place:?} has no earlier try")),
        None => Ok(jobs),
    }
}

/// No device is called more often than planned, nor after it succeeded.
fn check_calls(rules: &Rules, hub: &Hub) -> Result<(), String> {
    for (id, device) in &hub.devices {
        let calls = device.calls.len();
        if calls > rules.retries as usize + 1 {
            return Err(format!("{id} was called {calls} times"));
        }
        let fates = device.fates.iter().take(calls.saturating_sub(1));
        if fates.into_iter().any(|fate| *fate == Fate::Succeeds) {
            return Err(format!("{id} was called after it had succeeded"));
        }
        for pair in device.calls.windows(2) {
            let ended = hub.jobs[&pair[0].0].run.as_ref().unwrap().1;
            if hub.jobs[&pair[1].0].created + CLOCK < ended + rules.retry_after {
                return Err(format!("{id} was retried too early"));
            }
        }
    }
    Ok(())
}

/// A run creates nothing after it has stopped, but for creations that were under way.
fn check_stop(run: &Ended, hub: &Hub) -> Result<(), String> {
    let Some((author, time)) = &run.stopped else { return Ok(()) };
    match hub.jobs.iter().find(|(_, job)| job.author == *author && job.created > *time + UNDER_WAY) {
        Some((id, _)) => Err(format!("{author} created {id} after it had stopped")),
        None => Ok(()),
    }
}

/// Each device is reported once, with its true last word.
fn check_report(
    name: &str,
    waves: &[Vec<&str>],
    hub: &Hub,
    jobs: &BTreeMap<Place, &Job>,
    run: &Ended,
) -> Result<(), String> {
    let report = &run.report;
    let mut tries: HashMap<&str, u32> = HashMap::new();
    for job in jobs.values().filter(|job| job.run.is_some()) {
        job.devices().into_iter().for_each(|device| *tries.entry(device).or_default() += 1);
    }
    let planned: Vec<&str> = waves.iter().flatten().copied().collect();
    let reported: Vec<&str> = report.devices.iter().map(|device| device.device_id.as_str()).collect();
    if !report.joined_later.is_empty() {
        return Err(format!("{:?} did not join later", report.joined_later));
    }
    if planned != reported {
        return Err(format!("{name} has {} devices, {} are reported", planned.len(), reported.len()));
    }
    for outcome in &report.devices {
        let device = &hub.devices[&outcome.device_id];
        let truth = match device.calls.len().checked_sub(1).map(|last| device.fates[last]) {
            Some(Fate::Succeeds) => Some(None),
            Some(Fate::Answers) => Some(Some(FailureKind::Answered(500))),
            Some(Fate::Offline) => Some(Some(FailureKind::Unreachable)),
            Some(Fate::Refuses) => Some(Some(FailureKind::Refused)),
            None if outcome.tries > 0 => Some(Some(FailureKind::NoRow)),
            None => None,
        };
        let word = match &outcome.last_word {
            LastWord::Succeeded => Some(None),
            LastWord::Failed { kind, .. } => Some(Some(*kind)),
            _ => None,
        };
        let tried = tries.get(outcome.device_id.as_str()).copied().unwrap_or_default();
        if (word != truth || outcome.tries != tried) && !is_open(outcome, run, hub) {
            return Err(format!("{outcome:?}, but in truth {truth:?} after {tried} tries"));
        }
    }
    let counted: u64 = report.waves.iter().map(|wave| wave.done()).sum();
    let done = (report.devices.len() - report.not_called().count()) as u64;
    if counted != done || report.succeeded() + report.failed().count() as u64 != done {
        return Err(format!("the totals do not add up: {counted} counted, {done} done"));
    }
    Ok(())
}

/// Returns true if a run that stopped cannot know what became of a device: the answer to the creation of its job was
/// lost, or another run created it just then or later.
fn is_open(outcome: &DeviceOutcome, run: &Ended, hub: &Hub) -> bool {
    let Some((author, time)) = &run.stopped else { return false };
    // A ghost is in a job, but not called.
    let is_late = |job: &Job| {
        job.author != *author
            && job.created + UNDER_WAY > *time
            && job.devices().contains(&outcome.device_id.as_str())
    };
    match &outcome.last_word {
        LastWord::Failed { reason, .. } if reason == "whether its job exists is not known" => true,
        _ => hub.jobs.values().any(is_late),
    }
}

/// A wave starts only after the previous one is over, with few failures, and has soaked.
fn check_predecessor(
    wave: usize,
    devices: usize,
    rules: &Rules,
    hub: &Hub,
    jobs: &BTreeMap<Place, &Job>,
    next: Instant,
) -> Result<(), String> {
    let own: Vec<&&Job> = jobs.iter().filter(|(place, _)| place.0 == wave).map(|(_, job)| job).collect();
    let ends = own.iter().map(|job| job.run.as_ref().map(|run| run.1));
    let Some(Some(end)) = ends.max() else {
        return if devices == 0 { Ok(()) } else { Err(format!("wave {wave} was left out")) };
    };
    if next + CLOCK < end + rules.soak {
        return Err(format!("the wave after {wave} started {:?} too early", end + rules.soak - next));
    }
    let mut last: HashMap<&str, Fate> = HashMap::new();
    let mut results: Vec<_> = own.iter().filter_map(|job| job.run.as_ref()).collect();
    results.sort_by_key(|run| run.0);
    results.iter().for_each(|run| last.extend(run.2.iter().map(|(id, fate)| (id.as_str(), *fate))));
    let failed = last.values().filter(|fate| **fate != Fate::Succeeds).count();
    let (percent, _) = rules.stop;
    match failed * 100 > devices * percent as usize {
        true => Err(format!("wave {wave} had {failed} failures of {devices}, and another wave started")),
        false => hub.jobs.is_empty().then(|| "no jobs".to_owned()).map_or(Ok(()), Err),
    }
}

/// A job is created within the hours, so that its limit ends within them too.
fn check_hours(place: Place, job: &Job, rules: &Rules, hub: &Hub) -> Result<(), String> {
    let Some((from, to)) = rules.hours else { return Ok(()) };
    let hours = i64::from((24 + to - from) % 24);
    let created = hub.time(job.created);
    // The hub's clock is known to a second, and a request may be under way for long.
    let seconds = i64::from(created.num_seconds_from_midnight()) + 1;
    let since = (seconds - i64::from(from) * 3600).rem_euclid(24 * 3600);
    let end = TimeDelta::seconds(since) + TimeDelta::from_std(job.limit()).unwrap();
    match end <= TimeDelta::hours(hours) + TimeDelta::minutes(5) {
        true => Ok(()),
        false => Err(format!("{place:?} was created at {created}")),
    }
}
