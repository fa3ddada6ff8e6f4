//! The program `jobs-emulator`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

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
        let command = command.env("TMPDIR", temporary.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
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

#[tokio::test]
async fn line_offers_a_caller_of_each_policy_and_a_bearer_token() {
    let (program, other) = (Program::start(&["--http"]), Program::start(&[]));
    let path = format!("/twins/none?{VERSION}");
    let status = async |token: String| Caller { address: program.address(), token }.get(&path).await.status;
    for (policy, expected) in [
        ("iothubowner", 404),
        ("service", 404),
        ("registryRead", 401),
        ("registryReadWrite", 401),
        ("device", 401),
    ] {
        let string = program.ready["connectionStrings"][policy].as_str().unwrap();
        assert_eq!(status(Identity::of(string).token()).await, expected, "{policy}");
        let key = |program: &Program| {
            Identity::of(program.ready["connectionStrings"][policy].as_str().unwrap()).key
        };
        assert_eq!(key(&program), key(&other), "keys are the same at every start");
    }
    let bearer = format!("Bearer {}", other.ready["bearerToken"].as_str().unwrap());
    assert_eq!(status(bearer).await, 404);
}

#[tokio::test]
async fn hub_at_another_address_is_reached_by_it_and_is_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join("ready.json");
    for (host, expected) in [("127.0.0.42", "127.0.0.42"), ("::1", "[::1]"), ("0.0.0.0", "localhost")] {
        let program = Program::start(&["--host", host, "--ready-file", ready_file.to_str().unwrap()]);
        let named = Identity::of(program.ready["connectionString"].as_str().unwrap()).host;
        assert_eq!(named, format!("{expected}:{}", program.address().port()));
        assert_eq!(program.ready["endpoint"], format!("https://{named}"));
        assert_eq!(exit_code(&["--check", ready_file.to_str().unwrap()]), Some(0), "{host}");
        let name = expected.trim_matches(['[', ']']);
        assert!(trusts(&program, name).await, "{host}");
        assert!(!trusts(&program, "192.0.2.1").await, "{host}");
    }
}

/// Whether a client that trusts the authority of the program accepts its certificate for this name.
async fn trusts(program: &Program, name: &'static str) -> bool {
    let authority = CertificateDer::from_pem_file(program.ready["caPath"].as_str().unwrap()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut address = program.address();
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), stream).await.is_ok()
}

#[tokio::test]
async fn control_alone_is_served_without_tls() {
    let program = Program::start(&[]);
    assert_eq!(program.caller().get("/_emulator/health").await.json()["status"], "ok");
    let answer = program.caller().get(&format!("/jobs/v2/job?{VERSION}")).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "GenericBadRequest"));
}

#[tokio::test]
async fn hub_without_throttling_runs_any_number_of_jobs_unless_the_flag_says_how_many() {
    for (flags, second) in [
        (&["--throttle", "off"][..], 200),
        (&["--throttle", "off", "--concurrent-jobs", "1"], 429),
        (&["--concurrent-jobs", "2"], 200),
        (&[], 429),
    ] {
        let program = Program::start(&[&["--http", "--pace", "60000,0,0"], flags].concat());
        let caller = program.caller();
        assert_eq!(caller.create("a", &method_job()).await.status, 200);
        assert_eq!(caller.create("b", &method_job()).await.status, second, "{flags:?}");
    }
}

#[test]
fn end_of_the_standard_input_ends_the_program_if_the_flag_says_so() {
    let mut program = Program::start(&["--end-with-stdin"]);
    assert!(program.child.try_wait().unwrap().is_none());
    drop(program.child.stdin.take());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn stale_ready_file_is_removed_before_the_hub_starts() {
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join("ready.json");
    std::fs::write(&ready_file, "{}").unwrap();
    let program = Program::start(&[]);
    let port = program.address().port().to_string();
    let flags = ["--port", &port, "--ready-file", ready_file.to_str().unwrap()];
    assert_eq!(exit_code(&flags), Some(3));
    assert!(!ready_file.exists());
    let stale = json!({ "address": program.ready["address"], "pid": 0 });
    std::fs::write(&ready_file, stale.to_string()).unwrap();
    assert_eq!(exit_code(&["--check", ready_file.to_str().unwrap()]), Some(1), "another hub answers");
}

#[tokio::test]
async fn behavior_of_the_flags_is_that_of_the_hub() {
    let flags =
        ["--http", "--behavior", "unknown-job=with-id", "--behavior", "scheduled-jobs-hold-slots=false"];
    let program = Program::start(&flags);
    let unknown = json!({ "jobId": "none", "type": "unknown", "status": "unknown" });
    assert_eq!(program.caller().job("none").await, unknown);
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
        (&["--port", "0", "--ca-out", &certificate], 4),
        (&["--port", "0", "--clock", "9500-01-01T00:00:00Z"], 2),
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
fn help_and_mistakes_fit_80_columns() {
    for flag in ["--help", "--nonsense", "--tier=bogus"] {
        let output = Command::new(PROGRAM).arg(flag).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.is_empty() && text.lines().all(|line| line.chars().count() <= 80), "{text}");
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
