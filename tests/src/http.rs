//! A plain HTTP/1.1 client that sends what it is given, right or wrong: bad header bytes, doubled headers, odd paths.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One request. Nothing is escaped, normalised or added but `Host`, `Connection` and `Content-Length`.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query as they go on the request line.
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
}

/// One answer, header names as sent.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// `GET` without headers.
pub fn get(base: &str, target: &str) -> io::Result<Response> {
    Request::new("GET", target).send(base)
}

impl Request {
    pub fn new(method: &str, target: impl Into<String>) -> Request {
        Request {
            method: method.into(),
            target: target.into(),
            headers: vec![],
            body: None,
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Request {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }

    pub fn json(self, body: &serde_json::Value) -> Request {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// Sends the request to `base` (`http://host:port`) on a connection of its own and reads the whole answer.
    ///
    /// # Errors
    /// No connection, silence for 60 s, or an answer that is no HTTP.
    pub fn send(&self, base: &str) -> io::Result<Response> {
        let host = base
            .strip_prefix("http://")
            .ok_or_else(|| bad("only http:// is spoken here"))?;
        let stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;

        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let given = |name: &str| {
            self.headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        if !given("Host") {
            out.extend(format!("Host: {host}\r\n").bytes());
        }
        for (name, value) in &self.headers {
            out.extend(
                name.bytes()
                    .chain(*b": ")
                    .chain(value.iter().copied())
                    .chain(*b"\r\n"),
            );
        }
        let length = self.body.as_ref().map_or(0, Vec::len);
        let may_have_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if (length > 0 || may_have_body) && !given("Content-Length") && !given("Transfer-Encoding")
        {
            out.extend(format!("Content-Length: {length}\r\n").bytes());
        }
        out.extend(b"Connection: close\r\n\r\n");
        out.extend(self.body.iter().flatten());

        // A server may refuse by answering before it has read all; that answer counts, not the failed write.
        let sent = (&stream).write_all(&out);
        Response::read(&mut BufReader::new(&stream), self.method == "HEAD")
            .map_err(|error| sent.err().unwrap_or(error))
    }
}

impl Response {
    fn read(from: &mut impl BufRead, head: bool) -> io::Result<Response> {
        let line = line(from)?;
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| bad(&format!("no status line: {line:?}")))?;
        let mut answer = Response {
            status,
            headers: headers(from)?,
            body: vec![],
        };
        if head || status == 204 || status == 304 {
            return Ok(answer);
        }
        let chunked = answer
            .header("Transfer-Encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            answer.body = chunks(from)?;
        } else if let Some(length) = answer.header("Content-Length") {
            let length = length.parse().map_err(|_| bad("bad Content-Length"))?;
            answer.body = vec![0; length];
            from.read_exact(&mut answer.body)?;
        } else {
            from.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// When the body is no JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Err(bad("the connection was closed"));
    }
    Ok(String::from_utf8_lossy(&bytes)
        .trim_end_matches(['\r', '\n'])
        .to_owned())
}

fn headers(from: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| bad(&format!("no header: {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| bad(&format!("no chunk size: {size:?}")))?;
        let begin = body.len();
        body.resize(begin + size, 0);
        from.read_exact(&mut body[begin..])?;
        if size == 0 {
            headers(from)?;
            return Ok(body);
        }
        line(from)?;
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
