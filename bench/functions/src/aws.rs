//! AWS as a function sees it: HTTPS, one endpoint a service, and the answers that its case has.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, request::Parts},
    response::Response,
    serve::Listener,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{authority::Authority, case::Answer};

/// The services that functions call, as the SDK's variables name them.
const SERVICES: [&str; 8] =
    ["APP_MESH", "CLOUDFORMATION", "CLOUDWATCH", "DYNAMODB", "ECS", "SERVICEDISCOVERY", "SFN", "SSM"];

/// The stand-in.
pub struct Aws {
    /// The variables that send the SDK here.
    pub endpoints: Vec<(String, String)>,
    script: Arc<Mutex<Script>>,
}

/// What an invocation has asked so far.
#[derive(Default)]
struct Asked {
    calls: usize,
    times: HashMap<String, usize>,
    unexpected: Option<String>,
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, Vec<Answer>>,
    asked: Asked,
}

impl Aws {
    /// Listens on a port of loopback for each service.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn start(authority: &Authority) -> Result<Self> {
        let script = Arc::new(Mutex::new(Script::default()));
        let mut endpoints = Vec::new();
        for service in SERVICES {
            let tcp = TcpListener::bind("127.0.0.1:0").await?;
            endpoints.push((
                format!("AWS_ENDPOINT_URL_{service}"),
                format!("https://localhost:{}", tcp.local_addr()?.port()),
            ));
            let router = Router::new().fallback(answer).with_state(script.clone());
            let listener = Tls { tcp, acceptor: TlsAcceptor::from(authority.tls.clone()) };
            tokio::spawn(axum::serve(listener, router).into_future());
        }
        Ok(Self { endpoints, script })
    }

    /// Gives these answers from now on.
    pub fn expect(&self, answers: &HashMap<String, Vec<Answer>>) {
        *self.lock() = Script { answers: answers.clone(), asked: Asked::default() };
    }

    /// Ends an invocation, and says how many requests it made.
    ///
    /// # Errors
    /// If it asked what there is no answer to.
    pub fn finish(&self) -> Result<usize> {
        let asked = std::mem::take(&mut self.lock().asked);
        match asked.unexpected {
            Some(operation) => bail!("its case has no answer to `{operation}`"),
            None => Ok(asked.calls),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    script.lock().unwrap_or_else(PoisonError::into_inner).answer(operation(&parts, &body))
}

impl Script {
    fn answer(&mut self, operation: String) -> Response {
        self.asked.calls += 1;
        let time = self.asked.times.entry(operation.clone()).or_default();
        *time += 1;
        let answers = self.answers.get(&operation);
        match answers.and_then(|answers| answers.get(*time - 1).or(answers.last())) {
            Some(answer) => response(StatusCode::OK, answer.media_type, answer.body.clone()),
            None => {
                self.asked.unexpected = Some(operation);
                // Nothing that the SDK would try again.
                response(StatusCode::BAD_REQUEST, "application/json", b"{\"__type\": \"Unexpected\"}".to_vec())
            }
        }
    }
}

fn response(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(media_type));
    if media_type == "application/cbor" {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

/// The operation by whichever way the service's protocol names it; a REST service has but method and path.
fn operation(parts: &Parts, body: &[u8]) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((_, operation)) = target.and_then(|target| target.split_once('.')) {
        return operation.to_owned();
    }
    let path = parts.uri.path();
    if let Some((_, operation)) = path.split_once("/operation/") {
        return operation.to_owned();
    }
    let query = std::str::from_utf8(body).ok().and_then(|text| text.strip_prefix("Action="));
    match query {
        Some(query) => query.split('&').next().unwrap_or_default().to_owned(),
        None => format!("{} {path}", parts.method),
    }
}

/// Takes connections and does their handshakes.
struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.tcp).await;
            // As AWS's own servers do; without it an answer in two parts would wait for an acknowledgement.
            let handshake = async { stream.set_nodelay(true).and(Ok(self.acceptor.accept(stream).await?)) };
            match handshake.await {
                Ok(stream) => return (stream, address),
                Err(error) => eprintln!("a handshake failed: {error}"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
