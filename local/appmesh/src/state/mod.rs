//! The resources and what may be done with them. Nothing here reads a clock or knows of HTTP.

mod answers;
mod integrity;
mod page;
mod tags;
mod verbs;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

pub(crate) use answers::Request;
pub(crate) use page::Page;
pub(crate) use tags::{Tag, TagKeys, TagList};

use crate::fault::{Code, Fault};
use crate::kind::{Kind, Spec};
use crate::snapshot::{Mesh, Snapshot, VirtualGateway, VirtualRouter};
use answers::Answers;

/// All resources, and the answers that repeated requests get.
#[derive(Debug, Default)]
pub(crate) struct State {
    resources: BTreeMap<Address, Record>,
    answers: Answers,
    generation: u64,
}

/// Which resource: its kind, and the names from the mesh inwards.
///
/// The order puts a kind's resources side by side, and parents before what lies in them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub kind: Kind,
    pub names: Vec<String>,
}

/// A resource.
#[derive(Debug)]
struct Record {
    spec: Spec,
    metadata: Metadata,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    arn: String,
    created_at: Timestamp,
    last_updated_at: Timestamp,
    mesh_owner: String,
    resource_owner: String,
    uid: String,
    version: u64,
}

/// A moment, in milliseconds since 1970; seconds with a fraction on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp(pub u64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Exact to the millisecond for the next 200,000 years.
        (self.0 as f64 / 1000.0).serialize(serializer)
    }
}

/// On whose behalf a request is made.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub account: String,
    pub region: String,
}

impl Address {
    pub fn new(kind: Kind, names: Vec<String>) -> Self {
        Self { kind, names }
    }

    /// The resource of another kind in the same mesh.
    fn sibling(&self, kind: Kind, name: &str) -> Self {
        Self::new(kind, vec![self.names[0].clone(), name.to_owned()])
    }

    fn parent(&self) -> Option<Self> {
        let kind = self.kind.describe().parent?;
        Some(Self::new(kind, self.names[..self.names.len() - 1].to_vec()))
    }

    fn contains(&self, other: &Self) -> bool {
        other.names.len() > self.names.len()
            && other.names.starts_with(&self.names)
            && other.kind.lineage().contains(&self.kind)
    }

    fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The members that name the resource and what it lies in, as answers have them.
    fn members(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let kinds = self.kind.lineage().into_iter();
        kinds.map(|kind| kind.describe().name_member).zip(&self.names)
    }

    fn arn(&self, caller: &Caller) -> String {
        let kinds = self.kind.lineage().into_iter();
        let segments: Vec<String> =
            kinds.zip(&self.names).map(|(kind, name)| format!("{}/{name}", kind.describe().segment)).collect();
        let Caller { account, region } = caller;
        format!("arn:aws:appmesh:{region}:{account}:{}", segments.join("/"))
    }
}

/// As messages say it: route `r` of virtual router `v` of mesh `m`.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`", self.kind.describe().label, self.name())?;
        match self.parent() {
            Some(parent) => write!(f, " of {parent}"),
            None => Ok(()),
        }
    }
}

impl State {
    /// Increases with each change of a resource.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn get(&self, address: &Address) -> Result<&Record, Fault> {
        self.resources.get(address).ok_or_else(|| missing(address))
    }

    /// The resources directly or indirectly in another one.
    fn inside<'a>(&'a self, outer: &'a Address) -> impl Iterator<Item = (&'a Address, &'a Record)> {
        self.resources.iter().filter(|(address, _)| outer.contains(address))
    }

    /// The resources as a data plane reads them.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot { generation: self.generation, ..Snapshot::default() };
        for (address, record) in &self.resources {
            let mesh = snapshot.meshes.entry(address.names[0].clone()).or_default();
            place(mesh, address, &record.spec);
        }
        snapshot
    }
}

fn missing(address: &Address) -> Fault {
    Fault::new(Code::NotFound, format!("{address} does not exist"))
}

/// Puts a resource into its mesh; parents come before what lies in them.
fn place(mesh: &mut Mesh, address: &Address, spec: &Spec) {
    let name = address.name().to_owned();
    match spec.clone() {
        Spec::Mesh(spec) => mesh.spec = spec,
        Spec::VirtualNode(spec) => {
            mesh.virtual_nodes.insert(name, *spec);
        }
        Spec::VirtualService(spec) => {
            mesh.virtual_services.insert(name, spec);
        }
        Spec::VirtualRouter(spec) => {
            let routes = BTreeMap::new();
            mesh.virtual_routers.insert(name, VirtualRouter { spec, routes });
        }
        Spec::VirtualGateway(spec) => {
            let (spec, routes) = (*spec, BTreeMap::new());
            mesh.virtual_gateways.insert(name, VirtualGateway { spec, routes });
        }
        Spec::Route(spec) => {
            let router = mesh.virtual_routers.get_mut(&address.names[1]);
            router.map(|router| router.routes.insert(name, *spec));
        }
        Spec::GatewayRoute(spec) => {
            let gateway = mesh.virtual_gateways.get_mut(&address.names[1]);
            gateway.map(|gateway| gateway.routes.insert(name, *spec));
        }
    }
}
