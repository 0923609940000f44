#!/usr/bin/env bash
# Renders overlays/local with throw-away secrets and hands it to tapedeck-k8s, which starts all of it as processes.
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
# It ends with this script, as all that it starts ends with it.
setpriv --pdeathsig KILL -- "$target/tapedeck-k8s" local "$work/local.yaml" --binary "$target/tapedeck" --rules "$work/rules" "$@"
