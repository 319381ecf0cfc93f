//! The five operations of every kind of resource.

use axum::extract::State as Shared;
use serde_json::Value;

use super::Answer;
use super::request::Call;
use crate::Store;
use crate::fault::Fault;
use crate::kind::{Kind, parse};
use crate::spec::Name;
use crate::state::{Address, Request, Tag, TagList};

/// The most entries that a page of a list can hold.
const LONGEST_PAGE: usize = 100;

pub(super) async fn create(kind: Kind, Shared(store): Shared<Store>, call: Call) -> Result<Answer, Fault> {
    let owner = call.mesh_owner()?;
    let mut body = call.body()?;
    let token = body.take_token()?;
    let request = body.rest();
    let member = kind.describe().name_member;
    let name = checked(member, body.require(member)?)?;
    let tags = body.take::<TagList>("tags")?;
    let tags = tags.as_ref().map(Tag::by_key).transpose()?;
    let spec = kind.spec(body.take("spec")?)?;

    let mut names = call.names.clone();
    names.push(name);
    let address = Address::new(kind, names);
    let request = Request { operation: "create", address: address.clone(), body: request };
    let answer = store.write(|state| {
        state.check_owner(&address, owner)?;
        state.once(token.as_deref(), request, |state| {
            state.create(address, spec, tags.unwrap_or_default(), &call.caller, call.now)
        })
    });
    answer.map(Answer)
}

pub(super) async fn describe(kind: Kind, Shared(store): Shared<Store>, call: Call) -> Result<Answer, Fault> {
    let owner = call.mesh_owner()?;
    let address = Address::new(kind, call.names.clone());
    let answer = store.read(|state| {
        state.check_owner(&address, owner)?;
        state.describe(&address)
    });
    answer.map(Answer)
}

pub(super) async fn list(kind: Kind, Shared(store): Shared<Store>, call: Call) -> Result<Answer, Fault> {
    let owner = call.mesh_owner()?;
    let page = call.page(LONGEST_PAGE)?;
    let names = call.names.clone();
    let answer = store.read(|state| {
        if !names.is_empty() {
            state.check_owner(&Address::new(kind, names.clone()), owner)?;
        }
        state.list(kind, names, &page)
    });
    answer.map(Answer)
}

pub(super) async fn update(kind: Kind, Shared(store): Shared<Store>, call: Call) -> Result<Answer, Fault> {
    let owner = call.mesh_owner()?;
    let mut body = call.body()?;
    let token = body.take_token()?;
    let request = body.rest();
    let spec = kind.spec(body.take("spec")?)?;
    let address = Address::new(kind, call.names.clone());
    let request = Request { operation: "update", address: address.clone(), body: request };
    let answer = store.write(|state| {
        state.check_owner(&address, owner)?;
        state.once(token.as_deref(), request, |state| state.update(&address, spec, call.now))
    });
    answer.map(Answer)
}

pub(super) async fn delete(kind: Kind, Shared(store): Shared<Store>, call: Call) -> Result<Answer, Fault> {
    let owner = call.mesh_owner()?;
    let address = Address::new(kind, call.names.clone());
    let answer = store.write(|state| {
        state.check_owner(&address, owner)?;
        state.delete(&address)
    });
    answer.map(Answer)
}

/// The API reference bounds only the length. Names also become parts of ARNs and of Envoy's configuration,
/// where these characters would change what is named.
fn checked(member: &str, name: Value) -> Result<String, Fault> {
    let name: Name = parse(member, name)?;
    let forbidden = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if name.contains(forbidden) {
        let problem = format!("`{name}` is not allowed: no `/`, no spaces, no control characters");
        return Err(Fault::invalid(member, problem));
    }
    Ok(name.to_string())
}
