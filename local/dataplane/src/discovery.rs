//! What Cloud Map knows: the instances behind each service, and how virtual nodes find theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use local_appmesh::spec::ServiceDiscovery;
use serde::Deserialize;

/// All of Cloud Map at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// Its namespaces.
    #[serde(default)]
    pub namespaces: Vec<Namespace>,
}

/// A namespace, like `demo.local`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its services.
    #[serde(default)]
    pub services: Vec<Service>,
}

/// A service of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Service {
    /// Its name, without the namespace's.
    pub name: String,
    /// What is registered.
    #[serde(default)]
    pub instances: Vec<Instance>,
}

/// A registered instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Instance {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// Attributes, of which `AWS_INSTANCE_IPV4` is where it is.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl Instance {
    fn address(&self) -> Option<Ipv4Addr> {
        self.attributes.get("AWS_INSTANCE_IPV4")?.parse().ok()
    }
}

/// How a virtual node's addresses are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// In Cloud Map, which knows these now.
    Registered(BTreeSet<Ipv4Addr>),
    /// By ordinary DNS: the name is in no namespace of Cloud Map.
    Dns(String),
}

impl Discovery {
    /// Resolves a virtual node's service discovery. A node without one is found nowhere.
    pub fn resolve(&self, how: Option<&ServiceDiscovery>) -> Resolved {
        match how {
            None => Resolved::Registered(BTreeSet::new()),
            Some(ServiceDiscovery::AwsCloudMap(map)) => {
                let wanted: Vec<(&str, &str)> =
                    map.attributes.iter().flatten().map(|attribute| (&*attribute.key, &*attribute.value)).collect();
                let found = self.instances(&map.namespace_name, &map.service_name);
                Resolved::Registered(addresses(found, &wanted))
            }
            Some(ServiceDiscovery::Dns(dns)) => self.resolve_name(&dns.hostname),
        }
    }

    fn resolve_name(&self, hostname: &str) -> Resolved {
        let hostname = hostname.trim_end_matches('.');
        let namespaces = self.namespaces.iter();
        let service = namespaces.filter_map(|namespace| {
            let service = hostname.strip_suffix(&namespace.name)?.strip_suffix('.')?;
            Some((namespace.name.as_str(), service))
        });
        match service.max_by_key(|(namespace, _)| namespace.len()) {
            Some((namespace, service)) => Resolved::Registered(addresses(self.instances(namespace, service), &[])),
            None => Resolved::Dns(hostname.to_owned()),
        }
    }

    fn instances<'a>(&'a self, namespace: &'a str, service: &'a str) -> impl Iterator<Item = &'a Instance> {
        let namespaces = self.namespaces.iter();
        namespaces
            .filter(move |known| known.name == namespace)
            .flat_map(|known| &known.services)
            .filter(move |known| known.name == service)
            .flat_map(|known| &known.instances)
    }
}

fn addresses<'a>(instances: impl Iterator<Item = &'a Instance>, wanted: &[(&str, &str)]) -> BTreeSet<Ipv4Addr> {
    let has = |instance: &Instance, key: &str, value: &str| instance.attributes.get(key).is_some_and(|is| is == value);
    instances
        .filter(|instance| wanted.iter().all(|(key, value)| has(instance, key, value)))
        .filter_map(Instance::address)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn discovery() -> Discovery {
        serde_json::from_value(json!({"namespaces": [
            {"name": "demo.local", "type": "DNS_PRIVATE", "services": [{"name": "shop", "dns": true, "instances": [
                {"id": "a", "attributes": {"AWS_INSTANCE_IPV4": "127.0.40.1", "version": "1"}},
                {"id": "b", "attributes": {"AWS_INSTANCE_IPV4": "127.0.40.2", "version": "2"}},
                {"id": "c", "attributes": {"AWS_INSTANCE_CNAME": "elsewhere"}}]}]},
            {"name": "eu.demo.local", "services": [{"name": "shop", "instances": [
                {"id": "d", "attributes": {"AWS_INSTANCE_IPV4": "127.0.40.3"}}]}]}]}))
        .unwrap()
    }

    fn resolve(how: serde_json::Value) -> Resolved {
        let how: ServiceDiscovery = serde_json::from_value(how).unwrap();
        discovery().resolve(Some(&how))
    }

    fn registered(last: &[u8]) -> Resolved {
        Resolved::Registered(last.iter().map(|&last| Ipv4Addr::new(127, 0, 40, last)).collect())
    }

    #[test]
    fn cloud_map_filters_by_all_attributes() {
        let all = json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": "shop"}});
        assert_eq!(resolve(all), registered(&[1, 2]));
        let second = json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": "shop",
            "attributes": [{"key": "version", "value": "2"}]}});
        assert_eq!(resolve(second), registered(&[2]));
        let unknown = json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": "bank"}});
        assert_eq!(resolve(unknown), registered(&[]));
    }

    #[test]
    fn a_dns_name_is_resolved_in_the_longest_namespace_and_else_by_dns() {
        assert_eq!(resolve(json!({"dns": {"hostname": "shop.demo.local"}})), registered(&[1, 2]));
        assert_eq!(resolve(json!({"dns": {"hostname": "shop.eu.demo.local."}})), registered(&[3]));
        let outside = resolve(json!({"dns": {"hostname": "db.example.com"}}));
        assert_eq!(outside, Resolved::Dns("db.example.com".into()));
    }
}
