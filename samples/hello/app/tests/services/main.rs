//! The two programs as processes, over real sockets.
#![allow(clippy::unwrap_used)]

mod program;

use std::time::{Duration, Instant};

use program::{Program, TIME_TO_END};
use sample_hello::backend::Data;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BACKEND: &str = env!("CARGO_BIN_EXE_hello-backend");
const WEB: &str = env!("CARGO_BIN_EXE_hello-web");

/// A client that no proxy variable of the surrounding shell can lead astray.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn get(url: &str) -> (u16, reqwest::header::HeaderMap, String) {
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
}

#[tokio::test]
async fn backend_answers_its_data_with_its_version() {
    let backend = Program::start(BACKEND, &[("VERSION", "7c2f1e9")]).await;
    let (status, headers, body) = get(&backend.url("/data")).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/json");
    let data: Data = serde_json::from_str(&body).unwrap();
    assert_eq!(data.version, "7c2f1e9");
    assert!(!data.greeting.is_empty() && !data.message.is_empty());
    assert_eq!(get(&backend.url("/ping")).await.0, 200);
}

#[tokio::test]
async fn web_combines_the_escaped_name_with_what_the_backend_says() {
    let backend = Program::start(BACKEND, &[("VERSION", "7c2f1e9")]).await;
    let web = Program::start(WEB, &[("BACKEND_URL", &backend.url("/data"))]).await;
    let (status, headers, body) = get(&web.url("/hello/%3Cb%3EAda%20%26%20Bob")).await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-backend-version"], "7c2f1e9");
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(body.contains("<h1>Hello, &lt;b&gt;Ada &amp; Bob!</h1>"), "{body}");
    assert!(body.contains("<p>It is good to see you.</p>"), "{body}");
    assert_eq!(get(&web.url("/ping")).await.0, 200);
}

#[tokio::test]
async fn web_answers_502_and_the_reason_when_the_backend_fails() {
    let backend = Program::start(BACKEND, &[("ERROR_PERCENT", "100")]).await;
    let url = backend.url("/data");
    let web = Program::start(WEB, &[("BACKEND_URL", &url)]).await;
    let (status, headers, body) = get(&web.url("/hello/Ada")).await;
    assert_eq!(status, 502);
    assert!(!headers.contains_key("x-backend-version"));
    assert_eq!(body, format!("hello-backend at `{url}` answered `500 Internal Server Error`\n"));
    backend.stop().await;
    let (status, _, body) = get(&web.url("/hello/Ada")).await;
    assert_eq!(status, 502);
    assert!(body.starts_with(&format!("calling hello-backend at `{url}` failed: ")), "{body}");
    assert!(body.contains("Connection refused"), "the whole chain is told: {body}");
}

#[tokio::test]
async fn web_answers_502_when_the_backend_says_something_else() {
    let backend = Program::start(BACKEND, &[]).await;
    let web = Program::start(WEB, &[("BACKEND_URL", &backend.url("/ping"))]).await;
    let (status, _, body) = get(&web.url("/hello/Ada")).await;
    assert_eq!(status, 502);
    assert!(body.contains("something that is not its data"), "{body}");
}

#[tokio::test]
async fn web_reaches_the_backend_through_the_proxy_it_is_given() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    for variable in ["http_proxy", "HTTP_PROXY"] {
        let web = Program::start(WEB, &[(variable, &address)]).await;
        let url = web.url("/hello/Ada");
        let page = tokio::spawn(async move { get(&url).await });
        let accepted = tokio::time::timeout(Duration::from_secs(5), proxy.accept()).await;
        let (mut connection, _) = accepted.expect("the call comes to the proxy").unwrap();
        let request = read_head(&mut connection).await;
        assert!(request.starts_with("GET http://hello-backend.demo.local/data HTTP/1.1\r\n"), "{request}");
        assert!(request.to_lowercase().contains("\r\nhost: hello-backend.demo.local\r\n"), "{request}");
        let data = r#"{"greeting":"Hi","message":"m","version":"v9"}"#;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", data.len());
        connection.write_all((head + data).as_bytes()).await.unwrap();
        let (status, headers, _) = page.await.unwrap();
        assert_eq!((status, headers["x-backend-version"].to_str().unwrap()), (200, "v9"));
    }
}

#[tokio::test]
async fn ten_percent_of_the_answers_fail_and_the_ping_does_not() {
    let backend = Program::start(BACKEND, &[("ERROR_PERCENT", "10")]).await;
    let (http, url) = (client(), backend.url("/data"));
    let mut failing = Vec::new();
    for nth in 0..50 {
        let status = http.get(&url).send().await.unwrap().status();
        assert!(status == 200 || status == 500);
        if status == 500 {
            failing.push(nth);
        }
        assert_eq!(http.get(backend.url("/ping")).send().await.unwrap().status(), 200);
    }
    assert_eq!(failing, [9, 19, 29, 39, 49]);
}

#[tokio::test]
async fn the_delay_holds_an_answer_back() {
    let backend = Program::start(BACKEND, &[("DELAY_MS", "150")]).await;
    let begin = Instant::now();
    assert_eq!(get(&backend.url("/data")).await.0, 200);
    assert!(begin.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn an_offset_leaves_the_told_port_closed() {
    let told = free_port_below_the_top().await;
    let port = told.to_string();
    let backend = Program::start(BACKEND, &[("PORT", &port), ("PORT_OFFSET", "1")]).await;
    assert_eq!(backend.address.port(), told + 1);
    let refused = TcpStream::connect(("127.0.0.1", told)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn sigterm_lets_a_request_finish_and_ends_with_success() {
    let backend = Program::start(BACKEND, &[("DELAY_MS", "400")]).await;
    let mut connection = TcpStream::connect(backend.address).await.unwrap();
    connection.write_all(b"GET /data HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // A second connection that is answered shows that the first one's request was read.
    assert_eq!(get(&backend.url("/ping")).await.0, 200);
    backend.terminate();
    let mut answer = String::new();
    let read = connection.read_to_string(&mut answer);
    tokio::time::timeout(TIME_TO_END, read).await.expect("the connection ends after SIGTERM").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("greeting"), "{answer}");
    assert_eq!(backend.exit_code().await, 0);
}

#[tokio::test]
async fn a_bad_variable_ends_either_program_with_2_and_one_line() {
    for program in [BACKEND, WEB] {
        let output = Program::command(program, &[("ERROR_PERCENT", "101")]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{error}");
        for part in ["ERROR_PERCENT", "`101`", "from 0 to 100"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Program::command(BACKEND, &[("PORT", &port)]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("hello-backend: listening on `127.0.0.1:{port}` failed: ")), "{error}");
}

/// What arrives up to the end of the request's head.
async fn read_head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A port that is free together with the one above it.
async fn free_port_below_the_top() -> u16 {
    loop {
        let lower = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = lower.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).await.is_ok() {
            return port;
        }
    }
}
