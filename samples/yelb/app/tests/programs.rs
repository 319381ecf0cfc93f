//! The two programs as processes.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const APP_SERVER: &str = env!("CARGO_BIN_EXE_yelb-appserver");
const UI: &str = env!("CARGO_BIN_EXE_yelb-ui");

/// A program that should have ended by now is a failure, not something to wait for.
const TIME_TO_END: Duration = Duration::from_secs(10);

fn command(program: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOST", "127.0.0.1").envs(environment.iter().copied()).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a program that ends by itself.
async fn run(program: &str, environment: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let output = tokio::time::timeout(TIME_TO_END, command(program, environment, arguments).output()).await;
    let Output { status, stderr, .. } = output.expect("the program ends").unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// Starts a program; what it says first, and where it listens.
async fn start(program: &str, environment: &[(&str, &str)], arguments: &[&str]) -> (Child, String, String) {
    let mut child = command(program, environment, arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("the program says where it listens");
    let address = line.split_once("http://").expect("the first line holds the address").1.to_owned();
    (child, line, address)
}

#[tokio::test]
async fn a_flag_goes_before_the_variable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = free.local_addr().unwrap().port().to_string();
    let environment = [("PORT", taken.as_str()), ("VERSION", "7c2f1e9")];
    let (_child, line, address) = start(APP_SERVER, &environment, &["--port", "0"]).await;
    assert!(line.starts_with("yelb-appserver 7c2f1e9 listens on http://127.0.0.1:"), "{line}");
    assert!(!address.ends_with(&taken), "{line}");
}

#[tokio::test]
async fn either_answers_its_ping_and_ends_well_at_sigterm() {
    for program in [APP_SERVER, UI] {
        let (mut child, _, address) = start(program, &[("PORT", "0")], &[]).await;
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("pong\n"), "{answer}");

        let id = child.id().expect("the program still runs").to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = tokio::time::timeout(TIME_TO_END, child.wait()).await.expect("it ends after SIGTERM");
        assert_eq!(ended.unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_ends_either_with_2_and_one_line() {
    for (program, environment, arguments, parts) in [
        (APP_SERVER, &[][..], &["--votes-per-click", "11"][..], ["yelb-appserver: ", "'11'", "from 1 to 10"]),
        (APP_SERVER, &[("PORT", "http")], &[], ["yelb-appserver: ", "'http'", "from 0 to 65535"]),
        (APP_SERVER, &[], &["--vote"], ["yelb-appserver: ", "'--vote'", "unexpected"]),
        (UI, &[("APPSERVER_URL", "ftp://x")], &[], ["yelb-ui: ", "'ftp://x'", "an http:// URL"]),
    ] {
        let (code, told) = run(program, environment, arguments).await;
        assert_eq!((code, told.lines().count()), (Some(2), 1), "{told}");
        for part in parts {
            assert!(told.contains(part), "{told}");
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, told) = run(UI, &[("PORT", &port)], &[]).await;
    assert_eq!(code, Some(1));
    assert!(told.starts_with(&format!("yelb-ui: listening on `127.0.0.1:{port}` failed: ")), "{told}");
}
