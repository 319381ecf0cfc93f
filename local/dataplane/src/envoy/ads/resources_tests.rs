#![allow(clippy::unwrap_used)]
use envoy_types::pb::google::rpc::Status;

use super::*;

/// An Envoy that answers everything it was sent.
struct Envoy {
    resources: Resources,
    /// The resources it was sent, in order; `-` before one that it was to remove.
    sent: Vec<String>,
    /// A resource that it rejects, and every response with it.
    refuses: Option<&'static str>,
}

fn content(text: &str) -> Any {
    Any { value: text.into(), ..Default::default() }
}

impl Envoy {
    /// One that has connected and asked for clusters and listeners.
    fn connected(mut resources: Resources) -> Self {
        resources.connect();
        let mut envoy = Self { resources, sent: Vec::new(), refuses: None };
        envoy.ask(Kind::Cluster, &[]);
        envoy.ask(Kind::Listener, &[]);
        envoy
    }

    fn ask(&mut self, kind: Kind, names: &[&str]) {
        self.resources.receive(DeltaDiscoveryRequest {
            type_url: kind.type_url().into(),
            resource_names_subscribe: names.iter().map(|name| (*name).into()).collect(),
            ..Default::default()
        });
    }

    /// Answers until there is nothing left to answer, and returns what it was sent since the last time.
    fn answer(&mut self) -> Vec<String> {
        loop {
            let responses = self.resources.responses();
            if responses.is_empty() {
                return std::mem::take(&mut self.sent);
            }
            for response in responses {
                let names = response.resources.iter().map(|resource| resource.name.clone());
                let names: Vec<String> = names.collect();
                let bad = self.refuses.filter(|refused| names.iter().any(|name| name == refused));
                self.sent.extend(names);
                self.sent.extend(response.removed_resources.iter().map(|name| format!("-{name}")));
                self.resources.receive(DeltaDiscoveryRequest {
                    type_url: response.type_url,
                    response_nonce: response.nonce,
                    error_detail: bad.map(|bad| Status { message: format!("no {bad}"), ..Default::default() }),
                    ..Default::default()
                });
            }
        }
    }
}

fn with(names: &[(Kind, &str)]) -> Resources {
    let mut resources = Resources::default();
    for (kind, name) in names {
        resources.set(*kind, name, content("first"));
    }
    resources
}

#[test]
fn an_envoy_gets_all_clusters_and_listeners_and_the_rest_when_it_asks() {
    let all = [(Kind::Listener, "in"), (Kind::Routes, "in"), (Kind::Endpoints, "a"), (Kind::Cluster, "a")];
    let mut envoy = Envoy::connected(with(&all));
    assert_eq!(envoy.answer(), ["a", "in"]);
    assert_eq!(envoy.resources.unsettled(), ["addresses of cluster `a`", "route table `in`"]);
    envoy.ask(Kind::Endpoints, &["a"]);
    envoy.ask(Kind::Routes, &["in"]);
    assert_eq!(envoy.answer(), ["a", "in"]);
    assert_eq!(envoy.resources.unsettled(), Vec::<String>::new());
    // Only what has changed is sent again.
    envoy.resources.set(Kind::Routes, "in", content("second"));
    assert_eq!(envoy.resources.unsettled(), ["route table `in`"]);
    assert_eq!(envoy.answer(), ["in"]);
}

#[test]
fn an_envoy_that_is_to_have_nothing_gets_an_empty_first_response() {
    let mut envoy = Envoy::connected(Resources::default());
    assert_eq!(envoy.resources.responses().len(), 2);
    envoy.ask(Kind::Routes, &["gone"]);
    assert_eq!(envoy.answer(), ["-gone"]);
}

#[test]
fn a_rejected_resource_keeps_its_name_and_envoys_words_until_it_is_mended() {
    let mut envoy = Envoy::connected(with(&[(Kind::Cluster, "a"), (Kind::Cluster, "b"), (Kind::Cluster, "c")]));
    envoy.refuses = Some("b");
    // Rejected together, then one by one.
    assert_eq!(envoy.answer(), ["a", "b", "c", "a", "b", "c"]);
    assert_eq!(envoy.resources.rejected(), ["cluster `b`: no b"]);
    assert_eq!(envoy.resources.unsettled(), Vec::<String>::new());
    envoy.resources.set(Kind::Cluster, "c", content("second"));
    assert_eq!(envoy.answer(), ["c"]);
    assert_eq!(envoy.resources.rejected().len(), 1, "it is not sent again, and still rejected");

    envoy.refuses = None;
    envoy.resources.set(Kind::Cluster, "b", content("second"));
    assert_eq!(envoy.answer(), ["b"]);
    assert_eq!(envoy.resources.rejected(), Vec::<String>::new());
}

#[test]
fn an_answer_to_an_older_version_says_nothing_about_the_newer_one() {
    let mut envoy = Envoy::connected(with(&[(Kind::Cluster, "a")]));
    let response = envoy.resources.responses().remove(0);
    envoy.resources.set(Kind::Cluster, "a", content("second"));
    envoy.resources.receive(DeltaDiscoveryRequest {
        type_url: response.type_url,
        response_nonce: response.nonce,
        ..Default::default()
    });
    assert_eq!(envoy.resources.unsettled(), ["cluster `a`"]);
    assert_eq!(envoy.answer(), ["a"]);
    assert_eq!(envoy.resources.unsettled(), Vec::<String>::new());
}

#[test]
fn addresses_of_a_rejected_cluster_are_not_waited_for() {
    let mut envoy = Envoy::connected(with(&[(Kind::Cluster, "a"), (Kind::Endpoints, "a")]));
    envoy.refuses = Some("a");
    envoy.answer();
    assert_eq!(envoy.resources.unsettled(), Vec::<String>::new());
}

#[test]
fn a_removed_cluster_is_taken_away_and_its_addresses_go_with_it() {
    let mut envoy = Envoy::connected(with(&[(Kind::Cluster, "a"), (Kind::Endpoints, "a")]));
    envoy.ask(Kind::Endpoints, &["a"]);
    envoy.answer();
    envoy.resources.remove(Kind::Cluster, "a");
    assert_eq!(envoy.resources.unsettled(), ["cluster `a`"]);
    assert_eq!(envoy.answer(), ["-a"]);
    envoy.resources.remove(Kind::Endpoints, "a");
    assert_eq!(envoy.answer(), Vec::<String>::new());
    assert_eq!(envoy.resources.unsettled(), Vec::<String>::new());
}

#[test]
fn a_new_stream_gets_everything_anew_and_loses_what_is_gone() {
    let mut envoy = Envoy::connected(with(&[(Kind::Cluster, "a"), (Kind::Cluster, "b"), (Kind::Listener, "in")]));
    envoy.answer();
    envoy.resources.remove(Kind::Cluster, "b");
    let old = envoy.resources.last_stream;
    let mut envoy = Envoy::connected(envoy.resources);
    assert!(!envoy.resources.is_current(old));
    assert_eq!(envoy.resources.unsettled(), ["cluster `a`", "listener `in`"]);
    envoy.resources.receive(DeltaDiscoveryRequest {
        type_url: Kind::Cluster.type_url().into(),
        initial_resource_versions: [("a".into(), "1".into()), ("b".into(), "2".into())].into(),
        ..Default::default()
    });
    assert_eq!(envoy.answer(), ["a", "-b", "in"]);
}
