//! Calls outside a Tokio runtime, and across several.

use std::fmt::Debug;
use std::future::IntoFuture;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use jobs_api::{Client, Credential, CredentialError, Error, JobFilter};
use jobs_emulator::Emulator;
use tokio::runtime::{Builder, Runtime};

use crate::support::identity::{Identity, client_of};
use crate::support::{builder, quick_hub};

/// Far longer than a call takes, far shorter than a refresh may.
const PATIENCE: Duration = Duration::from_secs(30);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A hub on a runtime whose own threads drive it.
fn hub() -> (Runtime, Emulator) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let hub = runtime.block_on(quick_hub());
    (runtime, hub)
}

#[track_caller]
fn assert_no_runtime<T: Debug>(call: impl Future<Output = Result<T, Error>>) {
    let Some(Err(error)) = call.now_or_never() else { panic!("the call waited or succeeded") };
    assert!(matches!(error, Error::Credential { error: CredentialError::NoRuntime, .. }), "{error:?}");
    assert!(error.to_string().contains("needs a Tokio runtime"), "{error}");
    assert!(!error.is_unauthorized() && !error.is_retryable());
}

#[test]
fn call_outside_a_runtime_is_an_error() {
    let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
    let client = Client::builder("contoso.azure-devices.net", credential).build().unwrap();
    assert_no_runtime(client.get_scheduled_job("job"));
    assert_no_runtime(client.cancel_scheduled_job("job"));
    assert_no_runtime(client.wait_for_job("job").into_future());
    assert_no_runtime(async { client.query_scheduled_jobs(JobFilter::default()).next().await.unwrap() });
}

/// Drops a call on a runtime that is not driven afterwards, and makes the next one on another.
fn assert_next_call_is_answered(client: &Client) {
    let idle = runtime();
    let dropped = idle.block_on(async { client.get_scheduled_job("job").now_or_never() });
    assert!(dropped.is_none(), "it was still waiting");
    let start = Instant::now();
    let error = runtime().block_on(client.get_scheduled_job("job")).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    drop(idle);
}

#[test]
fn call_dropped_on_an_idle_runtime_does_not_block_the_next() {
    let (_runtime, hub) = hub();
    assert_next_call_is_answered(&builder(&hub).build().unwrap());
}

#[test]
fn refresh_on_an_idle_runtime_does_not_block_the_next_call() {
    let (_runtime, hub) = hub();
    let identity = Identity::of(&hub);
    assert_next_call_is_answered(&client_of(&hub, &identity));
    assert_eq!(identity.token_requests(), 1, "the task of the idle runtime never ran");
}
