//! README.md of the crate and of the workspace: quoted messages, shared opening, links.

use std::path::Path;
use std::process::Command;

use chrono::TimeDelta;
use jobs_api::{ClientBuilder, Credential};
use jobs_emulator::{Certificate, Device, Emulator, Fault, MethodAnswer, Policy, Route, When};
use serde_json::json;

use crate::support::{builder_with, fast_retry_client, quick_hub, reboot};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// Returns the messages that the README quotes in its `text` block, each on one line.
fn quoted_messages() -> Vec<String> {
    let readme = read("jobs-api/README.md");
    let (_, block) = readme.split_once("```text\n").unwrap();
    let (block, _) = block.split_once("\n```").unwrap();
    block.split("\n\n").map(|message| message.replace('\n', " ")).collect()
}

/// Replaces the parts of a message that differ from call to call: ids, and the address of the hub.
fn mask(message: &str) -> String {
    let mut masked = message.to_owned();
    for (label, ends) in [("tracking id ", ",)"), ("request id ", ",)"), ("no connection to ", " ")] {
        if let Some((before, after)) = masked.split_once(label) {
            let end = after.find(|char| ends.contains(char)).unwrap();
            masked = format!("{before}{label}…{}", &after[end..]);
        }
    }
    masked
}

#[tokio::test]
async fn quoted_messages_match_the_real_ones() {
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("reboot-43", &reboot()).await.unwrap();
    let conflict = client.create_scheduled_job("reboot-43", &reboot()).await.unwrap_err();

    hub.set_clock_offset(TimeDelta::seconds(12 * 60 + 5));
    let wrong_key = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
    let with_wrong_key = builder_with(&hub, wrong_key).build().unwrap();
    let unauthorized = with_wrong_key.get_scheduled_job("reboot-43").await.unwrap_err();
    hub.set_clock_offset(TimeDelta::zero());

    let body = r#"{"jobId":"reboot-43","deviceJobStatistics":{"failedCount":"many"}}"#;
    hub.inject(Route::Get, When::Next(1), Fault::status(200).with_body(body));
    let unreadable = client.get_scheduled_job("reboot-43").await.unwrap_err();

    let tls_hub = Emulator::builder().tls(Certificate::Good).start().await;
    let distrusting = ClientBuilder::from_connection_string(&tls_hub.connection_string()).unwrap();
    let distrusting = distrusting.endpoint(tls_hub.endpoint()).build().unwrap();
    let untrusted = distrusting.get_scheduled_job("reboot-43").await.unwrap_err();

    hub.inject(Route::Cancel, When::Next(7), Fault::status(503));
    // It asks for a pause that leaves no time to read the job.
    hub.inject(Route::Cancel, When::Next(1), Fault::status(503).with_header("retry-after", "3600"));
    let unavailable = client.cancel_scheduled_job("reboot-43").await.unwrap_err();

    let token = "SharedAccessSignature sr=contoso.azure-devices.net&sig=a&se=1764032100";
    let expired = Credential::shared_access_signature(token).unwrap_err();
    let invalid = client.get_scheduled_job("reboot/43").await.unwrap_err();

    let real = [
        conflict.to_string(),
        unauthorized.to_string(),
        unreadable.to_string(),
        untrusted.to_string(),
        unavailable.to_string(),
        expired.to_string(),
        invalid.to_string(),
    ];
    let quoted = quoted_messages();
    assert_eq!(quoted.len(), real.len(), "{real:#?}");
    for (quoted, real) in quoted.iter().zip(&real) {
        assert_eq!(mask(quoted), mask(real), "the real message is:\n{real}");
    }
}

#[test]
fn both_readmes_have_the_same_opening() {
    let [workspace, package] = ["README.md", "jobs-api/README.md"].map(read);
    let [workspace, package] = [&workspace, &package].map(|text| text.split_once("\n## ").unwrap().0);
    assert!(package.contains("```rust") && package.contains("```toml"));
    assert_eq!(workspace, package);
}

/// The second run finds the job of the first one. `SSL_CERT_FILE` names the authorities on Linux alone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn first_program_can_be_run_twice() {
    let readme = read("README.md");
    let (_, program) = readme.split_once("```rust,no_run\n").unwrap();
    let (program, _) = program.split_once("```").unwrap();
    assert_eq!(program, read("tests/programs/first_program.rs"), "the file is not the program of the README");

    let device = Device::new("pump-1").with_tags(json!({ "building": "43" }));
    let device = device.answering(|_| MethodAnswer { status: 200, payload: json!(null) });
    let hub = Emulator::builder().tls(Certificate::Good).device(device).start().await;
    for _ in 0..2 {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "readme::child_process_runs_the_first_program", "--ignored", "--nocapture"])
            .env("IOTHUB_CONNECTION_STRING", hub.local_connection_string(Policy::Owner))
            .env("SSL_CERT_FILE", hub.authority_path().unwrap());
        let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success() && out.contains(": succeeded, 1 devices"), "{out}{err}");
    }
    let created = hub.requests().into_iter().filter(|request| request.method == "PUT");
    assert_eq!(created.filter_map(|request| request.status).collect::<Vec<_>>(), [200, 409]);
}

#[test]
#[ignore = "runs in the child processes of the test above"]
fn child_process_runs_the_first_program() {
    crate::programs::first_program::run();
}

#[test]
fn links_of_the_packages_readme_work_on_a_registry_page() {
    let readme = read("jobs-api/README.md");
    let targets: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(!targets.is_empty());
    for target in targets {
        assert!(target.starts_with("https://") || target.starts_with('#'), "{target}");
    }
}
