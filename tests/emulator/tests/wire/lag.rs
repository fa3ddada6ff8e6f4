//! Reads that lag behind.

use std::time::Duration;

use chrono::TimeDelta;
use jobs_emulator::{Device, Emulator, HubBehavior, LaggingRows, MethodBehavior};
use serde_json::json;

use crate::support::{Caller, method_job, quick, statuses, with};

const LAG: Duration = Duration::from_secs(5);

async fn hub(behavior: HubBehavior) -> Emulator {
    quick().device(Device::new("pump-1")).behavior(behavior).start().await
}

#[tokio::test]
async fn new_job_is_unknown_and_unlisted_until_the_lag_is_over() {
    let hub = hub(HubBehavior { create_lag: LAG, ..HubBehavior::default() }).await;
    let caller = Caller::of(&hub);
    assert_eq!(caller.create("job", &method_job()).await.json()["status"], "queued");
    hub.advance_clock(Duration::from_secs(4)).await;
    assert_eq!(caller.job("job").await, json!({ "type": "unknown", "status": "unknown" }));
    assert_eq!((caller.jobs("").await.len(), caller.rows().await.len()), (0, 0));
    assert_eq!(caller.create("job", &method_job()).await.status, 409);
    hub.advance_clock(Duration::from_secs(1)).await;
    assert_eq!(caller.job("job").await["status"], "completed");
    assert_eq!((caller.jobs("").await.len(), caller.rows().await.len()), (1, 1));
}

#[tokio::test]
async fn job_that_is_still_unknown_is_cancelled() {
    let hub = hub(HubBehavior { create_lag: Duration::MAX, ..HubBehavior::default() }).await;
    let caller = Caller::of(&hub);
    let later = json!({ "startTime": hub.now() + TimeDelta::hours(1) });
    caller.create("job", &with(method_job(), later)).await;
    assert_eq!(caller.cancel("job").await.json()["status"], "cancelled");
    hub.advance_clock(Duration::from_secs(24 * 3600)).await;
    assert_eq!(caller.job("job").await["status"], "unknown");
}

#[tokio::test]
async fn cancelled_job_is_still_scheduled_until_the_lag_is_over() {
    let hub = hub(HubBehavior { cancel_lag: LAG, ..HubBehavior::default() }).await;
    let caller = Caller::of(&hub);
    let later = json!({ "startTime": hub.now() + TimeDelta::hours(1) });
    caller.create("job", &with(method_job(), later)).await;
    assert_eq!(caller.cancel("job").await.json()["status"], "cancelled");
    let job = caller.job("job").await;
    assert_eq!(
        (&job["status"], &job["endTime"]),
        (&json!("scheduled"), &json!("9999-12-31T23:59:59.9999999Z"))
    );
    assert_eq!(caller.jobs("&jobStatus=scheduled").await, [job]);
    assert_eq!(caller.cancel("job").await.error(), "OperationNotAllowedInCurrentState");
    assert_eq!(caller.create("next", &method_job()).await.status, 200, "its slot is free");
    hub.advance_clock(LAG).await;
    assert_eq!(caller.job("job").await["status"], "cancelled");
    assert_eq!(caller.jobs("&jobStatus=cancelled").await.len(), 1);
}

#[tokio::test]
async fn rows_lag_behind_a_completed_job_with_all_devices_counted() {
    for (lagging_rows, early) in [(LaggingRows::Missing, vec![]), (LaggingRows::Pending, vec!["pending"; 2])]
    {
        let slow = MethodBehavior::default().with_delay(Duration::from_secs(3)..=Duration::from_secs(3));
        let devices = [Device::new("a"), Device::new("b").with_behavior(slow)];
        let behavior = HubBehavior { row_lag: LAG, lagging_rows, ..HubBehavior::default() };
        let hub = quick().devices(devices).behavior(behavior).start().await;
        let caller = Caller::of(&hub);
        caller.create("job", &method_job()).await;
        hub.advance_clock(Duration::from_secs(3)).await;
        let job = caller.job("job").await;
        assert_eq!(
            (&job["status"], &job["deviceJobStatistics"]["succeededCount"]),
            (&json!("completed"), &json!(2))
        );
        assert_eq!(statuses(&caller.rows().await), early, "{lagging_rows:?}");
        hub.advance_clock(Duration::from_secs(2)).await;
        let rows = caller.rows().await;
        assert_eq!(statuses(&rows), ["completed", "pending"]);
        assert_eq!(
            (&rows[1]["outcome"], &rows[1]["lastUpdatedDateTimeUtc"]),
            (&json!({}), &rows[1]["createdDateTimeUtc"])
        );
        let completed =
            "SELECT * FROM devices.jobs WHERE devices.jobs.outcome.deviceMethodResponse.status = 200";
        assert_eq!(caller.query_all(completed, "100").await.0.len(), 1);
        hub.advance_clock(Duration::from_secs(3)).await;
        assert_eq!(statuses(&caller.rows().await), ["completed", "completed"]);
    }
}

#[tokio::test]
async fn clock_set_back_hides_nothing_without_a_lag() {
    let hub = hub(HubBehavior::default()).await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "completed").await;
    hub.set_clock_offset(TimeDelta::minutes(-1));
    assert_eq!(caller.job("job").await["status"], "completed");
    assert_eq!(caller.rows().await.len(), 1);
}
