//! Many requests at once, each timed.

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use tokio::runtime::Runtime;

use crate::{ANSWER, SLACK};

/// Where load is made.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What came of one request.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub sent: Instant,
    pub took: Duration,
    /// The status, or why there is none.
    pub status: Result<u16, String>,
    pub retry_after: bool,
    pub body: String,
}

/// A client whose requests end soon after the longest that an answer may take: what it gives up has hung.
pub fn client() -> Client {
    Client::builder()
        .no_proxy()
        .timeout(ANSWER + Duration::from_secs(3))
        .build()
        .unwrap()
}

/// Sends one request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Outcome {
    let sent = Instant::now();
    let (status, retry_after, body) = match request.send().await {
        Err(error) => (Err(format!("{error:?}")), false, String::new()),
        Ok(answer) => {
            let status = answer.status().as_u16();
            let retry_after = answer.headers().contains_key("retry-after");
            match answer.text().await {
                Ok(body) => (Ok(status), retry_after, body),
                Err(error) => (Err(format!("{error:?}")), false, String::new()),
            }
        }
    };
    Outcome {
        sent,
        took: sent.elapsed(),
        status,
        retry_after,
        body,
    }
}

/// Sends requests all at once.
pub fn all_at_once(requests: impl IntoIterator<Item = RequestBuilder>) -> Vec<Outcome> {
    RUNTIME.block_on(join(requests.into_iter().map(send)))
}

/// Runs futures beside each other, each as a task.
pub async fn join<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outputs = vec![];
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

impl Outcome {
    pub fn is(&self, status: u16) -> bool {
        self.status == Ok(status)
    }

    pub fn ended(&self) -> Instant {
        self.sent + self.took
    }

    /// Whether the request was answered in time, with success or with an honest «try again».
    pub fn is_fair(&self) -> bool {
        let answered = match self.status {
            Ok(503) => self.retry_after,
            Ok(status) => status < 300,
            Err(_) => false,
        };
        answered && self.took <= ANSWER + SLACK
    }
}
