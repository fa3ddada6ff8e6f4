//! Lists, rows and statements.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jobs_emulator::{Device, Emulator, MethodBehavior, Module, Pace, Tier, generate_fleet};
use serde_json::{Value, json};

use crate::support::{Caller, VERSION, method_job, quick, twin_job, with};

/// A hub with devices in two buildings, one of them with modules.
async fn varied_hub() -> Emulator {
    let edge = Device::new("edge-1")
        .iot_edge()
        .with_tags(json!({ "building": "43", "floor": 2 }))
        .with_module(Module::new("filter").with_desired(json!({ "rate": 5 })))
        .with_module(Module::new("store"));
    let pump = |n: i32| {
        let building = if n <= 2 { "43" } else { "44" };
        Device::new(format!("pump-{n}"))
            .with_tags(json!({ "building": building, "floor": n }))
            .with_reported(json!({ "load": n * 10 }))
    };
    quick().tier(Tier::S3).device(edge).devices([1, 2, 3, 4].map(pump)).start().await
}

fn ids(items: &[Value], name: &str) -> Vec<String> {
    items.iter().map(|item| item[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn twins_are_selected_whole_and_in_pages() {
    let hub = varied_hub().await;
    let caller = Caller::of(&hub);
    let (twins, pages) = caller.query_all("SELECT * FROM devices WHERE tags.building = '43'", "2").await;
    assert_eq!(
        (ids(&twins, "deviceId"), pages),
        (vec!["edge-1".into(), "pump-1".into(), "pump-2".into()], 2)
    );
    let twin = &twins[1];
    assert_eq!(twin["properties"]["reported"]["load"], 10);
    for member in [
        "etag",
        "version",
        "status",
        "connectionState",
        "lastActivityTime",
        "authenticationType",
        "cloudToDeviceMessageCount",
        "capabilities",
        "x509Thumbprint",
    ] {
        assert!(!twin[member].is_null(), "{member}");
    }
    assert!(twin["properties"]["desired"]["$metadata"]["$lastUpdated"].is_string());
    assert_eq!(twin["properties"]["desired"]["$version"], 1);
    let answer = caller.query("SELECT * FROM devices", &[]).await;
    assert_eq!(answer.headers["x-ms-item-type"], "Twin");
}

#[tokio::test]
async fn twins_leave_out_what_they_do_not_have() {
    let full = Device::new("full")
        .with_tags(json!({ "some-name": 1 }))
        .with_model_id("dtmi:a;1")
        .with_thumbprint("AB12");
    let hub = quick().device(Device::new("empty")).device(full).start().await;
    let twins = Caller::of(&hub).query("SELECT * FROM devices", &[]).await.json();
    for name in ["tags", "modelId", "deviceScope", "parentScopes"] {
        assert!(twins[0].get(name).is_none(), "{name}");
    }
    assert_eq!((&twins[1]["tags"]["some-name"], &twins[1]["modelId"]), (&json!(1), &json!("dtmi:a;1")));
    assert_eq!(twins[1]["x509Thumbprint"]["PrimaryThumbprint"], "AB12");
    assert_eq!(twins[0]["x509Thumbprint"]["primaryThumbprint"], json!(null));
}

#[tokio::test]
async fn names_may_have_hyphens_and_columns_their_collection() {
    let tagged = Device::new("a").with_tags(json!({ "some-name": 1, "x": { "y-z": 2 } }));
    let hub = quick().device(tagged.with_module(Module::new("m"))).start().await;
    let caller = Caller::of(&hub);
    for (query, expected) in [
        ("SELECT deviceId FROM devices WHERE tags.some-name = 1", json!([{ "deviceId": "a" }])),
        ("SELECT tags.x.y-z AS n FROM devices WHERE devices.deviceId = 'a'", json!([{ "n": 2 }])),
        ("SELECT devices.deviceId FROM devices WHERE tags.x.y-z - 1 = 1", json!([{ "deviceId": "a" }])),
        (
            "SELECT moduleId FROM devices.modules WHERE devices.modules.deviceId = 'a'",
            json!([{ "moduleId": "m" }]),
        ),
    ] {
        assert_eq!(caller.query(query, &[]).await.json(), expected, "{query}");
    }
}

#[tokio::test]
async fn statements_project_and_limit() {
    let hub = varied_hub().await;
    let caller = Caller::of(&hub);
    let answer = caller
        .query("SELECT TOP 3 deviceId, tags.floor AS level FROM devices", &[("x-ms-max-item-count", "2")])
        .await;
    assert_eq!(answer.headers["x-ms-item-type"], "Raw");
    assert_eq!(
        answer.json(),
        json!([{ "deviceId": "edge-1", "level": 2 }, { "deviceId": "pump-1", "level": 1 }])
    );
    let (rows, pages) = caller.query_all("SELECT TOP 3 deviceId FROM devices", "2").await;
    assert_eq!((rows.len(), pages), (3, 2));
    assert_eq!(caller.query_all("SELECT TOP 4 deviceId FROM devices", "2").await.1, 2);
}

#[tokio::test]
async fn statements_group_and_aggregate() {
    let hub = varied_hub().await;
    let caller = Caller::of(&hub);
    let query = "SELECT tags.building AS building, COUNT() AS devices, AVG(properties.reported.load) AS load \
                 FROM devices GROUP BY tags.building";
    let expected = [
        json!({ "building": "43", "devices": 3, "load": 15 }),
        json!({ "building": "44", "devices": 2, "load": 35 }),
    ];
    assert_eq!(caller.query_all(query, "1").await, (expected.to_vec(), 2));
    let query = "SELECT COUNT() AS n, MIN(tags.floor) AS lo, MAX(tags.floor) AS hi, SUM(tags.floor) AS s FROM devices WHERE capabilities.iotEdge = false";
    assert_eq!(caller.query_all(query, "100").await.0, [json!({ "n": 4, "lo": 1, "hi": 4, "s": 10 })]);
}

#[tokio::test]
async fn modules_have_twins_and_are_targets_of_methods() {
    let hub = varied_hub().await;
    let caller = Caller::of(&hub);
    let (modules, pages) = caller.query_all("SELECT * FROM devices.modules", "1").await;
    assert_eq!((ids(&modules, "moduleId"), pages), (vec!["filter".into(), "store".into()], 2));
    assert_eq!(modules[0]["properties"]["desired"]["rate"], 5);
    let job = with(
        method_job(),
        json!({ "queryCondition": "FROM devices.modules WHERE properties.desired.rate = 5" }),
    );
    caller.create("job", &job).await;
    caller.wait_for("job", "completed").await;
    let rows = caller.query_all("SELECT * FROM devices.jobs", "10").await.0;
    assert_eq!(
        (ids(&rows, "deviceId"), ids(&rows, "moduleId")),
        (vec!["edge-1".into()], vec!["filter".into()])
    );
}

#[tokio::test]
async fn statement_out_of_the_language_is_refused_with_a_bare_text() {
    let hub = varied_hub().await;
    let caller = Caller::of(&hub);
    for query in [
        "",
        "SELECT",
        "SELECT * FROM hubs",
        "SELECT * FROM devices WHERE place = 1",
        "SELECT * FROM devices.jobs WHERE jobId = 'a'",
    ] {
        let answer = caller.query(query, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, "ArgumentInvalid;BadRequest"), "{query}");
        assert_eq!(answer.headers["iothub-errorcode"], "ArgumentInvalid");
    }
    let long = format!("SELECT * FROM devices WHERE {} > 0", vec!["1"; 4000].join("+"));
    assert_eq!(caller.query(&long, &[]).await.status, 200, "a long chain is no deep one");
    let answer =
        caller.send("POST", &format!("/devices/query?{VERSION}"), &[], Some(&json!({ "query": 1 }))).await;
    assert_eq!(answer.error(), "ArgumentInvalid");
}

#[tokio::test]
async fn rows_show_outcomes_and_errors() {
    let reply = MethodBehavior::new(404, json!({ "no": "valve" }));
    let hub = quick()
        .device(Device::new("a").with_behavior(reply))
        .device(Device::new("b").offline())
        .start()
        .await;
    let caller = Caller::of(&hub);
    caller.create("job", &with(method_job(), json!({ "maxExecutionTimeInSeconds": 60 }))).await;
    hub.advance_clock(Duration::from_secs(60)).await;
    let answer = caller.query("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job'", &[]).await;
    assert_eq!(answer.headers["x-ms-item-type"], "DeviceJob");
    let rows = answer.json();
    assert_eq!(
        rows[0]["outcome"],
        json!({ "deviceMethodResponse": { "status": 404, "payload": { "no": "valve" } } })
    );
    assert_eq!(
        (&rows[0]["status"], &rows[0]["jobType"]),
        (&json!("completed"), &json!("scheduleDeviceMethod"))
    );
    assert_eq!((&rows[1]["status"], &rows[1]["outcome"]), (&json!("failed"), &json!({})));
    assert_eq!(rows[1]["error"]["code"], "JobRunPreconditionFailed");
    for name in ["startTimeUtc", "endTimeUtc", "createdDateTimeUtc", "lastUpdatedDateTimeUtc"] {
        let date = rows[0][name].as_str().unwrap();
        assert!(date.ends_with('Z') && date.len() == "2030-01-01T00:00:00.0000000Z".len(), "{date}");
    }
    for (condition, expected) in [
        ("devices.jobs.status = 'failed'", vec!["b"]),
        ("devices.jobs.outcome.deviceMethodResponse.status >= 400", vec!["a"]),
        ("devices.jobs.outcome.deviceMethodResponse.payload.no = 'valve'", vec!["a"]),
        ("devices.jobs.error.code = 'JobRunPreconditionFailed'", vec!["b"]),
        (
            "DEVICES.JOBS.deviceid IN ['a', 'b'] AND devices.jobs.lastUpdatedDateTimeUtc > '2020'",
            vec!["a", "b"],
        ),
        ("devices.jobs.endTimeUtc < '2020'", vec![]),
    ] {
        let rows = caller.query_all(&format!("SELECT * FROM devices.jobs WHERE {condition}"), "10").await.0;
        assert_eq!(ids(&rows, "deviceId"), expected, "{condition}");
    }
}

#[tokio::test]
async fn list_filters_by_type_and_status_without_regard_to_case() {
    let hub = varied_hub().await;
    let caller = Caller::of(&hub);
    for n in 0..3 {
        caller.create(&format!("m{n}"), &method_job()).await;
        caller.create(&format!("t{n}"), &twin_job(json!({ "tags": { "n": n } }))).await;
    }
    caller.wait_for("t2", "completed").await;
    let list = async |query: &str, headers: &[(&str, &str)]| {
        caller.send("GET", &format!("/jobs/v2/query?{VERSION}{query}"), headers, None).await
    };
    let all = list("", &[]).await;
    assert_eq!(
        (all.json().as_array().unwrap().len(), all.headers["x-ms-item-type"].as_str()),
        (6, "JobResponse")
    );
    let twins = list("&jobType=ScheduleUpdateTwin&jobStatus=COMPLETED", &[]).await.json();
    assert_eq!(ids(twins.as_array().unwrap(), "jobId"), ["t0", "t1", "t2"]);
    assert_eq!(list("&jobStatus=running", &[]).await.json(), json!([]));
    let first = list("", &[("x-ms-max-item-count", "4")]).await;
    let token = first.headers["x-ms-continuation"].as_str();
    let second = list("", &[("x-ms-max-item-count", "4"), ("x-ms-continuation", token)]).await;
    assert_eq!((second.json().as_array().unwrap().len(), second.headers.get("x-ms-continuation")), (2, None));
    for (size, token) in [("3", token), ("4", ""), ("4", "x"), ("0", token)] {
        let answer = list("", &[("x-ms-max-item-count", size), ("x-ms-continuation", token)]).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "ArgumentInvalid"), "{size} {token}");
    }
}

#[tokio::test]
async fn statistics_add_up_while_a_job_runs() {
    let pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::from_secs(100) };
    let hub = Emulator::builder().pace(pace).devices(generate_fleet(37)).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "running").await;
    let mut seen = BTreeSet::new();
    for _ in 0..12 {
        let counts = caller.job("job").await["deviceJobStatistics"].clone();
        let count = |name: &str| counts[name].as_u64().unwrap();
        let parts = ["failedCount", "succeededCount", "runningCount", "pendingCount"].map(count);
        assert_eq!((parts.iter().sum::<u64>(), count("deviceCount")), (37, 37));
        seen.insert(count("succeededCount"));
        hub.advance_clock(Duration::from_secs(10)).await;
    }
    assert!(seen.len() > 8, "{seen:?}");
}

#[tokio::test]
async fn late_page_of_a_large_job_costs_what_the_page_costs() {
    let count = 50_000;
    let hub = quick().devices(generate_fleet(count)).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "completed").await;
    let query = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job'";
    let (rows, pages) = caller.query_all(query, "100").await;
    assert_eq!((rows.len(), pages), (count, 500));
    let first = Instant::now();
    let token = caller.query(query, &[]).await.headers["x-ms-continuation"].clone();
    let first = first.elapsed();
    let next = Instant::now();
    assert_eq!(caller.query(query, &[("x-ms-continuation", &token)]).await.status, 200);
    assert!(next.elapsed() < first * 10 + Duration::from_millis(100), "{first:?} {:?}", next.elapsed());
}
