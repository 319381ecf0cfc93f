//! AWS as a function sees it: HTTPS, one endpoint a service, and the answers that its case has, in their order.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, request::Parts},
    response::Response,
    serve::Listener,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{authority::Authority, case::Call};

/// The services that functions call, as the SDK's variables name them.
const SERVICES: [&str; 6] = ["APP_MESH", "CLOUDFORMATION", "CLOUDWATCH", "DYNAMODB", "SFN", "SSM"];

/// The stand-in.
pub struct Aws {
    /// The variables that send the SDK here.
    pub endpoints: Vec<(String, String)>,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    calls: Vec<Call>,
    next: usize,
    spent: Duration,
    unexpected: Option<String>,
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

    /// Has these calls answered from now on.
    pub fn expect(&self, calls: &[Call]) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) =
            Script { calls: calls.to_vec(), ..Script::default() };
    }

    /// Ends an invocation: how long it was that AWS, and not the function, had its requests.
    ///
    /// # Errors
    /// If the calls were not those of the case.
    pub fn finish(&self) -> Result<Duration> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unexpected) = script.unexpected.take() {
            bail!("{unexpected}");
        }
        if script.next != script.calls.len() {
            bail!("it ended after {} of {} calls", script.next, script.calls.len());
        }
        script.next = 0;
        Ok(std::mem::take(&mut script.spent))
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = script.answer(operation(&parts, &body));
    script.spent += arrived.elapsed();
    answer
}

impl Script {
    fn answer(&mut self, operation: String) -> Response {
        let number = self.next + 1;
        let expected = self.calls.get(self.next);
        let Some(call) = expected.filter(|call| call.operation == operation) else {
            let wanted = expected.map_or("none", |call| &call.operation);
            self.unexpected = Some(format!("call {number} is `{operation}`; expected is `{wanted}`"));
            // Nothing that the SDK would try again.
            return response(StatusCode::BAD_REQUEST, "application/json", b"{\"__type\": \"Unexpected\"}".to_vec());
        };
        self.next = number;
        response(StatusCode::from_u16(call.status).unwrap_or_default(), call.media_type, call.body.clone())
    }
}

fn response(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", media_type.try_into().expect("a media type is a header's value"));
    if media_type == "application/cbor" {
        response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor".try_into().expect("so is a protocol"));
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
