//! What else is in the mesh: other routers' routes, virtual services, virtual nodes.

use aws_sdk_appmesh::{
    error::SdkError,
    types::{RouteSpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceProvider, WeightedTarget},
};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{AppMesh, failed, mesh, router, targets};
use crate::{Result, service::Service, split::Split};

/// Names that are read one after the other, and the most that are read at a time: a mesh has hundreds of routers and services and a
/// function 30 seconds, but each call beside another costs a connection, whose handshake costs as much as ten calls.
const IN_A_ROW: usize = 16;
const AT_ONCE: usize = 8;

/// What `read` says of each name, in the order of the names.
pub(super) async fn of_each<T, Reading>(names: Vec<String>, read: impl FnMut(String) -> Reading) -> Result<Vec<T>>
where
    Reading: Future<Output = Result<T>>,
{
    let at_once = names.len().div_ceil(IN_A_ROW).clamp(1, AT_ONCE);
    stream::iter(names).map(read).buffered(at_once).try_collect().await
}

impl AppMesh {
    /// Returns the routes of the mesh that name this virtual node: a route of another router with the router's name.
    pub(super) async fn routes_to(&self, service: &Service, node: &str) -> Result<Vec<String>> {
        let own = router(service);
        let routers = self.routers(mesh(service)).await?;
        let routes = of_each(routers, async |router| {
            let routes = self.routes(mesh(service), &router).await?;
            Ok((router, routes))
        });
        let mut found = Vec::new();
        for (router, routes) in routes.await? {
            let to_node = |spec: &RouteSpec| targets(spec).iter().any(|target| target.virtual_node == node);
            for (name, _) in routes.into_iter().filter(|(_, spec)| to_node(spec)) {
                found.push(if router == own { name } else { format!("{router}/{name}") });
            }
        }
        Ok(found)
    }

    /// Returns the names of the mesh's virtual routers; none if there is no mesh.
    pub(super) async fn routers(&self, mesh: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_virtual_routers().mesh_name(mesh).into_paginator().items().send();
        let mut routers = Vec::new();
        while let Some(listed) = pages.next().await {
            match listed {
                Ok(listed) => routers.push(listed.virtual_router_name),
                Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => break,
                Err(error) => return Err(failed("ListVirtualRouters", mesh, error)),
            }
        }
        Ok(routers)
    }

    /// Returns the routes of a virtual router with their names; none if there is no such router.
    pub(super) async fn routes(&self, mesh: &str, router: &str) -> Result<Vec<(String, RouteSpec)>> {
        let mut pages =
            self.client.list_routes().mesh_name(mesh).virtual_router_name(router).into_paginator().items().send();
        let mut routes = Vec::new();
        while let Some(listed) = pages.next().await {
            let name = match listed {
                Ok(listed) => listed.route_name,
                Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => break,
                Err(error) => return Err(failed("ListRoutes", router, error)),
            };
            if let Some(spec) = self.spec(mesh, router, &name).await? {
                routes.push((name, spec));
            }
        }
        Ok(routes)
    }

    /// Returns the virtual services whose provider is this virtual node: all their traffic goes to it.
    pub(super) async fn services_provided_by(&self, mesh: &str, node: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_virtual_services().mesh_name(mesh).into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(listed) = pages.next().await {
            match listed {
                Ok(listed) => names.push(listed.virtual_service_name),
                Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => break,
                Err(error) => return Err(failed("ListVirtualServices", mesh, error)),
            }
        }
        let providers = of_each(names, async |name| {
            let provider = self.provider(mesh, &name).await?;
            Ok((name, provider))
        });
        let provided = providers.await?.into_iter().filter(|(_, provider)| provider.as_deref() == Some(node));
        Ok(provided.map(|(name, _)| format!("virtual service {name}")).collect())
    }

    /// Returns the virtual node that provides a virtual service, or `None` if a router or nothing does.
    async fn provider(&self, mesh: &str, service: &str) -> Result<Option<String>> {
        let described =
            self.client.describe_virtual_service().mesh_name(mesh).virtual_service_name(service).send().await;
        match described {
            Ok(output) => {
                let spec = output.virtual_service.and_then(|service| service.spec);
                Ok(match spec.and_then(|spec| spec.provider) {
                    Some(VirtualServiceProvider::VirtualNode(node)) => Some(node.virtual_node_name),
                    _ => None,
                })
            }
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(None),
            Err(error) => Err(failed("DescribeVirtualService", service, error)),
        }
    }

    /// Returns the spec of a virtual router, or `None` if there is none of that name.
    pub(super) async fn router_spec(&self, mesh: &str, router: &str) -> Result<Option<VirtualRouterSpec>> {
        let described = self.client.describe_virtual_router().mesh_name(mesh).virtual_router_name(router).send().await;
        match described {
            Ok(output) => Ok(output.virtual_router.and_then(|router| router.spec)),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(None),
            Err(error) => Err(failed("DescribeVirtualRouter", router, error)),
        }
    }

    /// Returns the spec of a virtual node, or `None` if there is none of that name.
    pub(super) async fn node_spec(&self, mesh: &str, node: &str) -> Result<Option<VirtualNodeSpec>> {
        let described = self.client.describe_virtual_node().mesh_name(mesh).virtual_node_name(node).send().await;
        match described {
            Ok(output) => Ok(output.virtual_node.and_then(|node| node.spec)),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found_exception() => Ok(None),
            Err(error) => Err(failed("DescribeVirtualNode", node, error)),
        }
    }

    /// Returns the port of every target of `split` that the route does not have yet, if the route's targets name ports: that of
    /// the virtual node's first listener, since versions may listen on different ports.
    pub(super) async fn ports_of_new_targets(
        &self,
        mesh: &str,
        split: &Split,
        current: &[WeightedTarget],
    ) -> Result<Vec<(String, i32)>> {
        if current.iter().all(|target| target.port.is_none()) {
            return Ok(Vec::new());
        }
        let mut ports = Vec::new();
        for (version, _) in split.shares() {
            if current.iter().any(|target| target.virtual_node == *version) {
                continue;
            }
            let listeners = self.node_spec(mesh, version).await?.and_then(|spec| spec.listeners).unwrap_or_default();
            let port = listeners.into_iter().find_map(|listener| listener.port_mapping).map(|mapping| mapping.port);
            ports.extend(port.map(|port| (version.clone(), port)));
        }
        Ok(ports)
    }
}
