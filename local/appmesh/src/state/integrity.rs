//! What keeps resources consistent with each other: references lead somewhere, and what is used stays.

use super::{Address, Record, State};
use crate::fault::{Code, Fault};
use crate::kind::{Kind, Spec};
use crate::spec::VirtualServiceProvider;

impl State {
    /// Refuses a specification that does not fit the resources there are.
    pub(super) fn check_integrity(&self, address: &Address, spec: &Spec) -> Result<(), Fault> {
        self.check_references(address, spec)?;
        self.check_service_name(address)?;
        self.check_ports(address, spec)
    }

    /// Not documented: callers name virtual services as hosts, whose case does not count, and Envoy rejects every later
    /// configuration of a caller that knows two of the same name.
    fn check_service_name(&self, address: &Address) -> Result<(), Fault> {
        let mut known = self.resources.keys().filter(|known| known.kind == Kind::VirtualService);
        let namesake = known.find(|known| {
            let same = |of: fn(&Address) -> &str| of(known).eq_ignore_ascii_case(of(address));
            address.kind == known.kind && known.names[0] == address.names[0] && same(Address::name) && *known != address
        });
        match namesake {
            None => Ok(()),
            Some(namesake) => Err(Fault::invalid(
                "virtualServiceName",
                format!(
                    "`{}` is not allowed: {namesake} differs in case only, which host names ignore",
                    address.name()
                ),
            )),
        }
    }

    /// App Mesh answers NotFoundException, not BadRequestException, to a route that names an unknown virtual
    /// node (seen with UpdateRoute: github.com/janakiramm/app-mesh-tutorial/issues/1). The user guide has
    /// gateway routes lead to existing virtual services.
    fn check_references(&self, address: &Address, spec: &Spec) -> Result<(), Fault> {
        let references = references(address, spec);
        let missing = references.iter().find(|target| !self.resources.contains_key(target));
        match missing {
            None => Ok(()),
            Some(target) => {
                Err(Fault::new(Code::NotFound, format!("{address} refers to {target}, which does not exist")))
            }
        }
    }

    /// A router with several listeners needs routes that say which one they are for, and App Mesh refuses
    /// whichever comes second (github.com/aws/aws-app-mesh-controller-for-k8s/issues/715).
    fn check_ports(&self, address: &Address, spec: &Spec) -> Result<(), Fault> {
        match spec {
            Spec::Route(route) if route.match_port().is_none() => {
                let router = address.parent();
                let router = router.and_then(|router| self.resources.get(&router));
                match router.is_some_and(|router| has_several_listeners(&router.spec)) {
                    false => Ok(()),
                    true => Err(Fault::new(
                        Code::BadRequest,
                        format!("{address} must match a port: its router has several listeners"),
                    )),
                }
            }
            Spec::VirtualRouter(_) if has_several_listeners(spec) => {
                match self.inside(address).find(|(_, record)| takes_any_port(record)) {
                    None => Ok(()),
                    Some((route, _)) => Err(Fault::new(
                        Code::BadRequest,
                        format!(
                            "{address} can have several listeners only when all its routes match a port: {route} does not"
                        ),
                    )),
                }
            }
            _ => Ok(()),
        }
    }

    /// Refuses to delete a resource that others lie in or refer to. Sources: the API reference at DeleteMesh,
    /// DeleteVirtualRouter, DeleteVirtualNode, DeleteVirtualGateway; for a virtual node in a route
    /// github.com/hashicorp/terraform-provider-aws/issues/38444; for a virtual service in a gateway route the
    /// user guide and github.com/rebuy-de/aws-nuke/issues/913. A virtual node's backends hold nothing: they may
    /// name virtual services that do not exist.
    pub(super) fn check_unused(&self, address: &Address) -> Result<(), Fault> {
        let inside = self.inside(address).map(|(inner, _)| inner).next();
        let user = || {
            let mut users = self.resources.iter();
            let user = users.find(|(user, record)| references(user, &record.spec).contains(address));
            user.map(|(user, _)| user)
        };
        let problem = match inside {
            Some(inner) => format!("{inner} lies in it"),
            None => match user() {
                Some(user) => format!("{user} refers to it"),
                None => return Ok(()),
            },
        };
        let message = format!("{address} cannot be deleted: {problem}");
        Err(Fault::new(Code::ResourceInUse, message))
    }
}

/// The resources that a specification names and that must exist.
fn references(address: &Address, spec: &Spec) -> Vec<Address> {
    match spec {
        Spec::Route(route) => route
            .weighted_targets()
            .iter()
            .map(|target| address.sibling(Kind::VirtualNode, &target.virtual_node))
            .collect(),
        Spec::VirtualService(service) => match &service.provider {
            None => Vec::new(),
            Some(VirtualServiceProvider::VirtualNode(node)) => {
                vec![address.sibling(Kind::VirtualNode, &node.virtual_node_name)]
            }
            Some(VirtualServiceProvider::VirtualRouter(router)) => {
                vec![address.sibling(Kind::VirtualRouter, &router.virtual_router_name)]
            }
        },
        Spec::GatewayRoute(route) => route
            .target()
            .map(|target| &target.virtual_service.virtual_service_name)
            .map(|name| address.sibling(Kind::VirtualService, name))
            .into_iter()
            .collect(),
        Spec::Mesh(_) | Spec::VirtualNode(_) | Spec::VirtualRouter(_) | Spec::VirtualGateway(_) => Vec::new(),
    }
}

fn has_several_listeners(spec: &Spec) -> bool {
    match spec {
        Spec::VirtualRouter(router) => router.listeners.as_ref().is_some_and(|all| all.len() > 1),
        _ => false,
    }
}

fn takes_any_port(record: &Record) -> bool {
    match &record.spec {
        Spec::Route(route) => route.match_port().is_none(),
        _ => false,
    }
}
