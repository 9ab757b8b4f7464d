//! An HTTP/1.1 client that costs next to nothing: kept-alive connections, and requests that are bytes already.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request as it goes over the wire.
pub fn request(
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if method == "GET" {
        text += "\r\n";
    } else {
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    }
    text.into_bytes()
}

/// A connection for one request after the other.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer; its body stays in the connection until the next request.
pub struct Answer {
    pub status: u16,
    pub retry_after: bool,
    body: Range<usize>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 64 * 1024],
            filled: 0,
        })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is no HTTP/1.1 with a length or chunks.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head = loop {
            self.fill().await?;
            if let Some(end) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break end + 4;
            }
        };
        let status = std::str::from_utf8(&self.buffer[9..12])
            .ok()
            .and_then(|code| code.parse().ok())
            .context("no status")?;
        let retry_after = header(&self.buffer[..head], "retry-after").is_some();
        let end = if let Some(length) = header(&self.buffer[..head], "content-length") {
            let length: usize = std::str::from_utf8(length)?.trim().parse()?;
            while self.filled < head + length {
                self.fill().await?;
            }
            head + length
        } else if header(&self.buffer[..head], "transfer-encoding").is_some() {
            while !self.buffer[head..self.filled].ends_with(b"0\r\n\r\n") {
                self.fill().await?;
            }
            self.filled
        } else {
            ensure!(
                status == 204 || status == 304,
                "an answer {status} without a length"
            );
            head
        };
        ensure!(
            end == self.filled,
            "more came than the answer to one request"
        );
        Ok(Answer {
            status,
            retry_after,
            body: head..end,
        })
    }

    /// The body of the last answer.
    pub fn body(&self, answer: &Answer) -> &[u8] {
        &self.buffer[answer.body.clone()]
    }

    /// The values of a header of the last answer.
    pub fn headers<'a>(&'a self, answer: &Answer, name: &'a str) -> impl Iterator<Item = &'a str> {
        let head = &self.buffer[..answer.body.start];
        let lines = head.split(|byte| *byte == b'\n');
        let values = lines.filter_map(move |line| header(line, name));
        values.filter_map(|value| std::str::from_utf8(value).ok().map(str::trim))
    }

    async fn fill(&mut self) -> Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        if read == 0 {
            bail!("the server closed a connection");
        }
        self.filled += read;
        Ok(())
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (own, value) = line.split_at_checked(name.len())?;
        if own.eq_ignore_ascii_case(name.as_bytes()) {
            value.strip_prefix(b":")
        } else {
            None
        }
    })
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case_and_by_their_whole_name() {
        let head = b"HTTP/1.1 200 OK\r\nX-Content-Length: 1\r\nCONTENT-length: 42\r\n\r\n";
        assert_eq!(header(head, "content-length"), Some(&b" 42\r"[..]));
        assert_eq!(header(head, "content"), None);
        assert_eq!(find(head, b"\r\n\r\n"), Some(head.len() - 4));
    }

    #[test]
    fn a_request_has_a_length_unless_it_is_a_get() {
        assert_eq!(
            request("GET", "h", "/x", &[("A", "b")], ""),
            b"GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"
        );
        assert!(request("POST", "h", "/x", &[], "abc").ends_with(b"Content-Length: 3\r\n\r\nabc"));
    }
}
