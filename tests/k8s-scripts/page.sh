# shellcheck shell=bash
# Cases on k8s/README.md: what it tells to type.

# Blocks of the page as `MARKER TAB LINE` for each line; the marker is the comment right above the block.
blocks() {
    awk '
        /^ *```/ { inside = !inside && /```sh/; if (!inside) marker = ""; next }
        inside { sub(/^ +/, ""); print (marker == "" ? "none" : marker) "\t" $0 }
        !inside && /^ *<!-- (run|not run): / { marker = $0; gsub(/^ *<!-- | -->$/, "", marker) }' "$ROOT/k8s/README.md"
}

test_the_pages_commands_are_run_or_say_why_not() {
    fresh
    OUT=$(blocks)
    [[ $(wc -l <<<"$OUT") -gt 8 ]] || wrong "the page has hardly any commands"
    ! grep '^none' <<<"$OUT" || wrong "a block that is neither run nor says why not"
    mkdir "$FAKE/bin"
    ln -s "$HERE/kubectl" "$FAKE/bin/kubectl"
    unset KUBECTL
    local line
    while IFS= read -r line; do
        # shellcheck disable=SC2034 # read by expect_status
        STATUS=0
        # shellcheck disable=SC2034
        OUT=$(cd "$ROOT" && PATH=$FAKE/bin:$PATH bash -euo pipefail -c "$line" 2>&1 </dev/null) || STATUS=$?
        expect_status 0
    done < <(blocks | sed -n 's/^run: on a recorded cluster\t//p')
    expect_order '--dry-run=server' '<- Job/provision$' '<- Job/status-smoke$' '^delete -f .*StatefulSet/nats'
}
