//! Plans of roll-outs: the waves that they make, the rules that they keep, and the file that holds one.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Condition, Error, RollOut, RollOutPlan, Stop, Wave};
use serde_json::{Value, json};

use crate::roll_outs::{creations, hub_with, load, report, save, three_waves};
use crate::support::{HOUR, client, reboot};

#[tokio::test]
async fn wave_of_a_condition_takes_the_devices_that_earlier_waves_left() {
    let hub = hub_with(10, &[]).await;
    let first = Condition::device_ids(["pump-003", "pump-007", "none"]).to_string();
    let again = Condition::device_ids(["pump-003", "pump-005"]).to_string();
    let waves = [Wave::matching(first), Wave::matching(again), Wave::devices(100)];
    let plan = RollOut::new("reboot", reboot()).waves(waves).plan(&client(&hub)).await.unwrap();
    let mut waves: Vec<Vec<&str>> = plan.devices().map(Iterator::collect).collect();
    waves[0].sort_unstable();
    assert_eq!(waves[..2], [vec!["pump-003", "pump-007"], vec!["pump-005"]]);
    assert_eq!(waves[2].len(), 7);
}

#[tokio::test]
async fn job_of_other_work_is_a_conflict_before_the_first_wave() {
    let hub = hub_with(50, &[]).await;
    let client = client(&hub);
    let plan = three_waves().plan(&client).await.unwrap();
    client.create_scheduled_job("reboot-w3-p1-t1", &reboot()).await.unwrap();
    let error = client.roll_out(&plan).report().await.unwrap_err();
    assert!(matches!(&error, Error::JobConflict { is_certain: true, .. }), "{error}");
    assert_eq!(creations(&hub).len(), 1);
}

#[tokio::test]
async fn name_of_another_roll_out_is_a_conflict() {
    let hub = hub_with(50, &[]).await;
    let client = client(&hub);
    let all = three_waves().plan(&client).await.unwrap();
    report(&client, &all).await;
    let again = RollOut::new("reboot", reboot()).plan(&client).await.unwrap();
    let error = client.roll_out(&again).report().await.unwrap_err();
    assert!(matches!(&error, Error::JobConflict { .. }), "{error}");
    assert_eq!(creations(&hub).len(), 3);
}

#[tokio::test]
async fn plan_file_that_was_edited_or_is_of_another_version_is_refused_with_the_place() {
    let hub = hub_with(50, &[]).await;
    let plan = three_waves().plan(&client(&hub)).await.unwrap();
    let edited = |pointer: &str, value: Value| {
        let mut file = save(&plan);
        *file.pointer_mut(pointer).unwrap() = value;
        load(&file).unwrap_err()
    };
    for (pointer, value, place) in [
        ("/version", json!(2), "a plan of version 2; this crate reads 1"),
        ("/waves/1/0/3", json!("pump-900"), "the plan was edited: waves[1]"),
        ("/policy/soakSeconds", json!(1), "the plan was edited: name, created or policy"),
        ("/policy/soakSeconds", json!("1"), "invalid type: string \"1\", expected u32"),
        ("/waves/2", json!([]), "the plan was edited: waves[2]"),
    ] {
        assert_eq!(edited(pointer, value), place);
    }
    let text = serde_json::to_string_pretty(&plan).unwrap();
    let truncated = serde_json::from_str::<RollOutPlan>(&text[..text.len() / 2]).unwrap_err();
    assert!(truncated.is_eof() && truncated.line() > 1, "{truncated}");
}

#[tokio::test]
async fn roll_out_that_breaks_a_rule_is_refused() {
    let hub = hub_with(3, &[]).await;
    let client = client(&hub);
    let named = |name: &str| RollOut::new(name, reboot());
    let for_condition = |condition: &str| {
        RollOut::new("reboot", JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition))
    };
    let late = Utc::now() + TimeDelta::hours(200);
    for (roll_out, rule) in [
        (
            named("Reboot"),
            "the roll-out was not sent: the name must have lower-case ASCII letters, digits and `-`",
        ),
        (named(&"x".repeat(60)), "jobId must have 1 to 64 ASCII letters"),
        (RollOut::new("reboot", reboot().with_start_time(late)), "the request must have no start"),
        (for_condition("deviceId = 'none'"), "the condition must select a device"),
        (for_condition("FROM devices.modules WHERE a = 1"), "must select devices, not modules"),
        (named("reboot").waves([]), "waves must not be empty"),
        (named("reboot").waves([Wave::percent(f64::NAN), Wave::rest()]), "waves must each take devices"),
        (named("reboot").waves([Wave::devices(0), Wave::rest()]), "waves must each take devices"),
        (named("reboot").waves([Wave::rest(), Wave::devices(1)]), "the rest in the last wave alone"),
        (named("reboot").waves([60.0, 60.0].map(Wave::percent)), "waves must add up to at most 100 %"),
        (named("reboot").waves([f64::INFINITY, 1.0].map(Wave::percent)), "must add up to at most 100 %"),
        (named("reboot").waves([Wave::devices(2)]), "waves must take all devices"),
        (
            named("reboot").waves([Wave::matching("deviceId = 'none'"), Wave::rest()]),
            "waves must select a device that is left",
        ),
        (named("reboot").retry(11, Duration::ZERO), "retry must be at most 10 times"),
        (named("reboot").not_before(late), "not_before must be at most 168 hours ahead"),
        (named("reboot").hours(3, 25), "hours must be from 0 to 24"),
        (
            RollOut::new("reboot", reboot().with_max_execution_time(2 * HOUR)).hours(3, 4),
            "as long as the time limit",
        ),
        (
            named("reboot").stop_when(Stop::failed_percent_of_wave_above(100.0)),
            "stop_when must be below 100 %",
        ),
    ] {
        let error = roll_out.plan(&client).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }) && error.to_string().contains(rule), "{error}");
    }
    assert!(creations(&hub).is_empty());
}
