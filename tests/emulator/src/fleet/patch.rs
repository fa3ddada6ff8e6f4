//! Patches of twins, as callers of the service send them.

use serde_json::{Value, json};

use super::twin_limits::{check_properties, check_tags};

/// Members of a twin that a patch may carry; all but tags and properties are ignored.
const MEMBERS: [&str; 20] = [
    "deviceId",
    "moduleId",
    "etag",
    "version",
    "tags",
    "properties",
    "deviceEtag",
    "status",
    "statusReason",
    "statusUpdateTime",
    "connectionState",
    "lastActivityTime",
    "cloudToDeviceMessageCount",
    "authenticationType",
    "x509Thumbprint",
    "capabilities",
    "configurations",
    "modelId",
    "deviceScope",
    "parentScopes",
];

/// Returns the tags and the desired properties of a twin that was sent under the name `what`; the error is
/// meant for the caller.
pub(crate) fn read_patch(what: &str, twin: &Value) -> Result<Value, String> {
    let members = twin.as_object().ok_or_else(|| format!("{what} must be an object"))?;
    if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(match unknown.as_str() {
            "desired" | "reported" => format!("{what}.{unknown} must be within {what}.properties"),
            _ => format!("{what}.{unknown} is not a member of a twin"),
        });
    }
    let mut patch = json!({});
    let (tags, desired) = (&twin["tags"], &twin["properties"]["desired"]);
    if !tags.is_null() {
        check_tags(tags)?;
        patch["tags"] = tags.clone();
    }
    // Reported properties are the device's: a patch of them has no effect.
    if !desired.is_null() {
        check_properties("properties.desired", desired)?;
        patch["properties"] = json!({ "desired": desired });
    }
    Ok(patch)
}
