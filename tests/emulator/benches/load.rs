//! Size and speed of the program: `cargo bench -p jobs-emulator`.
//!
//! Prints a figure for each aim. Memory is read from `/proc`, and left out elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a program that prints figures")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use hmac_sha256::HMAC;
use jobs_emulator::{Emulator, Throttle, Tier, generate_fleet};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const CONNECTIONS: usize = 64;
const LOAD: Duration = Duration::from_secs(5);
const VERSION: &str = "api-version=2021-04-12";

fn main() {
    let mut times: Vec<_> = (0..9).map(|_| Hub::start(&[]).1).collect();
    times.sort();
    report("ready, 0 devices", "50 ms", &format!("{:?} (median of 9)", times[4]));
    fleet("100000", "-", "150 MiB", "-", "250 MiB");
    fleet("1000000", "5 s", "300 MiB", "1 GiB", "-");
    week();
    let (hub, _) = Hub::start(&["--devices", "1000"]);
    report("requests a second, 64 connections", "20000", &format!("{:.0}", hub.load()));
    report("  memory after them", "-", &hub.memory());
}

/// Measures a fleet of this size: its start, jobs over all of it, a reset between them, and pages of rows.
fn fleet(count: &str, ready_aim: &str, memory_aim: &str, twin_job_memory_aim: &str, job_memory_aim: &str) {
    let (hub, ready) = Hub::start(&["--devices", count]);
    report(&format!("ready, {count} devices"), ready_aim, &format!("{ready:?}"));
    report("  memory", memory_aim, &hub.memory());
    let mut connection = hub.connect();
    let patch =
        json!({ "etag": "*", "tags": { "ring": 1 }, "properties": { "desired": { "interval": 30 } } });
    let job = json!({ "type": "scheduleUpdateTwin", "updateTwin": patch, "queryCondition": "*" });
    report("  twin job over all", "-", &format!("{:?}", connection.time_job(&job)));
    report("  memory after it", twin_job_memory_aim, &hub.memory());
    let start = Instant::now();
    connection.send("POST", "/_emulator/reset", "", "");
    report("  reset", "1 s", &format!("{:?}", start.elapsed()));
    report("  memory after it", memory_aim, &hub.memory());
    let job = json!({
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": { "methodName": "reboot" },
        "queryCondition": "*",
    });
    report("  method job over all", "-", &format!("{:?}", connection.time_job(&job)));
    report("  memory after it", job_memory_aim, &hub.memory());
    for (name, condition) in [
        ("first page", ""),
        ("page that no row matches", " AND devices.jobs.status = 'failed'"),
        ("page by a date of each row", " AND devices.jobs.lastUpdatedDateTimeUtc < '2000'"),
    ] {
        let query = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job'{condition}");
        report(&format!("  {name}"), "100 ms", &format!("{:?}", connection.time_query(&query, "").0));
    }
    let query = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job'";
    let (mut worst, mut token) = (Duration::ZERO, String::new());
    for _ in 0..500 {
        let (time, next) = connection.time_query(query, &token);
        worst = worst.max(time);
        token = next;
    }
    report("  slowest of the first 500 pages", "100 ms", &format!("{worst:?}"));
    let (time, _) = connection
        .time_query("SELECT COUNT() AS n, tags.building AS b FROM devices GROUP BY tags.building", "");
    report("  aggregate over all devices", "-", &format!("{time:?}"));
}

/// Measures a week of daily jobs that reach 1,000,000 devices altogether.
fn week() {
    const DAYS: i64 = 7;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().unwrap();
    let builder = Emulator::builder().devices(generate_fleet(142_858)).tier(Tier::S3).units(10).clock(start);
    let builder = builder.throttle(Throttle::documented());
    runtime.block_on(async {
        let emulator = builder.start().await;
        let (address, token) = (emulator.address(), sign(&emulator.connection_string()));
        let requests = tokio::task::spawn_blocking(move || {
            let stream = TcpStream::connect(address).unwrap();
            let mut connection = Connection { stream, token, buffer: Vec::new() };
            for day in 0..DAYS {
                let job = json!({
                    "type": "scheduleUpdateTwin",
                    "updateTwin": { "etag": "*", "properties": { "desired": { "day": day } } },
                    "queryCondition": "*",
                    "startTime": (start + TimeDelta::days(day) + TimeDelta::hours(1)).to_rfc3339(),
                });
                connection.send("PUT", &format!("/jobs/v2/day-{day}?{VERSION}"), "", &job.to_string());
            }
        });
        requests.await.unwrap();
        let begin = Instant::now();
        emulator.advance_clock(Duration::from_secs(24 * 60 * 60 * DAYS as u64)).await;
        report("week of 1,000,000 twin updates", "seconds", &format!("{:?}", begin.elapsed()));
        assert_eq!(emulator.twin("device-0142858").unwrap()["properties"]["desired"]["day"], DAYS - 1);
    });
}

fn report(what: &str, aim: &str, figure: &str) {
    // The reader may be gone.
    let _ = writeln!(std::io::stdout(), "{what:<36} aim {aim:<8} {figure}");
}

/// A running program, ended with this.
struct Hub {
    child: Child,
    address: SocketAddr,
    token: String,
}

impl Hub {
    /// Starts the program and returns how long it took until it was ready.
    fn start(flags: &[&str]) -> (Self, Duration) {
        let start = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_jobs-emulator"))
            .args(["--port", "0", "--http", "--throttle", "off", "--pace", "0,0,0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let time = start.elapsed();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = ready["address"].as_str().unwrap().parse().unwrap();
        let token = sign(ready["connectionString"].as_str().unwrap());
        (Self { child, address, token }, time)
    }

    fn memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let kilobytes = kilobytes.and_then(|text| text.parse::<f64>().ok());
        kilobytes.map_or("unknown".into(), |kilobytes| format!("{:.0} MiB", kilobytes / 1024.0))
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream, token: self.token.clone(), buffer: Vec::new() }
    }

    /// Reads a job over and over on all connections; returns the requests a second.
    fn load(&self) -> f64 {
        let mut connection = self.connect();
        let job = json!({
            "type": "scheduleDeviceMethod",
            "cloudToDeviceMethod": { "methodName": "reboot" },
            "queryCondition": "*",
        });
        connection.send("PUT", &format!("/jobs/v2/job?{VERSION}"), "", &job.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let request = format!(
            "GET /jobs/v2/job?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {}\r\n\r\n",
            self.token
        );
        let start = Instant::now();
        let count: usize = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..CONNECTIONS {
                tasks.spawn(repeat(self.address, request.clone()));
            }
            tasks.join_all().await.into_iter().sum()
        });
        count as f64 / start.elapsed().as_secs_f64()
    }
}

/// Sends a request over and over on one connection; returns how many were answered.
async fn repeat(address: SocketAddr, request: String) -> usize {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 16 * 1024];
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < LOAD {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut length = 0;
        while !is_whole(&buffer[..length]) {
            let read = stream.read(&mut buffer[length..]).await.unwrap();
            assert!(read > 0, "closed");
            length += read;
        }
        count += 1;
    }
    count
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    answer.len() == head + 4 + length.parse::<usize>().unwrap()
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept.
struct Connection {
    stream: TcpStream,
    token: String,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends a request; returns the head and the body of the answer.
    fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: h\r\nauthorization: {}\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        self.buffer.clear();
        let mut block = [0; 64 * 1024];
        while !is_whole(&self.buffer) {
            let read = self.stream.read(&mut block).unwrap();
            assert!(read > 0, "closed");
            self.buffer.extend_from_slice(&block[..read]);
        }
        let text = String::from_utf8(self.buffer.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Creates a job, and returns how long it took until it was completed.
    fn time_job(&mut self, job: &Value) -> Duration {
        let start = Instant::now();
        self.send("PUT", &format!("/jobs/v2/job?{VERSION}"), "", &job.to_string());
        while self.job_status() != "completed" {
            std::thread::sleep(Duration::from_millis(20));
        }
        start.elapsed()
    }

    fn job_status(&mut self) -> String {
        let (_, body) = self.send("GET", &format!("/jobs/v2/job?{VERSION}"), "", "");
        let job: Value = serde_json::from_str(&body).unwrap();
        job["status"].as_str().unwrap().to_owned()
    }

    /// Returns how long a page took, and the token of the next.
    fn time_query(&mut self, query: &str, token: &str) -> (Duration, String) {
        let headers =
            if token.is_empty() { String::new() } else { format!("x-ms-continuation: {token}\r\n") };
        let body = json!({ "query": query }).to_string();
        let start = Instant::now();
        let (head, _) = self.send("POST", &format!("/devices/query?{VERSION}"), &headers, &body);
        let time = start.elapsed();
        let next = head.lines().find_map(|line| line.strip_prefix("x-ms-continuation: ")).unwrap_or_default();
        (time, next.to_owned())
    }
}

/// Signs a token of a connection string, good until 2100.
fn sign(connection_string: &str) -> String {
    let part = |name: &str| {
        let mut parts = connection_string.split(';').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name).unwrap().1
    };
    let resource = utf8_percent_encode(part("HostName"), NON_ALPHANUMERIC).to_string();
    let key = BASE64.decode(part("SharedAccessKey")).unwrap();
    let signature = BASE64.encode(HMAC::mac(format!("{resource}\n4102444800"), key));
    let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
    format!(
        "SharedAccessSignature sr={resource}&sig={signature}&se=4102444800&skn={}",
        part("SharedAccessKeyName")
    )
}
