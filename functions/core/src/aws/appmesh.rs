//! Traffic over the weighted targets of an App Mesh route.

use aws_config::SdkConfig;
use aws_sdk_appmesh::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{create_route::CreateRouteError, update_route::UpdateRouteError},
    types::{
        GrpcRoute, GrpcRouteAction, GrpcRouteMatch, HttpRoute, HttpRouteAction, HttpRouteMatch, RouteSpec,
        ServiceDiscovery, TcpRoute, TcpRouteAction, WeightedTarget,
    },
};

use super::failed;
use crate::{
    Error, Result,
    error::Refusal,
    ports::{Listening, TrafficRouter},
    service::{Protocol, Service},
    split::{LiveRoute, Split},
};

/// A wire type, or the member that was left out of it.
type Built<T> = std::result::Result<T, BuildError>;

/// The route `{MicroserviceName}-route` on the virtual router `{MicroserviceName}-vr` of the mesh `{EnvironmentName}`.
#[derive(Clone, Debug)]
pub struct AppMesh {
    client: Client,
}

impl AppMesh {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn spec(&self, service: &Service, route: &str) -> Result<Option<RouteSpec>> {
        let described = self
            .client
            .describe_route()
            .mesh_name(mesh(service))
            .virtual_router_name(router(service))
            .route_name(route)
            .send()
            .await;
        match described {
            Ok(output) => Ok(output.route.and_then(|route| route.spec)),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(None),
            Err(error) => Err(failed("DescribeRoute", route, error)),
        }
    }
}

impl TrafficRouter for AppMesh {
    async fn route(&self, service: &Service) -> Result<Option<LiveRoute>> {
        let spec = self.spec(service, &route(service)).await?;
        Ok(spec.map(|spec| live(&spec)))
    }

    async fn create(&self, service: &Service, split: &Split) -> Result<()> {
        let name = route(service);
        let spec = weighted(split, &[])
            .and_then(|targets| new_spec(service.protocol, targets))
            .map_err(|error| failed("CreateRoute", &name, SdkError::<CreateRouteError>::construction_failure(error)))?;
        self.client
            .create_route()
            .mesh_name(mesh(service))
            .virtual_router_name(router(service))
            .route_name(&name)
            .spec(spec)
            .send()
            .await
            .map_err(|error| failed("CreateRoute", &name, error))?;
        Ok(())
    }

    async fn set_split(&self, service: &Service, found: &LiveRoute, split: &Split) -> Result<()> {
        let name = route(service);
        let spec = self.spec(service, &name).await?.ok_or_else(|| Error::UnexpectedRoute {
            service: service.microservice_name.clone(),
            why: format!("`{name}` is gone"),
        })?;
        let now = live(&spec);
        if !now.has_targets_of(found) {
            return Err(Error::Aws {
                operation: "UpdateRoute",
                subject: name,
                refusal: Refusal::Conflict,
                source: format!("it had {found}, and a moment later {now}").into(),
            });
        }
        let wanted = weighted(split, targets(&spec))
            .map_err(|error| failed("UpdateRoute", &name, SdkError::<UpdateRouteError>::construction_failure(error)))?;
        self.client
            .update_route()
            .mesh_name(mesh(service))
            .virtual_router_name(router(service))
            .route_name(&name)
            .spec(with_targets(spec, wanted))
            .send()
            .await
            .map_err(|error| failed("UpdateRoute", &name, error))?;
        Ok(())
    }

    async fn listens(&self, environment: &str, microservice: &str) -> Result<Listening> {
        let router = router_of(microservice);
        let described =
            self.client.describe_virtual_router().mesh_name(environment).virtual_router_name(&router).send().await;
        match described {
            Ok(output) => {
                let spec = output.virtual_router.and_then(|router| router.spec);
                let listeners = spec.and_then(|spec| spec.listeners).unwrap_or_default();
                let mappings = listeners.into_iter().filter_map(|listener| listener.port_mapping);
                Ok(Listening::For(mappings.filter_map(|mapping| mapping.protocol.as_str().parse().ok()).collect()))
            }
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => {
                let said = refused.err().message().unwrap_or("NotFoundException").to_owned();
                Ok(Listening::Nowhere(format!("mesh `{environment}` has no virtual router `{router}` ({said})")))
            }
            Err(error) => Err(failed("DescribeVirtualRouter", &router, error)),
        }
    }

    async fn namespace(&self, service: &Service, version: &str) -> Result<Option<String>> {
        let described =
            self.client.describe_virtual_node().mesh_name(mesh(service)).virtual_node_name(version).send().await;
        match described {
            Ok(output) => {
                let spec = output.virtual_node.and_then(|node| node.spec);
                Ok(match spec.and_then(|spec| spec.service_discovery) {
                    Some(ServiceDiscovery::AwsCloudMap(map)) => Some(map.namespace_name),
                    // A version's own name in the namespace; any other host name says nothing of a namespace.
                    Some(ServiceDiscovery::Dns(dns)) => {
                        dns.hostname.strip_prefix(version).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned)
                    }
                    _ => None,
                })
            }
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(None),
            Err(error) => Err(failed("DescribeVirtualNode", version, error)),
        }
    }

    async fn remove(&self, service: &Service) -> Result<()> {
        let name = route(service);
        let removed = self
            .client
            .delete_route()
            .mesh_name(mesh(service))
            .virtual_router_name(router(service))
            .route_name(&name)
            .send()
            .await;
        match removed {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(()),
            Err(error) => Err(failed("DeleteRoute", &name, error)),
        }
    }

    async fn naming(&self, service: &Service, version: &str) -> Result<Vec<String>> {
        let router = router(service);
        let mut pages = self
            .client
            .list_routes()
            .mesh_name(mesh(service))
            .virtual_router_name(&router)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(listed) = pages.next().await {
            let name = match listed {
                Ok(listed) => listed.route_name,
                // Without a router there is no route that could name anything.
                Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => break,
                Err(error) => return Err(failed("ListRoutes", &router, error)),
            };
            let spec = self.spec(service, &name).await?;
            if spec.is_some_and(|spec| targets(&spec).iter().any(|target| target.virtual_node == version)) {
                found.push(name);
            }
        }
        Ok(found)
    }
}

fn mesh(service: &Service) -> &str {
    &service.environment_name
}

pub(crate) fn router(service: &Service) -> String {
    router_of(&service.microservice_name)
}

fn router_of(microservice: &str) -> String {
    format!("{microservice}-vr")
}

pub(crate) fn route(service: &Service) -> String {
    format!("{}-route", service.microservice_name)
}

fn live(spec: &RouteSpec) -> LiveRoute {
    LiveRoute { targets: targets(spec).iter().map(name_and_weight).collect() }
}

fn name_and_weight(target: &WeightedTarget) -> (String, u32) {
    (target.virtual_node.clone(), u32::try_from(target.weight).unwrap_or(0))
}

/// The targets of whichever kind of route it is. A kind without an action (there is none today) has none.
fn targets(spec: &RouteSpec) -> &[WeightedTarget] {
    if let Some(action) = spec.http_route().and_then(HttpRoute::action) {
        action.weighted_targets()
    } else if let Some(action) = spec.http2_route().and_then(HttpRoute::action) {
        action.weighted_targets()
    } else if let Some(action) = spec.grpc_route().and_then(GrpcRoute::action) {
        action.weighted_targets()
    } else if let Some(action) = spec.tcp_route().and_then(TcpRoute::action) {
        action.weighted_targets()
    } else {
        &[]
    }
}

/// The same route with other targets: match, retry policy, timeouts and priority are the user's and stay.
fn with_targets(mut spec: RouteSpec, wanted: Vec<WeightedTarget>) -> RouteSpec {
    let http = [spec.http_route.as_mut(), spec.http2_route.as_mut()];
    if let Some(action) = http.into_iter().flatten().find_map(|route| route.action.as_mut()) {
        action.weighted_targets = wanted;
    } else if let Some(action) = spec.grpc_route.as_mut().and_then(|route| route.action.as_mut()) {
        action.weighted_targets = wanted;
    } else if let Some(action) = spec.tcp_route.as_mut().and_then(|route| route.action.as_mut()) {
        action.weighted_targets = wanted;
    }
    spec
}

/// Targets for a split. A target that names a port of its node keeps it, and a new version gets that of the version beside it.
fn weighted(split: &Split, current: &[WeightedTarget]) -> Built<Vec<WeightedTarget>> {
    let usual_port = current.iter().find_map(|target| target.port);
    split
        .shares()
        .iter()
        .map(|(version, weight)| {
            let known = current.iter().find(|target| target.virtual_node == *version);
            WeightedTarget::builder()
                .virtual_node(version)
                .weight(i32::from(weight.percent()))
                .set_port(known.map_or(usual_port, |target| target.port))
                .build()
        })
        .collect()
}

/// A first route: it matches everything, and leaves retries and timeouts to App Mesh's defaults.
fn new_spec(protocol: Protocol, wanted: Vec<WeightedTarget>) -> Built<RouteSpec> {
    let spec = RouteSpec::builder();
    Ok(match protocol {
        Protocol::Http => spec.http_route(new_http(wanted)?),
        Protocol::Http2 => spec.http2_route(new_http(wanted)?),
        Protocol::Grpc => {
            let action = GrpcRouteAction::builder().set_weighted_targets(Some(wanted)).build()?;
            spec.grpc_route(GrpcRoute::builder().r#match(GrpcRouteMatch::builder().build()).action(action).build())
        }
        Protocol::Tcp => {
            let action = TcpRouteAction::builder().set_weighted_targets(Some(wanted)).build()?;
            spec.tcp_route(TcpRoute::builder().action(action).build())
        }
    }
    .build())
}

fn new_http(wanted: Vec<WeightedTarget>) -> Built<HttpRoute> {
    let action = HttpRouteAction::builder().set_weighted_targets(Some(wanted)).build()?;
    Ok(HttpRoute::builder().r#match(HttpRouteMatch::builder().prefix("/").build()).action(action).build())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
