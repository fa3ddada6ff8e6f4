//! Requests as they arrive on the wire.

use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorization: String,
    pub(super) continuation: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn job_id(&self) -> &str {
        self.path.trim_start_matches("/jobs/v2/").split(['/', '?']).next().unwrap()
    }
}

/// Reads a request; `None` at the end of the connection.
pub(super) async fn read_message(stream: &mut UnixStream, buffer: &mut Vec<u8>) -> Option<Message> {
    loop {
        let head_end = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let header = |name: &str| {
                let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
                fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
            };
            let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
            if buffer.len() >= end + 4 + length {
                let rest = buffer.split_off(end + 4 + length);
                let body = std::mem::replace(buffer, rest).split_off(end + 4);
                let mut words = head.split(' ');
                return Some(Message {
                    method: words.next().unwrap().to_owned(),
                    path: words.next().unwrap().to_owned(),
                    authorization: header("authorization").unwrap(),
                    continuation: header("x-ms-continuation"),
                    body,
                });
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
