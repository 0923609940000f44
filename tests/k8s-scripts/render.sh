# shellcheck shell=bash
# Cases on the overlays of this repository as the real kubectl renders them; the cluster is still a fake.

# Fills TAPEDECK_OVERLAYS with a copy of the repository's, whose keys are of no use. False if it cannot render here.
real_overlays() {
    fresh
    [[ -n $REAL_KUBECTL && -f $ROOT/k8s/overlays/local/kustomization.yaml ]] || return 1
    cp -R "$ROOT/k8s" "$FAKE/k8s"
    export TAPEDECK_OVERLAYS=$FAKE/k8s/overlays TAPEDECK_SECRETS=$FAKE/k8s/components/secrets-generated/generated
}

test_the_real_overlays_go_through_every_phase() {
    real_overlays || { echo "NOT RUN: no kubectl, or no k8s/overlays/local"; return; }
    local overlay group
    for overlay in local prod; do
        run deploy.sh "$overlay" --yes
        expect_status 0
        expect_order '<- Namespace/tapedeck' '<- .*NetworkPolicy/' '<- .*StatefulSet/nats' '<- Job/provision' \
            '<- Job/migrate' '<- Job/control' '<- .*StatefulSet/risk' '<- Job/status-smoke'
        for group in $(group_names); do
            expect_call "^rollout status -n tapedeck statefulset/$group "
        done
        [[ $OUT =~ 'trading: overlay '$overlay', image '[^,]*tapedeck ]] || wrong "no image named tapedeck is rendered"
        run undeploy.sh "$overlay" --yes
        expect_status 0
        expect_no_call '^delete -f .*(Namespace|Secret|PersistentVolumeClaim)/'
        : >"$FAKE/log"
        : >"$FAKE/state"
    done
}

# The Jobs that the scripts make themselves live by the overlay's names: its Secrets and its network policies.
test_the_scripts_own_jobs_fit_the_overlay() {
    real_overlays || { echo "NOT RUN: no kubectl, or no k8s/overlays/local"; return; }
    local secret component
    mkdir -p "$TAPEDECK_SECRETS"
    "$TAPEDECK_BIN" keys --out "$TAPEDECK_SECRETS"
    "$REAL_KUBECTL" kustomize "$TAPEDECK_OVERLAYS/local" | awk -f "$ROOT/k8s/scripts/flatten.awk" >"$FAKE/flat"
    for secret in nkey-reader nkey-publisher postgres-tapedeck; do
        awk -F '\t' -v name="$secret" '$2 == "kind" { kind[$1] = $3 } $2 == "metadata.name" { names[$1] = $3 }
            $2 == "metadata.namespace" { spaces[$1] = $3 }
            END { for (i in kind) found = found || kind[i] == "Secret" && names[i] == name && spaces[i] == "tapedeck"
                exit !found }' "$FAKE/flat" || wrong "overlay local has no Secret $secret in namespace tapedeck"
    done
    awk -F '\t' '$2 ~ /podSelector\./' "$FAKE/flat" >"$FAKE/selectors"
    for component in status verify; do
        cut -f3 "$FAKE/selectors" | grep -qx "$component" || wrong "no network policy selects component $component"
    done
    grep -q 'tapedeck.dev/publisher' "$FAKE/selectors" || wrong "no network policy selects publishers"
}
