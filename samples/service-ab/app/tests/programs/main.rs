//! The two programs as processes, over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

mod program;

use std::time::Duration;

use program::{Program, TIME_TO_END};
use reqwest::Version;
use sample_service_ab::serviceb::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const A: &str = env!("CARGO_BIN_EXE_servicea");
const B: &str = env!("CARGO_BIN_EXE_serviceb");

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Got {
    status: u16,
    protocol: Version,
    version: Option<String>,
    body: String,
}

/// A GET over HTTP/2 with prior knowledge, by a client that no proxy variable of the surrounding shell can lead astray.
async fn get(url: &str) -> Got {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    let version = answer.headers().get("x-version").map(|value| value.to_str().unwrap().to_owned());
    let (status, protocol) = (answer.status().as_u16(), answer.version());
    Got { status, protocol, version, body: answer.text().await.unwrap() }
}

fn answer(version: &str, protocol: &str) -> Answer {
    Answer { service: "serviceb".into(), version: version.into(), protocol: protocol.into() }
}

#[tokio::test]
async fn b_answers_its_version_over_http2() {
    let b = Program::start(B, &[("VERSION", "7c2f1e9")]).await;
    let got = get(&b.url("/")).await;
    assert_eq!((got.status, got.protocol, got.version.as_deref()), (200, Version::HTTP_2, Some("7c2f1e9")));
    assert_eq!(serde_json::from_str::<Answer>(&got.body).unwrap(), answer("7c2f1e9", "HTTP/2.0"));
    assert_eq!(get(&b.url("/ping")).await.status, 200);
    assert_eq!(get(&b.url("/elsewhere")).await.status, 404);
}

#[tokio::test]
async fn a_calls_b_over_http2_and_passes_on_its_answer_and_version() {
    let b = Program::start(B, &[("VERSION", "v2")]).await;
    let a = Program::start(A, &[("VERSION", "v1"), ("BACKEND_URL", &b.url("/"))]).await;
    let got = get(&a.url("/")).await;
    assert_eq!((got.status, got.protocol, got.version.as_deref()), (200, Version::HTTP_2, Some("v2")));
    assert_eq!(serde_json::from_str::<Answer>(&got.body).unwrap(), answer("v2", "HTTP/2.0"));
    assert_eq!(get(&a.url("/ping")).await.status, 200);
}

#[tokio::test]
async fn a_caller_without_http2_is_answered_too_and_b_is_still_called_with_it() {
    let b = Program::start(B, &[("VERSION", "v2")]).await;
    let a = Program::start(A, &[("BACKEND_URL", &b.url("/"))]).await;
    let client = reqwest::Client::builder().no_proxy().http1_only().build().unwrap();
    for (program, seen_by_b) in [(&b, "HTTP/1.1"), (&a, "HTTP/2.0")] {
        let got = client.get(program.url("/")).send().await.unwrap();
        assert_eq!(got.headers()["content-type"], "application/json");
        let body = got.text().await.unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&body).unwrap(), answer("v2", seen_by_b));
    }
}

#[tokio::test]
async fn a_reaches_b_through_the_proxy_it_is_given_by_the_name_it_was_told() {
    // Any name does: the proxy is who connects. serviceb itself stands for the sidecar that leads to it.
    let b = Program::start(B, &[("VERSION", "v2")]).await;
    for variable in ["http_proxy", "HTTP_PROXY"] {
        let a = Program::start(A, &[(variable, &b.url(""))]).await;
        let got = get(&a.url("/")).await;
        assert_eq!((got.status, got.version.as_deref()), (200, Some("v2")), "{}", got.body);
        assert_eq!(serde_json::from_str::<Answer>(&got.body).unwrap(), answer("v2", "HTTP/2.0"));
    }
}

#[tokio::test]
async fn a_speaks_http2_to_the_proxy_from_the_first_byte() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let a = Program::start(A, &[("http_proxy", &address)]).await;
    let url = a.url("/");
    let call = tokio::spawn(async move { get(&url).await });
    let accepted = tokio::time::timeout(Duration::from_secs(5), proxy.accept()).await;
    let (mut connection, _) = accepted.expect("the call comes to the proxy").unwrap();
    let mut begin = vec![0; PREFACE.len()];
    connection.read_exact(&mut begin).await.unwrap();
    assert_eq!(begin, PREFACE);
    drop((connection, proxy));
    assert_eq!(call.await.unwrap().status, 502);
}

#[tokio::test]
async fn a_answers_502_and_the_reason_when_b_fails() {
    let b = Program::start(B, &[]).await;
    let elsewhere = b.url("/elsewhere");
    let a = Program::start(A, &[("BACKEND_URL", &elsewhere)]).await;
    let got = get(&a.url("/")).await;
    assert_eq!((got.status, got.version), (502, None));
    assert_eq!(got.body, format!("serviceb at `{elsewhere}` answered `404 Not Found`\n"));
    b.stop().await;
    let got = get(&a.url("/")).await;
    assert_eq!(got.status, 502);
    assert!(got.body.starts_with(&format!("calling serviceb at `{elsewhere}` failed: ")), "{}", got.body);
    assert!(got.body.contains("Connection refused"), "the whole chain is told: {}", got.body);
}

#[tokio::test]
async fn sigterm_lets_a_request_finish_and_ends_with_success() {
    // servicea waits for a serviceb that answers when this test lets it.
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", backend.local_addr().unwrap());
    let a = Program::start(A, &[("BACKEND_URL", &address)]).await;
    let mut caller = TcpStream::connect(a.address).await.unwrap();
    caller.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let (connection, _) = backend.accept().await.unwrap();
    a.terminate();
    // Whoever connects from now on is refused, and the request that is under way is not.
    refuses(a.address).await;
    drop((connection, backend));
    let mut answer = String::new();
    let read = caller.read_to_string(&mut answer);
    tokio::time::timeout(TIME_TO_END, read).await.expect("the connection ends after SIGTERM").unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert_eq!(a.exit_code().await, 0);
}

#[tokio::test]
async fn a_bad_variable_ends_either_program_with_2_and_one_line() {
    for program in [A, B] {
        let output = Program::command(program, &[("PORT", "80000")]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{error}");
        for part in ["PORT", "`80000`", "from 0 to 65535"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Program::command(B, &[("PORT", &port)]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("serviceb: listening on `127.0.0.1:{port}` failed: ")), "{error}");
}

/// Waits until nobody listens at `address` any more.
async fn refuses(address: std::net::SocketAddr) {
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIME_TO_END, closed).await.expect("it stops listening after SIGTERM");
}
