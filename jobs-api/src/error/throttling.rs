//! The text of a throttled request: `The request has been throttled. Wait 10 seconds and try again. Operation
//! type: CRUD`, as in `Azure-Samples/Iot-Telemetry-Simulator` issue 39.

use std::time::Duration;

/// Returns the wait that the text asks for.
pub(super) fn wait(text: &str) -> Option<Duration> {
    text.split("Wait ").skip(1).find_map(|rest| {
        let (number, unit) = rest.split_once(' ')?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = number.parse().ok().filter(|_| is_number && unit.starts_with("second"))?;
        Some(Duration::from_secs(seconds))
    })
}

/// Returns the type of operation that the text names as throttled.
pub(super) fn operation_type(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Operation type:")?;
    let name = rest.trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_and_operation_type_are_read() {
        let text = "The request has been throttled. Wait 10 seconds and try again. Operation type: CRUD";
        assert_eq!((wait(text), operation_type(text)), (Some(Duration::from_secs(10)), Some("CRUD")));
        assert_eq!(wait("Wait a bit. Wait 1 second."), Some(Duration::from_secs(1)));
        assert_eq!(operation_type("Operation type:RegistryRead, \u{1b}[2J"), Some("RegistryRead"));
    }

    #[test]
    fn other_texts_state_nothing() {
        for text in [
            "",
            "Wait ",
            "Wait 10",
            "Wait 10 minutes",
            "Wait -1 seconds",
            "Wait +1 seconds",
            "Wait ١٠ seconds",
            "Wait 99999999999999999999999 seconds",
            "Wait  seconds",
        ] {
            assert_eq!(wait(text), None, "{text}");
        }
        for text in ["Operation type", "Operation type:", "Operation type: \n", "Operation type: é"] {
            assert_eq!(operation_type(text), None, "{text}");
        }
        assert_eq!(wait(&"Wait ".repeat(10_000)), None);
    }
}
