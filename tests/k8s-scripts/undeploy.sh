# shellcheck shell=bash
# Cases of undeploy.sh.

deployed() {
    fresh
    run deploy.sh local
    expect_status 0
    : >"$FAKE/log"
}

test_undeploy_keeps_the_data() {
    deployed
    run undeploy.sh local --yes
    expect_status 0
    expect_order '^delete -f .*<- Job/control-apply Job/migrate Job/provision$' '^delete -f .*StatefulSet/ingest' \
        '^delete -f .*<- StatefulSet/nats StatefulSet/postgres$' '^delete -f .*<- ConfigMap/'
    expect_no_call '^delete .*(Namespace|Secret|PersistentVolumeClaim|persistentvolumeclaim|pvc)'
    grep -qx 'Namespace//tapedeck-data' "$FAKE/state" || wrong "the namespace is gone"
    grep -qx 'Secret/tapedeck/nkey-risk' "$FAKE/state" || wrong "the Secret is gone"
    ! grep -q '^StatefulSet/' "$FAKE/state" || wrong "workloads are left"
    expect_output 'persistentvolumeclaim/data-nats-0'
}

test_undeploy_purges_when_told() {
    deployed
    run undeploy.sh local --purge-data --yes
    expect_status 0
    expect_order '<- StatefulSet/nats' '^delete -f .*<- Namespace/tapedeck Namespace/tapedeck-data$'
}

test_undeploy_asks() {
    deployed
    run undeploy.sh local --purge-data
    expect_failure
    expect_output 'say --yes'
    expect_nothing_changed
    run undeploy.sh local
    expect_failure
    expect_nothing_changed
}

test_undeploy_dry_run_changes_nothing() {
    deployed
    run undeploy.sh local --purge-data --dry-run
    expect_status 0
    expect_nothing_changed
    expect_output 'would delete StatefulSet tapedeck/risk'
    expect_output 'would delete Namespace'
}

test_undeploy_refuses_a_set_that_takes_its_claims_along() {
    deployed
    mkdir -p "$FAKE/overlays/local"
    sed 's/^  serviceName: nats$/  persistentVolumeClaimRetentionPolicy:\n    whenDeleted: Delete\n&/' \
        "$HERE/overlays/local/render.yaml" >"$FAKE/overlays/local/render.yaml"
    export TAPEDECK_OVERLAYS=$FAKE/overlays
    run undeploy.sh local --yes
    expect_failure
    expect_output 'whenDeleted: Delete'
    expect_nothing_changed
    run undeploy.sh local --yes --purge-data
    expect_status 0
}

test_undeploy_that_fails_stops() {
    deployed
    fails 1 '^delete -f .*StatefulSet/ingest'
    run undeploy.sh local --yes
    expect_failure
    expect_output 'could not delete'
    expect_no_call '^delete -f .*StatefulSet/nats'
}

test_undeploy_without_a_cluster_says_so() {
    fresh
    answers '^version -o yaml|1|'
    run undeploy.sh local --yes
    expect_failure
    expect_output 'no cluster answers'
    KUBECTL=no-such-kubectl run undeploy.sh local --yes
    expect_failure
    expect_output 'kubectl is not installed'
}
