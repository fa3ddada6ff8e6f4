//! Lists of devices with ids of any form, as the emulated hub's own parser reads their conditions: a job selects the
//! devices of its list and no other.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Client, RetryPolicy};
use jobs_emulator::{Emulator, Fault, Route, When, condition_selects};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::support::builder;

/// Characters that an id may have and that mean something to a reader of conditions, beside letters and digits.
const CHARACTERS: &str = "aB1-:.+%_#*?!(),=@;$'";

fn ids() -> impl Strategy<Value = BTreeSet<String>> {
    let character = select(CHARACTERS.chars().collect::<Vec<_>>());
    let id = prop::collection::vec(character, 1..6).prop_map(String::from_iter);
    prop::collection::btree_set(id, 1..8)
}

/// Returns the condition of the job that is created for the list.
async fn sent(hub: &Emulator, client: &Client, ids: &BTreeSet<String>) -> String {
    let before = hub.requests().len();
    let request = JobRequest::device_method(CloudToDeviceMethod::new("m"), "*").for_devices(ids);
    let results: Vec<_> = client.run_jobs(stream::iter([("job", request)])).collect().await;
    assert!(results.iter().all(|(_, result)| result.is_err()), "{results:?}");
    let creation = hub.requests().into_iter().skip(before).find(|request| request.method == "PUT");
    creation.unwrap().json()["queryCondition"].as_str().unwrap().to_owned()
}

#[test]
fn list_never_reaches_beyond_itself() {
    let runtime = Runtime::new().unwrap();
    let hub = runtime.block_on(Emulator::start());
    hub.inject(Route::Create, When::Every(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let client = builder(&hub).retry(RetryPolicy::none()).without_pacing().build().unwrap();
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&(ids(), ids()), |(listed, others)| {
        let sent = runtime.block_on(sent(&hub, &client, &listed));
        for id in listed.union(&others) {
            let selected = condition_selects(&sent, &json!({ "deviceId": id }));
            prop_assert_eq!(selected, Ok(listed.contains(id)), "{} and {}", sent, id);
        }
        Ok(())
    });
    result.unwrap();
}
