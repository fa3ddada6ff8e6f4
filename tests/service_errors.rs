//! Errors that the hub returns, and the predicates that recognise them.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use jobs_api::types::JobStatus;
use jobs_api::{ClientBuilder, Error, JobFilter};
use jobs_emulator::{Fault, Route, When};

use crate::support::{client, quick_hub, reboot, slow_hub, wait_for_end};

#[tokio::test]
async fn reused_job_id_is_a_conflict() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    wait_for_end(&client, "job").await;
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(error.is_already_exists() && !error.is_retryable(), "{error}");
    assert_eq!(error.status().unwrap().as_u16(), 409);
}

#[tokio::test]
async fn job_beyond_the_tier_limit_is_throttled() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    client.create_scheduled_job("first", &reboot()).await.unwrap();
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    for request in [reboot(), reboot().with_start_time(later)] {
        let error = client.create_scheduled_job("second", &request).await.unwrap_err();
        assert!(error.is_job_slot_busy() && error.is_throttled(), "{error}");
    }
}

#[tokio::test]
async fn unknown_job_is_not_found() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let cancelled = client.cancel_scheduled_job("none").await.unwrap_err();
    assert!(cancelled.is_not_found() && cancelled.service().unwrap().tracking_id().is_some(), "{cancelled}");
    for error in [
        client.get_scheduled_job("none").await.unwrap_err(),
        client.job_report("none").await.unwrap_err(),
        client.wait_for_job("none").not_found_after(Duration::ZERO).await.unwrap_err(),
    ] {
        let Error::JobNotFound { job_id, request_id, .. } = &error else { panic!("{error}") };
        assert!(error.is_not_found() && !error.is_retryable(), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "get_scheduled_job of {job_id}: the hub does not know the job, or does not show it yet (request id \
                 {request_id}); hint: import and export jobs read the same"
            )
        );
    }
    let raw = client.call(|api| async move { api.get_scheduled_job("none").await }).await.unwrap();
    assert_eq!(raw.value().status, Some(JobStatus::Unknown));
}

#[tokio::test]
async fn missing_page_is_no_missing_job() {
    let hub = quick_hub().await;
    let client = client(&hub);
    for fault in [Fault::status(404), Fault::refusal(404, "GenericNotFound")] {
        hub.inject(Route::Any, When::Every(1), fault);
        for error in [
            client.create_scheduled_job("job", &reboot()).await.unwrap_err(),
            client.ensure_scheduled_job("job", &reboot()).await.unwrap_err(),
            client.query_scheduled_jobs(JobFilter::default()).try_next().await.unwrap_err(),
            client.query_device_jobs("job").try_next().await.unwrap_err(),
        ] {
            assert_eq!(error.status().unwrap().as_u16(), 404);
            assert!(!error.is_not_found(), "{error}");
        }
        for error in [
            client.get_scheduled_job("job").await.unwrap_err(),
            client.cancel_scheduled_job("job").await.unwrap_err(),
        ] {
            assert!(error.is_not_found(), "{error}");
        }
    }
}

#[tokio::test]
async fn wrong_key_policy_or_host_is_unauthorized() {
    let hub = quick_hub().await;
    let right = hub.connection_string();
    let (rest, _) = right.rsplit_once("SharedAccessKey=").unwrap();
    for wrong in [
        format!("{rest}SharedAccessKey=c2VjcmV0"),
        right.replace("KeyName=iothubowner", "KeyName=nobody"),
        right.replace("emulator.localhost", "other.localhost"),
    ] {
        let builder = ClientBuilder::from_connection_string(&wrong).unwrap();
        let error =
            builder.endpoint(hub.endpoint()).build().unwrap().get_scheduled_job("job").await.unwrap_err();
        assert!(error.is_unauthorized(), "{error}");
        assert!(error.to_string().contains("RegistryRead"), "{error}");
    }
}
