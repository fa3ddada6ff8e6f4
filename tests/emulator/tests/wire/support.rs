//! A client of a few lines: it signs, sends and reads, and knows nothing of any other client.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use hmac_sha256::HMAC;
use jobs_emulator::{Device, Emulator, EmulatorBuilder, Pace};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const VERSION: &str = "api-version=2021-04-12";

/// A hub on which jobs take no time.
pub(crate) fn quick() -> EmulatorBuilder {
    let pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };
    Emulator::builder().pace(pace)
}

/// A hub with a device, on which jobs take no time.
pub(crate) async fn quick_hub() -> Emulator {
    quick().device(Device::new("pump-1")).start().await
}

/// An answer as it arrived.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Some(Self { status, headers, body: body.to_owned() })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The name of the error, in the body and in the header.
    pub(crate) fn error(&self) -> String {
        let message = self.json()["Message"].as_str().unwrap_or_default().to_owned();
        let name = message.strip_prefix("ErrorCode:").unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(self.headers["iothub-errorcode"], name);
        let exception = self.json()["ExceptionMessage"].as_str().unwrap().to_owned();
        assert!(exception.starts_with("Tracking ID:") && exception.contains("-TimeStamp:"), "{exception}");
        name
    }

    pub(crate) fn reason(&self) -> String {
        self.json()["Message"].as_str().unwrap().split_once(';').unwrap().1.to_owned()
    }
}

/// Parts of a connection string.
pub(crate) struct Identity {
    pub(crate) host: String,
    pub(crate) policy: String,
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn of(connection_string: &str) -> Self {
        let part = |name: &str| {
            let mut parts = connection_string.split(';').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| *key == name).unwrap().1.to_owned()
        };
        Self { host: part("HostName"), policy: part("SharedAccessKeyName"), key: part("SharedAccessKey") }
    }

    /// A token for the host that is good for an hour.
    pub(crate) fn token(&self) -> String {
        self.token_until(&(Utc::now().timestamp() + 3600).to_string())
    }

    pub(crate) fn token_until(&self, expiry: &str) -> String {
        let resource = utf8_percent_encode(&self.host, NON_ALPHANUMERIC).to_string();
        let key = BASE64.decode(&self.key).unwrap();
        let signature = BASE64.encode(HMAC::mac(format!("{resource}\n{expiry}"), &key));
        let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={}", self.policy)
    }
}

/// A caller of one hub.
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Caller {
    /// A caller with every right.
    pub(crate) fn of(hub: &Emulator) -> Self {
        Self { address: hub.address(), token: Identity::of(&hub.connection_string()).token() }
    }

    pub(crate) fn with_token(hub: &Emulator, token: impl Into<String>) -> Self {
        Self { address: hub.address(), token: token.into() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: hub\r\nauthorization: {}\r\n", self.token);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let request = format!("{head}connection: close\r\n\r\n{body}");
        exchange(self.address, request.as_bytes())
            .await
            .unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    pub(crate) async fn create(&self, id: &str, body: &Value) -> Answer {
        self.send("PUT", &format!("/jobs/v2/{id}?{VERSION}"), &[], Some(body)).await
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        let answer = self.get(&format!("/jobs/v2/{id}?{VERSION}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The jobs of the list.
    pub(crate) async fn jobs(&self, filter: &str) -> Vec<Value> {
        let answer = self.get(&format!("/jobs/v2/query?{VERSION}{filter}")).await;
        answer.json().as_array().unwrap().clone()
    }

    /// The rows of all jobs.
    pub(crate) async fn rows(&self) -> Vec<Value> {
        self.query_all("SELECT * FROM devices.jobs", "100").await.0
    }

    pub(crate) async fn cancel(&self, id: &str) -> Answer {
        self.send("POST", &format!("/jobs/v2/{id}/cancel?{VERSION}"), &[], None).await
    }

    /// A page of a query.
    pub(crate) async fn query(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("POST", &format!("/devices/query?{VERSION}"), headers, Some(&json!({ "query": query })))
            .await
    }

    /// All items of a query, and the number of pages.
    pub(crate) async fn query_all(&self, query: &str, page_size: &str) -> (Vec<Value>, usize) {
        let (mut items, mut pages, mut token) = (Vec::new(), 0, String::new());
        loop {
            let mut headers = vec![("x-ms-max-item-count", page_size)];
            if !token.is_empty() {
                headers.push(("x-ms-continuation", &token));
            }
            let answer = self.query(query, &headers).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            items.extend(answer.json().as_array().unwrap().iter().cloned());
            pages += 1;
            match answer.headers.get("x-ms-continuation") {
                Some(next) => token = next.clone(),
                None => return (items, pages),
            }
        }
    }

    /// Reads the job until it has this status.
    pub(crate) async fn wait_for(&self, id: &str, status: &str) -> Value {
        let poll = async {
            loop {
                let job = self.job(id).await;
                if job["status"] == status {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, poll).await.unwrap()
    }
}

/// Sends bytes and reads the answer to its end; `None` if the connection closes without one.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The hub may close before it has read all.
    let _ = stream.write_all(request).await;
    read_answer(&mut stream).await
}

/// Reads an answer until the connection closes.
pub(crate) async fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    Answer::parse(&String::from_utf8_lossy(&bytes))
}

/// A method job on all devices.
pub(crate) fn method_job() -> Value {
    json!({
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": { "methodName": "reboot", "payload": null },
        "queryCondition": "*",
    })
}

/// A twin update on all devices.
pub(crate) fn twin_job(patch: Value) -> Value {
    let mut twin = patch;
    twin["etag"] = json!("*");
    json!({ "type": "scheduleUpdateTwin", "updateTwin": twin, "queryCondition": "*" })
}

/// The states of rows.
pub(crate) fn statuses(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["status"].as_str().unwrap()).collect()
}

/// A date of a job or row.
pub(crate) fn time(json: &Value, name: &str) -> DateTime<Utc> {
    json[name].as_str().unwrap().parse().unwrap()
}

/// The body with other members.
pub(crate) fn with(mut body: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
