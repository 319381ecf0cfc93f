//! What holds for a route document of any shape: only the weights change, they total 100, and the rest comes back equal.
#![allow(clippy::unwrap_used)]

use proptest::{
    prelude::*,
    sample::select,
    strategy::{BoxedStrategy, Union},
};
use serde_json::{Map, Value, json};

use super::{
    tests::{described_route, service},
    *,
};
use crate::{
    aws::wire::{asked, replay},
    inputs::tried,
    split::Weight,
};

type Document = BoxedStrategy<Value>;

fn text() -> Document {
    prop_oneof![3 => "[ -~]{1,12}", 1 => "\\PC{1,6}", 1 => "(?s).{0,6}"].prop_map(Value::from).boxed()
}

fn number() -> Document {
    (0..=i64::from(i32::MAX)).prop_map(Value::from).boxed()
}

fn one_of(values: &'static [&'static str]) -> Document {
    select(values).prop_map(Value::from).boxed()
}

fn list(item: Document) -> Document {
    prop::collection::vec(item, 0..3).prop_map(Value::from).boxed()
}

/// An object with all of `needed` and any of `optional`.
fn object(needed: Vec<(&'static str, Document)>, optional: Vec<(&'static str, Document)>) -> Document {
    let needed = needed.into_iter().map(|(name, value)| value.prop_map(move |value| Some((name, value))).boxed());
    let optional =
        optional.into_iter().map(|(name, value)| prop::option::of(value.prop_map(move |value| (name, value))).boxed());
    let members: Vec<_> = needed.chain(optional).collect();
    members
        .prop_map(|members| {
            let members: Map<_, _> =
                members.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect();
            Value::Object(members)
        })
        .boxed()
}

fn union(members: Vec<(&'static str, Document)>) -> Document {
    Union::new(members.into_iter().map(|(name, value)| object(vec![(name, value)], vec![]))).boxed()
}

fn duration() -> Document {
    object(vec![], vec![("unit", one_of(&["s", "ms"])), ("value", number())])
}

fn matched(name: &'static str) -> Document {
    let range = object(vec![("start", number()), ("end", number())], vec![]);
    let by = ["exact", "prefix", "suffix", "regex"].map(|kind| (kind, text()));
    let by = union(by.into_iter().chain([("range", range)]).collect());
    object(vec![(name, text())], vec![("invert", any::<bool>().prop_map(Value::from).boxed()), ("match", by)])
}

fn timeout() -> Document {
    object(vec![], vec![("idle", duration()), ("perRequest", duration())])
}

fn retry(events: &'static str) -> Document {
    let tcp = list(one_of(&["connection-error"]));
    object(
        vec![("maxRetries", number()), ("perRetryTimeout", duration())],
        vec![(events, list(text())), ("tcpRetryEvents", tcp)],
    )
}

fn action() -> Document {
    let node = "web-[a-c]{3}".prop_map(Value::from).boxed();
    let weight = (0_i64..=100).prop_map(Value::from).boxed();
    let target = object(vec![("virtualNode", node), ("weight", weight)], vec![("port", number())]);
    object(vec![("weightedTargets", list(target))], vec![])
}

fn http() -> Document {
    let path = object(vec![], vec![("exact", text()), ("regex", text())]);
    let query = object(vec![("name", text())], vec![("match", object(vec![], vec![("exact", text())]))]);
    let matching = object(
        vec![],
        vec![
            ("prefix", text()),
            ("path", path),
            ("method", text()),
            ("scheme", text()),
            ("port", number()),
            ("headers", list(matched("name"))),
            ("queryParameters", list(query)),
        ],
    );
    let optional = vec![("retryPolicy", retry("httpRetryEvents")), ("timeout", timeout())];
    object(vec![("match", matching), ("action", action())], optional)
}

fn grpc() -> Document {
    let named = vec![("serviceName", text()), ("methodName", text()), ("port", number())];
    let matching = object(vec![], named.into_iter().chain([("metadata", list(matched("name")))]).collect());
    let retry = object(
        vec![("maxRetries", number()), ("perRetryTimeout", duration())],
        ["grpcRetryEvents", "httpRetryEvents", "tcpRetryEvents"].map(|events| (events, list(text()))).into(),
    );
    object(vec![("match", matching), ("action", action())], vec![("retryPolicy", retry), ("timeout", timeout())])
}

fn tcp() -> Document {
    let matching = object(vec![], vec![("port", number())]);
    object(
        vec![("action", action())],
        vec![("match", matching), ("timeout", object(vec![], vec![("idle", duration())]))],
    )
}

fn spec() -> Document {
    let kinds = [("httpRoute", http()), ("http2Route", http()), ("grpcRoute", grpc()), ("tcpRoute", tcp())];
    Union::new(kinds.map(|(kind, route)| object(vec![(kind, route)], vec![("priority", number())]))).boxed()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The targets of a document, which are taken out of it.
fn take_targets(spec: &mut Value) -> Vec<Value> {
    let kind = ["httpRoute", "http2Route", "grpcRoute", "tcpRoute"].into_iter().find(|kind| spec.get(kind).is_some());
    let targets = spec[kind.unwrap()]["action"]["weightedTargets"].take();
    targets.as_array().cloned().unwrap_or_default()
}

/// The same targets as a decision knows them.
fn named(targets: &[Value]) -> LiveRoute {
    let named = |target: &Value| {
        (target["virtualNode"].as_str().unwrap().to_owned(), u32::try_from(target["weight"].as_u64().unwrap()).unwrap())
    };
    LiveRoute { targets: targets.iter().map(named).collect() }
}

/// Promise 2.
#[test]
fn only_the_weights_change_on_a_route_of_any_shape() {
    tried("route documents", &(spec(), 0_u8..=100), |(spec, weight)| {
        let answer = described_route(&spec);
        // The route, the nodes of its new targets if it names ports, and the answer to the update.
        let (config, http) = replay(&[(200, answer.as_bytes()); 4]);
        let split = Split::between("web-aaa", "web-bbb", Weight::new(weight).unwrap());
        let mut was = spec;
        let before = take_targets(&mut was);
        run(AppMesh::new(&config).set_split(&service(Protocol::Http), &named(&before), &split)).unwrap();
        let sent: Value = serde_json::from_str(&asked(&http).pop().unwrap().2).unwrap();
        let mut now = sent["spec"].clone();
        let after = take_targets(&mut now);
        prop_assert_eq!(now, was, "what is no weight is the user's");
        prop_assert_eq!(after.iter().map(|target| target["weight"].as_u64().unwrap()).sum::<u64>(), 100);
        for target in &after {
            let same = before.iter().find(|old| old["virtualNode"] == target["virtualNode"]);
            prop_assert!(same.is_none_or(|old| old.get("port") == target.get("port")), "{target}");
        }
        Ok(())
    });
}

#[test]
fn an_answer_of_any_shape_is_a_route_or_an_error_of_ours() {
    let broken = prop_oneof![
        spec().prop_map(|spec| described_route(&spec).into_bytes()),
        (spec(), any::<prop::sample::Index>()).prop_map(|(spec, cut)| {
            let mut answer = described_route(&spec).into_bytes();
            answer.truncate(cut.index(answer.len()));
            answer
        }),
        prop::collection::vec(any::<u8>(), 0..200),
        text().prop_map(|code| json!({"__type": code, "message": code, "route": {"spec": code}})
            .to_string()
            .into_bytes()),
    ];
    let status = select(vec![200_u16, 200, 400, 403, 404, 409, 429, 500, 503]);
    tried("answers of App Mesh", &(broken, status), |(answer, status)| {
        let (config, _) = replay(&[(status, &answer)]);
        if let Err(error) = run(AppMesh::new(&config).route(&service(Protocol::Http))) {
            prop_assert!(error.name().starts_with("Canary."));
            prop_assert_eq!(crate::text::plain(&error.chain()), error.chain());
        }
        Ok(())
    });
}
