#!/usr/bin/env bash
# Renders overlays/local with temporary secrets and runs tapedeck-k8s on it, which starts the pods as processes.
set -euo pipefail
root=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/k8s" "$work/k8s"
"$target/tapedeck" keys --out "$work/k8s/components/secrets-generated/generated" >/dev/null
kubectl kustomize "$work/k8s/overlays/local" >"$work/local.yaml"
mkdir "$work/rules"
cp "$root/k8s/components/monitoring/rules.yaml" "$work/rules/"
# tapedeck-k8s ends with this script, and its processes end with tapedeck-k8s.
setpriv --pdeathsig KILL -- "$target/tapedeck-k8s" local "$work/local.yaml" --binary "$target/tapedeck" --rules "$work/rules" "$@"
