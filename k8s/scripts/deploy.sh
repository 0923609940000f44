#!/usr/bin/env bash
# Deploys an overlay to the current context's cluster: namespaces, data, provision, migrate, control, actors, smoke.
# Can be run again at any time. Groups that already run are rolled one at a time, readers of the tape before writers.
set -euo pipefail
# shellcheck source=k8s/scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'USAGE'
Usage: deploy.sh OVERLAY [--image REF] [--dry-run | --diff] [--yes] [--timeout TIME]
  --image REF     image of tapedeck to use instead of the overlay's, e.g. ghcr.io/you/tapedeck@sha256:…
  --dry-run       changes nothing: the API server validates the objects; without a cluster it only renders
  --diff          changes nothing: prints the differences from the cluster
  --yes           does not ask for confirmation
  --timeout TIME  maximum wait for each object to become ready: 300, 300s, 5m (default 5m)
Exit status: 0 success, 1 failure, 2 usage error.
USAGE
}

overlay='' image='' mode="deploy" timeout=300
while (($#)); do
    case $1 in
        --image) image=${2:?--image needs a reference}; shift ;;
        --dry-run) mode="dry-run" ;;
        --diff) mode="diff" ;;
        --yes) ASSUME_YES=yes ;;
        --timeout) timeout=$(seconds_of "${2:-}") || usage_error "--timeout takes 300, 300s or 5m"; shift ;;
        -h | --help) usage; exit ;;
        -*) usage_error "unknown option '$1'" ;;
        *) [[ -z $overlay ]] || usage_error "one overlay, not also '$1'"; overlay=$1 ;;
    esac
    shift
done
[[ -n $overlay ]] || usage_error "which overlay?"
[[ -z $image || $image =~ ^[A-Za-z0-9][A-Za-z0-9._:/@-]*$ ]] || usage_error "'$image' is not an image reference"

STARTED=$SECONDS
PHASES=(namespaces data provision migrate control actors smoke)
phase=''

# Begins phase $1 and prints its description $2.
begin() {
    local number
    phase=$1
    for number in "${!PHASES[@]}"; do [[ ${PHASES[number]} == "$1" ]] && break; done
    say "[$((number + 1))/${#PHASES[@]}] $(printf '%-10s' "$1") $2"
}

# Exits with message $3, after the state and logs of the pods that selector $2 selects in namespace $1.
broken() {
    explain "$1" "$2"
    fail "phase $phase failed: $3"
}

# All objects except Jobs, workloads and namespaces. Applied before the pods that use them.
SURROUNDINGS='!workload && kind != "Job" && kind != "CronJob" && kind != "Namespace"'

# ---- pre-flight -----------------------------------------------------------------------------------------------------

check_permissions() {
    local rule verb resource namespace
    for rule in "create namespaces -" "create priorityclasses.scheduling.k8s.io -" \
        "create statefulsets.apps $APP_NAMESPACE" "create jobs.batch $APP_NAMESPACE" \
        "delete jobs.batch $APP_NAMESPACE" "create networkpolicies.networking.k8s.io $APP_NAMESPACE" \
        "create secrets $APP_NAMESPACE" "get pods/log $APP_NAMESPACE" "create statefulsets.apps $DATA_NAMESPACE" \
        "create persistentvolumeclaims $DATA_NAMESPACE"; do
        read -r verb resource namespace <<<"$rule"
        if [[ $namespace == - ]]; then
            kube auth can-i "$verb" "$resource" --quiet || fail "you may not $verb $resource in this cluster"
        else
            kube auth can-i "$verb" "$resource" -n "$namespace" --quiet ||
                fail "you may not $verb $resource in namespace $namespace"
        fi
    done
}

# A claim without a class stays pending forever if the cluster has no default class.
check_storage() {
    local classless
    classless=$(awk -F '\t' '
        $2 ~ /^spec\.volumeClaimTemplates\[[0-9]+\]\.spec\.accessModes/ { wants[$1] = 1 }
        $2 ~ /^spec\.volumeClaimTemplates\[[0-9]+\]\.spec\.storageClassName$/ { named[$1] = 1 }
        END { for (doc in wants) if (!(doc in named)) { print "yes"; exit } }' "$WORK/flat")
    [[ -n $classless ]] || return 0
    kube get storageclass \
        -o 'jsonpath={.items[*].metadata.annotations.storageclass\.kubernetes\.io/is-default-class}' |
        grep -qw true ||
        fail "the cluster has no default StorageClass and overlay $overlay names none: mark one with" \
            "kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true"
}

# The cluster must know the kinds of external controllers (SealedSecret, ServiceMonitor…).
check_kinds() {
    local version
    while IFS= read -r version; do
        kube get --raw "/apis/$version" >/dev/null 2>&1 ||
            fail "the cluster does not know $version, which overlay $overlay uses: install its controller first"
    done < <(cut -f6 "$WORK/index" | sort -u | grep / | grep -Ev '^(apps|batch|policy|autoscaling)/|\.k8s\.io/' || true)
}

check_namespaces() {
    local name
    while IFS=$'\t' read -r _ _ _ name _; do
        [[ $(kube get namespace "$name" --ignore-not-found -o 'jsonpath={.status.phase}') != Terminating ]] ||
            fail "namespace $name is still being deleted; wait for it: kubectl wait --for=delete namespace/$name"
    done < <(objects 'kind == "Namespace"')
}

preflight() {
    need_cluster
    check_permissions
    check_kinds
    check_storage
    check_namespaces
}

# ---- dry run and diff -----------------------------------------------------------------------------------------------

# Splits the objects: the server can check those in `there` now. Those in `later` need a namespace that does not exist
# yet, or are Jobs of the last deployment, which are replaced and not changed.
sort_for_server() {
    local file kind namespace name have
    have=$(namespaces_there)
    : >"$WORK/there"
    : >"$WORK/later"
    while IFS=$'\t' read -r file kind namespace name _; do
        if [[ $namespace != - && $have != *" $namespace "* ]] ||
            { [[ $kind == Job ]] && kube get job "$name" -n "$namespace" -o name >/dev/null 2>&1; }; then
            printf '%s\t%s/%s\n' "$file" "$kind" "$name" >>"$WORK/later"
        else
            printf '%s\t%s/%s\n' "$file" "$kind" "$name" >>"$WORK/there"
        fi
    done <"$WORK/index"
    [[ ! -s $WORK/later ]] ||
        say "not checked by the server, because the namespace does not exist yet or the Job is replaced:" \
            "$(wc -l <"$WORK/later") object(s)"
}

dry_run() {
    if ! cluster_answers; then
        say "only rendered: no cluster answers. $(wc -l <"$WORK/index") objects, image $(rendered_image)"
        return
    fi
    preflight
    sort_for_server
    manifests <"$WORK/there" | apply --dry-run=server || fail "the server rejected an object, see above"
    say "dry run: the server accepts $(wc -l <"$WORK/there") of $(wc -l <"$WORK/index") objects; nothing was changed"
}

show_diff() {
    local status=0
    need_cluster
    sort_for_server
    manifests <"$WORK/there" |
        kube diff --server-side --force-conflicts --field-manager="$FIELD_MANAGER" -f - || status=$?
    # kubectl diff exits with 1 if there are differences.
    case $status in
        0) say "diff: no difference in $(wc -l <"$WORK/there") object(s)" ;;
        1) say "diff: see above; nothing was changed" ;;
        *) fail "kubectl diff exited with $status" ;;
    esac
}

# ---- the phases -----------------------------------------------------------------------------------------------------

namespaces() {
    local kind namespace name deadline
    begin namespaces "namespaces, policies, configuration, secrets"
    objects 'kind == "Namespace"' | manifests | apply || fail "phase $phase failed: namespaces"
    objects "$SURROUNDINGS" | manifests | apply || fail "phase $phase failed: policies, configuration, secrets"
    # Their controllers create the Secrets asynchronously.
    while IFS=$'\t' read -r _ kind namespace name _; do
        deadline=$((SECONDS + timeout))
        until [[ -n $(kube get secret "$name" -n "$namespace" --ignore-not-found -o name) ]]; do
            ((SECONDS < deadline)) || fail "phase $phase failed: no Secret $namespace/$name was created from its $kind"
            sleep "$POLL_S"
        done
    done < <(objects 'kind == "SealedSecret" || kind == "ExternalSecret"')
}

# Applies the workloads for which the condition $1 holds and waits for each.
workloads() {
    local kind namespace name component
    objects "$1" | manifests | apply || fail "phase $phase failed: rejected by the server"
    while IFS=$'\t' read -r _ kind namespace name component _; do
        wait_rollout "$namespace" "${kind,,}/$name" "$timeout" ||
            broken "$namespace" "$COMPONENT=$component" "${kind,,}/$name is not ready after $timeout s"
    done < <(objects "$1")
}

data() {
    begin data "NATS and Postgres"
    workloads "workload && ns == \"$DATA_NAMESPACE\""
}

# Runs the Jobs of the overlay named $2 or $2-…, as phase $1.
job_phase() {
    local file namespace name found=no
    begin "$1" "$3"
    while IFS=$'\t' read -r file _ namespace name _; do
        found=yes
        run_job "$namespace" "$name" "$timeout" <"$file" ||
            broken "$namespace" "batch.kubernetes.io/job-name=$name" "job $name"
    done < <(objects "kind == \"Job\" && name ~ /^$2(-|\$)/")
    [[ $found == yes ]] || fail "phase $phase failed: overlay $overlay has no Job named $2"
}

actors() {
    local kind namespace name condition="workload && ns == \"$APP_NAMESPACE\"" there groups
    begin actors "$(objects "$condition" | cut -f4 | tr '\n' ' ')"
    there=$(kube get statefulsets,deployments -n "$APP_NAMESPACE" -o name) ||
        fail "phase $phase failed: cannot list the workloads"
    # Running groups one at a time: a reader must know a kind of event before a writer appends it.
    groups=$(groups_last_first) || fail "phase $phase failed: no groups in $SCRIPTS/roles.txt"
    for name in $groups; do
        [[ $there != *"/$name"$'\n'* && $there != *"/$name" ]] ||
            workloads "$condition && component == \"$name\""
    done
    # The rest at once. The groups that were just rolled are unchanged and ready.
    workloads "$condition"
    [[ -z $(objects 'kind == "CronJob"') ]] || objects 'kind == "CronJob"' | manifests | apply ||
        fail "phase $phase failed: scheduled jobs"
}

smoke() {
    local namespace name component groups
    begin smoke "every pod ready, tapedeck status"
    for namespace in "$DATA_NAMESPACE" "$APP_NAMESPACE"; do
        groups=$(objects "workload && ns == \"$namespace\"" | cut -f5 | sort -u | paste -sd, -)
        kube wait pods -n "$namespace" -l "$COMPONENT in ($groups)" --for=condition=Ready --timeout="${timeout}s" ||
            broken "$namespace" "$COMPONENT in ($groups)" "a pod is not ready"
    done
    name=status-smoke component=status
    tapedeck_job "$name" "$component" reader "$(rendered_image)" status >"$WORK/status.yaml"
    run_job "$APP_NAMESPACE" "$name" "$timeout" <"$WORK/status.yaml" ||
        broken "$APP_NAMESPACE" "batch.kubernetes.io/job-name=$name" "tapedeck status reports an unhealthy system"
    kube logs -n "$APP_NAMESPACE" "job/$name" --tail=60 || true
}

# ---- main -----------------------------------------------------------------------------------------------------------

need_kubectl
make_work
case $overlay in
    local | dev | staging) "$SCRIPTS/secrets.sh" ${image:+--image "$image"} ;;
esac
render "$overlay" "$image"
case $mode in
    dry-run) dry_run; exit ;;
    diff) show_diff; exit ;;
esac
preflight
[[ $overlay == local ]] ||
    confirm "Deploy overlay $overlay, image $(rendered_image), to context '$(kube config current-context)'?"
namespaces
data
job_phase provision provision "streams and tapes"
job_phase migrate migrate "the database's schema"
job_phase control control "limits, weights and funding, as facts on the tape"
actors
smoke
say "trading: overlay $overlay, image $(rendered_image), $((SECONDS - STARTED)) s from start to smoke"
