#!/usr/bin/env bash
# Tests a deployment of overlay local on the cluster of the current context: publishes a market, kills the pod of every
# group and restarts the servers under load, rolls every group, then runs `tapedeck verify`. Prints a table. Exits with
# 1 if a step failed.
set -euo pipefail
# shellcheck source=k8s/scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'USAGE'
Usage: test-deployment.sh [--image REF] [--overlay NAME] [--events N] [--timeout TIME] [--remove | --purge]
  --image REF     image of tapedeck, e.g. ghcr.io/you/tapedeck@sha256:…
  --overlay NAME  overlay to deploy (default local)
  --events N      length of the synthetic market (default 20000)
  --timeout TIME  maximum wait for each object (default 5m)
  --remove        undeploys at the end, also after a failure; --purge also deletes the data. Default: leave it running
USAGE
}

image='' overlay=local events=20000 timeout=300 after=leave
while (($#)); do
    case $1 in
        --image) image=${2:?--image needs a reference}; shift ;;
        --overlay) overlay=${2:?--overlay needs a name}; shift ;;
        --events) events=${2:?--events needs a number}; shift ;;
        --timeout) timeout=$(seconds_of "${2:-}") || usage_error "--timeout takes 300, 300s or 5m"; shift ;;
        --remove) after=remove ;;
        --purge) after=purge ;;
        -h | --help) usage; exit ;;
        *) usage_error "unknown argument '$1'" ;;
    esac
    shift
done
[[ $events =~ ^[1-9][0-9]*$ ]] || usage_error "--events takes a number"

listed=$(roles group) || fail "no groups in $SCRIPTS/roles.txt"
mapfile -t GROUPS_ORDER <<<"$listed"
LOAD=publish-load
rows=() failures=0

# Runs `$2…` and adds a line with title $1, result and duration to the table.
row() {
    local title=$1 began=$SECONDS result=ok
    shift
    say "== $title"
    if ! "$@"; then
        result=FAILED
        failures=$((failures + 1))
    fi
    rows+=("$(printf '%-34s %-7s %6d s' "$title" "$result" $((SECONDS - began)))")
    [[ $result == ok ]]
}

table() {
    say ""
    printf '%s\n' "${rows[@]}"
    say ""
}

# Stops the load and undeploys if requested.
leave() {
    kube delete job "$LOAD" -n "$APP_NAMESPACE" --ignore-not-found --wait=false >/dev/null || true
    case $after in
        remove) "$SCRIPTS/undeploy.sh" "$overlay" --yes --timeout "$timeout" ;;
        purge) "$SCRIPTS/undeploy.sh" "$overlay" --yes --purge-data --timeout "$timeout" ;;
        *) say "left running; remove it with k8s/scripts/undeploy.sh $overlay" ;;
    esac
}

deploy() { "$SCRIPTS/deploy.sh" "$overlay" ${image:+--image "$image"} --yes --timeout "$timeout"; }

# Runs `tapedeck $4…` as Job $1 of component $2 and role $3 and prints its output. True if it exits with 0.
act() {
    local name=$1 component=$2 role=$3
    shift 3
    tapedeck_job "$name" "$component" "$role" "$reference" "$@" >"$WORK/$name.yaml"
    if run_job "$APP_NAMESPACE" "$name" "$timeout" <"$WORK/$name.yaml"; then
        kube logs -n "$APP_NAMESPACE" "job/$name" --tail=60
    else
        explain "$APP_NAMESPACE" "batch.kubernetes.io/job-name=$name"
        return 1
    fi
}

# Publishes a slow market while pods are killed. Its Job restarts it if it loses NATS.
start_load() {
    tapedeck_job "$LOAD" publish publisher "$reference" publish --seed 2 --events 1000000 --speed 0.1x \
        >"$WORK/load.yaml"
    kube delete job "$LOAD" -n "$APP_NAMESPACE" --ignore-not-found --wait >/dev/null || return 1
    # shellcheck disable=SC2119
    apply <"$WORK/load.yaml" >/dev/null || return 1
    kube wait pods -n "$APP_NAMESPACE" -l "batch.kubernetes.io/job-name=$LOAD" --for=condition=Ready \
        --timeout="${timeout}s"
}

# Fails if the load ended early: the kills would have proved nothing.
stop_load() {
    local active
    active=$(kube get job "$LOAD" -n "$APP_NAMESPACE" -o 'jsonpath={.status.active}') || return 1
    [[ $active == 1 ]] || { warn "the market had ended before the last kill"; return 1; }
    kube delete job "$LOAD" -n "$APP_NAMESPACE" --wait --timeout="${timeout}s"
}

# Deletes the pods of component $2 in namespace $1 with options $3…. True once their successors are ready.
replace_pods() {
    local namespace=$1 component=$2 pod before now deadline
    shift 2
    local pods
    pods=$(kube get pods -n "$namespace" -l "$COMPONENT=$component,app.kubernetes.io/part-of=tapedeck" \
        -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.metadata.ownerReferences[0].kind}{"\n"}{end}') || return 1
    pods=$(awk '$2 == "StatefulSet" { print $1 }' <<<"$pods")
    [[ -n $pods ]] || { warn "no pod of $component in $namespace"; return 1; }
    for pod in $pods; do
        before=$(kube get pod "$pod" -n "$namespace" -o 'jsonpath={.metadata.uid}') || return 1
        kube delete pod "$pod" -n "$namespace" "$@" || return 1
        deadline=$((SECONDS + timeout))
        while :; do
            now=$(kube get pod "$pod" -n "$namespace" --ignore-not-found \
                -o 'jsonpath={.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}') || return 1
            [[ -z $now || ${now%% *} == "$before" || $now != *' True' ]] || break
            if ((SECONDS >= deadline)); then
                warn "pod $pod is not ready again after $timeout s"
                explain "$namespace" "$COMPONENT=$component"
                return 1
            fi
            sleep "$POLL_S"
        done
    done
}

kill_group() { replace_pods "$APP_NAMESPACE" "$1" --grace-period=0 --force; }
restart_server() { replace_pods "$DATA_NAMESPACE" "$1" --wait; }

# Rolls out the same image: each pod drains, and its successor is ready before the next pod stops.
roll_group() {
    kube rollout restart -n "$APP_NAMESPACE" "statefulset/$1" || return 1
    wait_rollout "$APP_NAMESPACE" "statefulset/$1" "$timeout"
}

all_ready() {
    local group
    for group in "${GROUPS_ORDER[@]}"; do
        kube wait pods -n "$APP_NAMESPACE" -l "$COMPONENT=$group" --for=condition=Ready --timeout="${timeout}s" ||
            return 1
    done
}

# ---- main -----------------------------------------------------------------------------------------------------------

need_kubectl
need_cluster
make_work
began=$SECONDS
if ! row "deploy $overlay" deploy; then
    table
    leave
    exit 1
fi
deployed=$((SECONDS - began))
render "$overlay" "$image"
reference=$(rendered_image)

row "publish $events events" act publish-market publish publisher publish --events "$events" || true
traded=$((SECONDS - began))
row "load begins" start_load || true
for group in "${GROUPS_ORDER[@]}"; do row "kill $group" kill_group "$group" || true; done
row "restart nats" restart_server nats || true
row "restart postgres" restart_server postgres || true
for group in $(groups_last_first); do
    row "roll $group" roll_group "$group" || true
done
row "load went on" stop_load || true
row "every group ready" all_ready || true
row "tapedeck status" act status-test status reader status || true
row "tapedeck verify" act verify-test verify reader verify || true

table
say "from nothing to trading: $deployed s (deployed and healthy), $traded s (market published)"
leave || failures=$((failures + 1))
if ((failures > 0)); then
    fail "$failures steps failed"
fi
say "all good"
