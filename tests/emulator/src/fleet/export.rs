//! Devices as the hub exports them: the twins of `SELECT * FROM devices`.

use serde_json::{Map, Value};

/// Members of an entry of a fleet, and where an exported twin has them.
const PLACES: [(&str, &str); 10] = [
    ("deviceId", "/deviceId"),
    ("tags", "/tags"),
    ("desired", "/properties/desired"),
    ("reported", "/properties/reported"),
    ("configurations", "/configurations"),
    ("status", "/status"),
    ("modelId", "/modelId"),
    ("thumbprint", "/x509Thumbprint/primaryThumbprint"),
    ("thumbprint", "/x509Thumbprint/PrimaryThumbprint"),
    ("iotEdge", "/capabilities/iotEdge"),
];

/// Returns the entry of a fleet for an exported twin, without what the hub keeps for itself.
pub(super) fn entry_of(twin: &Value) -> Value {
    let mut entry = Map::new();
    for (name, place) in PLACES {
        let Some(value) = twin.pointer(place).filter(|value| !value.is_null()) else { continue };
        let mut value = value.clone();
        if let Value::Object(members) = &mut value {
            members.retain(|key, _| !key.starts_with('$'));
        }
        entry.insert(name.into(), value);
    }
    if let Some(state) = twin["connectionState"].as_str() {
        entry.insert("online".into(), state.eq_ignore_ascii_case("connected").into());
    }
    Value::Object(entry)
}
