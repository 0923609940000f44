#!/usr/bin/env bash
# Removes an overlay from the cluster of the current context. Keeps the data: namespaces, volume claims and Secrets (the
# database accepts only those passwords). deploy.sh continues with them. --purge-data deletes them too.
set -euo pipefail
# shellcheck source=k8s/scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'USAGE'
Usage: undeploy.sh OVERLAY [--purge-data] [--dry-run] [--yes] [--timeout TIME]
  --purge-data    also deletes the namespaces with everything in them: tapes, database, Secrets
  --dry-run       only prints what would be deleted
  --yes           does not ask for confirmation
  --timeout TIME  maximum wait for each deletion: 300, 300s, 5m (default 5m)
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

# Objects that hold data or access to it: only --purge-data deletes them. No manifest has the claims of a StatefulSet.
KEPT='kind ~ /^(Namespace|PersistentVolumeClaim|Secret|SealedSecret|ExternalSecret|SecretStore)$/'
step=0

# Deletes the objects for which condition $2 holds, prints description $1, and waits until they are gone.
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

# A StatefulSet that deletes its claims would delete the data.
if [[ $purge == no ]] && awk -F '\t' '$2 ~ /persistentVolumeClaimRetentionPolicy\.whenDeleted$/ && $3 == "Delete" {
        found = 1 } END { exit !found }' "$WORK/flat"; then
    fail "a StatefulSet of overlay $overlay would delete its claims (whenDeleted: Delete); nothing was done"
fi

context=$(kube config current-context 2>/dev/null || echo unknown)
if [[ $dry_run == no ]]; then
    if [[ $purge == yes ]]; then
        confirm "Delete overlay $overlay AND ALL ITS DATA (tapes, database, Secrets) from context '$context'?"
    else
        confirm "Stop overlay $overlay in context '$context'? Its data stay."
    fi
fi

# Secrets of these names that were created by hand are kept, too.
take "scheduled and finished jobs" 'kind == "Job" || kind == "CronJob"'
take "groups (they drain)" "workload && ns == \"$APP_NAMESPACE\""
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
