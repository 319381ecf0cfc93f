//! Rules between the members of one specification; bounds of single members hold by type.
//!
//! Each rule stands in the API reference (version 2019-01-25) at the member named, unless its comment
//! gives another source.

mod gateway_route;
mod listener;
mod matching;
mod route;

use crate::fault::Fault;
use crate::kind::Spec;

/// Refuses a specification that breaks a rule.
pub(crate) fn check(spec: &Spec) -> Result<(), Fault> {
    match spec {
        Spec::Mesh(_) | Spec::VirtualRouter(_) | Spec::VirtualService(_) => Ok(()),
        Spec::VirtualNode(node) => listener::check_node(node),
        Spec::VirtualGateway(gateway) => listener::check_gateway(gateway),
        Spec::Route(route) => route::check(route),
        Spec::GatewayRoute(route) => gateway_route::check(route),
    }
}

/// The only member that is given, by its name.
fn exactly_one<'a>(member: &str, members: &[(&'a str, bool)]) -> Result<&'a str, Fault> {
    let given: Vec<&str> = members.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    match given[..] {
        [one] => Ok(one),
        _ => {
            let names: Vec<String> = members.iter().map(|(name, _)| format!("`{name}`")).collect();
            let problem = format!("{} members are given: exactly one of {} is allowed", given.len(), names.join(", "),);
            Err(Fault::invalid(member, problem))
        }
    }
}

fn require(holds: bool, member: &str, problem: &str) -> Result<(), Fault> {
    if holds {
        return Ok(());
    }
    Err(Fault::invalid(member, problem))
}
