//! What the real program logs and answers for hostile events: one JSON object a line, nothing of theirs that steers a reader,
//! nothing secret.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

const SECRET: &str = "wJalrXUtnFEMIK7MDENG";
const HOSTILE: [&str; 6] = [
    "x\n{\"level\":\"INFO\",\"fields\":{\"message\":\"answered\"}}",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "a\u{2028}b\u{2029}c\u{85}d",
    "\u{202e}gnp.exe\u{2066}\u{200b}",
    "\u{9b}31m\r\u{8}\u{0}",
    "`\"; DROP \\ ' ${jndi:ldap://x} %s {}",
];

fn request(field: &str, value: Value) -> Value {
    let mut request = json!({
        "EnvironmentName": "demo", "Namespace": "demo.local", "MicroserviceName": "web", "Protocol": "http", "Port": 0,
        "PercentageStep": 25, "WaitTime": 60, "Sha": "bbb", "ContainerImage": "web:bbb",
        "CanaryTemplate": "UmVzb3VyY2VzOiB7fQo=",
    });
    request[field] = value;
    json!({"request": request, "execution": "arn:execution"})
}

/// Every event with something hostile or secret in some place.
fn events() -> Vec<String> {
    let fields =
        ["EnvironmentName", "Sha", "ContainerImage", "Protocol", "MeshName", "Action", "CanaryTemplate", "Colour"];
    let mut events: Vec<Value> = Vec::new();
    for text in HOSTILE {
        events.extend(fields.map(|field| request(field, json!(text))));
        events.push(request(text, json!(1)));
        events.push(request("Port", json!({text: [text]})));
        events.extend([json!(text), json!([text]), json!({"request": {}, "execution": {text: text}})]);
    }
    let url = format!("https://b.s3.us-west-2.amazonaws.com/t?X-Amz-Signature={SECRET}");
    events.push(request("CanaryTemplateUrl", json!(url)));
    events.push(request("CanaryTemplateUrl", json!(format!("https://user:{SECRET}@b.s3.us-west-2.amazonaws.com/t"))));
    events.push(request("CanaryTemplate", json!({"Password": SECRET})));
    events.push(request("CanaryTemplate", json!(SECRET)));
    events.push(request("Sha", json!("é".repeat(100_000))));
    events.push(request(&"é".repeat(100_000), json!(1)));
    let many: serde_json::Map<_, _> = (0..20_000).map(|n| (format!("{n}\u{1b}"), json!(n))).collect();
    events.push(json!({"request": many, "execution": "arn:execution"}));
    let mut events: Vec<_> = events.iter().map(Value::to_string).collect();
    events.extend([format!("{}{}", "[".repeat(500), "]".repeat(500)), r#"{"request": 1e999}"#.to_owned()]);
    events
}

/// One HTTP message: its first line and its body.
fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    if stream.read_line(&mut first).ok()? == 0 {
        return None;
    }
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        match header.trim().to_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            None if header.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// The Lambda Runtime API: hands out `events`, one after the other, and returns what was answered to each.
fn play(listener: &TcpListener, events: &[String]) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream.unwrap());
        while let Some((first, body)) = read(&mut stream) {
            let given = match first.starts_with("GET") {
                true => events[answers.len()].as_str(),
                false => {
                    let line = first.split(' ').nth(1).unwrap_or_default().to_owned();
                    answers.push((line, String::from_utf8(body).unwrap()));
                    "{}"
                }
            };
            let status = if first.starts_with("GET") { "200 OK" } else { "202 Accepted" };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: r{}\r\n\
                 lambda-runtime-deadline-ms: 4102444800000\r\ncontent-length: {}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-west-2:1:function:x\r\n\r\n{given}",
                answers.len(),
                given.len()
            );
            stream.get_mut().write_all(head.as_bytes()).unwrap();
            if answers.len() == events.len() {
                return answers;
            }
        }
    }
    answers
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[test]
fn each_call_is_one_line_of_json_whatever_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_check-version"))
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "check-version"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "g"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "s"),
            ("AWS_REGION", "us-west-2"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("LOCK_TABLE", "locks"),
            // Somebody wants to see more; requests with their signatures are not among it.
            ("RUST_LOG", "trace"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, err) = (program.stdout.take().unwrap(), program.stderr.take().unwrap());
    let reader = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).map(|_| text)
        })
    };
    let (out, err) = (reader(Box::new(out)), reader(Box::new(err)));

    let events = events();
    let answers = play(&listener, &events);
    program.kill().unwrap();
    program.wait().unwrap();
    let (out, err) = (out.join().unwrap().unwrap(), err.join().unwrap().unwrap());

    assert_eq!(err, "", "nothing is written past the log");
    let lines: Vec<&str> = out.strip_suffix('\n').unwrap().split('\n').collect();
    assert_eq!(lines.len(), events.len(), "one line a call");
    for ((line, event), (path, answer)) in lines.iter().zip(&events).zip(&answers) {
        let logged: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = logged["fields"]["error"].as_str().unwrap();
        assert!(["Canary.InvalidInput", "Canary.InvalidState"].contains(&name), "{line}");
        let answer_said: Value = serde_json::from_str(answer).unwrap();
        assert!(path.ends_with("/error"), "{path}");
        assert_eq!(answer_said["errorMessage"], logged["fields"]["cause"]);
        for text in [*line, logged["fields"]["cause"].as_str().unwrap(), answer.as_str()] {
            assert!(!text.chars().any(steers), "{text:?}\n  of {event}");
            assert!(!text.contains(SECRET), "{text}");
            assert!(text.len() < 40_000, "{} bytes", text.len());
        }
    }
}
