//! What one Envoy is to have, what it was sent and what it said of it: delta xDS as its server sees it, without a network.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use envoy_types::pb::google::protobuf::Any;

/// A reason repeats the resource, which may be long.
const LONGEST_REASON: usize = 500;

/// A kind of resource, in the order in which changes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Clusters (CDS).
    Cluster,
    /// The addresses of one cluster, by its name (EDS).
    Endpoints,
    /// The route table of one listener, by its name (RDS).
    Routes,
    /// Listeners (LDS).
    Listener,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Cluster, Self::Endpoints, Self::Routes, Self::Listener];

    fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Endpoints => "addresses of cluster",
            Self::Routes => "route table",
            Self::Listener => "listener",
        }
    }

    /// The kind of resource that makes Envoy ask for one of this kind, by the same name. Without one, Envoy asks for all.
    fn owner(self) -> Option<Self> {
        match self {
            Self::Endpoints => Some(Self::Cluster),
            Self::Routes => Some(Self::Listener),
            Self::Cluster | Self::Listener => None,
        }
    }
}

type Name = (Kind, String);

#[derive(Debug)]
struct Entry {
    version: u64,
    /// Absent while Envoy is to remove it.
    content: Option<Any>,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Pending,
    Accepted,
    Rejected(String),
}

/// The resources of one Envoy.
#[derive(Debug, Default)]
pub struct Resources {
    entries: BTreeMap<Name, Entry>,
    last_version: u64,
    last_stream: u64,
    last_nonce: u64,
    /// What Envoy asked for over its current stream.
    subscriptions: BTreeMap<Kind, Subscription>,
}

/// What Envoy asked for and was sent of one kind.
#[derive(Debug, Default)]
struct Subscription {
    names: BTreeSet<String>,
    /// The version that was sent last, of each resource.
    sent: BTreeMap<String, u64>,
    /// Responses that Envoy has not answered, by nonce.
    unanswered: BTreeMap<String, Vec<(String, u64)>>,
    /// Resources that were rejected together with others. Each is sent by itself, to learn which one Envoy means.
    apart: BTreeSet<String>,
    /// Envoy starts only after a first response, even an empty one.
    begun: bool,
}

impl Resources {
    /// Gives Envoy a resource, or replaces it.
    pub fn set(&mut self, kind: Kind, name: &str, content: Any) {
        self.put((kind, name.to_owned()), Some(content));
    }

    /// Sends a resource once more. Envoy waits for the addresses of each cluster that it was sent.
    pub fn resend(&mut self, kind: Kind, name: &str) {
        let name = (kind, name.to_owned());
        if let Some(entry) = self.entries.remove(&name) {
            self.put(name, entry.content);
        }
    }

    /// Takes a resource from Envoy. One with an owner goes with that.
    pub fn remove(&mut self, kind: Kind, name: &str) {
        let name = (kind, name.to_owned());
        if self.entries.remove(&name).is_some() && kind.owner().is_none() {
            self.put(name, None);
        }
    }

    fn put(&mut self, name: Name, content: Option<Any>) {
        self.last_version += 1;
        let entry = Entry { version: self.last_version, content, outcome: Outcome::Pending };
        self.entries.insert(name, entry);
    }

    /// A new stream of this Envoy, which gets everything anew. Replaces the one before.
    pub fn connect(&mut self) -> u64 {
        self.subscriptions.clear();
        self.entries.retain(|_, entry| entry.content.is_some());
        for entry in self.entries.values_mut() {
            entry.outcome = Outcome::Pending;
        }
        self.last_stream += 1;
        self.last_stream
    }

    /// Whether `stream` is the current one.
    pub fn is_current(&self, stream: u64) -> bool {
        self.last_stream == stream
    }

    /// Takes what Envoy asks for, and its answer to a response. Kinds that are not ours are ignored.
    pub fn receive(&mut self, request: DeltaDiscoveryRequest) {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.type_url() == request.type_url) else {
            return;
        };
        if kind.owner().is_none() {
            // What Envoy still has from an earlier stream and is not to have any more.
            for name in request.initial_resource_versions.into_keys() {
                let name = (kind, name);
                if !self.entries.contains_key(&name) {
                    self.put(name, None);
                }
            }
        }
        let subscription = self.subscriptions.entry(kind).or_default();
        for name in request.resource_names_unsubscribe {
            subscription.names.remove(&name);
            subscription.sent.remove(&name);
        }
        for name in request.resource_names_subscribe {
            subscription.sent.remove(&name);
            subscription.names.insert(name);
        }
        let answered = subscription.unanswered.remove(&request.response_nonce).unwrap_or_default();
        match request.error_detail {
            Some(_) if answered.len() > 1 => {
                for (name, _) in answered {
                    subscription.sent.remove(&name);
                    subscription.apart.insert(name);
                }
            }
            Some(error) => {
                let reason: String = error.message.trim().chars().take(LONGEST_REASON).collect();
                self.settle(kind, answered, &Outcome::Rejected(reason));
            }
            None => self.settle(kind, answered, &Outcome::Accepted),
        }
    }

    fn settle(&mut self, kind: Kind, answered: Vec<(String, u64)>, outcome: &Outcome) {
        for (name, version) in answered {
            let name = (kind, name);
            match self.entries.get_mut(&name) {
                Some(entry) if entry.version == version && entry.content.is_none() => {
                    self.entries.remove(&name);
                }
                Some(entry) if entry.version == version => entry.outcome = outcome.clone(),
                _ => {}
            }
        }
    }

    /// What is to be sent now.
    pub fn responses(&mut self) -> Vec<DeltaDiscoveryResponse> {
        Kind::ALL.into_iter().flat_map(|kind| self.responses_of(kind)).collect()
    }

    fn responses_of(&mut self, kind: Kind) -> Vec<DeltaDiscoveryResponse> {
        let due = self.due(kind);
        let Some(subscription) = self.subscriptions.get_mut(&kind) else {
            return vec![];
        };
        let first = kind.owner().is_none() && !std::mem::replace(&mut subscription.begun, true);
        let (apart, together): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|(name, _)| subscription.apart.remove(name));
        let together = Some(together).filter(|names| first || !names.is_empty());
        let groups = together.into_iter().chain(apart.into_iter().map(|one| vec![one]));
        groups.collect::<Vec<_>>().into_iter().map(|names| self.response(kind, names)).collect()
    }

    /// Resources whose current version was not sent. A version of 0 stands for a resource that does not exist.
    fn due(&self, kind: Kind) -> Vec<(String, u64)> {
        let Some(subscription) = self.subscriptions.get(&kind) else {
            return vec![];
        };
        let of_kind = self.entries.iter().filter(|((found, _), _)| *found == kind);
        let changed = of_kind
            .filter(|((_, name), _)| kind.owner().is_none() || subscription.names.contains(name))
            .filter(|((_, name), entry)| subscription.sent.get(name) != Some(&entry.version))
            .map(|((_, name), entry)| (name.clone(), entry.version));
        let missing = subscription.names.iter().filter(|name| {
            let known = self.entries.contains_key(&(kind, (*name).clone())) || subscription.sent.contains_key(*name);
            kind.owner().is_some() && !known
        });
        changed.chain(missing.map(|name| (name.clone(), 0))).collect()
    }

    fn response(&mut self, kind: Kind, names: Vec<(String, u64)>) -> DeltaDiscoveryResponse {
        self.last_nonce += 1;
        let nonce = self.last_nonce.to_string();
        let mut response = DeltaDiscoveryResponse {
            type_url: kind.type_url().to_owned(),
            nonce: nonce.clone(),
            system_version_info: self.last_version.to_string(),
            ..Default::default()
        };
        for (name, version) in &names {
            let entry = self.entries.get(&(kind, name.clone()));
            match entry.and_then(|entry| entry.content.clone()) {
                Some(content) => response.resources.push(Resource {
                    name: name.clone(),
                    version: version.to_string(),
                    resource: Some(content),
                    ..Default::default()
                }),
                None => response.removed_resources.push(name.clone()),
            }
        }
        let subscription = self.subscriptions.entry(kind).or_default();
        subscription.sent.extend(names.iter().cloned());
        subscription.unanswered.insert(nonce, names);
        response
    }

    /// Resources that Envoy has neither accepted nor rejected. One that it does not ask for, since it rejected the owner,
    /// is not among them.
    pub fn unsettled(&self) -> Vec<String> {
        let pending = self.entries.iter().filter(|(_, entry)| entry.outcome == Outcome::Pending);
        let pending = pending.filter(|((kind, name), _)| {
            let Some(owner) = kind.owner() else {
                return true;
            };
            let owner = self.entries.get(&(owner, name.clone()));
            let asked = self.subscriptions.get(kind).is_some_and(|asked| asked.names.contains(name));
            asked || owner.is_some_and(|owner| owner.outcome == Outcome::Accepted)
        });
        pending.map(|(name, _)| title(name)).collect()
    }

    /// Resources that Envoy rejected, each with Envoy's words.
    pub fn rejected(&self) -> Vec<String> {
        let rejected = self.entries.iter().filter_map(|(name, entry)| match &entry.outcome {
            Outcome::Rejected(reason) => Some(format!("{}: {reason}", title(name))),
            Outcome::Pending | Outcome::Accepted => None,
        });
        rejected.collect()
    }
}

fn title((kind, name): &Name) -> String {
    format!("{} `{name}`", kind.noun())
}

#[cfg(test)]
#[path = "resources_tests.rs"]
mod tests;
