//! The names of the settings, for the command line.

use std::str::FromStr;
use std::time::Duration;

use super::hub_behavior::HubBehavior;

impl HubBehavior {
    /// Names of the settings: those of the fields, with hyphens.
    pub const NAMES: [&str; 16] = [
        "unknown-job",
        "create-lag",
        "cancel-lag",
        "row-lag",
        "lagging-rows",
        "scheduled-jobs-hold-slots",
        "unreachable-devices",
        "payload-echo",
        "open-end",
        "job-ids",
        "rows-name-modules",
        "throttled",
        "retry-after",
        "error-body",
        "tracking-ids",
        "token-clock",
    ];

    /// Changes the setting of this name. Lags are in seconds.
    ///
    /// # Errors
    ///
    /// There is no such setting, or it has no such value; the error says which values it has.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "unknown-job" => parse(value, &mut self.unknown_job),
            "create-lag" => parse_lag(value, &mut self.create_lag),
            "cancel-lag" => parse_lag(value, &mut self.cancel_lag),
            "row-lag" => parse_lag(value, &mut self.row_lag),
            "lagging-rows" => parse(value, &mut self.lagging_rows),
            "scheduled-jobs-hold-slots" => parse_flag(value, &mut self.scheduled_jobs_hold_slots),
            "unreachable-devices" => parse(value, &mut self.unreachable_devices),
            "payload-echo" => parse(value, &mut self.payload_echo),
            "open-end" => parse(value, &mut self.open_end),
            "job-ids" => parse(value, &mut self.job_ids),
            "rows-name-modules" => parse_flag(value, &mut self.rows_name_modules),
            "throttled" => parse(value, &mut self.throttled),
            "retry-after" => parse_seconds(value, &mut self.retry_after),
            "error-body" => parse(value, &mut self.error_body),
            "tracking-ids" => parse(value, &mut self.tracking_ids),
            "token-clock" => parse(value, &mut self.token_clock),
            _ => Err(format!("expected {}", Self::NAMES.join(", "))),
        }
        .map_err(|expected| format!("{name}={value}: {expected}"))
    }
}

fn parse<T: FromStr<Err = String>>(text: &str, setting: &mut T) -> Result<(), String> {
    *setting = text.parse()?;
    Ok(())
}

fn parse_flag(text: &str, setting: &mut bool) -> Result<(), String> {
    *setting = text.parse().map_err(|_| "expected true or false")?;
    Ok(())
}

fn parse_seconds(text: &str, setting: &mut Option<u32>) -> Result<(), String> {
    *setting = Some(text.parse().map_err(|_| "expected whole seconds")?);
    Ok(())
}

fn parse_lag(text: &str, setting: &mut Duration) -> Result<(), String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    *setting = seconds.ok_or("expected seconds")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_value_that_changes_it() {
        let values = [
            "not-found",
            "5",
            "0.5",
            "7",
            "pending",
            "false",
            "at-once",
            "json",
            "absent",
            "any-case",
            "false",
            "exception",
            "10",
            "flat",
            "g2",
            "hub",
        ];
        for (name, value) in HubBehavior::NAMES.iter().zip(values) {
            let mut behavior = HubBehavior::default();
            behavior.set(name, value).unwrap();
            assert_ne!(behavior, HubBehavior::default(), "{name}={value}");
        }
    }

    #[test]
    fn manual_names_every_setting() {
        let manual = include_str!("../../README.md");
        for name in HubBehavior::NAMES {
            assert!(manual.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn mistake_is_refused_with_the_values_of_the_setting() {
        let refuse = |name: &str, value: &str| HubBehavior::default().set(name, value).unwrap_err();
        assert_eq!(refuse("unknown-job", "x"), "unknown-job=x: expected bare or with-id or not-found");
        assert_eq!(refuse("row-lag", "-1"), "row-lag=-1: expected seconds");
        assert!(refuse("lag", "1").starts_with("lag=1: expected unknown-job, create-lag"));
    }
}
