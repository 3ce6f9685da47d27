#!/usr/bin/env bash
# Holds the Kubernetes manifests against the schemas of the API, strictly: unknown fields are errors. The tool comes from
# PyPI into target/kubernetes; tests/it/kubernetes.rs needs none of it and compares the manifests with the server.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! -x target/kubernetes/bin/kubernetes-validate ]]; then
  rm -rf target/kubernetes
  python3 -m venv target/kubernetes
  target/kubernetes/bin/pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0
fi
for manifest in deploy/kubernetes/*.yaml; do
  # Read by kubectl alone; the API does not know it.
  [[ $manifest == */kustomization.yaml ]] || target/kubernetes/bin/kubernetes-validate --strict "$manifest"
done
