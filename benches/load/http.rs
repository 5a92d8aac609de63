//! The load generator's HTTP: one keep-alive HTTP/1.1 connection, loopback addresses only.
//!
//! As little work as possible for each answer, so that the limits measured are the servers' and not this program's: it
//! reads the status, `Content-Length` and, where a lane asks for them, single headers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest answer taken, in bytes.
const LARGEST: usize = 1024 * 1024;

/// A connection to a server of this machine.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, in the connection's own buffer.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// The status.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: &'a str,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects; refuses every address that is not of this machine.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        if !address.ip().is_loopback() {
            return Err(Failure::new(format!("{address} is not on this machine")));
        }
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.fill().await?;
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default())
            .map_err(|_| Failure::new("an answer's head is not text"))?;
        let status = text.get(9..12).and_then(|digits| digits.parse().ok());
        let status: u16 = status.ok_or_else(|| Failure::new("an answer without a status"))?;
        let length = match header(text, "content-length") {
            Some(digits) => digits.parse().map_err(|_| Failure::new("a Content-Length that is no number"))?,
            None if status == 204 || status == 304 => 0,
            None => return Err(Failure::new("an answer without Content-Length")),
        };
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let (head, body) = self.buffer.split_at_checked(head).unwrap_or_default();
        Ok(Answer { status, head: std::str::from_utf8(head).unwrap_or_default(), body })
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        if self.buffer.len() > LARGEST {
            return Err(Failure::new("an answer is too large"));
        }
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        match read.map_err(|_| Failure::new("no answer came"))?? {
            0 => Err(Failure::new("the server closed the connection")),
            _ => Ok(()),
        }
    }
}

impl Answer<'_> {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Failure> {
        serde_json::from_slice(self.body).map_err(|_| self.unexpected("JSON"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> Option<&str> {
        header(self.head, "location")
    }

    /// What was awaited and what came instead.
    pub(crate) fn unexpected(&self, awaited: &str) -> Failure {
        let start: String = self.text().chars().take(200).collect();
        Failure::new(format!("awaited {awaited}, got {} {start}", self.status))
    }
}

/// The first value of a header.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    headers(head, name).next()
}

/// All values of a header.
pub(crate) fn headers<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    head.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The bytes of a GET.
pub(crate) fn get(host: SocketAddr, path: &str, cookies: &str) -> Vec<u8> {
    let cookie = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n").into_bytes()
}

/// The bytes of a posted form; `authorization` is a whole header value, or nothing.
pub(crate) fn post(host: SocketAddr, path: &str, authorization: &str, cookies: &str, form: &[(&str, &str)]) -> Vec<u8> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let authorization =
        if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
    let cookie = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{cookie}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
