//! One scenario: a client, a hub, other clients, and a few calls, all chosen by a seed.

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use jobs_api::types::{JobRequest, JobResponse, JobStatus};
use jobs_api::{BatchError, Client, ClientBuilder, Error, JobFilter, JobReport, RetryPolicy};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::clock::StillClock;
use super::connector::UnreliableConnections;
use super::draws::{Operation, Settings, hub, operation, request, settings, weather};
use super::faults::{Weather, chance, delay};
use super::hub::Author;
use super::invariants::{self, Tally};
use super::server::{Request, Shared};

pub(super) const JOB: &str = "job";
/// The base64 key of the connection string.
pub(super) const KEY: &str = "c2ltdWxhdGVkLXNlY3JldC1rZXk=";
/// Longer than any delayed request takes to arrive.
const AFTERMATH: Duration = Duration::from_secs(3600);
/// The id of the job of a call that is not polled.
pub(super) const UNPOLLED: &str = "unpolled";
/// How long a batch waits for a slot.
const SLOT_DEADLINE: Duration = Duration::from_secs(600);
/// How long a batch waits for a hub that only fails.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longer than any call takes that is not held up.
const PROMPT: Duration = Duration::from_secs(30);
/// Longer than any call may take.
const HANG: Duration = Duration::from_secs(24 * 3600);

/// A call that has ended.
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) operation: Operation,
    pub(super) started: Instant,
    pub(super) elapsed: Duration,
    pub(super) result: Result<Returned, Failure>,
    pub(super) requests: Vec<Request>,
    pub(super) hung_connections: u32,
    /// The hub showed the job when the call began.
    pub(super) was_shown_before: bool,
}

pub(super) enum Returned {
    Job(Box<JobResponse>),
    Report(Box<JobReport>),
    /// The ids of a listing that was read to its end.
    Listing,
}

/// The error of a call, or of the job of a batch.
#[derive(Debug)]
pub(super) enum Failure {
    Call(Error),
    Batch(BatchError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl Deref for Failure {
    type Target = Error;

    fn deref(&self) -> &Error {
        match self {
            Self::Call(error) => error,
            Self::Batch(error) => error.first_error(),
        }
    }
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
    let mut unpolled = Vec::new();
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
        if chance(&mut rng, 0.25) {
            // It is kept, and never polled again.
            let mut call = begin(rng.bool(), client.clone(), request.clone());
            drop(call.as_mut().now_or_never());
            unpolled.push(call);
        }
        let call = make(number, operation, &client, &shared, &request).await?;
        invariants::check(&call, &settings, &shared.lock(), &client)?;
        tally.count(&call, &settings, &shared.lock().hub);
        calls.push((call.number, call.operation, call.result.err().map(|e| (e.is_outcome_unknown(), e))));
        sleep(delay(&mut rng, 2_000)).await;
    }
    sleep(AFTERMATH).await;
    check_not_held_up(&client, &shared, unpolled.len()).await?;
    let state = shared.lock();
    for (number, operation, error) in calls {
        if let Some((false, error)) = error {
            invariants::check_unchanged(number, operation, &error, &state)?;
        }
    }
    Ok(tally)
}

/// Begins a call of another job.
fn begin(
    is_read: bool,
    client: Client,
    request: JobRequest,
) -> BoxFuture<'static, Result<JobResponse, Error>> {
    async move {
        match is_read {
            true => client.get_scheduled_job(UNPOLLED).await,
            false => client.create_scheduled_job(UNPOLLED, &request).await,
        }
    }
    .boxed()
}

/// Checks that a call to a hub without faults is answered promptly, whatever other calls are not polled.
async fn check_not_held_up(client: &Client, shared: &Shared, unpolled: usize) -> Result<(), String> {
    shared.lock().weather = Weather::default();
    let client = client.with_retry(RetryPolicy::default()).with_attempt_timeout(PROMPT);
    let start = Instant::now();
    let result = client.get_scheduled_job(JOB).await;
    match (start.elapsed() <= PROMPT, result) {
        (true, Ok(_) | Err(Error::Service(_) | Error::JobNotFound { .. } | Error::UnreadableResponse(_))) => {
            Ok(())
        }
        (_, result) => Err(format!("a call is held up for {:?} by {unpolled}: {result:?}", start.elapsed())),
    }
}

async fn make(
    number: usize,
    operation: Operation,
    client: &Client,
    shared: &Shared,
    request: &JobRequest,
) -> Result<Call, String> {
    let was_shown_before = {
        let mut state = shared.lock();
        (state.call, state.hung_connections) = (number, 0);
        state.is_change = operation.is_change();
        state.requests.clear();
        state.hub.shown_status(JOB, Instant::now()).is_some()
    };
    let started = Instant::now();
    let job = |job| Returned::Job(Box::new(job));
    let result = async {
        let result = match operation {
            Operation::Batch => return batch(client, request).await,
            Operation::List => return list(client, shared).await,
            Operation::Create => client.create_scheduled_job(JOB, request).await.map(job),
            Operation::GeneratedCreate => {
                let create =
                    |api: jobs_api::Operations| async move { api.create_scheduled_job(JOB, request).await };
                client.call(create).await.map(|response| job(response.into_inner()))
            }
            Operation::Ensure => client.ensure_scheduled_job(JOB, request).await.map(job),
            Operation::Cancel => client.cancel_scheduled_job(JOB).await.map(job),
            Operation::Get => client.get_scheduled_job(JOB).await.map(job),
            Operation::Wait { limit } => client.wait_for_job(JOB).timeout(limit).await.map(job),
        };
        Ok(result?)
    };
    let result = timeout(HANG, result).await.map_err(|_| format!("{operation:?} never ends"))?;
    let elapsed = started.elapsed();
    let state = shared.lock();
    let (requests, hung_connections) = (state.requests.clone(), state.hung_connections);
    Ok(Call { number, operation, started, elapsed, result, requests, hung_connections, was_shown_before })
}

/// Runs a batch of the one job.
async fn batch(client: &Client, request: &JobRequest) -> Result<Returned, Failure> {
    let batch = client.run_jobs(stream::iter([(JOB, request.clone())]));
    let mut results = batch.slot_deadline(SLOT_DEADLINE).patience(PATIENCE);
    let (_, result) = results.next().await.unwrap();
    assert!(results.next().await.is_none(), "the batch has another result");
    result.map(|report| Returned::Report(Box::new(report))).map_err(Failure::Batch)
}

/// Reads a listing and checks each of its items.
async fn list(client: &Client, shared: &Shared) -> Result<Returned, Failure> {
    let mut jobs = client.query_scheduled_jobs(JobFilter::default());
    let mut row = 0;
    while let Some(job) = jobs.next().await {
        match job {
            Ok(job) => assert_eq!(job.id(), format!("row-{row}"), "the listing skips or repeats a row"),
            Err(error) => {
                let names_next = matches!(error, Error::UnreadableResponse(_));
                assert!(names_next || jobs.next().await.is_none(), "the stream goes on after an error");
                return Err(error.into());
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
    match rng.u8(..7) {
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
        4 if other["cloudToDeviceMethod"]["payload"].is_object() => {
            other["cloudToDeviceMethod"]["payload"]["delay"] = json!(50);
            is_identical = false;
        }
        _ => {}
    }
    state.hub.create(JOB, &other, Author::Other { is_identical });
}

fn client(shared: &Shared, socket: &Path, settings: &Settings) -> Client {
    let http = reqwest::Client::builder()
        .unix_socket(socket)
        .connector_layer(UnreliableConnections(shared.clone()))
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([]);
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

/// Returns true if the status is a cancelled job's.
pub(super) fn is_cancelled(job: &JobResponse) -> bool {
    job.status == Some(JobStatus::Cancelled)
}
