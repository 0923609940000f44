# shellcheck shell=bash
# Cases of test-deployment.sh.

test_deployment_is_treated_badly_in_order() {
    local group calls=()
    fresh
    run test-deployment.sh --image example/tapedeck:1
    expect_status 0
    for group in $(group_names); do
        calls+=("^delete pod $group-0 -n tapedeck --grace-period=0 --force$")
    done
    expect_order '<- Job/status-smoke' '<- Job/publish-market$' '<- Job/publish-load$' "${calls[@]}" \
        '^delete pod nats-0 -n tapedeck-data' '^delete pod postgres-0 -n tapedeck-data' \
        '^rollout restart -n tapedeck statefulset/projector' '^rollout status -n tapedeck statefulset/projector' \
        '^rollout restart -n tapedeck statefulset/ingest' '^delete job publish-load' '<- Job/status-test$' \
        '<- Job/verify-test$'
    expect_output 'kill risk                          ok'
    expect_output 'from nothing to trading'
    expect_output 'left running'
    expect_no_call '^delete -f'
}

# A table line that says FAILED, exit 1, and the rest is still tried.
fails_in() {
    local title=$1
    shift
    fresh
    answers "$@"
    run test-deployment.sh --timeout 1s
    expect_status 1
    [[ $OUT =~ $title\ +FAILED ]] || wrong "the table does not say that '$title' failed"
    expect_call '<- Job/verify-test'
}

test_deployment_that_breaks_is_reported() {
    fails_in 'kill risk' '^get pod risk-0 .*conditions|0|uid-9 False'
    fails_in 'kill paper' '^delete pod paper-0|1|'
    fails_in 'restart nats' '^get pods .*component=nats,|0|'
    fails_in 'roll signal' '^rollout restart .*statefulset/signal|1|'
    fails_in 'load went on' '^get job publish-load .*active|0|'
    fails_in 'publish 20000 events' '^get job publish-market .*conditions|0|Failed'
    fails_in 'tapedeck verify' '^get job verify-test .*conditions|0|Failed'
    fails_in 'tapedeck status' '^get job status-test .*conditions|0|Failed'
    fails_in 'every group ready' '^wait pods .*component=risk --for|1|'
}

test_deployment_that_does_not_come_up_is_not_tested() {
    fresh
    answers '^get job migrate .*conditions|0|Failed'
    run test-deployment.sh --purge
    expect_status 1
    expect_output 'deploy local                       FAILED'
    expect_no_call '<- Job/publish'
    expect_call '^delete -f .*<- Namespace/tapedeck'
}

test_deployment_is_removed_when_told() {
    fresh
    run test-deployment.sh --remove
    expect_status 0
    expect_call '^delete -f .*<- StatefulSet/nats'
    expect_no_call '^delete -f .*Namespace'
}
