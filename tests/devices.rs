//! The devices that a condition selects: their number and their ids.

use futures_util::{StreamExt as _, TryStreamExt as _};
use jobs_api::{Client, Condition, Error};
use jobs_emulator::{Device, Emulator, Fault, Module, Request, Route, When};
use serde_json::{Value, json};

use crate::support::{client, fast_retry_client, quick_hub};

/// Starts a hub with 250 devices, of which every second is in building 43 and the first has two modules.
async fn hub_with_buildings() -> (Emulator, Client) {
    let device = |n: u32| {
        let building = if n.is_multiple_of(2) { "43" } else { "44" };
        Device::new(format!("pump-{n:03}")).with_tags(json!({ "building": building, "o'clock": n }))
    };
    let edge = device(0).iot_edge().with_module(Module::new("filter")).with_module(Module::new("store"));
    let hub = Emulator::builder().device(edge).devices((1..250).map(device)).start().await;
    let client = client(&hub);
    (hub, client)
}

/// Returns the texts of the queries that reached the hub.
fn queries(hub: &Emulator) -> Vec<String> {
    let body = |request: Request| serde_json::from_slice::<Value>(&request.body).unwrap();
    let query = |body: Value| body["query"].as_str().unwrap().to_owned();
    hub.requests().into_iter().map(body).map(query).collect()
}

#[tokio::test]
async fn devices_of_a_condition_are_counted() {
    let (hub, client) = hub_with_buildings().await;
    let count = |condition: Condition| client.count_devices(condition.build().unwrap());
    let building = Condition::tag("building").eq("43");
    assert_eq!(count(building.clone()).await.unwrap(), 125);
    assert_eq!(client.count_devices("tags.building = '44'").await.unwrap(), 125);
    assert_eq!(client.count_devices("*").await.unwrap(), 250);
    assert_eq!(count(Condition::tag("building").eq("45")).await.unwrap(), 0);
    assert_eq!(count(Condition::tag("o'clock").lt(10).and(building)).await.unwrap(), 5);
    let modules = Condition::module_id().ne("store").build_on_modules().unwrap();
    assert_eq!(client.count_devices(modules).await.unwrap(), 1);
    let queries = queries(&hub);
    assert_eq!(queries.len(), 6, "one request for each count");
    assert_eq!(queries[0], "SELECT COUNT() AS numberOfDevices FROM devices WHERE tags.building = '43'");
    assert_eq!(queries[2], "SELECT COUNT() AS numberOfDevices FROM devices");
}

#[tokio::test]
async fn ids_of_devices_span_all_pages() {
    let (hub, client) = hub_with_buildings().await;
    let ids: Vec<String> = client.devices("*").try_collect().await.unwrap();
    assert_eq!((ids.len(), ids[0].as_str(), ids[249].as_str()), (250, "pump-000", "pump-249"));
    assert_eq!(queries(&hub), ["SELECT deviceId FROM devices"; 3]);
    let listing = client.devices("tags.building = '43'");
    let ids: Vec<String> = tokio::spawn(listing.try_collect()).await.unwrap().unwrap();
    assert_eq!(ids.len(), 125);
    let modules = Condition::module_id().is_defined().build_on_modules().unwrap();
    let modules: Vec<String> = client.devices(modules).try_collect().await.unwrap();
    assert_eq!(modules, ["pump-000", "pump-000"], "once for each module");
}

#[tokio::test]
async fn devices_are_listed_in_pages_from_which_a_later_listing_resumes() {
    let (hub, client) = hub_with_buildings().await;
    let page = std::pin::pin!(client.devices("*").pages()).try_next().await.unwrap().unwrap();
    assert_eq!(page.items.len(), 100);
    let rest = client.devices("*").resume_from(page.continuation.unwrap());
    assert_eq!(rest.try_collect::<Vec<_>>().await.unwrap().len(), 150);
    assert_eq!(hub.requests().len(), 3);
}

#[tokio::test]
async fn failed_count_is_retried() {
    let (hub, _) = hub_with_buildings().await;
    hub.inject(Route::QueryDevices, When::Next(2), Fault::status(503));
    assert_eq!(fast_retry_client(&hub).count_devices("*").await.unwrap(), 250);
    assert_eq!(hub.requests().len(), 3);
}

#[tokio::test]
async fn condition_out_of_the_language_is_the_hubs_error() {
    let (_hub, client) = hub_with_buildings().await;
    for condition in ["building = '43'", "tags.building = ", "tags.a IN ('b')"] {
        let error = client.count_devices(condition).await.unwrap_err();
        assert_eq!(error.service().unwrap().code().unwrap().to_string(), "ArgumentInvalid", "{error}");
        let error = client.devices(condition).next().await.unwrap().unwrap_err();
        assert!(error.to_string().starts_with("query_devices (POST /devices/query): 400 "), "{error}");
    }
}

#[tokio::test]
async fn unusable_condition_is_not_sent() {
    let (hub, client) = hub_with_buildings().await;
    for condition in [String::new(), "x".repeat(8160), "SELECT * FROM devices".into()] {
        let error = client.count_devices(&condition).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
        assert!(error.to_string().starts_with("count_devices was not sent: queryCondition "), "{error}");
        assert!(client.devices(&condition).next().await.unwrap().is_err());
    }
    assert!(hub.requests().is_empty());
}

/// Returns the count that the client makes of these pages.
async fn count_of(pages: &[&str]) -> Result<u64, Error> {
    let hub = quick_hub().await;
    for (index, page) in pages.iter().enumerate() {
        let fault = Fault::status(200).with_body(*page);
        let is_last = index + 1 == pages.len();
        let fault =
            if is_last { fault } else { fault.with_header("x-ms-continuation", format!("page-{index}")) };
        hub.inject(Route::QueryDevices, When::Next(1), fault);
    }
    client(&hub).count_devices("*").await
}

#[tokio::test]
async fn rows_of_a_count_are_added_up_over_all_pages() {
    let row = r#"[{"numberOfDevices":7}]"#;
    assert_eq!(count_of(&[row]).await.unwrap(), 7);
    assert_eq!(count_of(&[row, "[]", row]).await.unwrap(), 14);
    assert_eq!(count_of(&["[]"]).await.unwrap(), 0);
    assert_eq!(count_of(&[r#"[{"numberOfDevices":3000000000,"more":1}]"#]).await.unwrap(), 3_000_000_000);
}

#[tokio::test]
async fn row_without_a_count_is_an_error() {
    for page in ["[{}]", r#"[{"count":3}]"#, r#"[{"numberOfDevices":-1}]"#, r#"[{"numberOfDevices":"many"}]"#]
    {
        let error = count_of(&[page]).await.unwrap_err();
        assert!(matches!(error, Error::UnreadableRow(_)), "{page}: {error}");
    }
}

#[tokio::test]
async fn row_without_an_id_is_reported_with_its_position() {
    let hub = quick_hub().await;
    let page = Fault::status(200).with_body(r#"[{"deviceId":"a"},7,{"moduleId":"m"},{"deviceId":"b"}]"#);
    hub.inject(Route::QueryDevices, When::Next(1), page);
    let rows: Vec<_> = client(&hub).devices("*").collect().await;
    let shown: Vec<String> =
        rows.into_iter().map(|row| row.unwrap_or_else(|error| error.to_string()[..6].to_owned())).collect();
    assert_eq!(shown, ["a", "b", "row 1 ", "row 2 "]);
}
