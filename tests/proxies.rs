//! The way to a hub through a proxy, by the name that the hub has in its cloud.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use jobs_api::{Client, ConnectionString};
use jobs_emulator::{Certificate, Emulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::reboot;
use crate::tls::private_http_client;

/// A proxy that leads every tunnel to the same place, until it is dropped.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _tunnels: JoinSet<()>,
}

impl Proxy {
    async fn start(hub: &Emulator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to: SocketAddr = hub.endpoint().trim_start_matches("https://").parse().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, mut tunnels) = (asked.clone(), JoinSet::new());
        tunnels.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(tunnel(stream, to, heard.clone()));
            }
        });
        Self { url, asked, _tunnels: tunnels }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn tunnel(mut stream: TcpStream, to: SocketAddr, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let first_line = String::from_utf8(head).unwrap().lines().next().unwrap().to_owned();
    asked.lock().unwrap().push(first_line);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let mut server = TcpStream::connect(to).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

#[tokio::test]
async fn each_clouds_host_is_called_and_signed_for_as_it_is_written() {
    for host in [
        "contoso.azure-devices.net",
        "contoso.azure-devices.us",
        "contoso.azure-devices.cn",
        "contoso.service.azure-devices.net",
    ] {
        let hub = Emulator::builder().host_name(host).tls(Certificate::Good).start().await;
        let proxy = Proxy::start(&hub).await;
        let http = private_http_client(&hub).proxy(reqwest::Proxy::https(&proxy.url).unwrap());
        let connection: ConnectionString = hub.connection_string().parse().unwrap();
        let client = Client::builder(host)
            .credential(connection.credential().clone())
            .http_client(http.build().unwrap())
            .build()
            .unwrap();
        client.create_scheduled_job("job", &reboot()).await.unwrap();

        assert_eq!(proxy.asked(), [format!("CONNECT {host}:443 HTTP/1.1")]);
        let token = hub.requests()[0].header("authorization").unwrap().to_owned();
        assert!(token.starts_with(&format!("SharedAccessSignature sr={host}&")), "{}", token.len());
    }
}

/// Everything from the environment: the connection string, the proxy, the authority.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_environments_proxy_is_used_by_the_client_that_is_made_by_itself() {
    let host = "contoso.azure-devices.net";
    let hub = Emulator::builder().host_name(host).tls(Certificate::Good).start().await;
    let proxy = Proxy::start(&hub).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "proxies::in_a_process_with_an_environment_of_its_own", "--ignored"])
        .env("IOTHUB_CONNECTION_STRING", hub.connection_string())
        .env("HTTPS_PROXY", &proxy.url)
        .env("SSL_CERT_FILE", hub.authority_path().unwrap())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(proxy.asked(), [format!("CONNECT {host}:443 HTTP/1.1")]);
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
#[ignore = "run by the test above, in an environment of its own"]
async fn in_a_process_with_an_environment_of_its_own() {
    Client::from_env().unwrap().create_scheduled_job("job", &reboot()).await.unwrap();
}
