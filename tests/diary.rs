//! A bad night, as an operator reads it in the log of the compact set-up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jobs_api::Credential;
use jobs_emulator::{Device, Emulator, Fault, Route, When};

use crate::facts::{sources, workspace};
use crate::support::capture::Captured;
use crate::support::clock::FrozenClock;
use crate::support::identity::Identity;
use crate::support::{AT_ONCE, HOUR, builder_with, reboot, set_interval};

/// Returns the lines in a form in which two nights are equal: without times, ids and random waits, and without those of
/// the token's refreshes, whose number depends on such waits.
fn normalize(diary: &str) -> Vec<String> {
    let is_random = |word: &str| {
        let starts = ["wait_ms=", "pause_ms=", "request_id="];
        starts.iter().any(|start| word.starts_with(start))
            || word.matches('-').count() == 4
            || word.contains("-G:")
    };
    let lines = diary.lines().filter(|line| !line.contains("token refresh failed"));
    let kept = lines.map(|line| line.split_whitespace().skip(1).filter(|word| !is_random(word)));
    kept.map(|words| words.collect::<Vec<_>>().join(" ")).collect()
}

/// Returns the diary that the guide to operation shows.
fn documented() -> &'static str {
    let (_, rest) = include_str!("../jobs-api/OPERATING.md").split_once("## Read a log").unwrap();
    let (_, rest) = rest.split_once("```text\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn each_line_that_the_guide_explains_is_one_of_the_crate() {
    let guide = include_str!("../jobs-api/OPERATING.md");
    let (_, table) = guide.split_once("| line | it means |").unwrap();
    let rows = table.trim_start().lines().skip(1).take_while(|line| line.starts_with('|'));
    let explained: Vec<&str> = rows.flat_map(|row| row.split('"').skip(1).step_by(2)).collect();
    assert!(explained.len() > 15, "{explained:?}");
    let sources = sources(&workspace().join("jobs-api/src")).concat();
    for line in explained {
        assert!(sources.contains(line.trim_matches(['…', ' '])), "no event is {line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_night_reads_like_a_diary() {
    let clock = FrozenClock::new();
    let devices = ["pump-1", "pump-2"].map(Device::new);
    let hub = Emulator::builder().pace(AT_ONCE).devices(devices).start().await;
    let busy = Fault::refusal(429, "ThrottlingException").with_header("retry-after", "20");
    hub.inject(Route::Create.of_job("floor-1"), When::Next(1), busy);
    hub.inject(Route::Create.of_job("floor-2"), When::Next(6), Fault::status(503));
    hub.inject(Route::Create.of_job("floor-3"), When::Next(1), Fault::ResetAfter);
    let identity = Identity::of(&hub);
    let client = builder_with(&hub, Credential::token(identity.clone())).build().unwrap();
    let captured = Captured::start();
    let batch = |floors: &[u32]| {
        let requests: Vec<_> = floors.iter().map(|floor| (format!("floor-{floor}"), reboot())).collect();
        let batch = client.run_jobs(stream::iter(requests)).concurrency(1);
        tokio::spawn(batch.collect::<Vec<_>>())
    };
    let first = batch(&[1, 2, 3]);
    clock.advance_until(|| first.is_finished()).await;

    // The token expires while its endpoint is down.
    clock.advance(HOUR).await;
    identity.fails.store(true, Ordering::Relaxed);
    let second = batch(&[3, 4]);
    for _ in 0..60 {
        clock.advance(Duration::from_secs(1)).await;
    }
    identity.fails.store(false, Ordering::Relaxed);
    clock.advance_until(|| second.is_finished()).await;

    let later = reboot().with_start_time(hub.now() + HOUR);
    let evening = tokio::spawn(async move {
        client.ensure_scheduled_job("floor-4", &reboot()).await.unwrap();
        client.create_scheduled_job("floor-4", &set_interval()).await.unwrap_err();
        client.create_scheduled_job("later", &later).await.unwrap();
        client.cancel_scheduled_job("later").await.unwrap();
    });
    clock.advance_until(|| evening.is_finished()).await;
    evening.await.unwrap();

    let diary = captured.diary();
    assert_eq!(normalize(&diary), normalize(documented()), "as printed:\n{diary}");
    assert!(diary.contains("token refresh failed reason=\"the credential returned no token: "), "{diary}");
    assert!(!diary.contains(" ERROR ") && !diary.contains("iothub."), "{diary}");
}
