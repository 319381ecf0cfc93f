"""The agent's configuration yields the metrics that the health check reads, and stays within what a parameter holds."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
import templates
import yaml

# The characters of a standard parameter, and the longest EnvironmentName.
PARAMETER_CHARACTERS = 4096
LONGEST = "e" * 40

HEALTH = ["ClusterName", "TaskDefinitionFamily", "appmesh_virtual_node", "envoy_http_conn_manager_prefix"]
HEALTH_METRIC = "envoy_http_downstream_rq_xx"
CALLERS = {
    "envoy_cluster_upstream_rq_xx": ["ClusterName", "envoy_cluster_name", "envoy_response_code_class"],
    # What the health metric does not see: a task that is gone, a caller that gave up waiting, a TCP service.
    "envoy_cluster_upstream_rq_timeout": ["ClusterName", "envoy_cluster_name"],
    "envoy_cluster_upstream_rq_per_try_timeout": ["ClusterName", "envoy_cluster_name"],
    "envoy_cluster_upstream_rq_rx_reset": ["ClusterName", "envoy_cluster_name"],
    "envoy_cluster_upstream_rq_total": ["ClusterName", "envoy_cluster_name"],
    "envoy_cluster_upstream_rq_retry": ["ClusterName", "envoy_cluster_name"],
    "envoy_cluster_upstream_cx_total": ["ClusterName", "envoy_cluster_name"],
    "envoy_cluster_upstream_cx_connect_fail": ["ClusterName", "envoy_cluster_name"],
}
# Counters of the same Envoys that nobody asked for.
OTHERS = ("envoy_cluster_upstream_rq_active", "envoy_server_live", "envoy_cluster_upstream_cx_total_extra")


def parameter(logical_id: str, environment: str = "demo") -> str:
    """A parameter's value for an environment."""
    value = templates.load("monitoring")["Resources"][logical_id]["Properties"]["Value"]["Fn::Sub"]
    return templates.substituted(value, {**templates.parameters("monitoring", {}), "EnvironmentName": environment})


@pytest.fixture
def prometheus() -> dict:
    """The agent's section on Prometheus."""
    return json.loads(parameter("AgentConfiguration"))["logs"]["metrics_collected"]["prometheus"]


def dimensions(prometheus: dict, metric: str, labels: dict[str, str]) -> list[list[str]]:
    """The dimension sets under which a series is published."""
    sets = []
    for declaration in prometheus["emf_processor"]["metric_declaration"]:
        label = ";".join(labels.get(name, "") for name in declaration["source_labels"])
        if re.search(declaration["label_matcher"], label) and any(
            re.search(selector, metric) for selector in declaration["metric_selectors"]
        ):
            sets += declaration["dimensions"]
    return sets


def test_the_health_metric_has_exactly_the_dimensions_that_are_read(prometheus: dict) -> None:
    assert prometheus["emf_processor"]["metric_namespace"] == "ECS/ContainerInsights/Prometheus"
    found = dimensions(prometheus, HEALTH_METRIC, {"container_name": "envoy"})
    assert found == [[*HEALTH, "envoy_response_code_class"]]
    assert dimensions(prometheus, HEALTH_METRIC, {"container_name": "application"}) == []


@pytest.mark.parametrize(("metric", "expected"), CALLERS.items())
def test_what_callers_count_is_published_per_virtual_node(prometheus: dict, metric: str, expected: list[str]) -> None:
    egress = {"container_name": "envoy", "envoy_cluster_name": "cds_egress_demo_hello-backend-1a2b3c4_http_8080"}
    assert dimensions(prometheus, metric, egress) == [expected]
    ingress = {**egress, "envoy_cluster_name": "cds_ingress_demo_hello-backend-1a2b3c4_http_8080"}
    assert dimensions(prometheus, metric, ingress) == []


def test_every_series_that_is_published_is_kept_and_no_other() -> None:
    scrape = yaml.safe_load(parameter("ScrapeConfiguration"))["scrape_configs"]
    (keep,) = scrape[0]["metric_relabel_configs"]
    assert (keep["action"], keep["source_labels"]) == ("keep", ["__name__"])
    # Prometheus anchors its expressions at both ends.
    assert [name for name in (HEALTH_METRIC, *CALLERS) if not re.fullmatch(keep["regex"], name)] == []
    assert [name for name in OTHERS if re.fullmatch(keep["regex"], name)] == []


def test_the_agent_scrapes_what_it_discovers_in_its_own_cluster(prometheus: dict) -> None:
    discovery = prometheus["ecs_service_discovery"]
    (targets,) = yaml.safe_load(parameter("ScrapeConfiguration"))["scrape_configs"][0]["file_sd_configs"]
    assert targets["files"] == [discovery["sd_result_file"]]
    assert discovery["sd_target_cluster"] == prometheus["cluster_name"] == "demo"
    (envoys,) = discovery["task_definition_list"]
    arn = "arn:aws:ecs:us-west-2:111122223333:task-definition/hello-backend:7"
    assert re.search(envoys["sd_task_definition_arn_pattern"], arn)
    assert (envoys["sd_metrics_ports"], envoys["sd_metrics_path"]) == ("9901", "/stats/prometheus")


@pytest.mark.parametrize(("name", "definition"), [("ecs-mesh", "GatewayTaskDefinition"), ("canary", "TaskDefinition")])
def test_an_envoy_declares_the_port_that_the_agent_reads(name: str, definition: str) -> None:
    containers = templates.load(name)["Resources"][definition]["Properties"]["ContainerDefinitions"]
    (envoy,) = [made for made in containers if made["Name"] == "envoy"]
    assert 9901 in [mapping["ContainerPort"] for mapping in envoy["PortMappings"]]


@pytest.mark.parametrize("logical_id", ["ScrapeConfiguration", "AgentConfiguration"])
def test_a_parameter_fits_into_the_standard_tier(logical_id: str) -> None:
    assert len(parameter(logical_id, LONGEST)) <= PARAMETER_CHARACTERS


def test_a_changed_configuration_restarts_the_agent() -> None:
    resources = templates.load("monitoring")["Resources"]
    both = [resources[name]["Properties"]["Value"]["Fn::Sub"] for name in ("ScrapeConfiguration", "AgentConfiguration")]
    (agent,) = resources["AgentTaskDefinition"]["Properties"]["ContainerDefinitions"]
    expected = hashlib.sha256("\n".join(both).encode()).hexdigest()[:12]
    assert agent["Environment"][0] == {"Name": "CONFIGURATION", "Value": expected}
