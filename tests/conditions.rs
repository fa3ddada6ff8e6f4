//! Conditions of the builder, evaluated by the emulated hub's own parser.

use jobs_api::Condition;
use jobs_emulator::condition_selects;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Returns true if the condition selects the twin.
fn selects(condition: Condition, twin: &Value) -> bool {
    condition_selects(&condition.build().unwrap(), twin).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn string_round_trips_as_one_literal(text in any::<String>(), other in any::<String>()) {
        let twin = json!({ "deviceId": text, "tags": { "a": text } });
        prop_assert!(selects(Condition::tag("a").eq(&text), &twin));
        prop_assert!(!selects(Condition::tag("a").ne(&text), &twin));
        prop_assert!(selects(Condition::device_ids([&text]), &twin));
        prop_assert_eq!(selects(Condition::tag("a").eq(&other), &twin), text == other);
        prop_assert!(!selects(Condition::tag("a").eq(&text).not(), &twin));
    }

    #[test]
    fn quotes_and_backslashes_are_escaped(text in r#"[\\'"()=a ]{0,12}"#) {
        let twin = json!({ "tags": { "a": "" , "b": text } });
        prop_assert_eq!(selects(Condition::tag("a").eq(&text), &twin), text.is_empty());
        prop_assert!(selects(Condition::tag("b").eq(&text), &twin));
    }

    #[test]
    fn attribute_name_round_trips(name in r#"[^.\]\p{C}]{1,20}"#) {
        let twin = json!({ "tags": { name.clone(): { "inner": 7 } } });
        let path = format!("{name}.inner");
        prop_assert!(selects(Condition::tag(&path).eq(7), &twin));
    }

    #[test]
    fn number_comparisons_match_rust(a in -1000..1000_i32, b in -1000..1000_i32) {
        let twin = json!({ "properties": { "desired": { "n": a } } });
        let n = || Condition::desired("n");
        let compared = [n().eq(b), n().ne(b), n().lt(b), n().le(b), n().gt(b), n().ge(b)];
        let expected = [a == b, a != b, a < b, a <= b, a > b, a >= b];
        prop_assert_eq!(compared.map(|condition| selects(condition, &twin)), expected);
    }

    #[test]
    fn connectives_keep_their_grouping(bits in prop::collection::vec(any::<(bool, u8)>(), 1..12)) {
        let twin = json!({ "tags": { "t": true, "f": false } });
        let leaf = |value: bool| (Condition::tag(if value { "t" } else { "f" }).eq(true), value);
        let (condition, expected) = bits.into_iter().fold(leaf(true), |(left, left_value), (bit, kind)| {
            let (right, value) = leaf(bit);
            match kind % 5 {
                0 => (left.and(right), left_value && value),
                1 => (left.or(right), left_value || value),
                2 => (right.and(left), left_value && value),
                3 => (right.or(left).not(), !(left_value || value)),
                _ => (left.not(), !left_value),
            }
        });
        prop_assert_eq!(selects(condition, &twin), expected);
    }

    #[test]
    fn split_lists_cover_every_device(ids in prop::collection::vec("[A-Za-z0-9:.+%_#*?!(),=@;$'-]{1,128}", 1..60)) {
        let parts: Vec<String> =
            Condition::split_device_ids(&ids).into_iter().map(|part| part.build().unwrap()).collect();
        for id in ids.iter().take(20) {
            let twin = json!({ "deviceId": id });
            prop_assert!(parts.iter().any(|part| condition_selects(part, &twin).unwrap()));
        }
    }
}
