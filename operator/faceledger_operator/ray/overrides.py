"""What a user may lay over the Ray pods: `compute.podTemplate`, by Kubernetes' rules of a strategic merge.

In: a pod template of ours and the user's. Out: the merged template, or `OverrideRefusedError` that names the path.
Invariants: only listed fields are taken, so no privilege, host path, volume, account, image or command comes in; null,
which would remove a field of ours, is refused everywhere. Source: the patchMergeKey tags of k8s.io/api/core/v1; a list
without one is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["OverrideRefusedError", "check_overrides", "overlaid"]

Object = dict[str, Any]

FIELD = "spec.compute.podTemplate"

OWN_DOMAINS = ("faceledger.dev", "ray.io", "kueue.x-k8s.io")
"""Whose labels and annotations say what a pod belongs to."""

CONTAINERS = ("ray-head", "ray-worker")

OWN_VARIABLES = ("RAY_", "FACELEDGER_")
"""Prefixes of variables that the pods are run by: token authentication among them."""

_SPEC_FIELDS = frozenset(
    {
        "affinity",
        "containers",
        "dnsConfig",
        "hostAliases",
        "imagePullSecrets",
        "nodeSelector",
        "preemptionPolicy",
        "priorityClassName",
        "runtimeClassName",
        "schedulerName",
        "schedulingGates",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
    }
)
_CONTAINER_FIELDS = frozenset({"name", "env", "imagePullPolicy", "resources"})

_MERGE_KEYS = {
    "containers": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "schedulingGates": "name",
    "topologySpreadConstraints": "topologyKey",
}


class OverrideRefusedError(Exception):
    """The user's template holds what it may not; the message begins with its path."""


def check_overrides(patch: Mapping[str, Any]) -> None:
    """Raises `OverrideRefusedError` for the first field that may not be laid over."""
    _check_values(patch, FIELD)
    _only({"metadata", "spec"}, patch, FIELD)
    metadata = _mapping(patch, "metadata", FIELD)
    _only({"labels", "annotations"}, metadata, f"{FIELD}.metadata")
    for part in metadata:
        for key in _mapping(metadata, part, f"{FIELD}.metadata"):
            domain = key.partition("/")[0] if "/" in key else ""
            if any(domain == own or domain.endswith(f".{own}") for own in OWN_DOMAINS):
                raise OverrideRefusedError(f"{FIELD}.metadata.{part}.{key}: it is the operator's")
    spec = _mapping(patch, "spec", FIELD)
    _only(_SPEC_FIELDS, spec, f"{FIELD}.spec")
    for field in _MERGE_KEYS:
        _list(spec, field, f"{FIELD}.spec")
    for number, container in enumerate(_list(spec, "containers", f"{FIELD}.spec")):
        _check_container(container, f"{FIELD}.spec.containers[{number}]")


def overlaid(template: Object, patch: Mapping[str, Any]) -> Object:
    """The template with the (checked) patch laid over it. Containers that the pod does not have are left out."""
    if not patch:
        return template
    names = {container["name"] for container in template["spec"]["containers"]}
    spec = dict(patch.get("spec", {}))
    if "containers" in spec:
        spec["containers"] = [one for one in spec["containers"] if one["name"] in names]
    return _merged(template, {**patch, "spec": spec})


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """Mappings merge, lists merge by their key or are replaced."""
    result = dict(base)
    for field, value in patch.items():
        before = result.get(field)
        if isinstance(value, Mapping):
            result[field] = _merged(before if isinstance(before, Mapping) else {}, value)
        elif isinstance(value, list) and field in _MERGE_KEYS:
            result[field] = _merged_list(before or [], value, _MERGE_KEYS[field])
        else:
            result[field] = value
    return result


def _merged_list(base: list[Object], patch: list[Object], key: str) -> list[Object]:
    by_key = {item[key]: item for item in base}
    for item in patch:
        by_key[item[key]] = _merged(by_key.get(item[key], {}), item)
    return list(by_key.values())


def _check_values(patch: Mapping[str, Any], path: str) -> None:
    """No null at any depth, and what merges by a key has one: as deep as `_merged` goes."""
    for field, value in patch.items():
        where = f"{path}.{field}"
        if isinstance(value, list) and field in _MERGE_KEYS:
            for number, item in enumerate(value):
                if not isinstance(item, Mapping) or not isinstance(item.get(_MERGE_KEYS[field]), str):
                    raise OverrideRefusedError(f"{where}[{number}].{_MERGE_KEYS[field]}: must be there, as text")
        _check_value(value, where)


def _check_value(value: Any, path: str) -> None:
    if value is None:
        raise OverrideRefusedError(f"{path}: must not be null: nothing of the operator's is removed")
    if isinstance(value, Mapping):
        _check_values(value, path)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_value(item, f"{path}[{number}]")


def _check_container(container: Any, path: str) -> None:
    if not isinstance(container, Mapping) or container.get("name") not in CONTAINERS:
        raise OverrideRefusedError(f"{path}.name: must be one of {', '.join(CONTAINERS)}")
    _only(_CONTAINER_FIELDS, container, path)
    for number, variable in enumerate(_list(container, "env", path)):
        where = f"{path}.env[{number}]"
        if not isinstance(variable, Mapping) or set(variable) != {"name", "value"}:
            raise OverrideRefusedError(f"{where}: must have a name and a value, and nothing else")
        if str(variable["name"]).startswith(OWN_VARIABLES):
            raise OverrideRefusedError(f"{where}.name: {variable['name']} is the operator's")


def _only(allowed: frozenset[str] | set[str], found: Mapping[str, Any], path: str) -> None:
    for field in found:
        if field not in allowed:
            raise OverrideRefusedError(f"{path}.{field}: may not be overridden")


def _mapping(found: Mapping[str, Any], field: str, path: str) -> Mapping[str, Any]:
    value = found.get(field, {})
    if not isinstance(value, Mapping):
        raise OverrideRefusedError(f"{path}.{field}: must be a mapping")
    return value


def _list(found: Mapping[str, Any], field: str, path: str) -> list[Any]:
    value = found.get(field, [])
    if not isinstance(value, list):
        raise OverrideRefusedError(f"{path}.{field}: must be a list")
    return value
