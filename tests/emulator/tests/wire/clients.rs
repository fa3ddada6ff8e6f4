//! Requests as other clients write them: with tokens of machine time, wherever the hub's clock is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{TimeDelta, Utc};
use hmac_sha256::HMAC;
use jobs_emulator::{Device, Tier};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Identity, method_job, quick, twin_job, with};

/// What a client writes otherwise than others.
#[derive(Clone, Copy)]
struct Client {
    name: &'static str,
    api_version: &'static str,
    token: fn(&Identity) -> String,
    headers: &'static [(&'static str, &'static str)],
    /// Whether members that are not set are written as null.
    writes_null: bool,
    /// Whether a request without a body has an empty object.
    writes_empty_object: bool,
    /// The filter of a list.
    filter: &'static str,
}

const NODE: Client = Client {
    name: "Node",
    api_version: "2021-04-12",
    token: |identity| sign(identity, &identity.host, encode, ["sr", "sig", "skn", "se"]),
    headers: &[("request-id", "1f3c"), ("user-agent", "azure-iothub/1.16.6")],
    writes_null: false,
    writes_empty_object: false,
    filter: "jobStatus=completed&jobType=scheduleDeviceMethod",
};
const PYTHON: Client = Client {
    name: "Python",
    token: |identity| sign(identity, &encode(&identity.host), encode_but_slashes, FIELDS),
    headers: &[("accept", "application/json")],
    ..NODE
};
const CSHARP: Client = Client {
    name: "C#",
    token: |identity| sign(identity, &encode(&identity.host), encode, FIELDS),
    headers: &[("accept", "application/json"), ("useragent", "Microsoft.Azure.Devices/1.41.0")],
    writes_null: true,
    filter: "jobType=ScheduleDeviceMethod&jobStatus=Completed",
    ..NODE
};
const JAVA: Client = Client {
    name: "Java",
    token: |identity| sign(identity, &encode(&identity.host.to_lowercase()), encode, FIELDS),
    headers: &[("content-type", "application/json; charset=utf-8"), ("x-ms-max-item-count", "50")],
    writes_null: true,
    writes_empty_object: true,
    ..NODE
};
const CLI: Client = Client {
    name: "Azure CLI",
    api_version: "2024-03-31",
    headers: &[("accept-language", "en-US"), ("cache-control", "no-cache, must-revalidate")],
    ..CSHARP
};

/// The order of the fields in most tokens.
const FIELDS: [&str; 4] = ["sr", "sig", "se", "skn"];

fn sign(identity: &Identity, resource: &str, encode: fn(&str) -> String, fields: [&str; 4]) -> String {
    let expiry = (Utc::now().timestamp() + 3600).to_string();
    let key = BASE64.decode(&identity.key).unwrap();
    let signature = encode(&BASE64.encode(HMAC::mac(format!("{resource}\n{expiry}"), &key)));
    let field = |name| match name {
        "sr" => format!("sr={resource}"),
        "sig" => format!("sig={signature}"),
        "se" => format!("se={expiry}"),
        _ => format!("skn={}", identity.policy),
    };
    format!("SharedAccessSignature {}", fields.map(field).join("&"))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn encode_but_slashes(text: &str) -> String {
    encode(text).replace("%2F", "/")
}

impl Client {
    async fn send(&self, caller: &Caller, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}api-version={}", self.api_version);
        let empty = self.writes_empty_object.then(|| json!({}));
        let answer = caller.send(method, &path, self.headers, body.or(empty.as_ref())).await;
        assert_eq!(answer.status, 200, "{}: {method} {path}: {answer:?}", self.name);
        answer
    }

    /// Writes a job with the members that this client adds.
    fn job(&self, id: &str, mut job: Value, unset: &str) -> Value {
        if self.writes_null {
            job[unset] = Value::Null;
        }
        with(job, json!({ "jobId": id }))
    }
}

#[tokio::test]
async fn other_clients_are_served_wherever_the_hubs_clock_is() {
    for client in [NODE, PYTHON, CSHARP, JAVA, CLI] {
        let hub = quick().device(Device::new("pump-1")).tier(Tier::S2).start().await;
        hub.set_clock_offset(TimeDelta::hours(5));
        let token = (client.token)(&Identity::of(&hub.connection_string()));
        let caller = Caller { address: hub.address(), token };
        let send = async |method, path: &str, body| client.send(&caller, method, path, body).await.json();

        let job = client.job("m-1", method_job(), "updateTwin");
        assert_eq!(send("PUT", "/jobs/v2/m-1", Some(&job)).await["status"], "queued");
        while send("GET", "/jobs/v2/m-1", None).await["status"] != "completed" {
            tokio::task::yield_now().await;
        }
        let start = json!({ "startTime": (Utc::now() + TimeDelta::hours(8)).to_rfc3339() });
        let job = with(twin_job(json!({ "deviceId": null, "tags": { "a": 1 } })), start);
        let job = client.job("t-1", job, "cloudToDeviceMethod");
        assert_eq!(send("PUT", "/jobs/v2/t-1", Some(&job)).await["status"], "queued");
        assert_eq!(send("POST", "/jobs/v2/t-1/cancel", None).await["status"], "cancelled");
        let list = send("GET", &format!("/jobs/v2/query?{}", client.filter), None).await;
        assert_eq!(
            (list.as_array().unwrap().len(), &list[0]["jobId"]),
            (1, &json!("m-1")),
            "{}",
            client.name
        );
        let rows = json!({ "query": "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'm-1'" });
        assert_eq!(send("POST", "/devices/query", Some(&rows)).await[0]["deviceId"], "pump-1");
        let twin = json!({ "deviceId": "pump-1", "tags": { "b": 2 } });
        assert_eq!(send("PATCH", "/twins/pump-1", Some(&twin)).await["tags"], json!({ "b": 2 }));
    }
}
