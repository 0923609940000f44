#!/usr/bin/env bash
# Checks the manifests without a cluster: each overlay and combination renders, is valid for two versions of Kubernetes,
# follows the policy, and allows exactly the connections in the golden file. The alerts pass their tests. The render of
# prod equals its golden file. --bless writes the golden files again.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."
bless=${1-}
VERSIONS=(1.33 1.36)
K8S=$PWD/k8s
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
BINARY=${CARGO_TARGET_DIR:-$PWD/target}/release/tapedeck
VERIFIER=${CARGO_TARGET_DIR:-$PWD/target}/release/tapedeck-k8s

say() { printf '%s\n' "$*"; }
fail() { printf 'k8s-check: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing; ./dev k8s-check installs it"; }
need kubectl
need kubernetes-validate
need promtool
need nca
need shellcheck

same() { # same GOLDEN FILE: compares FILE with GOLDEN, or replaces GOLDEN
    if [[ $bless == --bless ]]; then
        mkdir -p "$(dirname "$1")"
        cp "$2" "$1"
        say "blessed $1"
    else
        diff -u "$1" "$2" || fail "$1 differs; if the change is intended, run k8s/scripts/check.sh --bless"
    fi
}

# The scripts' copy of the list of groups, and of the other roles.
"$BINARY" groups --json | python3 -c '
import json, sys
listed = json.load(sys.stdin)
for kind, key in ("group", "groups"), ("client", "clients"):
    for one in listed[key]:
        print(one["role"], kind)' >"$WORK/listed"
{ grep '^#' "$K8S/scripts/roles.txt"; cat "$WORK/listed"; } >"$WORK/roles.txt"
same "$K8S/scripts/roles.txt" "$WORK/roles.txt"

# A copy with temporary secrets: rendering needs files that are never in the repository.
cp -r "$K8S" "$WORK/k8s"
"$BINARY" keys --out "$WORK/k8s/components/secrets-generated/generated" >/dev/null

mkdir "$WORK/rendered"
overlays=()
for folder in "$WORK"/k8s/overlays/* "$WORK"/k8s/tests/*; do
    [[ -f $folder/kustomization.yaml ]] || continue
    name=$(basename "$folder")
    kubectl kustomize "$folder" >"$WORK/rendered/$name.yaml" || fail "$name does not render"
    for version in "${VERSIONS[@]}"; do
        kubernetes-validate -k "$version" --strict "$WORK/rendered/$name.yaml" >"$WORK/said" 2>&1 ||
            { cat "$WORK/said" >&2; fail "$name is not valid for Kubernetes $version"; }
        if grep -q '^ERROR' "$WORK/said"; then cat "$WORK/said" >&2; fail "$name is not valid for $version"; fi
    done
    custom=$(grep -c '^apiVersion: \(external-secrets.io\|monitoring.coreos.com\|bitnami.com\)' "$WORK/rendered/$name.yaml" || true)
    say "$name: $(grep -c '^kind:' "$WORK/rendered/$name.yaml") objects, valid for ${VERSIONS[*]} ($custom custom resources not validated)"
    [[ $folder == */overlays/* ]] && overlays+=("$name=$WORK/rendered/$name.yaml")
done

"$VERIFIER" policy "${overlays[@]}" || fail "an overlay violates the policy"

# local and dev: core kinds only.
for name in local dev; do
    ! grep '^apiVersion:' "$WORK/rendered/$name.yaml" | grep -Ev ' (v1|apps/v1|batch/v1|policy/v1|networking.k8s.io/v1|scheduling.k8s.io/v1)$' ||
        fail "$name has kinds that need a custom resource definition"
done

# Scripts.
find dev .ci/run k8s -name '*.sh' -o -path dev -o -path .ci/run | sort | xargs shellcheck -x || fail "shellcheck"

# Allowed connections, including those of a Prometheus, a publisher and an unrelated pod.
cat - "$K8S/tests/neighbours.yaml" <"$WORK/rendered/local.yaml" >"$WORK/rendered/neighbours.yaml"
# The order of its output depends on Python's hash seed and on its version: both are fixed (see dev).
PYTHONHASHSEED=0 nca --connectivity --resource_list "$WORK/rendered/neighbours.yaml" --output_format txt >"$WORK/said" 2>&1 ||
    { cat "$WORK/said" >&2; fail "the network policies cannot be analysed"; }
grep '^src' "$WORK/said" | sort >"$WORK/connectivity"
same "$K8S/tests/golden/connectivity.txt" "$WORK/connectivity"

# Alerts: promtool reads the rules without their custom resource.
python3 - "$K8S/components/monitoring/rules.yaml" "$WORK/rules.yaml" <<'PY'
import sys, yaml
with open(sys.argv[1]) as rule, open(sys.argv[2], "w") as plain:
    yaml.safe_dump(yaml.safe_load(rule)["spec"], plain)
PY
cp "$K8S/monitoring/tests.yaml" "$WORK/tests.yaml"
promtool check rules "$WORK/rules.yaml" >/dev/null || fail "the alert rules are wrong"
(cd "$WORK" && promtool test rules tests.yaml) || fail "the alerts do not fire as they should"
while IFS= read -r alert; do
    [[ -s $K8S/runbooks/$alert.md ]] || fail "no k8s/runbooks/$alert.md"
done < <(sed -n 's/^ *- alert: //p' "$K8S/components/monitoring/rules.yaml")

sed -E 's/(newTag|digest): .*/\1: …/' "$WORK/rendered/prod.yaml" >"$WORK/prod"
same "$K8S/tests/golden/prod.yaml" "$WORK/prod"
say "k8s-check: all good"
