//! Everything else that a mesh does, over real Envoys: sidecars calling each other, TCP and gRPC.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use reqwest::{Client, Proxy, StatusCode, Version};
use serde_json::{Value, json};
use support::{DataPlane, eventually};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const NOWHERE: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn an_unmodified_http_application_calls_its_backends_and_nothing_else() {
    let mut plane = DataPlane::start("127.0.81", NOWHERE).await;
    plane.create_mesh().await;
    plane.create_node("shop-1", "http", &[]).await;
    plane.create_service("shop", 8080, "http").await;
    plane.create_service("bank", 8080, "http").await;
    plane.create_route("shop", "httpRoute", &[("shop-1", 1)]).await;
    plane.create_route("bank", "httpRoute", &[("shop-1", 1)]).await;
    plane.create_node("web", "http", &["shop.test.local"]).await;
    plane.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await;
    let web = plane.run_node("web", "app:1", json!({"VERSION": "web"})).await.app.unwrap();
    let answer = eventually("an answer from the backend", || async {
        let (status, body) = plane.call_from(&web.ip, "http://shop.test.local:8080/data").await;
        status.is_success().then_some(body)
    })
    .await;
    assert_eq!(answer, "1 GET shop.test.local:8080 /data");
    let (status, _) = plane.call_from(&web.ip, "http://bank.test.local/").await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let outside = format!("{}/_local/health", plane.url.replace("127.0.0.1", "127.0.0.2"));
    let (status, _) = plane.call_from(&web.ip, &outside).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    plane.assert_healthy().await;
}

#[tokio::test]
async fn a_mesh_that_allows_all_passes_other_names_on() {
    let mut plane = DataPlane::start("127.0.82", NOWHERE).await;
    plane.create_mesh().await;
    plane.appmesh("meshes/test", json!({"spec": {"egressFilter": {"type": "ALLOW_ALL"}}})).await;
    plane.create_node("web", "http", &[]).await;
    plane.create_node("shop-1", "http", &[]).await;
    let web = plane.run_node("web", "app:1", json!({"VERSION": "web"})).await.app.unwrap();
    let other = plane.run_node("shop-1", "app:1", json!({"VERSION": "1"})).await.app.unwrap();
    let url = format!("http://{}:8080/outside", other.ip);
    let (status, body) = plane.call_from(&web.ip, &url).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, format!("1 GET {}:8080 /outside", other.ip).as_str()));
    let sent = plane.stats().await["virtualNodes"]["shop-1"].clone();
    assert_eq!((&sent["requests"], &sent["sent"]), (&json!(0), &json!(0)));
    plane.assert_healthy().await;
}

#[tokio::test]
async fn an_http2_application_calls_an_http2_backend_and_both_take_http1_too() {
    let mut plane = DataPlane::start("127.0.93", NOWHERE).await;
    let web = plane.web_that_calls_shop("http2").await.app.unwrap();
    // What the application of `web` does whose client follows `http_proxy`.
    let proxy = Proxy::http(format!("http://{}:15001", web.ip)).unwrap();
    for (client, spoken) in [
        (Client::builder().http2_prior_knowledge(), Version::HTTP_2),
        (Client::builder().http1_only(), Version::HTTP_11),
    ] {
        let client = client.proxy(proxy.clone()).build().unwrap();
        let (version, seen_by_backend) = eventually("an answer from the backend", || async {
            let answer = client.get("http://shop.test.local/protocol").send().await.unwrap();
            let ok = answer.status().is_success();
            let version = answer.version();
            ok.then_some((version, answer.text().await.unwrap()))
        })
        .await;
        // Envoy speaks to each as it speaks: HTTP/2 to the backend, and to the caller what that began with.
        assert_eq!((version, seen_by_backend.as_str()), (spoken, "HTTP/2.0"));
    }
    // And whoever calls the node's own sidecar, as its callers' Envoys do.
    let answer = plane.client.get(format!("http://{}:15000/protocol", web.ip)).send().await.unwrap();
    assert_eq!((answer.version(), answer.text().await.unwrap().as_str()), (Version::HTTP_11, "HTTP/2.0"));
    plane.assert_healthy().await;
}

/// Counts the versions that answer at a TCP address.
async fn tcp_versions(address: &str, connections: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..connections {
        let mut answer = String::new();
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.read_to_string(&mut answer).await.unwrap();
        *counts.entry(answer).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn tcp_is_split_by_weight_and_an_application_is_told_where() {
    let mut plane = DataPlane::start("127.0.83", NOWHERE).await;
    plane.create_mesh().await;
    plane.create_node("db-1", "tcp", &[]).await;
    plane.create_node("db-2", "tcp", &[]).await;
    plane.create_service("db", 5432, "tcp").await;
    plane.create_node("web", "http", &["db.test.local"]).await;
    plane.create_route("db", "tcpRoute", &[("db-1", 100), ("db-2", 0)]).await;
    for version in ["1", "2"] {
        let environment = json!({"VERSION": version, "MODE": "tcp"});
        plane.run_node(&format!("db-{version}"), "app:1", environment).await;
    }
    let web = plane.run_node("web", "tcp-client:1", json!({})).await.app.unwrap();
    let told = plane.client.get(format!("http://{}:8080/", web.ip)).send().await.unwrap().text().await.unwrap();
    let address = format!("{}:5432", web.ip);
    assert_eq!(told, format!("{address} GET {}:8080 /", web.ip));

    eventually("the first version", || async {
        (tcp_versions(&address, 1).await == [("1".to_owned(), 1)].into()).then_some(())
    })
    .await;
    assert_eq!(tcp_versions(&address, 50).await, [("1".to_owned(), 50)].into());
    plane.set_weights("db", "tcpRoute", &[("db-1", 50), ("db-2", 50)]).await;
    eventually("the second version", || async { tcp_versions(&address, 1).await.contains_key("2").then_some(()) })
        .await;
    let before = plane.stats().await;
    let counts = tcp_versions(&address, 400).await;
    // Four standard deviations.
    assert!(counts["2"].abs_diff(200) <= 40, "{counts:?}");
    let after = plane.stats().await;
    for (version, count) in counts {
        let sent = |stats: &Value| stats["virtualNodes"][format!("db-{version}")]["sent"].as_u64().unwrap();
        assert_eq!(sent(&after) - sent(&before), count as u64);
    }
    plane.assert_healthy().await;
}

/// A mesh that uses every kind of resource and nearly every member that becomes configuration.
#[tokio::test]
async fn envoy_takes_every_kind_of_configuration() {
    let mut plane = DataPlane::start("127.0.84", NOWHERE).await;
    plane.create_mesh().await;
    plane.appmesh("meshes/test", json!({"spec": {"egressFilter": {"type": "ALLOW_ALL"}}})).await;
    let target = |service: &str| json!({"virtualService": {"virtualServiceName": format!("{service}.test.local")}});
    let listener = json!({"portMapping": {"port": 8080, "protocol": "http"},
        "connectionPool": {"http": {"maxConnections": 10}}});
    let logging = json!({"accessLog": {"file": {"path": "/dev/stdout", "format": {"json": [{"key": "code", "value": "%RESPONSE_CODE%"}]}}}});
    plane
        .appmesh(
            "meshes/test/virtualGateways",
            json!({"virtualGatewayName": "ingress", "spec": {"listeners": [listener], "logging": logging}}),
        )
        .await;
    let condition = json!([{"name": "x", "match": {"regex": "a+"}}, {"name": "y", "invert": true}]);
    for protocol in ["http", "http2", "grpc", "tcp"] {
        let node = format!("{protocol}-1");
        let mut listener = json!({"portMapping": {"port": 8080, "protocol": protocol},
            "healthCheck": {"protocol": "tcp", "healthyThreshold": 2, "unhealthyThreshold": 2,
                "intervalMillis": 5000, "timeoutMillis": 2000},
            "timeout": {protocol: {"idle": {"unit": "s", "value": 60}}}});
        if protocol != "tcp" {
            listener["outlierDetection"] = json!({"maxServerErrors": 5, "maxEjectionPercent": 50,
                "interval": {"unit": "s", "value": 10}, "baseEjectionDuration": {"unit": "s", "value": 400}});
        }
        let discovery = json!({"awsCloudMap": {"namespaceName": "test.local", "serviceName": node}});
        let spec = json!({"listeners": [listener], "serviceDiscovery": discovery, "logging": logging,
            "backends": [target("http"), target("http2"), target("grpc"), target("tcp")]});
        plane.appmesh("meshes/test/virtualNodes", json!({"virtualNodeName": node, "spec": spec})).await;
        plane.create_service(protocol, 7000, protocol).await;
        let path = format!("meshes/test/virtualRouter/{protocol}-vr/routes");
        let action = json!({"weightedTargets": [{"virtualNode": node, "weight": 1}]});
        let retry = json!({"httpRetryEvents": ["server-error", "gateway-error", "client-error", "stream-error"],
            "tcpRetryEvents": ["connection-error"], "maxRetries": 1, "perRetryTimeout": {"unit": "ms", "value": 500}});
        let route = match protocol {
            "tcp" => json!({"action": action}),
            "grpc" => json!({"action": action, "retryPolicy": {"grpcRetryEvents": ["unavailable"], "maxRetries": 1,
                "perRetryTimeout": {"unit": "s", "value": 1}},
                "match": {"serviceName": "pkg.Service", "methodName": "Call", "metadata": condition}}),
            _ => json!({"action": action, "retryPolicy": retry, "timeout": {"perRequest": {"unit": "s", "value": 3}},
                "match": {"path": {"regex": "/a/.*"}, "method": "GET", "scheme": "http", "headers": condition,
                    "queryParameters": [{"name": "q", "match": {"exact": "1"}}]}}),
        };
        plane.appmesh(&path, json!({"routeName": "r", "spec": {format!("{protocol}Route"): route}})).await;
    }
    let gateway_routes = [
        ("grpcRoute", json!({"match": {"serviceName": "pkg.Service"}, "action": {"target": target("grpc")}})),
        (
            "http2Route",
            json!({"match": {"path": {"exact": "/x"}, "hostname": {"exact": "a.example.com"}},
            "action": {"target": target("http2"), "rewrite": {"path": {"exact": "/y"}}}}),
        ),
        (
            "httpRoute",
            json!({"match": {"prefix": "/", "hostname": {"suffix": ".example.com"}, "headers": condition},
            "action": {"target": target("http"), "rewrite": {"hostname": {"defaultTargetHostname": "DISABLED"}}}}),
        ),
    ];
    for (index, (kind, route)) in gateway_routes.into_iter().enumerate() {
        let spec = json!({kind: route, "priority": index});
        plane
            .appmesh(
                "meshes/test/virtualGateway/ingress/gatewayRoutes",
                json!({"gatewayRouteName": kind, "spec": spec}),
            )
            .await;
    }
    plane.run_gateway("ingress").await;
    for protocol in ["http", "http2", "grpc", "tcp"] {
        let node = format!("{protocol}-1");
        plane.run_node(&node, "app:1", json!({"VERSION": node})).await;
    }
    plane.assert_healthy().await;
}

#[tokio::test]
async fn a_gateway_whose_envoy_has_ended_comes_back_at_its_address() {
    let plane = DataPlane::start("127.0.88", NOWHERE).await;
    plane.create_mesh().await;
    plane.create_gateway_resource().await;
    let first = plane.run_gateway_task("ingress", "first").await.envoy;
    let beside = plane.run_gateway_task("ingress", "beside").await.envoy;
    assert_ne!(beside.ip, first.ip);
    plane.stop(&first).await;
    // ECS starts the next task before it removes what is left of the one that ended.
    let next = plane.run_gateway_task("ingress", "next").await.envoy;
    assert_eq!(next.ip, first.ip);
    let other = plane.run_gateway_task("ingress", "other").await.envoy;
    assert!(![&first.ip, &beside.ip].contains(&&other.ip));
}
