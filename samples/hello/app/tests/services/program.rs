//! One of the sample's programs, running.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A program that should have ended by now is a failure, not something to wait for.
pub const TIME_TO_END: Duration = Duration::from_secs(10);

/// A running program; it is killed when dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
}

impl Program {
    /// The command for `program` with exactly `environment`, on a free loopback port unless that says otherwise.
    pub fn command(program: &str, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOST", "127.0.0.1").env("PORT", "0");
        command.envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts `program` and waits until it says where it listens.
    pub async fn start(program: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Self::command(program, environment).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("the program says where it listens");
        let (_, address) = line.split_once("http://").expect("the first line holds the address");
        Self { address: address.parse().unwrap(), child }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let id = self.child.id().expect("the program still runs").to_string();
        let kill = std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits until the program has ended by itself.
    pub async fn exit_code(mut self) -> i32 {
        let ended = tokio::time::timeout(TIME_TO_END, self.child.wait()).await;
        ended.expect("the program ends after SIGTERM").unwrap().code().expect("it ended by itself")
    }

    pub async fn stop(self) {
        self.terminate();
        self.exit_code().await;
    }
}
