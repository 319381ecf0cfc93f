//! Envoy: what each one is to do ([`generate`], pure), and how it comes to do it without losing a request ([`plane`]).

mod access_log;
pub mod admin;
pub mod ads;
pub mod bootstrap;
mod clusters;
mod drain;
mod gateway;
mod listeners;
mod looks;
mod matching;
mod member;
pub mod model;
pub mod plane;
mod proto;
mod resilience;
pub mod role;
mod routes;
mod services;
pub mod sync;
mod tcp;

use local_appmesh::snapshot::Mesh;

use model::{Proxy, ProxyConfig, World};
use role::RoleKind;

pub use clusters::egress_name;

/// The configuration of `proxy`. It is empty as long as its resource does not exist.
///
/// The ports of TCP services are taken from [`Proxy::egress_ports`]; see [`egress_ports`].
pub fn generate(world: World<'_>, proxy: &Proxy) -> ProxyConfig {
    let mut config = ProxyConfig::default();
    let Some(mesh) = world.mesh.meshes.get(&proxy.role.mesh) else {
        return config;
    };
    let exists = match proxy.role.kind {
        RoleKind::VirtualNode => add_node(&mut config, mesh, proxy),
        RoleKind::VirtualGateway => add_gateway(&mut config, mesh, proxy),
    };
    if exists {
        add_egress(&mut config, world, mesh, proxy);
    }
    config
}

/// The ports at which `proxy` is to offer TCP virtual services, by service; those it offers already are kept.
pub fn egress_ports(world: World<'_>, proxy: &Proxy) -> std::collections::BTreeMap<String, u16> {
    let mesh = world.mesh.meshes.get(&proxy.role.mesh);
    let services = mesh.map(|mesh| services::known_to(mesh, &proxy.role));
    services::egress_ports(&services.unwrap_or_default(), proxy)
}

/// The HTTP virtual services that `proxy` knows; its application reaches them at the egress listener.
pub fn http_services(world: World<'_>, proxy: &Proxy) -> Vec<String> {
    let mesh = world.mesh.meshes.get(&proxy.role.mesh);
    let services = mesh.map(|mesh| services::known_to(mesh, &proxy.role));
    let http = services.unwrap_or_default().into_iter().filter(|service| !service.is_tcp());
    http.map(|service| service.name.to_owned()).collect()
}

fn add_node(config: &mut ProxyConfig, mesh: &Mesh, proxy: &Proxy) -> bool {
    let Some(node) = mesh.virtual_nodes.get(&proxy.role.name) else {
        return false;
    };
    if let Some(spec) = node.listeners.as_ref().and_then(|all| all.first()) {
        let application = clusters::application(proxy, spec);
        let ingress = listeners::ingress(proxy, node, spec, &application.name);
        config.add_listener(ingress);
        config.add_cluster(application);
    }
    let egress = listeners::egress(mesh, proxy, node.logging.as_ref());
    config.add_listener(egress);
    if routes::allows_all(mesh) {
        let name = routes::allow_all_name(&proxy.role.mesh);
        config.add_cluster(listeners::forward_cluster(&name));
    }
    true
}

fn add_gateway(config: &mut ProxyConfig, mesh: &Mesh, proxy: &Proxy) -> bool {
    let Some(gateway) = mesh.virtual_gateways.get(&proxy.role.name) else {
        return false;
    };
    let logging = gateway.spec.logging.as_ref();
    for listener in &gateway.spec.listeners {
        let port = listener.port_mapping.port.number();
        let (mesh, name) = (&proxy.role.mesh, &proxy.role.name);
        let cluster = format!("cds_ingress_{mesh}_{name}_self_redirect_{port}");
        let pool = listener.connection_pool.as_ref();
        let redirect = clusters::to_own_egress(proxy, &cluster, pool);
        config.add_cluster(redirect);
        let table = gateway::table(gateway, port, &cluster);
        let listener = listeners::gateway(proxy, &gateway::table_name(port), port, logging);
        config.add_routes(table);
        config.add_listener(listener);
    }
    let egress = listeners::egress_of_gateway(proxy);
    config.add_listener(egress);
    true
}

/// What every Envoy needs in order to call others: the services it knows, and their nodes' clusters.
fn add_egress(config: &mut ProxyConfig, world: World<'_>, mesh: &Mesh, proxy: &Proxy) {
    let services = services::known_to(mesh, &proxy.role);
    for target in services.iter().flat_map(|service| service.targets(mesh)) {
        let Some(node) = mesh.virtual_nodes.get(target.node) else {
            continue;
        };
        let name = target.cluster(&proxy.role.mesh);
        let (cluster, endpoints) = match target.dead_port {
            None => clusters::egress(world, proxy, &name, node),
            Some(_) => clusters::dead(&name),
        };
        if let Some(endpoints) = endpoints {
            config.endpoints.insert(name, endpoints);
        }
        config.add_cluster(cluster);
    }
    let table = routes::egress_table(mesh, proxy, &services);
    config.add_routes(table);
    for service in services.iter().filter(|service| service.is_tcp()) {
        let port = proxy.egress_ports.get(service.name);
        let listener = port.and_then(|&port| tcp::egress_listener(mesh, proxy, service, port));
        if let Some(listener) = listener {
            config.add_listener(listener);
        }
    }
}

#[cfg(test)]
mod tests;
