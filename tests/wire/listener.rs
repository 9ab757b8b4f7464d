//! A client's own address, to which the server under test sends requests.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use testkit::http::Response;

pub struct Listener {
    pub url: String,
    received: Receiver<Response>,
}

impl Listener {
    /// Listens on a free port, and answers 200 to everything.
    pub fn start() -> io::Result<Listener> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let (send, received) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let request = stream.and_then(answer);
                if request.is_ok_and(|request| send.send(request).is_err()) {
                    break;
                }
            }
        });
        Ok(Listener { url, received })
    }

    /// The next request, its headers and body as if they were those of an answer.
    ///
    /// # Errors
    /// None comes within 10 s.
    pub fn next(&self) -> Result<Response, String> {
        let next = self.received.recv_timeout(Duration::from_secs(10));
        next.map_err(|_| "nobody has sent anything to {{listener}}".to_owned())
    }
}

fn answer(stream: TcpStream) -> io::Result<Response> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut request = Response {
        status: 200,
        headers: vec![],
        body: vec![],
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .push((name.to_owned(), value.trim().to_owned()));
    }
    let length = request
        .header("Content-Length")
        .and_then(|length| length.parse().ok());
    request.body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut request.body)?;
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(request)
}
