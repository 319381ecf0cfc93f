//! The ADS server: each Envoy has all its dynamic resources over one gRPC stream (delta xDS) through a Unix socket.

mod resources;

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status, Streaming};
use tracing::debug;

pub use resources::{Kind, Resources};

/// Responses that may wait for Envoy to read them.
const QUEUE: usize = 16;

/// The server; clones share their Envoys.
#[derive(Debug, Clone)]
pub struct Ads {
    directory: Arc<File>,
    sessions: Arc<Mutex<BTreeMap<String, Session>>>,
}

impl Ads {
    /// A server without Envoys, whose socket is in `directory`.
    ///
    /// # Errors
    /// If the directory cannot be opened.
    pub fn new(directory: &Path) -> io::Result<Self> {
        Ok(Self { directory: Arc::new(File::open(directory)?), sessions: Arc::default() })
    }

    /// The Unix socket. A socket's path has at most 107 bytes, so this one leads through the open directory.
    pub fn socket(&self) -> PathBuf {
        format!("/proc/{}/fd/{}/ads.sock", std::process::id(), self.directory.as_raw_fd()).into()
    }

    /// Takes the socket, which only this user may use, also from a data plane that ended without removing it.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn bind(&self) -> io::Result<UnixListener> {
        let socket = self.socket();
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// Serves for as long as it is polled.
    ///
    /// # Errors
    /// If the socket fails.
    pub async fn serve(&self, listener: UnixListener) -> Result<(), tonic::transport::Error> {
        let service = AggregatedDiscoveryServiceServer::new(self.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        server.serve_with_incoming(UnixListenerStream::new(listener)).await
    }

    /// Lets the Envoy with the node id `node` connect, and returns what it is to get.
    pub fn open(&self, node: &str) -> Session {
        let session = Session::default();
        self.sessions().insert(node.to_owned(), session.clone());
        session
    }

    /// Forgets the Envoy with the node id `node`.
    pub fn close(&self, node: &str) {
        self.sessions().remove(node);
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = ReceiverStream<Result<DiscoveryResponse, Status>>;
    type DeltaAggregatedResourcesStream = ReceiverStream<Result<DeltaDiscoveryResponse, Status>>;

    async fn stream_aggregated_resources(
        &self,
        _: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("this server speaks delta xDS only: set `api_type: DELTA_GRPC`"))
    }

    async fn delta_aggregated_resources(
        &self,
        requests: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let mut requests = requests.into_inner();
        let first = requests.message().await?.unwrap_or_default();
        let node = first.node.as_ref().map(|node| node.id.clone()).unwrap_or_default();
        let session = self.sessions().get(&node).cloned();
        let session = session.ok_or_else(|| Status::not_found(format!("no Envoy has the node id `{node}` here")))?;
        let (responses, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let ended = session.converse(first, requests, responses).await;
            debug!(node, ?ended, "an Envoy's configuration stream ended");
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// What one Envoy is to get and what it says of it; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Session {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    resources: Mutex<Resources>,
    changed: watch::Sender<()>,
}

impl Session {
    /// Changes the resources and brings Envoy what has changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut Resources) -> T) -> T {
        let changed = change(&mut self.resources());
        self.inner.changed.send_replace(());
        changed
    }

    /// Waits until Envoy has accepted or rejected everything.
    ///
    /// # Errors
    /// What it said nothing about in time.
    pub async fn settled(&self, within: Duration) -> Result<(), Vec<String>> {
        let mut changes = self.inner.changed.subscribe();
        let settled = async { while !self.unsettled().is_empty() && changes.changed().await.is_ok() {} };
        timeout(within, settled).await.map_err(|_| self.unsettled())
    }

    /// What Envoy rejected, each with its words.
    pub fn rejected(&self) -> Vec<String> {
        self.resources().rejected()
    }

    fn unsettled(&self) -> Vec<String> {
        self.resources().unsettled()
    }

    /// Serves one stream until it ends or Envoy opens another one.
    async fn converse(
        &self,
        first: DeltaDiscoveryRequest,
        mut requests: Streaming<DeltaDiscoveryRequest>,
        responses: mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>,
    ) -> Result<(), Status> {
        let mut changes = self.inner.changed.subscribe();
        let stream = self.change(|resources| {
            let stream = resources.connect();
            resources.receive(first);
            stream
        });
        loop {
            changes.mark_unchanged();
            let due = match &mut *self.resources() {
                resources if resources.is_current(stream) => resources.responses(),
                _ => return Ok(()),
            };
            for response in due {
                if responses.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
            tokio::select! {
                request = requests.message() => match request? {
                    Some(request) => self.receive(stream, request),
                    None => return Ok(()),
                },
                _ = changes.changed() => {}
            }
        }
    }

    fn receive(&self, stream: u64, request: DeltaDiscoveryRequest) {
        self.change(|resources| {
            if resources.is_current(stream) {
                resources.receive(request);
            }
        });
    }

    fn resources(&self) -> MutexGuard<'_, Resources> {
        self.inner.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_taken_over_in_a_directory_whose_path_is_too_long_for_one() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("x".repeat(120));
        fs::create_dir(&long).unwrap();
        drop(Ads::new(&long).unwrap().bind().unwrap());
        let ads = Ads::new(&long).unwrap();
        let listener = ads.bind().unwrap();
        let (caller, accepted) = tokio::join!(UnixStream::connect(ads.socket()), listener.accept());
        assert!(caller.is_ok() && accepted.is_ok());
        let mode = long.join("ads.sock").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
