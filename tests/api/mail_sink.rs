//! A mail server within the test, over real SMTP, and what people do with what it gets.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::{Answer, Realm, patiently, server, token};

/// A mail server that takes every message and shows it.
pub struct Sink {
    pub port: u16,
    pub letters: mpsc::UnboundedReceiver<Letter>,
}

/// A conversation: what the client said before the message, and the message.
pub struct Letter {
    pub commands: Vec<String>,
    pub text: String,
}

impl Sink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, letters) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, tell.clone()));
            }
        });
        Self { port, letters }
    }

    pub async fn letter(&mut self) -> Letter {
        tokio::time::timeout(Duration::from_secs(20), self.letters.recv())
            .await
            .expect("no e-mail came")
            .unwrap()
    }

    pub fn settings(&self) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "from": "keeper@example.org", "fromDisplayName": "The Keeper",
            "replyTo": "help@example.org", "envelopeFrom": "bounce@example.org", "auth": true, "user": "u",
            "password": "hush"
        })
    }
}

async fn converse(stream: TcpStream, tell: mpsc::UnboundedSender<Letter>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut letter = Letter {
        commands: vec![],
        text: String::new(),
    };
    write.write_all(b"220 sink\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-sink\r\n250 AUTH PLAIN\r\n",
            "AUTH" => b"235 welcome\r\n",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    letter.text.push_str(&line);
                    letter.text.push('\n');
                }
                b"250 taken\r\n"
            }
            "QUIT" => break,
            _ => b"250 well\r\n",
        };
        letter.commands.push(line);
        if write.write_all(answer).await.is_err() {
            return;
        }
    }
    tell.send(letter).ok();
}

impl Letter {
    /// The link in the plain text.
    pub fn link(&self) -> String {
        let text = self.text.replace("=\n", "").replace("=3D", "=");
        let start = text.find("http").expect("no link");
        text[start..].split_whitespace().next().unwrap().to_owned()
    }
}

/// A realm whose e-mails go to a sink.
pub async fn with_mail() -> (Realm, Sink) {
    let sink = Sink::start().await;
    let realm = Realm::with(json!({ "displayName": "Blue <& Co", "eventsEnabled": true })).await;
    let set = json!({ "smtpServer": sink.settings() });
    assert_eq!(realm.admin.put(&realm.path(""), set).await.status, 204);
    (realm, sink)
}

pub async fn ask(realm: &Realm, call: &str, actions: Value) -> Answer {
    let path = realm.path(&format!("/users/{}/{call}", realm.alice));
    realm.admin.put(&path, actions).await
}

pub async fn follow(link: &str) -> Answer {
    Answer::read(Client::new().get(link).send().await.unwrap()).await
}

pub async fn press(link: &str, more: &[(&str, &str)]) -> Answer {
    let (url, key) = link.split_once("?key=").unwrap();
    let mut form = vec![("key", key)];
    form.extend(more);
    patiently(|| Client::new().post(url).form(&form)).await
}

pub async fn login(realm: &Realm, password: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", password),
    ];
    token(&server().url, &realm.name, &form).await
}

pub async fn alice(realm: &Realm) -> Value {
    let path = realm.path(&format!("/users/{}", realm.alice));
    realm.admin.get(&path).await.json
}
