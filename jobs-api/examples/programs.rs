//! The examples as programs: their command lines, what they print, and what they show of a hub that does not answer.

#![allow(clippy::unwrap_used, reason = "a panic names the failing line")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

mod picture;

/// The examples that tests find as programs; Cargo builds those with tests of their own as such alone.
const EXAMPLES: [&str; 4] = ["cancel_job", "list_jobs", "schedule_job", "watch_job"];

/// Returns an example that was built beside this test.
fn program(example: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(example);
    Command::new(program.with_extension(std::env::consts::EXE_EXTENSION))
}

/// Runs an example to its end, and returns its exit code and what it printed.
fn run(example: &str, arguments: &[&str]) -> (i32, String) {
    let output = program(example).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn assert_narrow(text: &str) {
    assert!(!text.is_empty() && text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn help_fits_80_columns() {
    for example in EXAMPLES {
        let (code, help) = run(example, &["--help"]);
        assert!(code == 0 && help.contains("Usage: "), "{help}");
        assert_narrow(&help);
    }
}

#[test]
fn mistake_in_the_arguments_fits_80_columns_and_exits_with_2() {
    for example in EXAMPLES {
        let (code, mistake) = run(example, &["--color"]);
        assert!(code == 2 && mistake.starts_with("error: "), "{mistake}");
        assert_narrow(&mistake);
    }
    let (code, mistake) = run("list_jobs", &["--status", "bogus"]);
    assert!(code == 2 && mistake.contains("queued"), "{mistake}");
    assert_narrow(&mistake);
}

#[test]
fn table_of_jobs_fits_80_columns() {
    let (code, table) = run("list_jobs", &[]);
    assert!(code == 0 && table.contains("reboot-44-tonight"), "{table}");
    assert_narrow(&table);
}

/// Nothing is answered, so that whatever is printed comes before an answer or the first timeout.
#[test]
fn hub_that_does_not_answer_is_waited_for_visibly() {
    for (example, arguments, expected) in [
        ("cancel_job", vec!["reboot-43"], "cancelling the job"),
        ("list_jobs", vec![], "reading the list"),
        ("schedule_job", vec!["--yes"], "counting the devices"),
        ("watch_job", vec!["reboot-43"], "waiting for reboot-43"),
    ] {
        let hub = TcpListener::bind("localhost:0").unwrap();
        let host = format!("localhost:{}", hub.local_addr().unwrap().port());
        let string = format!("HostName={host};SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0");
        let mut child = program(example)
            .arg("--hub")
            .args(arguments)
            .env("IOTHUB_CONNECTION_STRING", string)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut before_a_timeout = lines.take_while(|line| !line.contains("retrying"));
        let is_shown = before_a_timeout.any(|line| line.starts_with(expected));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_shown, "{example} prints nothing while the hub does not answer");
    }
}
