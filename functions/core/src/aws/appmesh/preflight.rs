//! What would go wrong with a deployment over App Mesh, found before anything is touched.

use aws_sdk_appmesh::types::{ServiceDiscovery, VirtualRouterSpec};

use super::{AppMesh, failed, live, mesh, route, router};
use crate::{
    Error, Result,
    plan::Deployment,
    service::{Protocol, Service, Version},
};

/// Returns every reason why `deployment` would go wrong.
pub(super) async fn problems(appmesh: &AppMesh, service: &Service, deployment: &Deployment) -> Result<Vec<Error>> {
    let Some(spec) = appmesh.router_spec(mesh(service), &router(service)).await? else {
        return Ok(vec![no_router(service)]);
    };
    let mut problems: Vec<_> = other_protocol(service, &spec).into_iter().collect();
    problems.extend(namespace(appmesh, service, deployment.stable()).await?);
    if deployment.stable().is_none() {
        problems.extend(other_routes(appmesh, service).await?);
    }
    Ok(problems)
}

fn no_router(service: &Service) -> Error {
    let right = format!(
        "mesh `{}` has no virtual router `{}`; allowed is a service whose pipeline stack is deployed",
        mesh(service),
        router(service)
    );
    Error::invalid("MicroserviceName", format!("is `{}`", service.microservice_name), right)
}

/// A version with another protocol would get a route of another kind, or none of the traffic.
fn other_protocol(service: &Service, spec: &VirtualRouterSpec) -> Option<Error> {
    let mappings = spec.listeners().iter().filter_map(|listener| listener.port_mapping.as_ref());
    let taken: Vec<Protocol> = mappings.filter_map(|mapping| mapping.protocol.as_str().parse().ok()).collect();
    if taken.is_empty() || taken.contains(&service.protocol) {
        return None;
    }
    let allowed: Vec<_> = taken.iter().map(|protocol| format!("`{protocol}`")).collect();
    let right =
        format!("allowed is what the router of `{}` listens for, {}", service.microservice_name, allowed.join(" or "));
    Some(Error::invalid("Protocol", format!("is `{}`", service.protocol), right))
}

/// Callers look a version up in its namespace: it has to exist, and to be the live version's, unless that one does not exist.
async fn namespace(appmesh: &AppMesh, service: &Service, stable: Option<&Version>) -> Result<Option<Error>> {
    let live = match stable {
        Some(stable) => appmesh.namespace_of(service, &stable.name).await?.map(|live| (live, &stable.name)),
        None => None,
    };
    if live.as_ref().is_some_and(|(live, _)| *live == service.namespace) {
        return Ok(None);
    }
    let existing = appmesh.existing_namespaces().await?;
    let wrong = |right: String| Error::invalid("Namespace", format!("is `{}`", service.namespace), right);
    if !existing.contains(&service.namespace) {
        let allowed: Vec<_> = existing.iter().map(|name| format!("`{name}`")).collect();
        let allowed = if allowed.is_empty() { "there is none".to_owned() } else { allowed.join(", ") };
        return Ok(Some(wrong(format!("allowed is a Cloud Map namespace that exists: {allowed}"))));
    }
    let elsewhere = live.filter(|(live, _)| existing.contains(live));
    Ok(elsewhere
        .map(|(live, stable)| wrong(format!("allowed is the namespace of the live version `{stable}`, `{live}`"))))
}

/// A router whose traffic flows over another route has a live version that this deployment does not know.
async fn other_routes(appmesh: &AppMesh, service: &Service) -> Result<Vec<Error>> {
    let routes = appmesh.routes(mesh(service), &router(service)).await?;
    let others = routes.iter().filter(|(name, spec)| *name != route(service) && !live(spec).targets.is_empty());
    Ok(others
        .map(|(name, spec)| Error::UnexpectedRoute {
            service: service.microservice_name.clone(),
            why: format!(
                "there is no `{}`, and `{name}` on the same router has {}; a first deployment would take that traffic at \
                 once: name the route `{}`, or remove it",
                route(service),
                live(spec),
                route(service)
            ),
        })
        .collect())
}

impl AppMesh {
    async fn existing_namespaces(&self) -> Result<Vec<String>> {
        let mut pages = self.namespaces.list_namespaces().into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("ListNamespaces", "Cloud Map", error))?;
            names.extend(page.namespaces.unwrap_or_default().into_iter().filter_map(|namespace| namespace.name));
        }
        Ok(names)
    }

    /// Returns the namespace in which a version is found, or `None` if it is found by other means.
    async fn namespace_of(&self, service: &Service, version: &str) -> Result<Option<String>> {
        let spec = self.node_spec(mesh(service), version).await?;
        Ok(match spec.and_then(|spec| spec.service_discovery) {
            Some(ServiceDiscovery::AwsCloudMap(map)) => Some(map.namespace_name),
            // A version's own name in the namespace; any other host name says nothing of a namespace.
            Some(ServiceDiscovery::Dns(dns)) => {
                dns.hostname.strip_prefix(version).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned)
            }
            _ => None,
        })
    }
}
