//! Runs the command as a build does: in a directory of its own, with the variables it is given and no others.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// A manifest that is right with every default.
pub const MANIFEST: &str = "\
Task:
  Family: hello-backend
  Cpu: 256
  Memory: 512
AppContainer:
  Image: hello-backend:1
  Port: 8080
  HealthCheckPath: /data
";

/// A deploy.json that is right but for what a build adds.
pub const DEPLOY: &str = r#"{
  "EnvironmentName": "demo",
  "Namespace": "demo.local",
  "MicroserviceName": "hello-backend",
  "Protocol": "http",
  "Port": "8080",
  "PercentageStep": 25,
  "WaitTime": 60
}
"#;
/// The least that a template of the team's own has to have.
pub const OWN_TEMPLATE: &str = concat!(
    r#"{"Parameters": {"EnvironmentName": {}, "MicroserviceName": {}, "Namespace": {}, "Sha": {}, "ContainerImage": {}, "#,
    r#""Port": {}, "Protocol": {}}, "Resources": {"Node": {}}}"#,
);
/// What completes it.
pub const RENDER: &str = "render --deploy deploy.json --manifest manifest.yaml --sha 0a1b2c3";

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A directory that holds a build's files, and is removed with this.
pub struct Build {
    directory: PathBuf,
    variables: Vec<(String, OsString)>,
}

impl Build {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("build-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
        fs::create_dir_all(&directory).unwrap();
        Self { directory, variables: Vec::new() }
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.join(name), text).unwrap();
        self
    }

    /// A program of a folder `bin`, where no other is.
    pub fn program(self, name: &str, script: &str) -> Self {
        let directory = self.directory.join("bin");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}")).unwrap();
        self.with_mode(&format!("bin/{name}"), 0o755).variable("PATH", directory.to_str().unwrap())
    }

    pub fn with_mode(self, name: &str, mode: u32) -> Self {
        fs::set_permissions(self.directory.join(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.directory.join(name)).unwrap().permissions().mode() & 0o777
    }

    pub fn directory(self, name: &str) -> Self {
        fs::create_dir(self.directory.join(name)).unwrap();
        self
    }

    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// What a command that is refused says; it prints nothing else and changes nothing.
    pub fn refused(&self, arguments: &str) -> String {
        let before = (self.names(), fs::read(self.directory.join("deploy.json")).ok());
        let outcome = self.canary(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{}", outcome.stderr);
        assert_eq!((self.names(), fs::read(self.directory.join("deploy.json")).ok()), before);
        outcome.stderr
    }

    /// Runs `canary` with arguments that are separated by spaces.
    pub fn canary(&self, arguments: &str) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_canary"))
            .args(arguments.split_whitespace())
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A build that `canary render` completes.
pub fn build() -> Build {
    Build::new().file("manifest.yaml", MANIFEST).file("deploy.json", DEPLOY)
}

/// A platform with a sidecar whose environment is about so many bytes.
pub fn heavy(bytes: usize) -> String {
    let variables: String = (0..bytes / 64).map(|n| format!("      V{n:04}: {}\n", "x".repeat(30))).collect();
    format!("Sidecars:\n  - Name: agent\n    Image: agent:1\n    Environment:\n{variables}")
}

/// The template of a manifest and platform settings, as JSON.
pub fn template(manifest: &str, platform: &str) -> serde_json::Value {
    let build = Build::new().file("manifest.yaml", manifest).file("platform.yaml", platform);
    let outcome = build.canary("template --manifest manifest.yaml --platform platform.yaml --format json");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    serde_json::from_str(&outcome.stdout).unwrap()
}
