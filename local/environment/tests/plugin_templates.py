"""Templates with the resource types that the plugin brings or replaces."""

from __future__ import annotations

from typing import Any

SERVICE: dict[str, Any] = {
    "Parameters": {"Port": {"Type": "Number", "Default": "8080"}, "Image": {"Type": "String"}},
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Namespace": {
            "Type": "AWS::ServiceDiscovery::PrivateDnsNamespace",
            "Properties": {"Name": {"Fn::Sub": "${AWS::StackName}.local"}, "Vpc": {"Ref": "Vpc"}},
        },
        "Registry": {
            "Type": "AWS::ServiceDiscovery::Service",
            "Properties": {
                "Name": {"Fn::Sub": "${AWS::StackName}-app"},
                "DnsConfig": {"NamespaceId": {"Ref": "Namespace"}, "DnsRecords": [{"Type": "A", "TTL": 10}]},
            },
        },
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": {"Ref": "AWS::StackName"}}},
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": {"Fn::Sub": "${AWS::StackName}-app"},
                "NetworkMode": "awsvpc",
                "RequiresCompatibilities": ["FARGATE"],
                "Cpu": "256",
                "Memory": "512",
                "EnableFaultInjection": "true",
                "ProxyConfiguration": {
                    "Type": "APPMESH",
                    "ContainerName": "envoy",
                    "ProxyConfigurationProperties": [{"Name": "IgnoredUID", "Value": "1337"}],
                },
                "ContainerDefinitions": [
                    {
                        "Name": "app",
                        "Image": {"Ref": "Image"},
                        "PortMappings": [{"ContainerPort": {"Ref": "Port"}}],
                        "DependsOn": [{"ContainerName": "envoy", "Condition": "HEALTHY"}],
                    },
                    {
                        "Name": "envoy",
                        "Image": "envoy:v1",
                        "User": "1337",
                        "Ulimits": [{"Name": "nofile", "SoftLimit": 15000, "HardLimit": "15000"}],
                        "HealthCheck": {"Command": ["CMD-SHELL", "true"], "Interval": 5, "Retries": 3, "Timeout": 2},
                    },
                ],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "ServiceName": {"Fn::Sub": "${AWS::StackName}-app"},
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "Task"},
                "DesiredCount": 1,
                "LaunchType": "FARGATE",
                "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
                "ServiceRegistries": [{"RegistryArn": {"Fn::GetAtt": ["Registry", "Arn"]}, "ContainerPort": 8080,
                                       "ContainerName": "app"}],
            },
        },
    },
    "Outputs": {"Service": {"Value": {"Fn::GetAtt": ["Service", "Name"]}}},
}  # fmt: skip

MESH: dict[str, Any] = {
    "Parameters": {"Weight": {"Type": "Number", "Default": "100"}},
    "Resources": {
        "Mesh": {"Type": "AWS::AppMesh::Mesh", "Properties": {"MeshName": {"Ref": "AWS::StackName"}}},
        "Node": {
            "Type": "AWS::AppMesh::VirtualNode",
            "Properties": {
                "MeshName": {"Fn::GetAtt": ["Mesh", "MeshName"]},
                "VirtualNodeName": "node",
                "Tags": [{"Key": "team", "Value": "blue"}],
                "Spec": {
                    "Listeners": [{"PortMapping": {"Port": "80", "Protocol": "http"}}],
                    "ServiceDiscovery": {"AWSCloudMap": {"NamespaceName": "x.local", "ServiceName": "s"}},
                },
            },
        },
        "Router": {
            "Type": "AWS::AppMesh::VirtualRouter",
            "Properties": {
                "MeshName": {"Fn::GetAtt": ["Mesh", "MeshName"]},
                "VirtualRouterName": "x-vr",
                "Spec": {"Listeners": [{"PortMapping": {"Port": 80, "Protocol": "http"}}]},
            },
        },
        "Route": {
            "Type": "AWS::AppMesh::Route",
            "Properties": {
                "MeshName": {"Fn::GetAtt": ["Mesh", "MeshName"]},
                "VirtualRouterName": {"Fn::GetAtt": ["Router", "VirtualRouterName"]},
                "RouteName": "x-route",
                "Spec": {
                    "HttpRoute": {
                        "Match": {"Prefix": "/"},
                        "Action": {
                            "WeightedTargets": [
                                {
                                    "VirtualNode": {"Fn::GetAtt": ["Node", "VirtualNodeName"]},
                                    "Weight": {"Ref": "Weight"},
                                }
                            ]
                        },
                    }
                },
            },
        },
    },
    "Outputs": {"Route": {"Value": {"Ref": "Route"}}, "Uid": {"Value": {"Fn::GetAtt": ["Route", "Uid"]}}},
}
