//! The Lambda Runtime API, of one function at a time.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

type Inbox = mpsc::UnboundedSender<(Instant, Said)>;

/// What a function said.
enum Said {
    /// That it waits for an event.
    Ready(oneshot::Sender<String>),
    /// Its answer.
    Answered,
    /// Its error, or the runtime's.
    Failed(String),
}

/// A function that waits for an event.
pub struct Waiting {
    /// Since when.
    pub since: Instant,
    event: oneshot::Sender<String>,
}

/// The API.
pub struct RuntimeApi {
    /// Where it listens.
    pub address: SocketAddr,
    said: mpsc::UnboundedReceiver<(Instant, Said)>,
}

impl RuntimeApi {
    /// Listens on a port of loopback.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn start() -> Result<Self> {
        let (inbox, said) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{request}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(inbox);
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { address, said })
    }

    /// Waits until the function asks for an event.
    ///
    /// # Errors
    /// If it says something else.
    pub async fn ready(&mut self) -> Result<Waiting> {
        match self.heard().await? {
            (since, Said::Ready(event)) => Ok(Waiting { since, event }),
            (_, Said::Failed(why)) => bail!("it failed before it asked for an event: {why}"),
            (_, Said::Answered) => bail!("it answered an event that it was not given"),
        }
    }

    /// Gives it `event`, and tells when that was and when it answered.
    ///
    /// # Errors
    /// If it fails.
    pub async fn invoke(&mut self, waiting: Waiting, event: String) -> Result<(Instant, Instant)> {
        let given = Instant::now();
        waiting.event.send(event).ok().context("it does not wait for an event any more")?;
        match self.heard().await? {
            (answered, Said::Answered) => Ok((given, answered)),
            (_, Said::Failed(why)) => bail!("it failed: {why}"),
            (_, Said::Ready(_)) => bail!("it asked for the next event without answering this one"),
        }
    }

    async fn heard(&mut self) -> Result<(Instant, Said)> {
        self.said.recv().await.context("the Runtime API has ended")
    }
}

async fn next(State(inbox): State<Inbox>) -> Result<(HeaderMap, String), StatusCode> {
    let (event, given) = oneshot::channel();
    say(&inbox, Said::Ready(event));
    let event = given.await.map_err(|_| StatusCode::GONE)?;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-west-2:000000000000:function:bench"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
        ("content-type", "application/json"),
    ];
    Ok((
        headers
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
            .into_iter()
            .collect(),
        event,
    ))
}

async fn answered(State(inbox): State<Inbox>, Path(_request): Path<String>, _answer: String) -> StatusCode {
    say(&inbox, Said::Answered);
    StatusCode::ACCEPTED
}

async fn failed(State(inbox): State<Inbox>, error: String) -> StatusCode {
    say(&inbox, Said::Failed(error));
    StatusCode::ACCEPTED
}

/// Nobody listens any more once the bench has ended.
fn say(inbox: &Inbox, said: Said) {
    let _ = inbox.send((Instant::now(), said));
}
