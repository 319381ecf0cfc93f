//! What becomes of ports below 1024 where the user may not bind them.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::json;

use super::{Resources, address, host, split};

/// The nodes' listeners and the router's are at port 80, which has to move if `lowest` is above.
fn at_port_80(protocol: &str, lowest: u16) -> Resources {
    let mut resources = Resources::new(protocol);
    resources.lowest_port = lowest;
    let listener = json!({"portMapping": {"port": 80, "protocol": protocol}});
    let discovery = json!({"awsCloudMap": {"namespaceName": "demo.local", "serviceName": "shop-1"}});
    resources.node("shop-1", json!({"listeners": [listener], "serviceDiscovery": discovery}));
    let router = resources.mesh.virtual_routers.get_mut("shop-vr").unwrap();
    router.spec = serde_json::from_value(json!({"listeners": [listener]})).unwrap();
    resources
}

#[test]
fn a_sidecar_calls_its_application_where_that_listens() {
    for (lowest, expected) in [(0, 80), (1024, 20080)] {
        let config = at_port_80("http2", lowest).of_node("shop-1");
        let application = &config.clusters["cds_ingress_demo_shop-1_http2_80"];
        assert_eq!(host(application), format!("127.0.40.9:{expected}"));
    }
}

#[test]
fn tasks_without_a_sidecar_are_called_there_and_what_is_no_task_where_it_says() {
    let mut resources = at_port_80("http", 1024);
    let instance = |ip: &str| json!({"id": ip, "attributes": {"AWS_INSTANCE_IPV4": ip}});
    let instances = [instance("127.0.40.3"), instance("10.1.2.3")];
    let services = json!([{"name": "shop-1", "instances": instances}]);
    resources.discovery = json!({"namespaces": [{"name": "demo.local", "services": services}]});
    resources.route("r", json!({"httpRoute": {"match": {"prefix": "/"}, "action": split(1, 1)}}));
    let expected = [(Ipv4Addr::new(127, 0, 40, 3), 20080), (Ipv4Addr::new(10, 1, 2, 3), 80)];
    let expected = expected.map(|(ip, port)| SocketAddrV4::new(ip, port));
    assert_eq!(resources.of_node("web").endpoints["cds_egress_demo_shop-1"], expected.into());
}

#[test]
fn listeners_for_others_move_too() {
    let mut resources = at_port_80("tcp", 1024);
    resources.route("r", json!({"tcpRoute": {"action": split(1, 1)}}));
    let listener = &resources.of_node("web").listeners["egress_tcp_shop.demo.local"];
    assert_eq!(address(listener.address.as_ref()), "127.0.40.9:20080");

    resources.gateway(&[]);
    let gateway = resources.mesh.virtual_gateways.get_mut("ingress").unwrap();
    let listener = json!({"portMapping": {"port": 80, "protocol": "http"}});
    gateway.spec = serde_json::from_value(json!({"listeners": [listener]})).unwrap();
    let listener = &resources.of_gateway().listeners["gateway_80"];
    assert_eq!(address(listener.address.as_ref()), "127.0.40.9:20080");
}
