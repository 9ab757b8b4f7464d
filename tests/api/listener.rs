//! A client's own HTTP server within the test: it answers as told, and shows what it was sent.

use std::collections::HashMap;

use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server that answers every request with the same bytes.
pub struct Listener {
    pub url: String,
    pub requests: mpsc::UnboundedReceiver<Request>,
}

/// What came.
#[derive(Debug)]
pub struct Request {
    /// Method, path and version.
    pub line: String,
    pub body: String,
}

impl Request {
    /// The body as a form.
    pub fn form(&self) -> HashMap<String, String> {
        let url = Url::parse(&format!("http://x/?{}", self.body)).unwrap();
        url.query_pairs().into_owned().collect()
    }
}

impl Listener {
    /// Answers `status` without a body.
    pub async fn answering(status: &str) -> Self {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Self::saying(answer.into_bytes()).await
    }

    /// Answers with these bytes.
    pub async fn saying(answer: Vec<u8>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", socket.local_addr().unwrap().port());
        let (tell, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(converse(stream, answer.clone(), tell.clone()));
            }
        });
        Self { url, requests }
    }

    /// The next request, which has to come within 20 seconds.
    pub async fn request(&mut self) -> Request {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.requests.recv());
        next.await.expect("nothing came").unwrap()
    }
}

async fn converse(
    mut stream: TcpStream,
    answer: Vec<u8>,
    tell: mpsc::UnboundedSender<Request>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let (line, headers) = text.split_once("\r\n").unwrap_or((&text, ""));
    let length = headers.lines().find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    while bytes.len() < head + 4 + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let request = Request {
        line: line.to_owned(),
        body: String::from_utf8(bytes[head + 4..].to_vec()).ok()?,
    };
    tell.send(request).ok();
    stream.write_all(&answer).await.ok()?;
    stream.shutdown().await.ok()
}
