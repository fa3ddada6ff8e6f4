//! Proxies, reached under the host name that the hub has in its cloud.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use jobs_api::{Client, ConnectionString};
use jobs_emulator::{Certificate, Emulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::reboot;
use crate::tls::authority;

/// A proxy that connects every tunnel to the same hub until it is dropped.
struct Proxy {
    url: String,
    connect_lines: Arc<Mutex<Vec<String>>>,
    _tunnels: JoinSet<()>,
}

impl Proxy {
    async fn start(hub: &Emulator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to: SocketAddr = hub.endpoint().trim_start_matches("https://").parse().unwrap();
        let connect_lines = Arc::new(Mutex::new(Vec::new()));
        let (log, mut tunnels) = (connect_lines.clone(), JoinSet::new());
        tunnels.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(tunnel(stream, to, log.clone()));
            }
        });
        Self { url, connect_lines, _tunnels: tunnels }
    }

    fn connect_lines(&self) -> Vec<String> {
        self.connect_lines.lock().unwrap().clone()
    }
}

/// Records the CONNECT line and forwards the stream to the hub.
async fn tunnel(mut stream: TcpStream, to: SocketAddr, connect_lines: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let first_line = String::from_utf8(head).unwrap().lines().next().unwrap().to_owned();
    connect_lines.lock().unwrap().push(first_line);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let mut server = TcpStream::connect(to).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

#[tokio::test]
async fn host_name_of_any_cloud_is_used_verbatim() {
    for host in [
        "contoso.azure-devices.net",
        "contoso.azure-devices.us",
        "contoso.azure-devices.cn",
        "contoso.service.azure-devices.net",
    ] {
        let hub = Emulator::builder().host_name(host).tls(Certificate::Good).start().await;
        let proxy = Proxy::start(&hub).await;
        let (authority, https) = (authority(&hub), reqwest::Proxy::https(&proxy.url).unwrap());
        let connection: ConnectionString = hub.connection_string().parse().unwrap();
        let client = Client::builder(host, connection.credential.clone())
            .configure_http(move |http| http.tls_certs_only([authority.clone()]).proxy(https.clone()))
            .build()
            .unwrap();
        client.create_scheduled_job("job", &reboot()).await.unwrap();

        assert_eq!(proxy.connect_lines(), [format!("CONNECT {host}:443 HTTP/1.1")]);
        let token = hub.requests()[0].header("authorization").unwrap().to_owned();
        assert!(token.starts_with(&format!("SharedAccessSignature sr={host}&")), "{}", token.len());
    }
}

/// Runs in a child process, whose environment holds the connection string, the proxy and the authority.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn default_http_client_uses_the_environments_proxy() {
    let host = "contoso.azure-devices.net";
    let hub = Emulator::builder().host_name(host).tls(Certificate::Good).start().await;
    let proxy = Proxy::start(&hub).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "proxies::child_process_creates_a_job_from_its_environment", "--ignored"])
        .env("IOTHUB_CONNECTION_STRING", hub.connection_string())
        .env("HTTPS_PROXY", &proxy.url)
        .env("SSL_CERT_FILE", hub.authority_path().unwrap())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(proxy.connect_lines(), [format!("CONNECT {host}:443 HTTP/1.1")]);
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
#[ignore = "runs in the child process of the test above"]
async fn child_process_creates_a_job_from_its_environment() {
    Client::from_env().unwrap().create_scheduled_job("job", &reboot()).await.unwrap();
}

/// A proxy must not receive the token of a hub on this machine.
#[tokio::test]
async fn default_http_client_uses_no_proxy_for_loopback_addresses() {
    let hub = Emulator::start().await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "proxies::child_process_creates_a_job_at_an_endpoint", "--ignored"])
        .env("IOTHUB_CONNECTION_STRING", hub.connection_string())
        .env("HUB_ENDPOINT", hub.endpoint())
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
#[ignore = "runs in the child process of the test above"]
async fn child_process_creates_a_job_at_an_endpoint() {
    let builder = jobs_api::ClientBuilder::from_env().unwrap();
    let client = builder.endpoint(std::env::var("HUB_ENDPOINT").unwrap()).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
}
