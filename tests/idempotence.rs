//! Creating a job that may exist.

use chrono::{TimeDelta, Utc};
use jobs_api::types::JobStatus;
use jobs_api::{Error, JobId};
use jobs_emulator::{Fault, Route, When};

use crate::support::{client, fast_retry_client, quick_hub, reboot, received_methods, set_interval};

#[tokio::test]
async fn ensured_job_is_created_once() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let start = Utc::now() + TimeDelta::hours(1);
    let request = reboot().starting_at(start);
    let created = client.ensure_scheduled_job("job", &request).await.unwrap();
    assert_eq!((created.id(), &created.status), ("job", &Some(JobStatus::Queued)));
    let found = client.ensure_scheduled_job("job", &request).await.unwrap();
    assert_eq!((found.id(), found.query_condition.as_deref()), ("job", Some("*")));
    assert_eq!(received_methods(&hub), "PUT PUT GET");
}

#[tokio::test]
async fn ensured_job_that_differs_is_a_conflict() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let later = set_interval().starting_at(Utc::now() + TimeDelta::hours(1));
    let error = client.ensure_scheduled_job("job", &later).await.unwrap_err();
    let Error::JobConflict { job_id, differences, .. } = &error else { panic!("{error}") };
    assert_eq!(job_id, "job");
    assert_eq!(differences[..], ["type", "cloudToDeviceMethod", "updateTwin", "startTime"]);
    assert!(error.is_already_exists() && !error.is_outcome_unknown());
    assert_eq!(
        error.to_string(),
        "a job with the id job exists and differs in type, cloudToDeviceMethod, updateTwin, startTime"
    );
}

#[tokio::test]
async fn other_failures_of_ensuring_a_job_are_returned() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::status(403));
    let error = fast_retry_client(&hub).ensure_scheduled_job("job", &reboot()).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 403);
    assert_eq!(received_methods(&hub), "PUT");
}

#[tokio::test]
async fn unique_id_creates_a_job() {
    let hub = quick_hub().await;
    let id = JobId::unique("reboot").unwrap();
    let job = client(&hub).create_scheduled_job(&id, &reboot()).await.unwrap();
    assert_eq!(job.id(), &*id);
}
