"""One stack: brought to a template, or removed, with its events shown as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from .aws import Clients, code, message
from .errors import InfraError

Say = Callable[[str], None]

# CloudFormation's own limit for a template that comes with the request.
MAXIMUM_TEMPLATE_BYTES = 51_200
# Stacks in these states hold nothing: they have to go before one of their name can be made.
_EMPTY = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")
_USABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
# What CloudFormation says of resources that failed only because another one did.
_CONSEQUENCES = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True)
class Stacks:
    """The stacks of an account and Region. `poll_seconds` lie between two looks at one that is changing."""

    client: Clients
    say: Say
    poll_seconds: float = 2.0
    tags: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> dict[str, Any] | None:
        """The stack as CloudFormation describes it; None if there is none."""
        try:
            return self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if code(error) == "ValidationError" and "does not exist" in message(error):
                return None
            raise

    def all(self) -> list[dict[str, Any]]:
        """Every stack that is not deleted."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return [stack for page in pages for stack in page["Stacks"] if stack["StackStatus"] != "DELETE_COMPLETE"]

    def exporter(self, export: str) -> str | None:
        """The id of the stack that has an export; None if there is no such export."""
        pages = self.client("cloudformation").get_paginator("list_exports").paginate()
        exports = [found for page in pages for found in page["Exports"]]
        return next((found["ExportingStackId"] for found in exports if found["Name"] == export), None)

    def offers(self, *types: str) -> bool:
        """Whether stacks can hold resources of these types here. The local environment has not got all of AWS's."""
        body = json.dumps({"Resources": {f"R{number}": {"Type": name} for number, name in enumerate(types)}})
        try:
            self.client("cloudformation").validate_template(TemplateBody=body)
        except ClientError as error:
            if "Unrecognized resource types" in message(error):
                return False
            raise
        return True

    def deploy(self, name: str, template: Path, parameters: Mapping[str, str], **tags: str) -> dict[str, str]:
        """Creates the stack, or updates it, or leaves it as it is; returns its outputs."""
        self.say(f"stack `{name}` from {template.name}")
        found = self._settled(name)
        if found and found["StackStatus"] in _EMPTY:
            self.say(f"stack `{name}` is left over from a failure ({found['StackStatus']}): removing it first")
            self.delete(name)
            found = None
        if found and found["StackStatus"] not in _USABLE:
            raise InfraError(f"stack `{name}` is {found['StackStatus']}: it cannot be updated; delete it first")
        request = self._request(name, template, parameters, {**self.tags, **tags})
        seen = self._event_ids(name) if found else set()
        operation = "update" if found else "create"
        try:
            getattr(self.client("cloudformation"), f"{operation}_stack")(**request)
        except ClientError as error:
            if found and "No updates are to be performed" in message(error):
                self.say(f"stack `{name}` is up to date")
                return outputs(found)
            raise InfraError(f"`{operation}` of stack `{name}` was refused: {message(error)}") from error
        stack = self._follow(name, seen)
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise InfraError(self._failure(operation, stack, seen))
        self.say(f"stack `{name}` is {stack['StackStatus']}")
        return outputs(stack)

    def delete(self, name: str) -> bool:
        """Removes the stack; False if there was none. An `InfraError` says which resource did not go, and why."""
        found = self._settled(name)
        if found is None:
            self.say(f"stack `{name}` does not exist")
            return False
        self.say(f"deleting stack `{name}`")
        # By its id a stack is still described when it is gone.
        identity = found["StackId"]
        seen = self._event_ids(identity)
        try:
            self.client("cloudformation").delete_stack(StackName=identity)
        except ClientError as error:
            raise InfraError(f"`delete` of stack `{name}` was refused: {message(error)}") from error
        stack = self._follow(identity, seen)
        if stack["StackStatus"] != "DELETE_COMPLETE":
            raise InfraError(self._failure("delete", stack, seen))
        self.say(f"stack `{name}` is gone")
        return True

    def _request(
        self, name: str, template: Path, parameters: Mapping[str, str], tags: Mapping[str, str]
    ) -> dict[str, Any]:
        body = template.read_text(encoding="utf-8-sig")
        if len(body.encode()) > MAXIMUM_TEMPLATE_BYTES:
            raise InfraError(f"`{template.name}` has more than the {MAXIMUM_TEMPLATE_BYTES} bytes of a template")
        return {
            "StackName": name,
            "TemplateBody": body,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
        }

    def _settled(self, name: str) -> dict[str, Any] | None:
        """The stack once nothing is changing it any more."""
        stack = self.find(name)
        if stack and _changing(stack):
            self.say(f"stack `{name}` is {stack['StackStatus']}: waiting for that to end")
            stack = self._follow(stack["StackId"], self._event_ids(stack["StackId"]))
        return None if stack is None or stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def _follow(self, name: str, seen: set[str]) -> dict[str, Any]:
        """Says every new event until the stack rests. `seen` stays as it was."""
        said = set(seen)
        while True:
            # Looked at before its events, so that the last ones are said too.
            stack = self.find(name)
            if stack is None:
                raise InfraError(f"stack `{name}` disappeared")
            for event in self._events(name, said):
                said.add(event["EventId"])
                self.say("  " + _line(event))
            if not _changing(stack):
                return stack
            time.sleep(self.poll_seconds)

    def _events(self, name: str, known: set[str]) -> list[dict[str, Any]]:
        """Events that are not known, oldest first."""
        new = []
        for page in self.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=name):
            fresh = [event for event in page["StackEvents"] if event["EventId"] not in known]
            new += fresh
            if len(fresh) < len(page["StackEvents"]):
                break
        return new[::-1]

    def _event_ids(self, name: str) -> set[str]:
        return {event["EventId"] for event in self._events(name, set())}

    def _failure(self, operation: str, stack: dict[str, Any], seen: set[str]) -> str:
        failed = [
            event for event in self._events(stack["StackId"], seen) if event["ResourceStatus"].endswith("_FAILED")
        ]
        causes = [event for event in failed if not event.get("ResourceStatusReason", "").startswith(_CONSEQUENCES)]
        # The stack's own event only repeats which resources failed.
        of_resources = [event for event in causes if event["PhysicalResourceId"] != stack["StackId"]] or causes
        reasons = [
            f"`{event['LogicalResourceId']}` ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason')}"
            for event in of_resources
        ]
        why = "; ".join(reasons) or stack.get("StackStatusReason") or "no reason was given"
        return f"`{operation}` of stack `{stack['StackName']}` ended in {stack['StackStatus']}: {why}"


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    """The outputs of a stack by key."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def tags(stack: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a stack by key."""
    return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}


def _changing(stack: Mapping[str, Any]) -> bool:
    return stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != "REVIEW_IN_PROGRESS"


def _line(event: Mapping[str, Any]) -> str:
    text = f"{event['ResourceStatus']:<20} {event['ResourceType']:<44} {event['LogicalResourceId']}"
    reason = event.get("ResourceStatusReason")
    return f"{text}: {reason}" if reason and "FAILED" in event["ResourceStatus"] else text
