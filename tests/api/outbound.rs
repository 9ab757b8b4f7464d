//! Calls of this server to others: where they may go, and how long and how much they may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use protocol::outbound::{Error, Outbound};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::listener::Listener;

#[tokio::test]
async fn hosts_of_private_networks_are_not_called_however_they_are_named() {
    let mut listener = Listener::answering("200 OK").await;
    let port = listener.url.rsplit(':').next().unwrap().to_owned();
    let outbound = Outbound::new(false);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "0",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/");
        for answer in [
            outbound.get(&url).await,
            outbound.post(&url, &[("a", "b")]).await,
        ] {
            assert!(matches!(answer, Err(Error::Private)), "{host}: {answer:?}");
        }
    }
    assert!(listener.requests.try_recv().is_err(), "somebody was called");
    for url in [
        "file:///etc/passwd",
        "gopher://a.org/",
        "http://u:p@a.org/",
        "x",
    ] {
        let answer = outbound.get(url).await;
        assert!(matches!(answer, Err(Error::Url)), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn what_may_be_called_is_called_and_answers() {
    let body = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes";
    let mut listener = Listener::saying(body.to_vec()).await;
    let outbound = Outbound::new(true);
    let answer = outbound
        .get(&format!("{}/x?y", listener.url))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, b"yes".as_slice())
    );
    assert_eq!(listener.request().await.line, "GET /x?y HTTP/1.1");
    outbound
        .post(&listener.url, &[("a", "b c&d")])
        .await
        .unwrap();
    let request = listener.request().await;
    assert_eq!(
        (request.line.as_str(), request.body.as_str()),
        ("POST / HTTP/1.1", "a=b+c%26d")
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let mut inner = Listener::answering("200 OK").await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Again",
        "308 For good",
    ] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
            inner.url
        );
        let outer = Listener::saying(answer.into_bytes()).await;
        let answer = Outbound::new(true).get(&outer.url).await.unwrap();
        assert_eq!(answer.status.to_string(), status[..3]);
    }
    assert!(
        inner.requests.try_recv().is_err(),
        "the redirect was followed"
    );
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_early() {
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    endless.resize(8 << 20, b'x');
    let listener = Listener::saying(endless).await;
    let answer = Outbound::new(true).get(&listener.url).await;
    assert!(matches!(answer, Err(Error::TooLong)), "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_comes_in_drops_is_given_up_in_time() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", socket.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            .await
            .unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let begun = Instant::now();
    let answer = Outbound::new(true).get(&url).await;
    assert!(matches!(answer, Err(Error::Failed(_))), "{answer:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn calls_at_once_are_bounded() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", socket.local_addr().unwrap().port());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            let (now, most) = (Arc::clone(&counted), Arc::clone(&highest));
            tokio::spawn(async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut head = [0; 512];
                assert!(stream.read(&mut head).await.unwrap() > 0);
                tokio::time::sleep(Duration::from_millis(20)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            });
        }
    });
    let outbound = Outbound::new(true);
    let calls = (0..200).map(|_| outbound.get(&url));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().status, 204);
    }
    let most = most.load(Ordering::SeqCst);
    assert!((2..=32).contains(&most), "{most}");
}
