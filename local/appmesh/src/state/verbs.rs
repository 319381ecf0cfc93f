//! Create, describe, list, update, delete: the same for every kind.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Address, Caller, Metadata, Page, Record, State, Timestamp, missing};
use crate::fault::{Code, Fault};
use crate::kind::{Kind, Spec};

impl State {
    pub fn create(
        &mut self,
        address: Address,
        spec: Spec,
        tags: BTreeMap<String, String>,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Value, Fault> {
        if let Some(parent) = address.parent() {
            self.get(&parent)?;
        }
        if self.resources.contains_key(&address) {
            let message = format!("{address} exists already");
            return Err(Fault::new(Code::Conflict, message));
        }
        self.check_integrity(&address, &spec)?;
        let metadata = Metadata {
            arn: address.arn(caller),
            created_at: now,
            last_updated_at: now,
            mesh_owner: self.mesh_owner(&address).unwrap_or(&caller.account).into(),
            resource_owner: caller.account.clone(),
            uid: Uuid::new_v4().to_string(),
            version: 1,
        };
        let record = Record { spec, metadata, tags };
        let answer = data(&address, &record, "ACTIVE");
        self.resources.insert(address, record);
        self.generation += 1;
        Ok(answer)
    }

    pub fn describe(&self, address: &Address) -> Result<Value, Fault> {
        Ok(data(address, self.get(address)?, "ACTIVE"))
    }

    /// One page of the resources of a kind that lie in the resource named by `names`, in order of their names.
    pub fn list(&self, kind: Kind, names: Vec<String>, page: &Page) -> Result<Value, Fault> {
        let kind_of = kind.describe();
        let scope = Address::new(kind, names);
        if let Some(parent) = kind_of.parent {
            self.get(&Address::new(parent, scope.names.clone()))?;
        }
        let entries = self
            .resources
            .range(scope.clone()..)
            .take_while(|(address, _)| address.kind == kind && address.names.starts_with(&scope.names))
            .map(|(address, record)| (address.name(), reference(address, record)));
        page.answer(kind_of.list_member, &scope.names, entries)
    }

    pub fn update(&mut self, address: &Address, spec: Spec, now: Timestamp) -> Result<Value, Fault> {
        self.get(address)?;
        self.check_integrity(address, &spec)?;
        let record = self.resources.get_mut(address);
        let record = record.ok_or_else(|| missing(address))?;
        record.spec = spec;
        record.metadata.version += 1;
        record.metadata.last_updated_at = now;
        let answer = data(address, record, "ACTIVE");
        self.generation += 1;
        Ok(answer)
    }

    pub fn delete(&mut self, address: &Address) -> Result<Value, Fault> {
        self.get(address)?;
        self.check_unused(address)?;
        let record = self.resources.remove(address);
        let record = record.ok_or_else(|| missing(address))?;
        self.answers.forget(address);
        self.generation += 1;
        Ok(data(address, &record, "DELETED"))
    }

    /// Refuses a request that says the mesh belongs to another account than it does.
    pub fn check_owner(&self, address: &Address, owner: Option<&str>) -> Result<(), Fault> {
        let Some(owner) = owner else {
            return Ok(());
        };
        match self.mesh_owner(address) {
            Some(actual) if actual == owner => Ok(()),
            _ => {
                let mesh = &address.names[0];
                let message = format!("mesh `{mesh}` of account `{owner}` does not exist");
                Err(Fault::new(Code::NotFound, message))
            }
        }
    }

    fn mesh_owner(&self, address: &Address) -> Option<&str> {
        let mesh = Address::new(Kind::Mesh, vec![address.names.first()?.clone()]);
        let record = self.resources.get(&mesh)?;
        Some(&record.metadata.resource_owner)
    }
}

/// The resource as create, describe, update and delete answer it.
fn data(address: &Address, record: &Record, status: &str) -> Value {
    let mut data = named(address);
    data.insert("metadata".into(), json!(record.metadata));
    data.insert("spec".into(), json!(record.spec));
    data.insert("status".into(), json!({ "status": status }));
    Value::Object(data)
}

/// The resource as list answers it.
fn reference(address: &Address, record: &Record) -> Value {
    let mut reference = named(address);
    let Metadata { arn, created_at, last_updated_at, mesh_owner, resource_owner, uid: _, version } = &record.metadata;
    let members = [
        ("arn", json!(arn)),
        ("createdAt", json!(created_at)),
        ("lastUpdatedAt", json!(last_updated_at)),
        ("meshOwner", json!(mesh_owner)),
        ("resourceOwner", json!(resource_owner)),
        ("version", json!(version)),
    ];
    reference.extend(members.map(|(member, value)| (member.to_owned(), value)));
    Value::Object(reference)
}

fn named(address: &Address) -> Map<String, Value> {
    address.members().map(|(member, name)| (member.to_owned(), json!(name))).collect()
}
