//! Containers' processes: started so that they cannot outlive this program, stopped with all they started.
//!
//! Each process leads a process group of its own, so that a shell's children are stopped with it. It also asks the
//! kernel for a SIGKILL at the death of this program. That has to be asked for between fork and exec, which
//! safe Rust cannot do, so the program starts itself in a small mode ([`supervise`]) that asks and then becomes
//! the wanted program. The kernel ties the request to the thread that forked; this program forks on its main thread
//! only (its runtime has one thread), which lives as long as it does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};
use tokio::process::{Child, Command};

/// The hidden first argument that selects [`supervise`].
pub const SUPERVISE: &str = "supervise";

/// The environment that every container has on this machine.
const INHERITED: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "TMPDIR"];

/// A running process and its group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Option<Pid>,
}

impl Process {
    /// Starts `program` with exactly `environment` (and what finds programs), its output appended to `log`.
    ///
    /// # Errors
    /// If the log cannot be opened or no process can be made. A program that does not exist is not such an error: the
    /// process ends with code 127 and says so in the log.
    pub fn start(program: &[String], environment: &BTreeMap<String, String>, log: &Path) -> io::Result<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        // This link leads to the running program even if its file was replaced by a newer build.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg(SUPERVISE)
            .arg(std::process::id().to_string())
            .args(program)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, group })
    }

    /// The exit code once the process has ended: its own, or 128 + the signal that ended it. Whatever it started is
    /// ended too.
    pub async fn wait(&mut self) -> i32 {
        let status = self.child.wait().await;
        self.signal(Signal::KILL);
        status.map_or(-1, exit_code)
    }

    /// Asks the process and all it started to end, and after `patience` ends them.
    pub async fn stop(&mut self, patience: Duration) -> i32 {
        self.signal(Signal::TERM);
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => {
                self.signal(Signal::KILL);
                status.map_or(-1, exit_code)
            }
            Err(_) => {
                self.signal(Signal::KILL);
                self.wait().await
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The only failure is that nobody is left in the group.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Whoever no longer waits for a process, a health check of a container that ends for example, leaves nothing behind.
impl Drop for Process {
    fn drop(&mut self) {
        // Afterwards the group's number may be another's.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// Becomes the program that `arguments` name after the parent's process id, and never outlives that parent.
///
/// Returns only if that is impossible, with the exit code to end with.
pub fn supervise(mut arguments: impl Iterator<Item = OsString>) -> i32 {
    let parent = arguments.next().and_then(|id| id.to_str()?.parse().ok());
    let Some(program) = arguments.next() else {
        eprintln!("`{SUPERVISE}` needs a parent's process id and a program");
        return 2;
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        eprintln!("cannot ask for a signal at the parent's death: {error}");
        return 126;
    }
    // The parent may have died before it was asked for.
    if getppid() != parent.and_then(Pid::from_raw) {
        return 137;
    }
    let error = std::process::Command::new(&program).args(arguments).exec();
    eprintln!("cannot run `{}`: {error}", program.display());
    127
}
