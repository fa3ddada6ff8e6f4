//! Jobs on devices that cannot be reached, and on modules.

use std::time::Duration;

use chrono::TimeDelta;
use jobs_emulator::{Device, HubBehavior, MethodBehavior, Module, Unreachable};
use serde_json::{Value, json};

use crate::support::{Caller, method_job, quick, statuses, time, twin_job, with};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn twin_is_updated_in_the_cloud_though_its_device_is_offline_or_disabled() {
    let devices = [Device::new("disabled").disabled(), Device::new("off").offline(), Device::new("on")];
    let hub = quick().devices(devices).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &twin_job(json!({ "tags": { "a": 1 } }))).await;
    let job = caller.wait_for("job", "completed").await;
    assert_eq!(job["deviceJobStatistics"]["succeededCount"], 3);
    for id in ["disabled", "off", "on"] {
        let twin = hub.twin(id).unwrap();
        assert_eq!(
            (&twin["tags"]["a"], twin["lastActivityTime"].as_str() > Some("1")),
            (&json!(1), id == "on")
        );
    }
}

#[tokio::test]
async fn method_on_an_unreachable_device_fails_at_the_time_limit_which_keeps_the_slot() {
    let devices = [Device::new("disabled").disabled(), Device::new("off").offline(), Device::new("on")];
    let hub = quick().devices(devices).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &with(method_job(), json!({ "maxExecutionTimeInSeconds": 60 }))).await;
    hub.advance_clock(seconds(59)).await;
    assert_eq!(caller.job("job").await["status"], "running");
    assert_eq!(statuses(&caller.rows().await), ["pending", "pending", "completed"]);
    assert_eq!(caller.create("next", &method_job()).await.error(), "ThrottlingMaxActiveJobCountExceeded");
    hub.advance_clock(seconds(1)).await;
    let job = caller.job("job").await;
    let counts = &job["deviceJobStatistics"];
    assert_eq!(
        [&job["status"], &counts["deviceCount"], &counts["succeededCount"], &counts["failedCount"]],
        [&json!("completed"), &json!(3), &json!(1), &json!(2)]
    );
    let rows = caller.rows().await;
    assert_eq!(statuses(&rows), ["failed", "failed", "completed"]);
    assert_eq!(rows[1]["error"]["code"], "JobRunPreconditionFailed");
    assert_eq!(time(&rows[1], "endTimeUtc") - time(&rows[1], "startTimeUtc"), TimeDelta::seconds(60));
    assert_eq!(caller.create("next", &method_job()).await.status, 200);
}

#[tokio::test]
async fn method_is_called_on_a_device_that_connects_before_the_time_limit() {
    let slow = MethodBehavior::default().with_delay(seconds(10)..=seconds(10));
    let hub = quick().device(Device::new("off").offline()).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    hub.advance_clock(seconds(1800)).await;
    hub.add_device(Device::new("other"));
    assert_eq!(statuses(&caller.rows().await), ["pending"]);
    hub.add_device(Device::new("off").with_behavior(slow));
    assert_eq!(statuses(&caller.rows().await), ["running"]);
    hub.advance_clock(seconds(10)).await;
    assert_eq!(statuses(&caller.rows().await), ["completed"]);
    assert_eq!(caller.job("job").await["status"], "completed");
}

#[tokio::test]
async fn device_that_goes_offline_within_its_turn_is_waited_for() {
    let slow =
        || Device::new("a").with_behavior(MethodBehavior::default().with_delay(seconds(10)..=seconds(10)));
    let hub = quick().device(slow()).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    hub.advance_clock(seconds(5)).await;
    hub.add_device(slow().offline());
    hub.advance_clock(seconds(6)).await;
    assert_eq!(statuses(&caller.rows().await), ["pending"]);
    hub.add_device(slow());
    hub.advance_clock(seconds(10)).await;
    assert_eq!(statuses(&caller.rows().await), ["completed"]);
}

#[tokio::test]
async fn method_fails_after_its_connect_timeout_if_the_setting_says_so() {
    let behavior = HubBehavior { unreachable_devices: Unreachable::FailAtOnce, ..HubBehavior::default() };
    let hub = quick().device(Device::new("off").offline()).behavior(behavior).start().await;
    let caller = Caller::of(&hub);
    let method = json!({ "methodName": "m", "connectTimeoutInSeconds": 20 });
    caller.create("job", &with(method_job(), json!({ "cloudToDeviceMethod": method }))).await;
    hub.advance_clock(seconds(19)).await;
    assert_eq!(statuses(&caller.rows().await), ["running"]);
    hub.advance_clock(seconds(1)).await;
    let rows = caller.rows().await;
    assert_eq!(
        (statuses(&rows), &rows[0]["error"]["code"]),
        (vec!["failed"], &json!("JobRunPreconditionFailed"))
    );
}

#[tokio::test]
async fn twins_of_modules_are_updated() {
    let module = Module::new("filter").with_desired(json!({ "rate": 5 }));
    let edge = Device::new("edge").with_module(module).with_module(Module::new("store"));
    let hub = quick().device(edge).start().await;
    let caller = Caller::of(&hub);
    let job = with(
        twin_job(json!({ "properties": { "desired": { "rate": 6 } } })),
        json!({ "queryCondition": "FROM devices.modules WHERE properties.desired.rate = 5" }),
    );
    caller.create("job", &job).await;
    caller.wait_for("job", "completed").await;
    let modules = caller.query("SELECT * FROM devices.modules", &[]).await.json();
    let state = |module: &Value| (module["properties"]["desired"]["rate"].clone(), module["version"].clone());
    assert_eq!(state(&modules[0]), (json!(6), json!(2)));
    assert_eq!(state(&modules[1]), (Value::Null, json!(1)));
    assert_eq!(hub.twin("edge").unwrap()["version"], 1);
}

#[tokio::test]
async fn method_on_a_module_of_an_unreachable_device_fails_as_not_online() {
    for rows_name_modules in [true, false] {
        let edge = Device::new("edge").offline().with_module(Module::new("m"));
        let behavior = HubBehavior { rows_name_modules, ..HubBehavior::default() };
        let hub = quick().device(edge).behavior(behavior).start().await;
        let caller = Caller::of(&hub);
        let condition = json!({ "queryCondition": "FROM devices.modules WHERE moduleId = 'm'" });
        caller.create("job", &with(method_job(), condition)).await;
        caller.wait_for("job", "completed").await;
        let rows = caller.rows().await;
        assert_eq!((statuses(&rows), &rows[0]["error"]["code"]), (vec!["failed"], &json!("DeviceNotOnline")));
        assert_eq!(rows[0].get("moduleId").is_some(), rows_name_modules);
    }
}
