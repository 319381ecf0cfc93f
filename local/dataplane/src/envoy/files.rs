//! Envoy's files. Envoy takes a file's new content when it is renamed into place, and ignores writes in place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What Envoy is started with.
pub fn bootstrap_path(directory: &Path) -> PathBuf {
    directory.join("bootstrap.json")
}

/// Where the clusters are.
pub fn clusters_path(directory: &Path) -> PathBuf {
    directory.join("cds.json")
}

/// Where the listeners are.
pub fn listeners_path(directory: &Path) -> PathBuf {
    directory.join("lds.json")
}

/// Where the addresses of `cluster` are; Envoy wants one file each.
pub fn endpoints_path(directory: &Path, cluster: &str) -> PathBuf {
    directory.join("eds").join(format!("{cluster}.json"))
}

/// Where the route table `name` is.
pub fn routes_path(directory: &Path, name: &str) -> PathBuf {
    directory.join("rds").join(format!("{name}.json"))
}

/// A kind of resource.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Clusters.
    Cluster,
    /// The addresses of one cluster.
    Endpoints,
    /// Listeners.
    Listener,
    /// One route table.
    Routes,
}

impl Kind {
    fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }
}

/// Writes the directories that the other paths need.
pub fn create_directories(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory.join("eds"))?;
    fs::create_dir_all(directory.join("rds"))
}

/// Replaces the resources in the file at `path`. Envoy shows `version` once it took them.
pub fn write_resources<'a>(
    path: &Path,
    kind: Kind,
    version: &str,
    resources: impl IntoIterator<Item = &'a Value>,
) -> io::Result<()> {
    let type_url = kind.type_url();
    let typed = |resource: &Value| {
        let mut resource = resource.clone();
        resource["@type"] = type_url.into();
        resource
    };
    let resources: Vec<Value> = resources.into_iter().map(typed).collect();
    let response = json!({"version_info": version, "type_url": type_url, "resources": resources});
    write(path, &response)
}

/// Writes `value` beside `path` and renames it into place.
pub fn write(path: &Path, value: &Value) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, serde_json::to_vec_pretty(value)?)?;
    fs::rename(&temporary, path)
}
