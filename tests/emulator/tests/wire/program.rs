//! The program `jobs-emulator`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Caller, Identity, VERSION, method_job};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jobs-emulator");

/// A running program, ended with this.
struct Program {
    child: Child,
    ready: Value,
    /// The certificate authority lies in it, which a killed program leaves behind.
    _temporary: TempDir,
}

impl Program {
    /// Starts the program on a free port and waits until it is ready.
    fn start(flags: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = command(flags);
        let mut child = command.env("TMPDIR", temporary.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, ready, _temporary: temporary }
    }

    fn address(&self) -> SocketAddr {
        self.ready["address"].as_str().unwrap().parse().unwrap()
    }

    fn caller(&self) -> Caller {
        let identity = Identity::of(self.ready["connectionString"].as_str().unwrap());
        Caller { address: self.address(), token: identity.token() }
    }

    /// Sends SIGTERM and waits for the end.
    #[cfg(unix)]
    fn stop(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--port", "0"]).args(flags).stderr(Stdio::null());
    command
}

fn exit_code(flags: &[&str]) -> Option<i32> {
    Command::new(PROGRAM).args(flags).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
}

#[tokio::test]
async fn program_serves_what_its_line_says() {
    let program =
        Program::start(&["--http", "--devices", "3", "--pace", "0,0,0", "--hub-name", "hub.example"]);
    assert_eq!(program.ready["pid"], program.child.id());
    assert_eq!(program.ready["endpoint"], format!("https://localhost:{}", program.address().port()));
    let authority = std::fs::read_to_string(program.ready["caPath"].as_str().unwrap()).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    let caller = program.caller();
    assert_eq!(caller.create("job", &method_job()).await.status, 200);
    let job = caller.wait_for("job", "completed").await;
    assert_eq!(job["deviceJobStatistics"]["succeededCount"], 3);
}

#[tokio::test]
async fn published_key_is_replaced_by_the_flag() {
    let published = Program::start(&["--http"]);
    let key = Identity::of(published.ready["connectionString"].as_str().unwrap()).key;
    assert_eq!(key, "am9icy1lbXVsYXRvcjogbm90IGEgc2VjcmV0IGtleSE=");
    let own = Program::start(&["--http", "--key", "c2VjcmV0"]);
    let identity = Identity::of(own.ready["connectionString"].as_str().unwrap());
    assert_eq!((identity.policy.as_str(), identity.key.as_str()), ("iothubowner", "c2VjcmV0"));
    let path = format!("/jobs/v2/none?{VERSION}");
    assert_eq!(own.caller().get(&path).await.status, 200);
    let stale = Caller { address: own.address(), token: Identity { key, ..identity }.token() };
    assert_eq!(stale.get(&path).await.status, 401);
}

#[cfg(unix)]
#[test]
fn signal_ends_the_program_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join("ready.json");
    let mut program = Program::start(&["--ready-file", ready_file.to_str().unwrap()]);
    let written: Value = serde_json::from_slice(&std::fs::read(&ready_file).unwrap()).unwrap();
    assert_eq!(written, program.ready);
    assert_eq!(exit_code(&["--check", ready_file.to_str().unwrap()]), Some(0));
    assert_eq!(program.stop().code(), Some(0));
    assert!(!ready_file.exists());
    std::fs::write(&ready_file, written.to_string()).unwrap();
    assert_ne!(exit_code(&["--check", ready_file.to_str().unwrap()]), Some(0));
}

#[test]
fn exit_codes_tell_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let fleet = file("fleet.json", &json!({ "devices": [{ "deviceId": "a", "tag": {} }] }).to_string());
    let certificate = file("cert.pem", "no certificate");
    let program = Program::start(&[]);
    let port = program.address().port().to_string();
    for (flags, code) in [
        (&["--port", &port][..], 3),
        (&["--port", "0", "--fleet", &fleet], 4),
        (&["--port", "0", "--fleet", "/none/fleet.json"], 4),
        (&["--port", "0", "--cert", &certificate, "--cert-key", &certificate], 4),
        (&["--port", "0", "--ca-out", "/none/ca.pem"], 4),
        (&["--port", "0", "--tier", "free", "--devices", "501"], 2),
        (&["--port", "0", "--units", "0"], 2),
        (&["--nonsense"], 2),
        (&["--help"], 0),
        (&["--check", "/none/ready.json"], 4),
    ] {
        assert_eq!(exit_code(flags), Some(code), "{flags:?}");
    }
}

#[test]
fn help_for_a_reader_that_is_gone_ends_quietly() {
    for flag in ["--help", "--version", "--nonsense"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(PROGRAM);
        let output = match flag {
            "--nonsense" => command.arg(flag).stderr(writer).output(),
            _ => command.arg(flag).stdout(writer).output(),
        };
        let output = output.unwrap();
        let code = if flag == "--nonsense" { 2 } else { 0 };
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(code), "".into()));
    }
}

#[test]
fn kept_authority_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let start = || Program::start(&["--ca-out", path.to_str().unwrap()]);
    let read = |path: &Path| std::fs::read(path).unwrap();
    drop(start());
    let first = read(&path);
    let program = start();
    assert_eq!((read(&path), program.ready["caPath"].as_str()), (first, path.to_str()));
}
