#!/usr/bin/env bash
# Generates the tables of ports and capacity in k8s/README.md from the rendered overlays, between
# `<!-- generated: … -->` and `<!-- /generated -->`. With --check it only compares.
set -euo pipefail
# shellcheck source=k8s/scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'USAGE'
Usage: tables.sh [--check]
  --check  changes nothing; prints the difference and exits with 1 if the page differs from the manifests
USAGE
}

check=no
case ${1-} in
    '') ;;
    --check) check=yes ;;
    -h | --help) usage; exit ;;
    *) usage_error "unknown argument '$1'" ;;
esac
PAGE=${TAPEDECK_PAGE:-$ROOT/k8s/README.md}

need_kubectl
make_work

# Renders a copy in which every generated key is an empty file: the tables need no keys.
if [[ -z ${TAPEDECK_OVERLAYS:-} ]]; then
    mkdir "$WORK/k8s"
    for folder in base components overlays; do
        [[ ! -d $ROOT/k8s/$folder ]] || cp -R "$ROOT/k8s/$folder" "$WORK/k8s/"
    done
    generated=$WORK/k8s/components/secrets-generated/generated
    rm -rf "$generated"
    mkdir -p "$generated"
    for role in $(roles); do : >"$generated/$role.seed"; done
    for file in users.conf postgres-admin.password postgres-tapedeck.password; do : >"$generated/$file"; done
    OVERLAYS=$WORK/k8s/overlays
fi

: >"$WORK/port-rows"
: >"$WORK/capacity"
overlays=0
for overlay in local dev staging prod; do
    [[ -d $OVERLAYS/$overlay ]] || continue
    overlays=$((overlays + 1))
    rm -rf "$WORK/objects"
    mkdir "$WORK/objects"
    render "$overlay"
    awk -v table=ports -f "$SCRIPTS/tables.awk" "$WORK/flat" >>"$WORK/port-rows"
    { printf 'Overlay **%s**\n\n' "$overlay"; awk -v table=capacity -f "$SCRIPTS/tables.awk" "$WORK/flat"; echo; } \
        >>"$WORK/capacity"
done
((overlays > 0)) || fail "no overlays in $OVERLAYS"
{
    echo '| namespace | workload | container | name | port | Service |'
    echo '|---|---|---|---|---:|---|'
    sort -u "$WORK/port-rows" | cut -f2
    echo
} >"$WORK/ports"

awk -v work="$WORK" '
    /^<!-- \/generated -->$/ { inside = 0; closed++ }
    !inside { print }
    /^<!-- generated: (ports|capacity) -->$/ {
        inside = 1
        opened++
        print ""
        while ((getline line < (work "/" $3)) > 0) print line
    }
    END { exit !(opened == 2 && closed == 2) }' "$PAGE" >"$WORK/page" ||
    fail "$PAGE lacks a marker: <!-- generated: ports -->, <!-- generated: capacity -->, each with <!-- /generated -->"

if cmp -s "$WORK/page" "$PAGE"; then
    say "tables: up to date"
elif [[ $check == yes ]]; then
    diff -u "$PAGE" "$WORK/page" || true
    fail "$PAGE is not what the manifests say; run k8s/scripts/tables.sh"
else
    cat "$WORK/page" >"$PAGE"
    say "tables: written to $PAGE"
fi
