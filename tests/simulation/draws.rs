//! The random choices of a scenario: its weather, hub, client settings, requests and operations.

use std::time::Duration;

use chrono::{SubsecRound as _, TimeDelta, Utc};
use fastrand::Rng;
use jobs_api::RetryPolicy;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, Twin};
use serde_json::json;

use super::faults::{Weather, delay};
use super::hub::{Echo, Fate, Habits, Hub, Pace, Unknown};

/// The settings of the client.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) policy: RetryPolicy,
    pub(super) attempts: u32,
    /// The duration of a whole call; `None` without a limit.
    pub(super) deadline: Option<Duration>,
    pub(super) attempt_timeout: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Create,
    /// The generated operation that creates a job, without a look at the job.
    GeneratedCreate,
    /// Creates the job unless it exists.
    Ensure,
    Cancel,
    /// Runs the job to its end, however long that takes, and reads its report.
    Batch,
    Get,
    List,
    Wait {
        limit: Duration,
    },
}

impl Operation {
    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::GeneratedCreate | Self::Ensure | Self::Cancel)
    }
}

pub(super) fn settings(rng: &mut Rng) -> Settings {
    let attempt_timeout = [30_000, 30_000, 2_000, 200][rng.usize(..4)];
    let mut settings = Settings {
        policy: RetryPolicy::default(),
        attempts: 8,
        deadline: Some(Duration::from_secs(120)),
        attempt_timeout: Duration::from_millis(attempt_timeout),
    };
    match rng.u8(..8) {
        0 => {
            settings.policy = RetryPolicy::none();
            (settings.attempts, settings.deadline) = (1, None);
        }
        1 => {
            settings.attempts = rng.u32(..4);
            settings.policy = settings.policy.with_attempts(settings.attempts);
        }
        2 | 3 => {
            let deadline = Duration::from_millis([0, 50, 300, 2_000, 10_000][rng.usize(..5)]);
            settings.deadline = Some(deadline);
            settings.policy = settings.policy.with_deadline(deadline);
        }
        4 => {
            let deadline = Duration::from_secs(rng.u64(..600));
            settings.deadline = settings.deadline.max(Some(deadline));
            settings.policy = settings.policy.with_slot_deadline(deadline);
        }
        _ => {}
    }
    if rng.u8(..4) == 0 {
        settings.policy = settings.policy.with_base(Duration::from_millis(rng.u64(..50)));
    }
    settings
}

pub(super) fn weather(rng: &mut Rng) -> Weather {
    let is_bad = rng.u8(..3) > 0;
    Weather {
        faults: if is_bad { 0.2 + rng.f64() * 0.6 } else { 0.1 },
        odd_dates: [0.0, 0.1, 0.5][rng.usize(..3)],
        undated_jobs: [0.0, 0.0, 0.3][rng.usize(..3)],
        connect_failures: [0.0, 0.0, 0.1, 0.3][rng.usize(..4)],
        latency: Duration::from_secs([1, 5, 40][rng.usize(..3)]),
    }
}

/// Creates a hub whose clock is off by anything up to years, and never in step with whole seconds.
pub(super) fn hub(rng: &mut Rng) -> Hub {
    let offset = match rng.u8(..10) {
        0..=5 => TimeDelta::zero(),
        6 | 7 => TimeDelta::minutes(rng.i64(-50..=50)),
        8 => TimeDelta::minutes(rng.i64(70..1200) * if rng.bool() { 1 } else { -1 }),
        _ => TimeDelta::days(rng.i64(2..400) * if rng.bool() { 1 } else { -1 }),
    };
    let phase = TimeDelta::microseconds(rng.i64(0..1000) * 1000 + 500);
    let pace = Pace { queued: delay(rng, 120_000), running: delay(rng, 120_000) };
    let mut hub = Hub::new(Utc::now().trunc_subsecs(0) + offset + phase, pace);
    hub.listing = (rng.usize(..25), rng.usize(1..10));
    hub.habits = habits(rng);
    hub.devices = (0..rng.usize(..4)).map(|_| fate(rng)).collect();
    if rng.u8(..4) == 0 {
        hub.creation_skew = TimeDelta::milliseconds(rng.i64(-2000..=2000));
    }
    hub
}

fn habits(rng: &mut Rng) -> Habits {
    let lag = |rng: &mut Rng| match rng.u8(..4) {
        0 => delay(rng, 3_000),
        1 => delay(rng, 30_000),
        _ => Duration::ZERO,
    };
    Habits {
        create_lag: lag(rng),
        cancel_lag: lag(rng),
        row_lag: lag(rng),
        shows_defaults: rng.bool(),
        redates_starts: rng.u8(..8) == 0,
        echo: [Echo::Json, Echo::Bytes, Echo::Base64, Echo::Opaque][rng.usize(..4)],
        unknown: [Unknown::Bare, Unknown::WithId, Unknown::NotFound][rng.usize(..3)],
    }
}

fn fate(rng: &mut Rng) -> Fate {
    match rng.u8(..6) {
        0 => Fate::AnswersFailure,
        1 => Fate::Fails,
        _ => Fate::Succeeds,
    }
}

pub(super) fn request(rng: &mut Rng) -> JobRequest {
    let request = match rng.u8(..3) {
        0 => JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*"),
        1 => {
            let method = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
            JobRequest::device_method(method.with_response_timeout(Duration::from_secs(60)), "tags.a = 1")
        }
        _ => JobRequest::twin_update(Twin::patch().with_desired([("interval", 30)]), "*"),
    };
    let request = if rng.bool() { request.with_max_execution_time(Duration::from_secs(60)) } else { request };
    match rng.u8(..4) {
        0 => request.with_start_time(Utc::now() + TimeDelta::minutes(30)),
        1 => request.with_start_time(Utc::now()),
        _ => request,
    }
}

pub(super) fn operation(rng: &mut Rng, number: usize) -> Operation {
    match rng.u8(..28) {
        // A job to begin with.
        10..=14 if number == 0 && rng.bool() => Operation::Create,
        0..=8 => Operation::Create,
        9 if number == 0 => Operation::GeneratedCreate,
        9..=14 => Operation::Cancel,
        15 | 16 => Operation::Get,
        17 => Operation::List,
        18..=23 => Operation::Ensure,
        24 | 25 => Operation::Batch,
        _ => Operation::Wait { limit: delay(rng, 300_000) },
    }
}
