//! Metrics, as the metrics layer of `tracing-opentelemetry` sums them.

use std::time::Duration;

use jobs_api::RetryPolicy;
use jobs_emulator::{Device, Emulator, Fault, Route, When};
use opentelemetry::trace::Status;
use tokio::time::timeout;

use crate::support::capture::{Captured, subscribe};
use crate::support::meter::{Metrics, metrics_of, units};
use crate::support::span::{attribute, failures, find_span};
use crate::support::{builder, client, fast_retries, reboot};

/// Starts a hub of this name, by which its metrics are found.
async fn named_hub(name: &str) -> Emulator {
    subscribe();
    Emulator::builder().host_name(name).device(Device::new("pump-1")).start().await
}

/// Returns the values of a metric by operation, outcome and type of error.
fn values(metrics: &Metrics, name: &str) -> Vec<(String, f64, f64)> {
    let of_name = metrics.iter().filter(|((metric, _), _)| metric == name);
    let short = |labels: &str| {
        let labels = labels.split(' ').filter(|label| !label.starts_with("iothub.hub="));
        labels.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    of_name.map(|((_, labels), (count, sum))| (short(labels), *count, *sum)).collect()
}

#[tokio::test]
async fn operations_are_counted_by_outcome() {
    let hub = named_hub("outcomes.example").await;
    let client = builder(&hub).retry(fast_retries().with_attempts(2)).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    client.get_scheduled_job("job").await.unwrap();
    client.get_scheduled_job("job").await.unwrap();
    client.get_scheduled_job("a b").await.unwrap_err();
    hub.inject(Route::Get, When::Every(1), Fault::status(503));
    client.get_scheduled_job("job").await.unwrap_err();
    hub.inject(Route::Cancel, When::Every(1), Fault::ResetAfter);
    client.with_retry(RetryPolicy::none()).cancel_scheduled_job("job").await.unwrap_err();

    let metrics = metrics_of("outcomes.example");
    let counts = values(&metrics, "iothub.client.operations");
    let counts: Vec<_> = counts.iter().map(|(labels, _, sum)| (&**labels, *sum)).collect();
    let expected = [
        ("error.type=409 iothub.operation=create_scheduled_job iothub.outcome=refused", 1.0),
        ("error.type=503 iothub.operation=get_scheduled_job iothub.outcome=failure", 1.0),
        ("error.type=connection iothub.operation=cancel_scheduled_job iothub.outcome=unknown", 1.0),
        ("error.type=invalid_request iothub.operation=get_scheduled_job iothub.outcome=refused", 1.0),
        ("iothub.operation=create_scheduled_job iothub.outcome=success", 1.0),
        ("iothub.operation=get_scheduled_job iothub.outcome=success", 2.0),
    ];
    assert_eq!(counts, expected);

    let durations = values(&metrics, "iothub.client.operation.duration");
    let counted: Vec<_> = durations.iter().map(|(labels, count, _)| (&**labels, *count)).collect();
    assert_eq!(counted, expected);
    assert!(durations.iter().all(|(_, _, sum)| (0.0..60.0).contains(sum)), "{durations:?}");
}

#[tokio::test]
async fn retries_throttles_and_holds_are_summed() {
    let hub = named_hub("retries.example").await;
    let client = builder(&hub).retry(fast_retries()).without_pacing().build().unwrap();
    hub.inject(Route::Get, When::Next(2), Fault::status(503));
    client.get_scheduled_job("none").await.unwrap_err();
    hub.inject(Route::Get, When::Next(3), Fault::status(429));
    client.get_scheduled_job("none").await.unwrap_err();
    let metrics = metrics_of("retries.example");
    let sum = |name: &str| values(&metrics, name).iter().map(|(_, _, sum)| sum).sum::<f64>();
    assert_eq!((sum("iothub.client.retries"), sum("iothub.client.throttles")), (5.0, 3.0));
    assert_eq!(sum("iothub.client.hold.duration"), 0.0);
}

#[tokio::test]
async fn wait_for_a_turn_is_a_hold() {
    let hub = named_hub("holds.example").await;
    let client = builder(&hub).retry(fast_retries()).build().unwrap();
    // The call waits as long as the hub asks for.
    hub.inject(Route::Get, When::Next(1), Fault::status(429).with_header("retry-after", "1"));
    client.get_scheduled_job("none").await.unwrap_err();
    let metrics = metrics_of("holds.example");
    let [(_, 1.0, hold)] = values(&metrics, "iothub.client.hold.duration")[..] else { panic!("{metrics:?}") };
    let [(_, 1.0, whole)] = values(&metrics, "iothub.client.operation.duration")[..] else { panic!() };
    assert!((0.9..=whole).contains(&hold), "{hold} of {whole}");
    assert!(Duration::from_secs_f64(whole) < Duration::from_secs(60));
}

#[tokio::test]
async fn dropped_call_is_counted_as_such() {
    let hub = named_hub("dropped.example").await;
    hub.inject(Route::Get, When::Next(1), Fault::Delay(Duration::from_secs(3600)));
    let captured = Captured::start();
    let client = client(&hub);
    let call = client.get_scheduled_job("job");
    assert!(timeout(Duration::from_millis(50), call).await.is_err());
    let counts = values(&metrics_of("dropped.example"), "iothub.client.operations");
    let [(labels, _, 1.0)] = &counts[..] else { panic!("{counts:?}") };
    assert_eq!(labels, "iothub.operation=get_scheduled_job iothub.outcome=dropped");
    let spans = captured.spans();
    let operation = find_span(&spans, "get_scheduled_job");
    assert_eq!(attribute(operation, "iothub.dropped").as_deref(), Some("true"));
    assert_eq!((&operation.status, failures(operation)), (&Status::Unset, vec![]));
}

#[tokio::test]
async fn durations_are_in_seconds_with_the_view_of_the_crate_page() {
    let hub = named_hub("units.example").await;
    client(&hub).create_scheduled_job("job", &reboot()).await.unwrap();
    let units = units();
    let seconds = ("s".to_owned(), Some((0.005, 120.0)));
    for name in ["iothub.client.operation.duration", "iothub.client.hold.duration"] {
        assert_eq!(units[name], seconds, "{name}");
    }
    assert_eq!(units["iothub.client.operations"], (String::new(), None));
}
