//! Lists of devices with conditions of any text, which the emulated hub's own parser reads: no job reaches a
//! device beyond its list.

use std::cell::Cell;

use futures_util::stream::{self, StreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Client, RetryPolicy};
use jobs_emulator::{Emulator, Fault, Route, When, condition_selects};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::builder;

const LISTED: [&str; 3] = ["in-1", "in-2", "it's"];
const OTHERS: [&str; 4] = ["out-1", "out-2", "')", "a OR b"];

/// Parts that matter to a reader of conditions, with `~` between them.
const PARTS: &str = "tags.t~tags.f~tags.n~tags.s~tags.list~tags.[[a b]]~tags.[[x~deviceId~'in-1'~'out-1'~1~2~true~null~\
    undefined~'a'~\"a\"~ = ~ != ~<~ IN ~ NIN ~ OR ~ AND ~NOT ~IS_DEFINED(~STARTSWITH(~) OR (~[~]~[[~]]~(~)~'~\"~\\~\\'~''~\
    \\u0027~\\\\~,~, ~.~*~/~-~/*~*/~--~#~;~\0~\u{2028}~ü~ ~\n";

/// Conditions of common forms, and some that a careless reader takes for one operand.
const CONDITIONS: [&str; 15] = [
    "tags.t OR tags.f",
    "deviceId = 'out-1' OR tags.t",
    "deviceId IN ['in-1', 'out-1'] OR NOT tags.f",
    "NOT (tags.n = 1 AND tags.s = 'a') OR deviceId NIN ['in-1']",
    "IS_DEFINED(tags.[[a b]]) OR STARTSWITH(deviceId, 'o')",
    "tags.t) OR (tags.t",
    "tags.f) OR deviceId = 'out-1' OR (tags.f",
    "1 IN [[1], 2] OR 1 IN [[1], [2]]",
    "1 IN [[1], 2]) OR (tags.t OR 1 IN [[1], [2]]",
    "tags.list IN [[1], [')']]) OR (tags.t OR tags.list IN [['('], [2]]",
    "tags.s = 'it\\'s') OR (tags.t OR tags.s = '\\'')",
    "tags.s = 'x'')') OR (tags.t OR tags.s = '(''x'",
    "tags.[[a b]] = ')' OR (tags.t OR '(' = '(')",
    "tags.t /* ( */ ) OR tags.t OR ( /* ) */ tags.t",
    "tags.f -- ( \n) OR tags.t OR (tags.f",
];

/// Returns conditions made of parts, and conditions with some of their characters replaced by parts.
fn conditions() -> impl Strategy<Value = String> {
    let part = || select(PARTS.split('~').collect::<Vec<_>>());
    let parts = prop::collection::vec(part(), 1..12).prop_map(|parts| parts.concat());
    let change = (any::<prop::sample::Index>(), 0..3_usize, prop::option::of(part()));
    let changed =
        (select(&CONDITIONS[..]), prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
            changes.into_iter().fold(text.to_owned(), |text, (place, removed, part)| {
                let place = place.index(text.chars().count() + 1);
                let before: String = text.chars().take(place).collect();
                let after: String = text.chars().skip(place + removed).collect();
                format!("{before}{}{after}", part.unwrap_or_default())
            })
        });
    prop_oneof![1 => parts, 3 => changed]
}

fn twin(id: &str) -> Value {
    json!({ "deviceId": id, "tags": { "t": true, "f": false, "n": 1, "s": "a", "list": [1], "a b": 1 } })
}

/// Returns the condition of the job that is created for the list, `None` if the request is refused.
async fn sent(hub: &Emulator, client: &Client, condition: &str) -> Option<String> {
    let before = hub.requests().len();
    let request = JobRequest::device_method(CloudToDeviceMethod::new("m"), condition).for_devices(LISTED);
    let results: Vec<_> = client.run_jobs(stream::iter([("job", request)])).collect().await;
    assert!(results.iter().all(|(_, result)| result.is_err()), "{results:?}");
    let creation = hub.requests().into_iter().skip(before).find(|request| request.method == "PUT")?;
    Some(creation.json()["queryCondition"].as_str().unwrap().to_owned())
}

#[test]
fn list_never_reaches_beyond_itself() {
    let runtime = Runtime::new().unwrap();
    let hub = runtime.block_on(Emulator::start());
    hub.inject(Route::Create, When::Every(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let client = builder(&hub).retry(RetryPolicy::none()).without_pacing().build().unwrap();
    let config = ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let compared = Cell::new(0);
    let result = TestRunner::new_with_rng(config, rng).run(&conditions(), |condition| {
        let Some(sent) = runtime.block_on(sent(&hub, &client, &condition)) else { return Ok(()) };
        for id in OTHERS {
            prop_assert_ne!(condition_selects(&sent, &twin(id)), Ok(true), "{} reaches {}", sent, id);
        }
        for id in LISTED {
            if let Ok(selected) = condition_selects(&condition, &twin(id)) {
                prop_assert_eq!(condition_selects(&sent, &twin(id)), Ok(selected), "{}", sent);
                compared.set(compared.get() + 1);
            }
        }
        Ok(())
    });
    result.unwrap();
    assert!(compared.get() > 300, "{} comparisons", compared.get());
}
