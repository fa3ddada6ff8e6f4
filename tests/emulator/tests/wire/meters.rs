//! Throttling by tier and units.

use std::time::Duration;

use futures_util::future::join_all;
use jobs_emulator::{Device, Emulator, RateLimit, Throttle, Tier};
use tokio::time::Instant;

use crate::support::{Caller, VERSION, method_job, quick};

/// A hub of S1 with one unit: a burst of 100 job operations, then 100 a minute.
async fn metered(throttle: Throttle) -> Emulator {
    quick().device(Device::new("pump-1")).tier(Tier::S1).units(1).throttle(throttle).start().await
}

#[tokio::test]
async fn burst_passes_at_once_and_the_rest_is_rejected_if_nothing_queues() {
    let hub = metered(Throttle::documented().queue(Duration::ZERO)).await;
    let caller = Caller::of(&hub);
    let list = || async { caller.get(&format!("/jobs/v2/query?{VERSION}")).await };
    let answers = join_all((0..110).map(|_| list())).await;
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    // At 100 a minute another one or more pass if the test is slow.
    assert!((100..108).contains(&passed), "{passed}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, answer.error().as_str()), (429, "ThrottlingException"));
        assert!(!answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn queries_have_a_meter_of_their_own() {
    let hub = metered(Throttle::documented().queue(Duration::ZERO)).await;
    let caller = Caller::of(&hub);
    let mut passed = 0;
    while caller.query("SELECT * FROM devices", &[]).await.status == 200 {
        passed += 1;
    }
    assert!((20..24).contains(&passed), "{passed}");
    assert_eq!(caller.get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn queued_requests_are_answered_at_the_rate() {
    let limit = RateLimit::per_second(1).with_burst(2).with_queue(3);
    let hub = metered(Throttle::off().job_operations(limit)).await;
    let caller = Caller::of(&hub);
    // Throttling is off: a limit alone does not switch it on.
    assert_eq!(caller.get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);

    let hub = metered(Throttle::documented().job_operations(limit)).await;
    let caller = Caller::of(&hub);
    let start = Instant::now();
    let list = || async {
        let status = caller.get(&format!("/jobs/v2/query?{VERSION}")).await.status;
        (status, start.elapsed().as_secs())
    };
    let mut answers = join_all((0..7).map(|_| list())).await;
    answers.sort_unstable();
    let expected = [(200, 0), (200, 0), (200, 1), (200, 2), (200, 3), (429, 0), (429, 0)];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn refused_tokens_are_not_counted() {
    let hub = metered(Throttle::documented().job_operations(RateLimit::per_minute(1))).await;
    for _ in 0..5 {
        assert_eq!(
            Caller::with_token(&hub, "none").get(&format!("/jobs/v2/query?{VERSION}")).await.status,
            401
        );
    }
    let caller = Caller::of(&hub);
    assert_eq!(caller.get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
    assert_eq!(caller.get(&format!("/jobs/v2/query?{VERSION}")).await.status, 429);
}

#[tokio::test]
async fn reads_count_unless_they_are_excepted() {
    for (counts, expected) in [(true, 429), (false, 404)] {
        let limit = RateLimit::per_minute(1);
        let throttle = Throttle::documented().job_operations(limit).counts_reads(counts);
        let hub = metered(throttle).await;
        let caller = Caller::of(&hub);
        caller.get(&format!("/jobs/v2/none?{VERSION}")).await;
        assert_eq!(caller.get(&format!("/jobs/v2/none?{VERSION}")).await.status, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn devices_of_a_job_are_reached_at_the_rate_of_the_tier() {
    let devices = (0..100).map(|n| Device::new(format!("d{n}")));
    let hub = quick().devices(devices).tier(Tier::S1).throttle(Throttle::documented()).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    hub.advance_clock(Duration::from_secs(5)).await;
    let running = caller.job("job").await;
    assert_eq!(running["status"], "running");
    // One at once and ten a second.
    let succeeded = running["deviceJobStatistics"]["succeededCount"].as_u64().unwrap();
    assert!((50..=52).contains(&succeeded), "{succeeded}");
    hub.advance_clock(Duration::from_secs(5)).await;
    assert_eq!(caller.job("job").await["status"], "completed");
}

#[tokio::test]
async fn slots_follow_the_tier() {
    for (tier, slots) in [(Tier::S1, 1), (Tier::S2, 5), (Tier::S3, 10)] {
        let hub = Emulator::builder().tier(tier).start().await;
        let caller = Caller::of(&hub);
        for n in 0..slots {
            assert_eq!(caller.create(&format!("job-{n}"), &method_job()).await.status, 200, "{tier:?}");
        }
        let answer = caller.create("one-more", &method_job()).await;
        let expected = (429, "ThrottlingMaxActiveJobCountExceeded".to_owned());
        assert_eq!((answer.status, answer.error()), expected, "{tier:?}");
    }
}
