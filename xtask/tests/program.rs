//! The program as a maintainer runs it.

#![allow(clippy::unwrap_used, reason = "a panic names the failing line")]

use std::process::{Command, Stdio};

fn regen_check() -> Command {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["regen", "--check"]);
    xtask
}

#[test]
fn checked_in_client_and_pages_are_up_to_date() {
    let output = regen_check().output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("is up to date with spec/openapi.json"), "{report}");
}

#[test]
fn reader_that_is_gone_causes_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = regen_check().stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
