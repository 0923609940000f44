# shellcheck shell=bash
# What the cases share: a fake cluster of their own, running a script against it, and looking at what was recorded.

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/../.." && pwd)
REAL_KUBECTL=$(command -v kubectl || true)
export REAL_KUBECTL

# The groups, in the order in which facts flow.
group_names() { sed -n 's/ group$//p' "$ROOT/k8s/scripts/roles.txt"; }

# A fresh cluster: nothing in it, nothing recorded.
fresh() {
    FAKE=$(mktemp -d "$CASES_TMP/XXXXXX")
    export FAKE KUBECTL=$HERE/kubectl TAPEDECK_POLL_S=0.05 TAPEDECK_BIN=$HERE/tapedeck
    export TAPEDECK_OVERLAYS=$HERE/overlays TAPEDECK_SECRETS=$FAKE/secrets
    : >"$FAKE/log"
}

# Runs script $1 with the rest; leaves its exit code in STATUS and everything it said in OUT.
run() {
    local script=$1
    shift
    STATUS=0
    OUT=$("$ROOT/k8s/scripts/$script" "$@" 2>&1 </dev/null) || STATUS=$?
}

answers() { printf '%s\n' "$@" >"$FAKE/answers"; }
fails() { echo "$1 $2" >"$FAKE/fail"; }
recorded() { grep -E -- "$1" "$FAKE/log"; }

wrong() {
    printf 'WRONG: %s\n--- exit %s, output:\n%s\n--- calls:\n' "$*" "${STATUS-}" "${OUT-}" >&2
    cat "$FAKE/log" >&2
    exit 1
}

expect_status() { [[ $STATUS == "$1" ]] || wrong "exit code $STATUS instead of $1"; }
expect_failure() { [[ $STATUS != 0 ]] || wrong "it did not fail"; }
expect_output() { [[ $OUT == *"$1"* ]] || wrong "the output lacks: $1"; }
expect_call() { recorded "$1" >/dev/null || wrong "no call like: $1"; }
expect_no_call() { ! recorded "$1" >/dev/null || wrong "a call like: $1"; }

# The calls that match the expressions come in this order.
expect_order() {
    local regex line last=0
    for regex; do
        line=$(grep -nE -- "$regex" "$FAKE/log" | cut -d: -f1 | awk -v last="$last" '$1 > last { print; exit }')
        [[ -n $line ]] || wrong "no call like '$regex' after call $last"
        last=$line
    done
}

# Nothing was asked of the cluster that changes it.
MUTATING='^(apply|create|delete|replace|patch|edit|scale|label|annotate|set|run|exec|drain|cordon|rollout restart)( |$)'
expect_nothing_changed() {
    local calls
    calls=$(recorded "$MUTATING" | grep -v -- ' --dry-run=server' || true)
    [[ -z $calls ]] || wrong "it changed something: $calls"
}
