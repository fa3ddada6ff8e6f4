//! Throttling by tier and units.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobs_emulator::{Device, Emulator, HubBehavior, Metering, RateLimit, Request, Throttle, Throttled, Tier};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Caller, PATIENCE, VERSION, method_job, quick, quick_hub, with};

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
        assert_eq!((answer.status, answer.error().as_str()), (429, "ThrottlingBacklogTimeout"));
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
    // A limit is metered though the documented ones are off.
    let hub = metered(Throttle::off().job_operations(limit)).await;
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
    let count = |status, metering| {
        let is_wanted =
            |request: &&Request| (request.status, request.metering) == (Some(status), Some(metering));
        hub.requests().iter().filter(is_wanted).count()
    };
    let counts = [(200, Metering::Immediate), (200, Metering::Queued), (429, Metering::Rejected)]
        .map(|(status, metering)| count(status, metering));
    assert_eq!(counts, [2, 3, 2]);
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
    for (counts, expected) in [(true, 429), (false, 200)] {
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
async fn rejection_closes_the_connection_and_states_the_wait_in_its_text() {
    let throttle = Throttle::documented().job_operations(RateLimit::per_minute(1));
    let behavior =
        HubBehavior { throttled: Throttled::Exception, retry_after: Some(7), ..HubBehavior::default() };
    for (behavior, name, retry_after) in [
        (HubBehavior::default(), "ThrottlingBacklogTimeout", None),
        (behavior, "ThrottlingException", Some("7")),
    ] {
        let hub = quick().throttle(throttle.clone()).behavior(behavior).start().await;
        let token = Caller::of(&hub).token;
        // Without `connection: close`: it is the hub that ends the connection.
        let request =
            format!("GET /jobs/v2/query?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {token}\r\n\r\n");
        let both = format!("{request}{request}");
        let mut stream = TcpStream::connect(hub.address()).await.unwrap();
        stream.write_all(both.as_bytes()).await.unwrap();
        let mut answers = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answers)).await.unwrap().unwrap();
        let rejection = Answer::parse(answers.split_at(answers.rfind("HTTP/1.1").unwrap()).1).unwrap();
        assert_eq!((rejection.status, rejection.error().as_str()), (429, name));
        assert_eq!(rejection.headers["connection"], "close");
        assert_eq!(rejection.headers.get("retry-after").map(String::as_str), retry_after);
        let text = "The request has been throttled. Wait 10 seconds and try again. Operation type: Jobs";
        assert_eq!(rejection.reason(), text);
    }
}

#[tokio::test]
async fn scheduled_job_holds_its_slot_until_it_ran_or_is_cancelled() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let later = with(method_job(), json!({ "startTime": hub.now() + TimeDelta::hours(1) }));
    let create = async |id: &str, body: &Value| caller.create(id, body).await.status;
    assert_eq!(create("a", &later).await, 200);
    assert_eq!([create("b", &method_job()).await, create("b", &later).await], [429, 429]);
    caller.cancel("a").await;
    assert_eq!(create("b", &later).await, 200);
    hub.advance_clock(Duration::from_secs(3601)).await;
    assert_eq!(create("c", &method_job()).await, 200);

    let behavior = HubBehavior { scheduled_jobs_hold_slots: false, ..HubBehavior::default() };
    let hub = quick().behavior(behavior).start().await;
    let caller = Caller::of(&hub);
    for (id, body) in [("a", &later), ("b", &later), ("c", &method_job())] {
        assert_eq!(caller.create(id, body).await.status, 200, "{id}");
    }
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
