use super::*;

fn row(body: serde_json::Value) -> DeviceJob {
    serde_json::from_value(body).unwrap()
}

#[test]
fn report_is_bounded_and_its_sums_are_exact() {
    let mut report = JobReport::default();
    for n in 0..5000 {
        let error = serde_json::json!({ "code": format!("Code{n}"), "description": "x".repeat(5000) });
        let status = if n % 2 == 0 { "failed".to_owned() } else { format!("status{n}") };
        report.add(
            &row(serde_json::json!({ "deviceId": n.to_string(), "status": status, "error": error })),
            None,
        );
    }
    assert_eq!((report.devices, report.failed, report.succeeded), (5000, 2500, 0));
    assert_eq!((report.by_status.len(), report.by_error_code.len()), (CATEGORIES, CATEGORIES));
    let counted: u64 = report.by_status.values().chain(report.by_error_code.values()).sum();
    assert_eq!(counted + report.uncategorized, 10_000);
    assert_eq!(report.failures.len(), NAMED_FAILURES);
    assert_eq!(report.failures[0].reason.chars().count(), 1001);
}

#[test]
fn failure_is_shown_on_one_line() {
    let error = serde_json::json!({ "description": "stuck\nd: \u{1B}[2Jdone" });
    let mut report = JobReport::default();
    report.add(&row(serde_json::json!({ "deviceId": "d", "status": "failed", "error": error })), None);
    assert_eq!(report.failures[0].to_string(), "d: stuck d: [2Jdone");
    assert_eq!(report.failures[0].reason, "stuck\nd: \u{1B}[2Jdone");
}

/// A report on a job in this status, with this many devices of which one failed.
fn report(status: &str, devices: i64, end: &str) -> JobReport {
    let statistics = serde_json::json!({ "deviceCount": devices, "failedCount": 1 });
    let job = serde_json::json!({
        "jobId": status, "status": status, "startTime": "2030-01-01T00:00:00Z", "endTime": end,
        "deviceJobStatistics": statistics,
    });
    let mut report = JobReport::of(serde_json::from_value(job).unwrap());
    report.add(&row(serde_json::json!({ "deviceId": status, "status": "failed" })), None);
    for _ in 1..devices {
        report.add(&row(serde_json::json!({ "status": "completed" })), None);
    }
    report
}

#[test]
fn merged_report_sums_up_and_has_the_worst_outcome() {
    let mut merged = report("completed", 3, "2030-01-01T01:00:00Z");
    merged.merge(report("completed", 2, "2030-01-01T03:00:00Z"));
    assert_eq!(merged.outcome(), JobOutcome::CompletedWithFailures(2));
    merged.merge(report("cancelled", 1, "9999-12-31T00:00:00Z"));
    assert_eq!(merged.outcome(), JobOutcome::Cancelled);
    merged.merge(report("failed", 1, "2030-01-01T02:00:00Z"));
    merged.merge(report("completed", 1, "2030-01-01T02:00:00Z"));
    assert_eq!(merged.outcome(), JobOutcome::Failed);
    assert_eq!((merged.devices, merged.succeeded, merged.failed), (8, 3, 5));
    assert_eq!((merged.by_status["completed"], merged.by_status["failed"]), (3, 5));
    assert_eq!(
        merged.job_ids().collect::<Vec<_>>(),
        ["completed", "completed", "cancelled", "failed", "completed"]
    );
    let failures: Vec<&str> = merged.failures.iter().map(|failure| failure.device_id.as_str()).collect();
    assert_eq!(failures, ["completed", "completed", "cancelled", "failed", "completed"]);
}

#[test]
fn merged_report_is_bounded_and_its_sums_are_exact() {
    let mut merged = JobReport::default();
    for job in 0..10 {
        let mut report = JobReport::default();
        for n in 0..300 {
            let error = serde_json::json!({ "code": format!("Code{}", job * 50 + n) });
            report.add(&row(serde_json::json!({ "status": "failed", "error": error })), None);
        }
        merged.merge(report);
    }
    assert_eq!((merged.devices, merged.failed, merged.by_status["failed"]), (3000, 3000, 3000));
    assert_eq!((merged.failures.len(), merged.by_error_code.len()), (NAMED_FAILURES, CATEGORIES));
    assert_eq!(merged.by_error_code.values().sum::<u64>() + merged.uncategorized, 3000);
}
