"""The chart as `helm template` renders it: no wildcard rights, restricted pods, trial parts only where asked for."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from faceledger_operator import metrics
from faceledger_operator.api.crd import RESOURCES, crd
from testbed import tools

CHART = Path(__file__).resolve().parents[3] / "charts" / "faceledger"

TRIAL = ("devChain.enabled=true", "ipfs.enabled=true")

Manifest = dict[str, Any]


@cache
def helm(*arguments: str) -> str:
    try:
        command = (str(tools.helm()), *arguments)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else f"FAILED {done.stderr}"


@cache
def render(*values: str) -> list[Manifest]:
    """The manifests with these values; shared between tests, so do not change them."""
    settings = [part for value in values for part in ("--set", value)]
    text = helm("template", "faceledger", str(CHART), "--namespace", "faceledger-system", *settings)
    assert not text.startswith("FAILED"), text
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def names(manifests: list[Manifest], kind: str) -> list[str]:
    return [m["metadata"]["name"] for m in manifests if m["kind"] == kind]


def test_helm_lint_has_nothing_to_say() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_by_default_only_the_operator_runs() -> None:
    assert names(render(), "Deployment") == ["faceledger"]
    assert names(render(), "PersistentVolumeClaim") == ["faceledger-receipts"]


def test_a_trial_adds_a_chain_and_an_ipfs_node_with_claims_of_their_own() -> None:
    manifests = render(*TRIAL)
    assert sorted(names(manifests, "Deployment")) == ["anvil", "faceledger", "ipfs"]
    ports = {name: find(manifests, "Service", name)["spec"]["ports"][0]["port"] for name in ("anvil", "ipfs")}
    assert ports == {"anvil": 8545, "ipfs": 5001}
    assert sorted(names(manifests, "PersistentVolumeClaim")) == ["anvil", "faceledger-receipts", "ipfs"]


def test_no_right_is_a_wildcard() -> None:
    roles = [m for m in render() if m["kind"] in {"Role", "ClusterRole"}]
    rules = [rule for role in roles for rule in role["rules"]]
    assert rules
    assert not [rule for rule in rules if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])]


def test_the_operator_reads_secrets_by_name_alone() -> None:
    rules = find(render(), "ClusterRole", "faceledger-operator")["rules"]
    verbs = {verb for rule in rules if "secrets" in rule["resources"] for verb in rule["verbs"]}
    assert verbs == {"get", "create", "update", "delete"}


def test_the_operator_holds_what_it_grants_to_a_driver() -> None:
    rules = find(render(), "ClusterRole", "faceledger-operator")["rules"]
    verbs = {verb for rule in rules if "configmaps" in rule["resources"] for verb in rule["verbs"]}
    assert {"get", "patch"} <= verbs


@pytest.mark.parametrize("deployment", ["faceledger", "anvil", "ipfs"])
def test_a_pod_is_a_restricted_one(deployment: str) -> None:
    pod = find(render(*TRIAL), "Deployment", deployment)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        assert {"startupProbe", "readinessProbe"} <= container.keys()


@pytest.mark.parametrize("deployment", ["anvil", "ipfs"])
def test_a_trial_part_has_no_token_of_the_api_server(deployment: str) -> None:
    pod = find(render(*TRIAL), "Deployment", deployment)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False


def test_the_operator_learns_its_settings_from_the_environment() -> None:
    manifests = render(
        "images.operator=op:1",
        "images.workloads=work:2",
        "watchNamespaces={a,b}",
        "images.pullSecrets={c}",
        "prices.currency=EUR",
        "prices.cpuHour=0.04",
    )
    (container,) = find(manifests, "Deployment", "faceledger")["spec"]["template"]["spec"]["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert container["image"] == "op:1"
    assert environment == {
        "FACELEDGER_OPERATOR_IMAGE": "op:1",
        "FACELEDGER_WORKLOADS_IMAGE": "work:2",
        "FACELEDGER_RECEIPTS_DIR": "/var/lib/faceledger/receipts",
        "FACELEDGER_WATCH_NAMESPACES": "a,b",
        "FACELEDGER_PULL_SECRETS": "c",
        "FACELEDGER_LOG_LEVEL": "INFO",
        "FACELEDGER_CPU_HOUR_PRICE": "0.04",
        "FACELEDGER_GPU_HOUR_PRICE": "",
        "FACELEDGER_CURRENCY": "EUR",
        "POD_NAMESPACE": None,
        "POD_NAME": None,
    }
    assert environment["FACELEDGER_RECEIPTS_DIR"] in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_an_operator_of_all_namespaces_is_bound_in_the_cluster() -> None:
    assert names(render(), "ClusterRoleBinding") == ["faceledger-operator"]
    assert names(render(), "RoleBinding") == ["faceledger-leader"]


def test_an_operator_of_two_namespaces_has_rights_in_these_alone() -> None:
    manifests = render("watchNamespaces={a,b}", "userRoles.enabled=false")
    assert names(manifests, "ClusterRoleBinding") == names(manifests, "ClusterRole") == []
    for kind in ("Role", "RoleBinding"):
        found = [m["metadata"] for m in manifests if m["kind"] == kind]
        assert [m["namespace"] for m in found if m["name"] == "faceledger-operator"] == ["a", "b"]
    roles = [m["rules"] for m in manifests if m["kind"] == "Role" and m["metadata"]["name"] == "faceledger-operator"]
    assert roles == [find(render(), "ClusterRole", "faceledger-operator")["rules"]] * 2


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_the_definition_that_helm_installs_is_the_generated_one_and_outlives_an_uninstall(resource: Any) -> None:
    installed = find(render(), "CustomResourceDefinition", f"{resource.plural}.faceledger.dev")
    expected = crd(resource)
    expected["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    assert installed == expected


@pytest.mark.parametrize(
    ("value", "definitions", "kept"),
    [
        pytest.param("crds.enabled=false", 0, 0, id="definitions can be left to somebody else"),
        pytest.param("crds.keep=false", 3, 0, id="definitions can go with the chart"),
    ],
)
def test_crds(value: str, definitions: int, kept: int) -> None:
    found = [m for m in render(value) if m["kind"] == "CustomResourceDefinition"]
    assert len(found) == definitions
    assert len([m for m in found if "annotations" in m["metadata"]]) == kept


def test_an_existing_claim_replaces_the_one_of_the_chart() -> None:
    manifests = render("receipts.persistentVolumeClaim.existingClaim=mine")
    volumes = find(manifests, "Deployment", "faceledger")["spec"]["template"]["spec"]["volumes"]
    assert names(manifests, "PersistentVolumeClaim") == []
    assert {"name": "receipts", "persistentVolumeClaim": {"claimName": "mine"}} in volumes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param("receipts.persistentVolumeClaim.create=false", "name a claim in existingClaim", id="no receipts"),
        pytest.param("images.pullPolicy=Sometimes", "images/pullPolicy", id="an unknown pull policy"),
        pytest.param("operator.replica=2", "'replica' not allowed", id="a misspelt value"),
        pytest.param("prices.gpuHour=cheap", "prices/gpuHour", id="a price that is no number"),
        pytest.param("devChain.blockTime=0", "devChain/blockTime", id="no time between blocks"),
        pytest.param("watchNamespaces={1}", "watchNamespaces/0", id="a namespace that is no text"),
        pytest.param("images.requireDigests=true", "images.operator: localhost", id="a tag where digests are required"),
    ],
)
def test_wrong_values_are_refused_by_name(values: str, words: str) -> None:
    answer = helm("template", "faceledger", str(CHART), "--set", values)
    assert answer.startswith("FAILED")
    assert words in answer


@pytest.mark.parametrize(
    ("replicas", "budgets"),
    [
        pytest.param(1, [], id="a single operator may be moved: its budget would block every drain"),
        pytest.param(2, ["faceledger"], id="of two operators one stays"),
    ],
)
def test_a_drained_node_leaves_a_standby(replicas: int, budgets: list[str]) -> None:
    manifests = render(f"operator.replicas={replicas}")
    assert names(manifests, "PodDisruptionBudget") == budgets


def test_replicas_spread_over_nodes_where_they_can() -> None:
    deployment = find(render("operator.replicas=2"), "Deployment", "faceledger")["spec"]
    (constraint,) = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["labelSelector"] == deployment["selector"]


def test_nobody_reaches_the_operator_but_who_asks_how_it_stands() -> None:
    policy = find(render(), "NetworkPolicy", "faceledger")["spec"]
    pod = find(render(), "Deployment", "faceledger")["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert policy["ingress"] == [{"ports": [{"port": "health"}]}]
    assert policy["policyTypes"] == ["Ingress"]
    assert names(render("networkPolicy.enabled=false"), "NetworkPolicy") == []


@pytest.mark.parametrize(("part", "port"), [("dev-chain", "rpc"), ("ipfs", "api")])
def test_a_trial_part_is_reached_at_its_port_and_reaches_nobody(part: str, port: str) -> None:
    policy = find(render(*TRIAL), "NetworkPolicy", f"faceledger-{part}")["spec"]
    assert policy["ingress"] == [{"ports": [{"port": port}]}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy
    assert f"faceledger-{part}" not in names(render(), "NetworkPolicy")


def test_people_see_and_edit_by_the_roles_of_the_cluster_and_only_admins_bind_ledgers() -> None:
    manifests = render()
    edit = find(manifests, "ClusterRole", "faceledger-edit")["rules"]
    admin = find(manifests, "ClusterRole", "faceledger-admin")
    assert "ledgerbindings" not in {name for rule in edit for name in rule["resources"]}
    assert admin["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"


DIGEST = f"@sha256:{'ab' * 32}"


def test_where_digests_are_required_the_api_server_refuses_tags_in_resources() -> None:
    images = f"images.operator=op{DIGEST}", f"images.workloads=work{DIGEST}"
    manifests = render("images.requireDigests=true", *images)
    policy = find(manifests, "ValidatingAdmissionPolicy", "faceledger-images")["spec"]
    binding = find(manifests, "ValidatingAdmissionPolicyBinding", "faceledger-images")["spec"]
    assert policy["matchConstraints"]["resourceRules"][0]["resources"] == ["facedatasets", "recognitionjobs"]
    assert "object.spec.compute.image" in policy["validations"][0]["expression"]
    assert binding == {"policyName": "faceledger-images", "validationActions": ["Deny"]}
    assert names(render(), "ValidatingAdmissionPolicy") == []


MONITORED = ("metrics.podMonitor.enabled=true", "metrics.alerts.enabled=true", "metrics.dashboard.enabled=true")


def monitored(*arguments: str) -> list[Manifest]:
    settings = [part for value in MONITORED for part in ("--set", value)]
    text = helm("template", "faceledger", str(CHART), *settings, *arguments)
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def test_a_prometheus_is_given_what_its_cluster_knows() -> None:
    kinds = {m["kind"] for m in monitored()}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
    known = monitored("--api-versions", "monitoring.coreos.com/v1")
    (endpoint,) = find(known, "PodMonitor", "faceledger")["spec"]["podMetricsEndpoints"]
    (container,) = find(known, "Deployment", "faceledger")["spec"]["template"]["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert endpoint["honorLabels"] is True
    assert find(known, "PrometheusRule", "faceledger")["spec"]["groups"]
    assert json.loads(find(known, "ConfigMap", "faceledger-dashboard")["data"]["faceledger.json"])["panels"]
    assert not {m["kind"] for m in render()} & {"PodMonitor", "PrometheusRule"}


def expressions() -> list[Any]:
    """Every query of the dashboard and of the alerts, with where it stands."""
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    (group,) = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    queries = [(rule["alert"], rule["expr"]) for rule in group["rules"]]
    queries += [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [(variable["name"], variable["query"]) for variable in dashboard["templating"]["list"][1:]]
    return [pytest.param(query, id=title) for title, query in queries]


def samples() -> set[str]:
    """Names of all samples that an operator can show."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    families = metrics.REGISTRY.collect()
    return {family.name + ending for family in families for ending in endings.get(family.type, ("",))}


@pytest.mark.parametrize("query", expressions())
def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist(query: str) -> None:
    asked = set(re.findall(r"faceledger_\w+", query))
    assert asked
    assert asked <= samples()


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(parameter.values[0] for parameter in expressions())
    assert [family.name for family in metrics.REGISTRY.collect() if family.name not in shown] == []


def test_an_installation_can_be_tried_out() -> None:
    test = find(render(), "Pod", "faceledger-test")
    service = find(render(), "Service", "faceledger-metrics")["spec"]
    labels = find(render(), "Deployment", "faceledger")["spec"]["template"]["metadata"]["labels"]
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert service["selector"].items() <= labels.items()
    assert not service["selector"].items() <= test["metadata"]["labels"].items()
    assert test["spec"]["automountServiceAccountToken"] is False
    assert test["spec"]["securityContext"]["runAsNonRoot"] is True
