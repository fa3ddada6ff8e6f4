//! The whole hub: our operations with those of the other areas of the service.

use std::fs;

use serde_json::Value;

use crate::workspace::{SPEC, repository};

/// Our document with the operations and the components of `fixtures/hub.json`.
pub(super) fn whole_hub() -> Value {
    let read = |path: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(repository().join(path)).unwrap()).unwrap()
    };
    let (mut document, others) = (read(SPEC), read("xtask/fixtures/hub.json"));
    let mut extend = |place: &str| {
        for (name, part) in others.pointer(place).unwrap().as_object().unwrap() {
            let target = document.pointer_mut(place).unwrap().as_object_mut().unwrap();
            assert!(target.insert(name.clone(), part.clone()).is_none(), "{place}/{name} is in both");
        }
    };
    ["/paths", "/components/schemas", "/components/parameters"].into_iter().for_each(&mut extend);
    document
}

/// Calls operations of every kind of response against a server that replies as scripted.
pub(super) const USER: &str = r#"
use jobs_api::{Client, Credential, types};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Replies to one request on each connection, and returns what was requested.
async fn serve(listener: &TcpListener, reply: &str) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = connection.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
            break;
        }
    }
    connection.write_all(reply.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    String::from_utf8(request).unwrap()
}

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let credential = Credential::shared_access_key("service", "MDEyMzQ1Njc4OWFiY2RlZg==").unwrap();
    let client = Client::builder("hub.azure-devices.net", credential).endpoint(&endpoint).build().unwrap();

    let delete = client.call(|api| async move { api.devices_delete_identity("d1").with_if_match("*").await });
    let (request, deleted) = tokio::join!(serve(&listener, NO_CONTENT), delete);
    assert_eq!(deleted.unwrap().status().as_u16(), 204);
    assert!(request.starts_with("DELETE /devices/d1?api-version=VERSION HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.matches("api-version").count(), 1, "{request}");

    let cancel = || client.call(|api| async move { api.jobs_cancel_import_export_job("j1").await });
    let (_, cancelled) = tokio::join!(serve(&listener, NO_CONTENT), cancel());
    assert_eq!(cancelled.unwrap().status().as_u16(), 204);
    let (_, cancelled) = tokio::join!(async { serve(&listener, &ok("{\"a\":1}")).await }, cancel());
    assert_eq!(cancelled.unwrap().status().as_u16(), 200);

    let payload = serde_json::json!({ "speed": 5 });
    let command = client.call(|api| {
        let payload = &payload;
        async move { api.digital_twin_invoke_component_command("t1", "c", "run", payload).await }
    });
    let (request, commanded) = tokio::join!(async { serve(&listener, &ok("{\"a\":1}")).await }, command);
    assert_eq!(commanded.unwrap().into_inner(), serde_json::json!({ "a": 1 }));
    assert!(request.starts_with("POST /digitaltwins/t1/components/c/commands/run?"), "{request}");
    assert!(request.ends_with("{\"speed\":5}"), "{request}");

    let read = client.call(|api| async move { api.devices_get_identity("d1").await });
    let body = ok("{\"deviceId\":\"d1\",\"parentScopes\":null,\"status\":\"notListed\"}");
    let (_, device) = tokio::join!(serve(&listener, &body), read);
    let device: types::Device = device.unwrap().into_inner();
    assert_eq!(device.device_id.as_deref(), Some("d1"));
    assert_eq!(device.status.unwrap().as_str(), "notListed");
    println!("every call behaved");
}
"#;
