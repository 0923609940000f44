# shellcheck shell=bash
# Cases of deploy.sh.

test_phases_come_in_order() {
    fresh
    run deploy.sh local
    expect_status 0
    expect_order '^version' '^auth can-i' '^get storageclass' '^apply .*<- Namespace/tapedeck Namespace/tapedeck-data$' \
        '^apply .*<- ConfigMap/nats-config-abc Secret/nkey-risk Service/risk NetworkPolicy/default-deny$' \
        '^apply .*<- StatefulSet/nats StatefulSet/postgres$' '^rollout status -n tapedeck-data statefulset/nats' \
        '^rollout status -n tapedeck-data statefulset/postgres' '^apply .*<- Job/provision$' '^get job provision ' \
        '^apply .*<- Job/migrate$' '^get job migrate ' '^apply .*<- Job/control-apply$' '^get job control-apply ' \
        '^apply .*<- StatefulSet/control .*StatefulSet/paper$' '^rollout status -n tapedeck statefulset/control' \
        '^rollout status -n tapedeck statefulset/paper' '^wait pods -n tapedeck-data' '^wait pods -n tapedeck ' \
        '^apply .*<- Job/status-smoke$' '^get job status-smoke '
    expect_output '[1/7] namespaces'
    expect_output '[3/7] provision'
    expect_output '[7/7] smoke'
    expect_output 's from start to smoke'
    expect_no_call 'decoy'
    [[ $(recorded '^kustomize' | wc -l) == 1 ]] || wrong "not one render"
}

test_a_second_run_does_the_same_and_rolls_one_group_at_a_time() {
    fresh
    run deploy.sh local
    expect_status 0
    cp "$FAKE/state" "$FAKE/first"
    : >"$FAKE/log"
    run deploy.sh local
    expect_status 0
    cmp -s "$FAKE/first" "$FAKE/state" || wrong "the cluster is another after the second run"
    # A Job's template cannot change: the one of last time goes first.
    expect_order '^delete job provision ' '^apply .*<- Job/provision$' '^delete job migrate ' '^apply .*<- Job/migrate$'
    # Readers of the tape before its writers, each ready before the next.
    expect_order '^apply .*<- StatefulSet/projector$' '^rollout status .*statefulset/projector' \
        '^apply .*<- StatefulSet/risk$' '^rollout status .*statefulset/risk' '^apply .*<- StatefulSet/ingest$' \
        '^rollout status .*statefulset/ingest'
}

# fails_at WHAT REGEX LATER: the first call like REGEX fails; so does the deployment, and nothing like LATER is called.
fails_at() {
    fresh
    fails 1 "$2"
    run deploy.sh local
    expect_failure
    expect_output "$1"
    expect_no_call "$3"
    [[ ! -f $FAKE/fail ]] || wrong "the failure was never reached"
}

test_a_phase_that_fails_ends_it() {
    fails_at 'phase namespaces failed' '^apply .*<- Namespace/' '<- ConfigMap'
    fails_at 'phase namespaces failed' '^apply .*<- ConfigMap/' 'StatefulSet/nats'
    fails_at 'phase data failed' '^apply .*<- StatefulSet/nats' 'Job/provision'
    fails_at 'phase data failed' '^rollout status -n tapedeck-data statefulset/nats' 'Job/provision'
    fails_at 'phase data failed' '^rollout status -n tapedeck-data statefulset/postgres' 'Job/provision'
    fails_at 'phase provision failed' '^apply .*<- Job/provision' 'Job/migrate'
    fails_at 'phase migrate failed' '^apply .*<- Job/migrate' 'Job/control-apply'
    fails_at 'phase control failed' '^apply .*<- Job/control-apply' 'StatefulSet/ingest'
    fails_at 'phase actors failed' '^apply .*<- StatefulSet/control' 'Job/status'
    fails_at 'phase actors failed' '^rollout status -n tapedeck statefulset/risk' 'Job/status'
    fails_at 'phase smoke failed' '^wait pods -n tapedeck ' 'Job/status'
    fails_at 'phase smoke failed' '^apply .*<- Job/status' 'no such call'
}

test_a_job_that_fails_ends_it_with_its_logs() {
    local job
    for job in provision migrate control-apply status-smoke; do
        fresh
        answers "^get job $job .*conditions|0|FailureTarget Failed"
        run deploy.sh local
        expect_failure
        expect_output "fake log of"
        expect_call "^logs .*pod/some-0"
        expect_call "^get pods .*job-name=$job"
        [[ $job == status-smoke ]] || expect_no_call 'Job/status-smoke'
    done
}

test_a_job_that_does_not_end_is_given_up() {
    fresh
    answers '^get job migrate .*conditions|0|'
    run deploy.sh local --timeout 1s
    expect_failure
    expect_output 'job migrate did not end within 1 s'
    expect_output 'phase migrate failed'
}

test_dry_run_changes_nothing() {
    fresh
    run deploy.sh local --dry-run
    expect_status 0
    expect_nothing_changed
    # An empty cluster: the server can check only objects without a namespace.
    expect_call '^apply .*--dry-run=server.*<- Namespace/tapedeck Namespace/tapedeck-data$'
    expect_output 'not checked by the server'

    printf 'Namespace//tapedeck\nNamespace//tapedeck-data\nJob/tapedeck/migrate\n' >"$FAKE/state"
    : >"$FAKE/log"
    run deploy.sh local --dry-run
    expect_status 0
    expect_nothing_changed
    expect_call '^apply .*--dry-run=server.*<- .*StatefulSet/risk.*Job/provision$'
    expect_no_call 'Job/migrate'

    fails 1 '--dry-run=server'
    run deploy.sh local --dry-run
    expect_failure
    expect_output 'the server rejected an object'

    answers '^auth can-i create secrets|1|'
    run deploy.sh local --dry-run
    expect_failure
    expect_output 'you may not create secrets'
}

test_dry_run_without_a_cluster_says_so() {
    fresh
    answers '^version -o yaml|1|'
    run deploy.sh local --dry-run
    expect_status 0
    expect_nothing_changed
    expect_output 'only rendered'
}

test_diff_changes_nothing() {
    local code
    for code in 0 1; do
        fresh
        answers "^diff|$code|-  replicas: 1"
        run deploy.sh local --diff
        expect_status 0
        expect_nothing_changed
        expect_call '^diff .*<- Namespace/tapedeck'
    done
    expect_output 'nothing was changed'
    fresh
    answers '^diff|2|'
    run deploy.sh local --diff
    expect_failure
}

test_the_image_is_replaced_in_one_place() {
    fresh
    # The manifests as they are applied.
    printf '#!/usr/bin/env bash\nif [[ "$*" == apply* ]]; then tee -a %q | %q "$@"; else exec %q "$@"; fi\n' \
        "$FAKE/applied" "$HERE/kubectl" "$HERE/kubectl" >"$FAKE/kubectl"
    chmod +x "$FAKE/kubectl"
    KUBECTL=$FAKE/kubectl run deploy.sh prod --yes --image registry.local:5000/x/tapedeck:1.2.3
    expect_status 0
    [[ $(grep -c 'image: "\?registry.local:5000/x/tapedeck:1.2.3"\?$' "$FAKE/applied") == 12 ]] ||
        wrong "not eight groups, three Jobs and the smoke test: $(grep 'image:' "$FAKE/applied" | sort | uniq -c)"
    grep -q 'image: nats:2.15.1-alpine' "$FAKE/applied" || wrong "the image of NATS was replaced too"
    run deploy.sh prod --yes --image 'x; rm'
    expect_status 2
}

test_prod_asks_and_waits_for_its_secrets() {
    fresh
    run deploy.sh prod
    expect_failure
    expect_output 'say --yes'
    expect_nothing_changed
    answers '^get secret nkey-keeper|0|'
    run deploy.sh prod --yes --timeout 1s
    expect_failure
    expect_output 'no Secret tapedeck/nkey-keeper was created from its SealedSecret'
    expect_no_call 'StatefulSet/nats'
    fresh
    answers '^get --raw /apis/bitnami.com/v1alpha1|1|'
    run deploy.sh prod --yes
    expect_failure
    expect_output 'does not know bitnami.com/v1alpha1'
    expect_nothing_changed
    [[ ! -d $TAPEDECK_SECRETS ]] || wrong "keys were generated for prod"
}

test_preflight_says_what_is_wrong() {
    fresh
    KUBECTL=no-such-kubectl run deploy.sh local
    expect_failure
    expect_output 'kubectl is not installed'

    fresh
    answers '^version -o yaml|1|'
    run deploy.sh local
    expect_failure
    expect_output 'no cluster answers'
    expect_nothing_changed

    fresh
    answers '^version --client|0|clientVersion:\n  gitVersion: v1.31.9'
    run deploy.sh local
    expect_failure
    expect_output 'kubectl is 1.31'

    fresh
    answers '^version -o yaml|0|serverVersion:\n  gitVersion: v1.30.2'
    run deploy.sh local
    expect_status 0
    expect_output 'warning: the cluster is 1.30'

    fresh
    answers '^auth can-i delete jobs.batch|1|'
    run deploy.sh local
    expect_failure
    expect_output 'you may not delete jobs.batch in namespace tapedeck'
    expect_nothing_changed

    fresh
    answers '^get storageclass|0|'
    run deploy.sh local
    expect_failure
    expect_output 'no default StorageClass'
    expect_nothing_changed

    fresh
    answers '^get namespace tapedeck-data --ignore|0|Terminating'
    run deploy.sh local
    expect_failure
    expect_output 'still being deleted'
    expect_nothing_changed
}

test_arguments_are_checked() {
    fresh
    run deploy.sh
    expect_status 2
    run deploy.sh local --timeout soon
    expect_status 2
    run deploy.sh local --frobnicate
    expect_status 2
    run deploy.sh nowhere
    expect_failure
    expect_output "no overlay 'nowhere'"
    expect_nothing_changed
}

test_secrets_are_made_once() {
    fresh
    run secrets.sh --check
    expect_failure
    expect_output 'secrets missing'
    run deploy.sh local
    expect_status 0
    echo kept >"$TAPEDECK_SECRETS/risk.seed"
    run deploy.sh local
    expect_status 0
    [[ $(cat "$TAPEDECK_SECRETS/risk.seed") == kept ]] || wrong "a key was made anew"
    [[ $(stat -c %a "$TAPEDECK_SECRETS") == 700 ]] || wrong "others can read the keys"
    run secrets.sh --check
    expect_status 0
    fresh
    run secrets.sh
    expect_status 0
    [[ $(stat -c %a "$TAPEDECK_SECRETS") == 700 ]] || wrong "made alone, others can read the keys"
}

test_secrets_need_a_binary_an_engine_or_openssl() {
    local real=${REAL_TAPEDECK:-$ROOT/target/release/tapedeck}
    fresh
    # shellcheck disable=SC2016 # expanded when it runs
    printf '#!/bin/sh\necho engine "$@" >>"$FAKE/engine"\n' >"$FAKE/docker"
    chmod +x "$FAKE/docker"
    export TAPEDECK_BIN='' CARGO_TARGET_DIR=$FAKE/none
    PATH=$FAKE:/usr/bin:/bin run secrets.sh --image example/tapedeck:1
    expect_failure
    expect_output 'tapedeck keys left out'
    grep -q "example/tapedeck:1 keys --out /out" "$FAKE/engine" || wrong "the image was not run"
    # Nothing but coreutils.
    mkdir "$FAKE/few"
    for tool in bash dirname mkdir cat readlink env grep sed awk mktemp rm; do
        ln -s "$(command -v "$tool")" "$FAKE/few/$tool"
    done
    PATH=$FAKE/few run secrets.sh
    expect_failure
    expect_output 'and not openssl and python3'
    # With openssl, the same as the binary would make: it finds nothing to change.
    PATH=/usr/bin:/bin run secrets.sh
    expect_status 0
    if [[ -x $real ]]; then
        cp -r "$TAPEDECK_SECRETS" "$FAKE/before"
        "$real" keys --out "$TAPEDECK_SECRETS" >/dev/null || wrong "the binary does not take the keys"
        diff -r "$FAKE/before" "$TAPEDECK_SECRETS" || wrong "the binary makes something else of the keys"
    fi
}
