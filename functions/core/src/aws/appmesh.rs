//! Traffic over the weighted targets of an App Mesh route.

mod mesh;
mod preflight;

use aws_config::SdkConfig;
use aws_sdk_appmesh::{
    Client,
    error::{BuildError, SdkError},
    operation::{create_route::CreateRouteError, update_route::UpdateRouteError},
    types::{
        GrpcRoute, GrpcRouteAction, GrpcRouteMatch, HttpRoute, HttpRouteAction, HttpRouteMatch, RouteSpec, TcpRoute,
        TcpRouteAction, WeightedTarget,
    },
};

use super::failed;
use crate::{
    Error, Result,
    error::Refusal,
    plan::Deployment,
    ports::TrafficRouter,
    service::{Protocol, Service, Version},
    split::{LiveRoute, Split},
};

/// A wire type, or the member that was left out of it.
type Built<T> = std::result::Result<T, BuildError>;

/// The route `{MicroserviceName}-route` on the virtual router `{MicroserviceName}-vr` of the mesh `{EnvironmentName}`.
#[derive(Clone, Debug)]
pub struct AppMesh {
    client: Client,
    namespaces: aws_sdk_servicediscovery::Client,
}

impl AppMesh {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config), namespaces: aws_sdk_servicediscovery::Client::new(config) }
    }

    async fn spec(&self, mesh: &str, router: &str, route: &str) -> Result<Option<RouteSpec>> {
        let described =
            self.client.describe_route().mesh_name(mesh).virtual_router_name(router).route_name(route).send().await;
        match described {
            Ok(output) => Ok(output.route.and_then(|route| route.spec)),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(None),
            Err(error) => Err(failed("DescribeRoute", route, error)),
        }
    }
}

impl TrafficRouter for AppMesh {
    async fn route(&self, service: &Service) -> Result<Option<LiveRoute>> {
        let spec = self.spec(mesh(service), &router(service), &route(service)).await?;
        Ok(spec.map(|spec| live(&spec)))
    }

    async fn create(&self, service: &Service, split: &Split) -> Result<()> {
        let name = route(service);
        let spec = weighted(split, &[], &[])
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
        let spec = self.spec(mesh(service), &router(service), &name).await?.ok_or_else(|| Error::UnexpectedRoute {
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
        let ports = self.ports_of_new_targets(mesh(service), split, targets(&spec)).await?;
        let wanted = weighted(split, targets(&spec), &ports)
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

    async fn routes_targeting(&self, service: &Service, version: &Version) -> Result<Vec<String>> {
        let mut found = self.routes_to(service, &version.name).await?;
        found.extend(self.services_provided_by(mesh(service), &version.name).await?);
        Ok(found)
    }

    async fn missing(&self, environment: &str, microservice: &str) -> Result<Option<String>> {
        let router = router_of(microservice);
        let found = self.router_spec(environment, &router).await?;
        Ok(found.is_none().then(|| format!("mesh `{environment}` has no virtual router `{router}`")))
    }

    async fn preflight(&self, service: &Service, deployment: &Deployment) -> Result<Vec<Error>> {
        preflight::problems(self, service, deployment).await
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

/// Targets for a split. A target that is on the route keeps its port; a new one has the port in `new_ports`, if it is there.
fn weighted(split: &Split, current: &[WeightedTarget], new_ports: &[(String, i32)]) -> Built<Vec<WeightedTarget>> {
    let new_port = |version: &str| new_ports.iter().find(|(name, _)| name == version).map(|(_, port)| *port);
    split
        .shares()
        .iter()
        .map(|(version, weight)| {
            let known = current.iter().find(|target| target.virtual_node == *version);
            WeightedTarget::builder()
                .virtual_node(version)
                .weight(i32::from(weight.percent()))
                .set_port(known.map_or_else(|| new_port(version), |target| target.port))
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
