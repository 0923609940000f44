#!/usr/bin/env bash
# Takes an overlay off the cluster of the current context. The data stay: namespaces, volume claims and Secrets (the
# stored data know only those passwords), so that deploy.sh goes on where it was. --purge-data takes those too.
set -euo pipefail
# shellcheck source=k8s/scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'USAGE'
Usage: undeploy.sh OVERLAY [--purge-data] [--dry-run] [--yes] [--timeout TIME]
  --purge-data    deletes the namespaces with all that is in them: the tapes, the database, the Secrets
  --dry-run       only says what would be deleted
  --yes           does not ask
  --timeout TIME  longest wait for one deletion: 300, 300s, 5m (default 5m)
USAGE
}

overlay='' purge=no dry_run=no timeout=300
while (($#)); do
    case $1 in
        --purge-data) purge=yes ;;
        --dry-run) dry_run=yes ;;
        --yes) ASSUME_YES=yes ;;
        --timeout) timeout=$(seconds_of "${2:-}") || usage_error "--timeout takes 300, 300s or 5m"; shift ;;
        -h | --help) usage; exit ;;
        -*) usage_error "unknown option '$1'" ;;
        *) [[ -z $overlay ]] || usage_error "one overlay, not also '$1'"; overlay=$1 ;;
    esac
    shift
done
[[ -n $overlay ]] || usage_error "which overlay?"

# What holds data or a way to them, and goes with --purge-data alone. The claims of a StatefulSet are in no manifest.
KEPT='kind ~ /^(Namespace|PersistentVolumeClaim|Secret|SealedSecret|ExternalSecret|SecretStore)$/'
step=0

# Deletes what the condition $2 picks, called $1, and waits until it is gone.
take() {
    local condition=$2
    step=$((step + 1))
    say "[$step/5] $1"
    [[ -n $(objects "$condition") ]] || return 0
    if [[ $dry_run == yes ]]; then
        objects "$condition" | awk -F '\t' '{ print "  would delete " $2 " " $3 "/" $4 }'
        return
    fi
    objects "$condition" | manifests |
        kube delete -f - --ignore-not-found --wait --timeout="${timeout}s" || fail "could not delete: $1"
}

need_kubectl
need_cluster
make_work
render "$overlay"

# A set that takes its claims with it would make "the data stay" a lie.
if [[ $purge == no ]] && awk -F '\t' '$2 ~ /persistentVolumeClaimRetentionPolicy\.whenDeleted$/ && $3 == "Delete" {
        found = 1 } END { exit !found }' "$WORK/flat"; then
    fail "a StatefulSet of overlay $overlay deletes its claims with itself (whenDeleted: Delete); nothing was done"
fi

context=$(kube config current-context 2>/dev/null || echo unknown)
if [[ $dry_run == no ]]; then
    if [[ $purge == yes ]]; then
        confirm "Delete overlay $overlay AND ALL ITS DATA (tapes, database, Secrets) from context '$context'?"
    else
        confirm "Stop overlay $overlay in context '$context'? Its data stay."
    fi
fi

# Whoever made the cluster's Secrets by hand under our names keeps them as well.
take "scheduled and finished jobs" 'kind == "Job" || kind == "CronJob"'
take "the groups, which drain" "workload && ns == \"$APP_NAMESPACE\""
take "NATS and Postgres" "workload && ns == \"$DATA_NAMESPACE\""
take "policies, services, configuration" "!workload && kind != \"Job\" && kind != \"CronJob\" && !($KEPT)"
if [[ $purge == yes ]]; then
    take "namespaces with everything in them" 'kind == "Namespace"'
    [[ $dry_run == yes ]] || say "gone. Volumes whose class says reclaimPolicy Retain are still there: kubectl get pv"
else
    say "[5/5] kept: namespaces, volume claims, Secrets"
    if [[ $dry_run == no ]]; then
        kube get persistentvolumeclaims -n "$DATA_NAMESPACE" -o name | sed 's/^/  /'
    fi
fi
