# FaceLedger. `make demo` shows it, `make test` proves it, `make help` lists the rest.
#
# Both set up all they need on a fresh Debian or Ubuntu (root, make, Python 3.11-3.13, package registries).
# CLUSTER=local (default) starts a single-node Kubernetes of our own; CLUSTER=existing uses the current kubectl context.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CLUSTER ?= local
PYTHON ?= python3
B ?= main-job
N ?= 4
MINUTES ?= 30
PY := .venv/bin/python
RUN := PYTHONUNBUFFERED=1 $(PY)
# Tests run side by side: threads of one that wait for each other must not spin on the other's core.
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

ifeq ($(CLUSTER),local)
export KUBECONFIG := $(CURDIR)/.cluster/kubeconfig
endif
export CLUSTER

.PHONY: help
help: ## Lists the targets
	@echo "FaceLedger: make TARGET [CLUSTER=local|existing]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2} /^##@/{printf "\n%s\n", substr($$0, 5)}' $(MAKEFILE_LIST)

##@ See it
.PHONY: demo clean
demo: .venv/uv.lock ## Cluster, operator and three resources on public faces, verified; results in out/demo
	@$(RUN) hack/demo

clean: ## Removes the demo's resources and out/; the cluster stays (see cluster-down)
	@if [ -x $(PY) ]; then $(RUN) hack/demo --clean; fi
	@rm -rf out

##@ Prove it
.PHONY: test test-unit test-ray test-contract test-cluster lint types
test: .venv/uv.lock ## All: lint, types, unit, contract and cluster tests
	@$(RUN) hack/test

lint: .venv/uv.lock ## ruff, import rules, generated files
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports
	@$(MAKE) verify

types: .venv/uv.lock ## mypy, strict
	@.venv/bin/mypy

test-unit: .venv/uv.lock ## Unit tests: no cluster, seconds
	@$(ONE_THREAD) $(RUN) -m pytest tests/unit -q -n 2 -m "not ray"

test-ray: .venv/uv.lock ## Workloads on a Ray of this machine, without a cluster
	@$(ONE_THREAD) $(RUN) -m pytest tests/unit -q -m ray

test-contract: .venv/uv.lock ## Foundry tests, then Python against a real EVM node
	@$(MAKE) -C contracts test
	@$(MAKE) -C web types
	@$(RUN) -m pytest tests/contract -q

test-cluster: cluster-up ## The chart before kube-score, then tests on the real cluster (N at a time)
	@$(RUN) hack/lint-chart
	@$(RUN) -m pytest tests/cluster -q -m "not disruptive" -n $(N) --dist load --maxschedchunk 1
	@$(RUN) -m pytest tests/cluster -q -m disruptive

##@ Cluster
.PHONY: cluster-up cluster-down cluster-status images kueue
cluster-up: .venv/uv.lock ## Starts the local Kubernetes with our images, or checks the existing one
	@case $(CLUSTER) in local) $(RUN) hack/cluster up --load all ;; existing) $(RUN) hack/demo --check ;; *) echo "CLUSTER: local or existing" >&2; exit 2 ;; esac

cluster-down: .venv/uv.lock ## Stops the local Kubernetes; caches stay
	@$(RUN) hack/cluster down

cluster-status: .venv/uv.lock ## Shows the local Kubernetes' parts
	@$(RUN) hack/cluster status

images: .venv/uv.lock ## Builds both images and loads them into the running local Kubernetes
	@case $(CLUSTER) in local) $(RUN) hack/cluster load-image all ;; *) echo "CLUSTER=existing: the images named by OPERATOR_IMAGE and WORKLOADS_IMAGE are used" ;; esac

kueue: cluster-up ## Compiles Kueue and installs it on the local Kubernetes, for tests/cluster/test_queues.py
	@$(RUN) hack/cluster kueue

##@ Measure
.PHONY: bench soak
bench: .venv/uv.lock ## Prints the figures of B=AREA, one JSON object a line
	@$(RUN) -P benchmarks/$(subst -,_,$(B)).py # -P: benchmarks/operator.py would be the standard library's

soak: cluster-up ## Random use and faults for MINUTES, then what must hold (SEED repeats one); nobody else on the cluster
	@$(RUN) hack/soak $(MINUTES) $(SEED)

##@ Keep it in order
.PHONY: generate verify format lint-chart sbom
generate: .venv/uv.lock ## Writes CRDs, reference pages, schemas and ABI
	@$(RUN) hack/generate

verify: .venv/uv.lock ## Fails where a generated file is not current
	@$(RUN) hack/generate --check

lint-chart: .venv/uv.lock ## kube-score over what the chart installs; compiles kube-score at the first time
	@$(RUN) hack/lint-chart

sbom: .venv/uv.lock ## Bills of materials of both images (CycloneDX), in out/sbom
	@hack/sbom

format: .venv/uv.lock ## Formats the Python code
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .

# The environment is what uv.lock says; the stamp is a copy of that lock.
.venv/uv.lock: uv.lock pyproject.toml hack/bootstrap
	@PYTHON=$(PYTHON) hack/bootstrap
	@cp uv.lock $@
