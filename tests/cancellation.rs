//! Cancellation of jobs.

use jobs_api::ErrorCode;
use jobs_api::types::JobStatus;

use crate::support::{client, quick_hub, reboot, slow_hub, wait_for, wait_for_end};

#[tokio::test]
async fn queued_or_scheduled_job_is_cancelled() {
    for hub in [slow_hub(|pace| &mut pace.queued).await, slow_hub(|pace| &mut pace.scheduled).await] {
        let client = client(&hub);
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        let cancelled = client.cancel_scheduled_job("job").await.unwrap();
        assert_eq!(cancelled.status, Some(JobStatus::Cancelled));
        assert_eq!(wait_for_end(&client, "job").await.status, Some(JobStatus::Cancelled));
    }
}

#[tokio::test]
async fn running_or_ended_job_is_not_cancellable() {
    let (running, ended) = (slow_hub(|pace| &mut pace.running).await, quick_hub().await);
    for (hub, status) in [(running, JobStatus::Running), (ended, JobStatus::Completed)] {
        let client = client(&hub);
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        wait_for(&client, "job", &[status]).await;
        let error = client.cancel_scheduled_job("job").await.unwrap_err();
        assert!(error.is_not_cancellable() && !error.is_retryable(), "{error}");
        assert_eq!(error.service().unwrap().code(), Some(&ErrorCode::OPERATION_NOT_ALLOWED_IN_CURRENT_STATE));
    }
}
