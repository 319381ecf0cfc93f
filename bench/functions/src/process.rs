//! A function's process, and what Linux knows of it.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use tokio::process::{Child, Command};

/// A running function. It ends with this.
pub struct Process {
    child: Child,
    /// What it has used.
    pub usage: Usage,
}

/// What a process has used.
#[derive(Clone, Copy)]
pub struct Usage {
    id: u32,
}

impl Process {
    /// Starts an executable with nothing but these variables.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(bootstrap: &Path, environment: Vec<(String, String)>) -> Result<Self> {
        let child = Command::new(bootstrap)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("`{}` cannot be started", bootstrap.display()))?;
        let id = child.id().context("it has ended")?;
        Ok(Self { child, usage: Usage { id } })
    }

    /// Waits until it ends by itself, and says how.
    pub async fn ended(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Ends it, and waits until it has.
    ///
    /// # Errors
    /// If it cannot be ended.
    pub async fn end(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

impl Usage {
    /// The CPU time of its threads. One that has ended is not in it; tokio keeps its own for ten seconds.
    ///
    /// # Errors
    /// If Linux does not say.
    pub fn cpu(self) -> Result<Duration> {
        let mut total = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id))? {
            let path = thread?.path().join("schedstat");
            let text = fs::read_to_string(&path)?;
            let nanoseconds = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
            total += nanoseconds.with_context(|| format!("`{}` holds `{text}`", path.display()))?;
        }
        Ok(Duration::from_nanos(total))
    }

    /// A line of `/proc/PID/status` that tells of memory, in bytes.
    ///
    /// # Errors
    /// If Linux does not say.
    pub fn memory(self, line: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id);
        let text = fs::read_to_string(&path)?;
        let kibibytes = text.lines().find_map(|found| {
            found.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        });
        Ok(kibibytes.with_context(|| format!("`{path}` has no `{line}`"))? * 1024)
    }
}
