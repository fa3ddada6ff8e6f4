//! The checks on emulated hubs: as hubs were seen, and with each setting the other way.

use std::time::Duration;

use jobs_emulator::{Emulator, Fault, HubBehavior, Pace, Policy, PolicyKey, Route, Tier, When};
use serde_json::Value;

use super::*;
use crate::facts::{Findings, OF_DEVICES, OF_THROTTLING, Verdict, facts};

/// Long enough for any machine; only what never comes takes that long.
const PATIENCE: Patience =
    Patience { lag: Duration::from_secs(60), run: Duration::from_secs(60), poll: Duration::from_millis(5) };
/// For hubs on which something never comes.
const IMPATIENCE: Patience = Patience { lag: Duration::from_millis(100), ..PATIENCE };

/// The settings of the emulated hub with another value each, and the fact that then differs. Without one it needs
/// devices, or more calls than the checks send.
const SETTINGS: &[(&str, &str, &[&str])] = &[
    ("unknown-job", "with-id", &["read-unknown-id-bare"]),
    ("unknown-job", "not-found", &["read-unknown-id"]),
    ("create-lag", "3600", &["read-lag"]),
    ("cancel-lag", "3600", &["cancel-lag"]),
    ("row-lag", "5", &[]),
    ("lagging-rows", "pending", &[]),
    ("scheduled-jobs-hold-slots", "false", &["slots-scheduled"]),
    ("unreachable-devices", "at-once", &[]),
    ("payload-echo", "json", &["method-payload-echo"]),
    ("open-end", "december-30", &["read-end-time"]),
    ("open-end", "absent", &["read-end-time"]),
    ("job-ids", "any-case", &["job-id-lower-case"]),
    ("rows-name-modules", "false", &[]),
    ("throttled", "exception", &[]),
    ("retry-after", "10", &["rate-retry-after"]),
    ("error-body", "nested", &["error-body"]),
    ("error-body", "flat", &["error-body"]),
    ("tracking-ids", "g2", &["error-tracking"]),
    ("token-clock", "hub", &[]),
];

/// A pace at which no job is waited for.
const AT_ONCE: Pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };

async fn hub(behavior: HubBehavior) -> Emulator {
    Emulator::builder().pace(AT_ONCE).tier(Tier::Free).behavior(behavior).start().await
}

/// Checks an emulated hub with the rights of a policy, and returns the report.
async fn check_with(emulator: &Emulator, policy: Policy, slots: usize, patience: Patience) -> Value {
    let connection_string = emulator.policy_connection_string(policy, PolicyKey::Primary);
    let target = Target::of_emulator(emulator, &connection_string).unwrap();
    let jobs = Jobs::new(target.client.clone()).unwrap();
    let mut report = Report::new(&target);
    check(&target, &jobs, slots, patience, &mut report).await;
    assert_eq!(jobs.open(), [""; 0], "jobs are left");
    report.to_json()
}

/// Returns the facts of a report with this verdict.
fn facts_with<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let facts = report["facts"].as_array().unwrap().iter();
    facts.filter(|fact| fact["verdict"] == verdict).map(|fact| fact["fact"].as_str().unwrap()).collect()
}

/// Returns the lines of the doctor that are neither ok nor unknown.
fn failed_lines(report: &Value) -> Vec<&str> {
    let lines = report["doctor"].as_array().unwrap().iter();
    lines.filter(|line| line["isOk"] == false).map(|line| line["check"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_fact_that_needs_no_device_holds_on_the_emulated_hub() {
    let emulator = hub(HubBehavior::default()).await;
    let report = check_with(&emulator, Policy::Owner, 1, PATIENCE).await;
    let untested = [OF_DEVICES, OF_THROTTLING].concat();
    assert_eq!(facts_with(&report, "notTested"), untested.iter().map(|(fact, _)| *fact).collect::<Vec<_>>());
    assert_eq!(facts_with(&report, "differs"), [""; 0], "{report:#}");
    assert_eq!(failed_lines(&report), [""; 0], "{report:#}");
}

#[tokio::test]
async fn check_stays_far_below_the_limits_of_the_free_tier() {
    let emulator = hub(HubBehavior::default()).await;
    check_with(&emulator, Policy::Owner, 1, PATIENCE).await;
    let queries = emulator.requests().iter().filter(|request| request.path == "/devices/query").count();
    assert!(queries <= 5 && emulator.requests().len() - queries < 80);
}

#[tokio::test]
async fn each_setting_of_the_hub_the_other_way_is_a_difference() {
    let mut left = HubBehavior::NAMES.to_vec();
    for (name, value, differing) in SETTINGS {
        let mut behavior = HubBehavior::default();
        behavior.set(name, value).unwrap();
        let patience = if name.ends_with("-lag") { IMPATIENCE } else { PATIENCE };
        let report = check_with(&hub(behavior).await, Policy::Owner, 1, patience).await;
        assert_eq!(facts_with(&report, "differs"), *differing, "{name}={value}: {report:#}");
        left.retain(|left| left != name);
    }
    assert_eq!(left, [""; 0], "settings without a check");
}

#[tokio::test]
async fn refused_step_is_a_difference_and_a_throttled_one_was_not_tested() {
    for (fault, verdict) in [
        (Fault::refusal(400, "ArgumentInvalid"), Verdict::Differs("400 ArgumentInvalid".to_owned())),
        (
            Fault::refusal(429, "ThrottlingException"),
            Verdict::NotTested("429 ThrottlingException".to_owned()),
        ),
    ] {
        let emulator = hub(HubBehavior::default()).await;
        let target = Target::of_emulator(&emulator, &emulator.connection_string()).unwrap();
        let jobs = Jobs::new(target.client.clone()).unwrap();
        emulator.inject(Route::Create.of_job(jobs.id("past")), When::Every(1), fault);
        let mut findings = Findings::default();
        check_facts(&target, &jobs, 1, PATIENCE, &mut findings).await;
        assert_eq!(findings.of("start-past"), verdict);
    }
}

#[tokio::test]
async fn slots_of_a_larger_tier_are_filled() {
    let emulator = Emulator::builder().pace(AT_ONCE).tier(Tier::S2).start().await;
    let report = check_with(&emulator, Policy::Owner, 5, PATIENCE).await;
    assert!(facts_with(&report, "holds").contains(&"slots-scheduled"), "{report:#}");
}

#[tokio::test]
async fn facts_that_need_a_slot_are_not_tested_while_another_job_holds_it() {
    let emulator = hub(HubBehavior::default()).await;
    let target = Target::of_emulator(&emulator, &emulator.connection_string()).unwrap();
    let others = Jobs::new(target.client).unwrap();
    others.create(&others.id("later"), &jobs::later(others.twin_update())).await.unwrap();
    let report = check_with(&emulator, Policy::Owner, 1, IMPATIENCE).await;
    assert_eq!(facts_with(&report, "differs"), [""; 0], "{report:#}");
    assert!(facts_with(&report, "notTested").contains(&"cancel-answer"), "{report:#}");
    assert!(facts_with(&report, "holds").contains(&"start-latest"), "{report:#}");
}

#[tokio::test]
async fn missing_rights_are_named_and_their_facts_not_tested() {
    for (policy, missing) in [
        (Policy::RegistryReadWrite, vec!["right: query"]),
        (Policy::RegistryRead, vec!["right: create", "right: cancel", "right: query"]),
        (Policy::Service, vec!["right: read", "right: create", "right: cancel"]),
    ] {
        let report = check_with(&hub(HubBehavior::default()).await, policy, 1, PATIENCE).await;
        assert_eq!(failed_lines(&report), missing, "{report:#}");
        assert_eq!(facts_with(&report, "differs"), [""; 0], "{report:#}");
    }
}

#[tokio::test]
async fn doctor_names_what_keeps_a_hub_from_being_used() {
    let basic = Emulator::builder().tier(Tier::B1).start().await;
    assert_eq!(failed_lines(&check_with(&basic, Policy::Owner, 1, PATIENCE).await), ["tier"]);
    let ahead = hub(HubBehavior::default()).await;
    ahead.set_clock_offset(chrono::TimeDelta::minutes(12));
    assert_eq!(failed_lines(&check_with(&ahead, Policy::Owner, 1, PATIENCE).await), ["clock"]);
    let report = check_with(&hub(HubBehavior::default()).await, Policy::Device, 1, PATIENCE).await;
    assert_eq!(failed_lines(&report), ["token"]);
    let gone = hub(HubBehavior::default()).await;
    let target = Target::of_emulator(&gone, &gone.connection_string()).unwrap();
    drop(gone);
    let jobs = Jobs::new(target.client.clone()).unwrap();
    let mut report = Report::new(&target);
    check(&target, &jobs, 1, PATIENCE, &mut report).await;
    let report = report.to_json();
    assert_eq!(failed_lines(&report), ["network"]);
    assert_eq!(facts_with(&report, "notTested").len(), facts().count());
}

#[tokio::test]
async fn interrupted_check_leaves_no_job_scheduled() {
    let emulator = hub(HubBehavior::default()).await;
    let target = Target::of_emulator(&emulator, &emulator.connection_string()).unwrap();
    let jobs = Jobs::new(target.client.clone()).unwrap();
    emulator.inject(
        Route::Get.of_job(jobs.id("later")),
        When::Every(1),
        Fault::Delay(Duration::from_secs(3600)),
    );
    let is_read = || {
        emulator
            .requests()
            .iter()
            .any(|request| request.path.ends_with(&jobs.id("later")) && request.method == "GET")
    };
    let mut findings = Findings::default();
    tokio::select! {
        () = check_facts(&target, &jobs, 1, PATIENCE, &mut findings) => panic!("it waits for the hub"),
        () = async { while !is_read() { tokio::time::sleep(PATIENCE.poll).await } } => {}
    }
    assert_eq!(jobs.open(), [jobs.id("later")]);
    jobs.clean_up().await;
    emulator.clear_faults();
    assert_eq!(jobs.open(), [""; 0]);
    let job = jobs.read(&jobs.id("later")).await.unwrap();
    assert_eq!(checks::status(job.value()), "cancelled");
}

#[tokio::test]
async fn report_has_neither_key_nor_token_nor_the_hubs_name() {
    let emulator = hub(HubBehavior::default()).await;
    let page = Fault::status(200).with_body(emulator.host_name());
    emulator.inject(Route::QueryJobs, When::Next(1), page);
    let mut target = Target::of_emulator(&emulator, &emulator.connection_string()).unwrap();
    target.host = Some(emulator.host_name().to_owned());
    let jobs = Jobs::new(target.client.clone()).unwrap();
    let mut report = Report::new(&target);
    check(&target, &jobs, 1, PATIENCE, &mut report).await;
    let key = emulator.connection_string().rsplit_once("SharedAccessKey=").unwrap().1.to_owned();
    for text in [report.to_string(), report.to_json().to_string()] {
        for secret in [emulator.host_name(), &key, "SharedAccessSignature", "sig="] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
