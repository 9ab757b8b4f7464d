//! A client that keeps its connections, and notices every answer that is lost on one of them.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::ANSWER;

/// What a client met.
#[derive(Debug, Default)]
pub struct Met {
    pub answers: usize,
    /// Connections that an answer announced the end of.
    pub announced: usize,
    pub lost: Vec<String>,
    pub refused: Vec<String>,
    pub slow: Vec<Duration>,
}

/// One kept connection, and how many answers came on it.
struct Connection {
    stream: BufReader<TcpStream>,
    answers: usize,
    opened: Instant,
}

/// Sends requests one after the other, `pause` between them, until the server takes no new connection or `stop` is set.
/// `terminated` is set when the server has been asked to stop: a connection that is opened later may be refused.
pub fn visit(
    address: &str,
    mut request: impl FnMut(usize) -> String,
    mut pause: impl FnMut() -> Duration,
    terminated: &AtomicBool,
    stop: &AtomicBool,
) -> Met {
    let mut met = Met::default();
    let mut kept: Option<Connection> = None;
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let late = terminated.load(Ordering::SeqCst);
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => match open(address) {
                Ok(connection) => connection,
                Err(_) if late => break,
                Err(error) => {
                    met.refused.push(error.to_string());
                    break;
                }
            },
        };
        let fresh = late && connection.answers == 0;
        let begin = Instant::now();
        match exchange(&mut connection, &request(number)) {
            Ok((status, closes)) => {
                met.answers += 1;
                if begin.elapsed() > ANSWER {
                    met.slow.push(begin.elapsed());
                }
                if status >= 500 {
                    met.lost.push(format!("answered {status}"));
                }
                connection.answers += 1;
                if closes {
                    met.announced += 1;
                } else {
                    kept = Some(connection);
                }
            }
            // It was in the queue of a listener that has closed.
            Err(_) if fresh => break,
            Err(error) => {
                met.lost.push(format!(
                    "{error} after {} answers in {:?}, terminated: {late}",
                    connection.answers,
                    connection.opened.elapsed()
                ));
                break;
            }
        }
        std::thread::sleep(pause());
    }
    met
}

fn open(address: &str) -> std::io::Result<Connection> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER * 2))?;
    stream.set_nodelay(true)?;
    Ok(Connection {
        stream: BufReader::new(stream),
        answers: 0,
        opened: Instant::now(),
    })
}

/// Sends a request and reads its whole answer: the status, and whether the server closes the connection.
fn exchange(connection: &mut Connection, request: &str) -> std::io::Result<(u16, bool)> {
    connection.stream.get_mut().write_all(request.as_bytes())?;
    let (mut status, mut length, mut closes) = (0, 0, false);
    loop {
        let mut line = String::new();
        if connection.stream.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("closed without an answer"));
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if status == 0 {
            status = line
                .get(9..12)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0);
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if let Some(value) = line.strip_prefix("connection:") {
            closes = value.trim() == "close";
        } else if line.starts_with("transfer-encoding:") {
            return Err(std::io::Error::other("a chunked answer is not read here"));
        }
    }
    connection.stream.read_exact(&mut vec![0; length])?;
    Ok((status, closes))
}
