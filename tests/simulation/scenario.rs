//! One scenario: a client, a hub, other clients, and a few calls, all chosen by a seed.

use std::path::Path;
use std::time::Duration;

use chrono::{SubsecRound as _, TimeDelta, Utc};
use fastrand::Rng;
use futures_util::StreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use jobs_api::{Client, ClientBuilder, Error, JobFilter, RetryPolicy};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::clock::StillClock;
use super::connector::UnreliableConnections;
use super::faults::{Weather, chance, delay};
use super::hub::{Author, Hub, Pace};
use super::invariants::{self, Tally};
use super::server::{Request, Shared};

pub(super) const JOB: &str = "job";
/// The base64 key of the connection string.
pub(super) const KEY: &str = "c2ltdWxhdGVkLXNlY3JldC1rZXk=";
/// Longer than any delayed request takes to arrive.
const AFTERMATH: Duration = Duration::from_secs(3600);
/// Longer than any call may take.
const HANG: Duration = Duration::from_secs(24 * 3600);

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
    Cancel,
    Get,
    List,
    Wait {
        limit: Duration,
    },
}

impl Operation {
    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::GeneratedCreate | Self::Cancel)
    }
}

/// A call that has ended.
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) operation: Operation,
    pub(super) started: Instant,
    pub(super) elapsed: Duration,
    pub(super) result: Result<Returned, Error>,
    pub(super) requests: Vec<Request>,
    pub(super) hung_connections: u32,
    pub(super) existed_before: bool,
}

pub(super) enum Returned {
    Job(Box<JobResponse>),
    /// The ids of a listing that was read to its end.
    Listing,
}

/// Runs the scenario of a seed.
///
/// # Errors
///
/// Returns a description of the first violation.
pub(super) fn run(seed: u64, socket: &Path) -> Result<Tally, String> {
    let _ = std::fs::remove_file(socket);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    fastrand::seed(seed);
    let rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    runtime.block_on(async {
        let still = StillClock::start();
        still.observe(play(rng, &still, socket)).await
    })
}

async fn play(mut rng: Rng, still: &StillClock, socket: &Path) -> Result<Tally, String> {
    let settings = settings(&mut rng);
    let request = request(&mut rng);
    let shared = Shared::new(hub(&mut rng), weather(&mut rng), rng.fork());
    shared.listen(still, socket);
    let client = client(&shared, socket, &settings);
    let sent = serde_json::to_value(&request).unwrap();
    if chance(&mut rng, 0.25) {
        interfere(&mut rng, &shared, &sent);
        let age = match rng.u8(..3) {
            0 => delay(&mut rng, 3_000),
            1 => delay(&mut rng, 60_000),
            _ => delay(&mut rng, 1_200_000),
        };
        sleep(age).await;
    }
    let mut tally = Tally::default();
    let mut calls = Vec::new();
    for number in 0..rng.usize(1..=3) {
        let operation = operation(&mut rng, number);
        if chance(&mut rng, 0.25) {
            let (shared, sent, mut rng) = (shared.clone(), sent.clone(), rng.fork());
            tokio::spawn(async move {
                let time = [2_000, 20_000, 120_000][rng.usize(..3)];
                sleep(delay(&mut rng, time)).await;
                interfere(&mut rng, &shared, &sent);
            });
        }
        let call = make(number, operation, &client, &shared, &request).await?;
        invariants::check(&call, &settings, &shared.lock(), &client)?;
        tally.count(&call);
        calls.push((call.number, call.operation, call.result.err().map(|e| (e.is_outcome_unknown(), e))));
        sleep(delay(&mut rng, 2_000)).await;
    }
    sleep(AFTERMATH).await;
    let state = shared.lock();
    for (number, operation, error) in calls {
        if let Some((false, error)) = error {
            invariants::check_unchanged(number, operation, &error, &state)?;
        }
    }
    Ok(tally)
}

async fn make(
    number: usize,
    operation: Operation,
    client: &Client,
    shared: &Shared,
    request: &JobRequest,
) -> Result<Call, String> {
    let existed_before = {
        let mut state = shared.lock();
        (state.call, state.hung_connections) = (number, 0);
        state.is_change = operation.is_change();
        state.requests.clear();
        state.hub.jobs.contains_key(JOB)
    };
    let started = Instant::now();
    let job = |job| Returned::Job(Box::new(job));
    let result = async {
        match operation {
            Operation::Create => client.create_scheduled_job(JOB, request).await.map(job),
            Operation::GeneratedCreate => {
                let create =
                    |api: jobs_api::Operations| async move { api.create_scheduled_job(JOB, request).await };
                client.call(create).await.map(|response| job(response.into_inner()))
            }
            Operation::Cancel => client.cancel_scheduled_job(JOB).await.map(job),
            Operation::Get => client.get_scheduled_job(JOB).await.map(job),
            Operation::Wait { limit } => client.wait_for_job(JOB).timeout(limit).await.map(job),
            Operation::List => list(client, shared).await,
        }
    };
    let result = timeout(HANG, result).await.map_err(|_| format!("{operation:?} never ends"))?;
    let elapsed = started.elapsed();
    let state = shared.lock();
    let (requests, hung_connections) = (state.requests.clone(), state.hung_connections);
    Ok(Call { number, operation, started, elapsed, result, requests, hung_connections, existed_before })
}

/// Reads a listing and checks each of its items.
async fn list(client: &Client, shared: &Shared) -> Result<Returned, Error> {
    let mut jobs = client.query_scheduled_jobs(JobFilter::default());
    let mut row = 0;
    while let Some(job) = jobs.next().await {
        match job {
            Ok(job) => assert_eq!(job.id(), format!("row-{row}"), "the listing skips or repeats a row"),
            Err(error) => {
                assert!(jobs.next().await.is_none(), "the stream goes on after an error");
                return Err(error);
            }
        }
        row += 1;
    }
    assert_eq!(row, shared.lock().hub.listing.0, "the listing ends early");
    Ok(Returned::Listing)
}

/// Lets another client create or cancel the job.
fn interfere(rng: &mut Rng, shared: &Shared, sent: &Value) {
    let mut state = shared.lock();
    let mut other = sent.clone();
    let mut is_identical = true;
    match rng.u8(..6) {
        0 => {
            state.hub.cancel(JOB, Author::Other { is_identical });
            return;
        }
        1 => (other["queryCondition"], is_identical) = (json!("deviceId = 'other'"), false),
        2 => {
            let start = state.hub.now() + TimeDelta::hours(2);
            (other["startTime"], is_identical) = (json!(start.to_rfc3339()), false);
        }
        3 if sent.get("startTime").is_none() => {
            other["startTime"] = json!(state.hub.now().to_rfc3339());
        }
        _ => {}
    }
    state.hub.create(JOB, &other, Author::Other { is_identical });
}

fn settings(rng: &mut Rng) -> Settings {
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

fn weather(rng: &mut Rng) -> Weather {
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
fn hub(rng: &mut Rng) -> Hub {
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
    hub.shows_defaults = rng.bool();
    if rng.u8(..4) == 0 {
        hub.creation_skew = TimeDelta::milliseconds(rng.i64(-2000..=2000));
    }
    hub
}

fn client(shared: &Shared, socket: &Path, settings: &Settings) -> Client {
    let http = reqwest::Client::builder()
        .unix_socket(socket)
        .connector_layer(UnreliableConnections(shared.clone()))
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let http = http.tls_certs_only([]);
    let connection_string =
        format!("HostName=hub.localhost;SharedAccessKeyName=service;SharedAccessKey={KEY}");
    ClientBuilder::from_connection_string(&connection_string)
        .unwrap()
        .endpoint("http://127.0.0.1:1")
        .http_client(http.build().unwrap())
        .retry(settings.policy)
        .attempt_timeout(settings.attempt_timeout)
        .max_response_size(64 * 1024)
        .build()
        .unwrap()
}

fn request(rng: &mut Rng) -> JobRequest {
    let request = match rng.u8(..3) {
        0 => JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*"),
        1 => {
            let method = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
            JobRequest::device_method(method.with_response_timeout(Duration::from_secs(60)), "tags.a = 1")
        }
        _ => JobRequest::twin_update(Twin::patch().with_desired(json!({ "interval": 30 })), "*"),
    };
    let request = if rng.bool() { request.with_max_execution_time(Duration::from_secs(60)) } else { request };
    match rng.u8(..4) {
        0 => request.starting_at(Utc::now() + TimeDelta::minutes(30)),
        1 => request.starting_at(Utc::now()),
        _ => request,
    }
}

fn operation(rng: &mut Rng, number: usize) -> Operation {
    match rng.u8(..20) {
        // A job to begin with.
        10..=14 if number == 0 && rng.bool() => Operation::Create,
        0..=8 => Operation::Create,
        9 if number == 0 => Operation::GeneratedCreate,
        9..=14 => Operation::Cancel,
        15 | 16 => Operation::Get,
        17 => Operation::List,
        _ => Operation::Wait { limit: delay(rng, 300_000) },
    }
}

/// Returns true if the status is a cancelled job's.
pub(super) fn is_cancelled(job: &JobResponse) -> bool {
    job.status == Some(JobStatus::Cancelled)
}
