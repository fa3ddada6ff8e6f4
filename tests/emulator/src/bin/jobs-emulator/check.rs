//! Asking a running hub whether it is well, as a health check does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

const PATIENCE: Duration = Duration::from_secs(5);
/// Control is served without TLS too.
const REQUEST: &str = "GET /_emulator/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

type Error = Box<dyn std::error::Error>;

/// Fails unless the hub that wrote this ready file answers that it runs.
pub(crate) fn check(ready_file: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(ready_file).map_err(|error| Failure::file(ready_file, error))?;
    let ready: Value = serde_json::from_str(&text).map_err(|error| Failure::file(ready_file, error))?;
    let health = ask(&ready).map_err(|error| Failure::other(format!("the hub does not answer: {error}")))?;
    if health["status"] != "ok" || health["pid"] != ready["pid"] {
        return Err(Failure::other(format!("it is not the hub of the ready file that answers: {health}")));
    }
    Ok(())
}

fn ask(ready: &Value) -> Result<Value, Error> {
    let mut address: SocketAddr =
        ready["address"].as_str().ok_or("the ready file has no address")?.parse()?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(serde_json::from_str(body)?)
}
