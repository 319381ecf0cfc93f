//! Syncers over a scripted Envoy: its configuration stream, and an admin interface that says that nothing is warming.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::envoy::ads::Resources;
use crate::envoy::model::ADMIN_PORT;

/// What Envoy was sent, in order.
type Sent = Arc<Mutex<Vec<String>>>;

/// An Envoy that asks for the addresses and routes of what it has, and accepts everything.
struct Envoy {
    session: Session,
    sent: Sent,
    _tasks: Vec<JoinHandle<()>>,
}

fn kind(response: &DeltaDiscoveryResponse) -> &str {
    response.type_url.rsplit('.').next().unwrap()
}

fn request(type_url: &str, names: Vec<String>, nonce: &str) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: type_url.to_owned(),
        resource_names_subscribe: names,
        response_nonce: nonce.to_owned(),
        ..Default::default()
    }
}

/// What the accepted resources of `response` make Envoy ask for, which it does once.
fn next(response: &DeltaDiscoveryResponse, asked: &mut BTreeSet<String>) -> Option<DeltaDiscoveryRequest> {
    let names = response.resources.iter().map(|resource| resource.name.clone());
    let names = names.filter(|name| asked.insert(format!("{} {name}", kind(response)))).collect();
    let package = "type.googleapis.com/envoy.config";
    match kind(response) {
        "Cluster" => Some(request(&format!("{package}.endpoint.v3.ClusterLoadAssignment"), names, "")),
        "Listener" => Some(request(&format!("{package}.route.v3.RouteConfiguration"), names, "")),
        _ => None,
    }
}

async fn answer(session: Session, sent: Sent) {
    session.change(|resources| {
        resources.connect();
        for kind in ["cluster.v3.Cluster", "listener.v3.Listener"] {
            resources.receive(request(&format!("type.googleapis.com/envoy.config.{kind}"), vec![], ""));
        }
    });
    let mut asked = BTreeSet::new();
    loop {
        for response in session.change(Resources::responses) {
            let added = response.resources.iter().map(|resource| format!("{} {}", kind(&response), resource.name));
            let removed = response.removed_resources.iter().map(|name| format!("-{} {name}", kind(&response)));
            sent.lock().unwrap().extend(added.chain(removed));
            session.change(|resources| {
                resources.receive(request(&response.type_url, vec![], &response.nonce));
                if let Some(next) = next(&response, &mut asked) {
                    resources.receive(next);
                }
            });
        }
        tokio::task::yield_now().await;
    }
}

impl Envoy {
    /// The Envoy at `address`, and a syncer that gives it `config` to start with.
    async fn start(address: Ipv4Addr, config: &ProxyConfig) -> (Self, Syncer) {
        let admin = Router::new().route("/stats", get(|| async { r#"{"stats":[]}"# }));
        let listener = TcpListener::bind((address, ADMIN_PORT)).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let session = Session::default();
        let syncer = Syncer::create(session.clone(), Admin::new(client, address), config);
        let sent = Sent::default();
        let serve = tokio::spawn(async move { axum::serve(listener, admin).await.unwrap() });
        let stream = tokio::spawn(answer(session.clone(), sent.clone()));
        (Self { session, sent, _tasks: vec![serve, stream] }, syncer)
    }

    fn sent(&self) -> Vec<String> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

fn config(clusters: &[&str], last: u8) -> ProxyConfig {
    let mut config = ProxyConfig::default();
    for name in clusters {
        config.add_cluster(Cluster { name: (*name).into(), ..Default::default() });
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 40, last), 80);
        config.endpoints.insert((*name).into(), [address].into());
    }
    config.add_listener(Listener { name: "egress".into(), ..Default::default() });
    let removed = clusters.iter().map(|name| (*name).into()).collect();
    config.add_routes(RouteConfiguration {
        name: "egress".into(),
        request_headers_to_remove: removed,
        ..Default::default()
    });
    config
}

#[tokio::test]
async fn additions_come_from_the_callees_end_and_removals_from_the_callers() {
    let (envoy, mut syncer) = Envoy::start(Ipv4Addr::new(127, 0, 94, 1), &config(&["a"], 1)).await;
    syncer.apply(&config(&["a"], 1)).await.unwrap();
    envoy.sent();

    syncer.apply(&config(&["a", "b"], 1)).await.unwrap();
    assert_eq!(envoy.sent(), ["Cluster b", "ClusterLoadAssignment b", "RouteConfiguration egress"]);

    let wanted = config(&["b"], 2);
    syncer.apply(&wanted).await.unwrap();
    // The address that goes is called until the routes are in place.
    assert_eq!(envoy.sent(), ["RouteConfiguration egress", "ClusterLoadAssignment b"]);
    assert!(syncer.has_leftovers(&wanted));
    syncer.remove_leftovers(&wanted).await.unwrap();
    assert_eq!(envoy.sent(), ["-Cluster a"]);
    assert!(!syncer.has_leftovers(&wanted));
}

#[tokio::test]
async fn a_changed_cluster_gets_its_addresses_again() {
    let (envoy, mut syncer) = Envoy::start(Ipv4Addr::new(127, 0, 94, 2), &config(&["a"], 1)).await;
    syncer.apply(&config(&["a"], 1)).await.unwrap();
    envoy.sent();
    let mut wanted = config(&["a"], 1);
    wanted.add_cluster(Cluster { name: "a".into(), ignore_health_on_host_removal: true, ..Default::default() });
    syncer.apply(&wanted).await.unwrap();
    assert_eq!(envoy.sent()[..2], ["Cluster a", "ClusterLoadAssignment a"]);
    syncer.apply(&wanted).await.unwrap();
    assert_eq!(envoy.sent().iter().filter(|name| name.starts_with("Cluster ")).count(), 0);
}

#[tokio::test]
async fn an_envoy_that_says_nothing_is_named_with_what_it_did_not_take() {
    let (envoy, mut syncer) = Envoy::start(Ipv4Addr::new(127, 0, 94, 3), &config(&["a"], 1)).await;
    syncer.apply(&config(&["a"], 1)).await.unwrap();
    for task in &envoy._tasks {
        task.abort();
    }
    envoy.session.change(|resources| resources.set(Kind::Routes, "egress", Default::default()));
    let silent = envoy.session.settled(Duration::from_millis(10)).await.unwrap_err();
    let message = SyncError::Silent(silent).to_string();
    assert_eq!(message, "Envoy did not take route table `egress` within 30 seconds");
}
