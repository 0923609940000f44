#!/usr/bin/env bash
# Runs the cases in tests/k8s-scripts against a kubectl that only records; no cluster is touched. Arguments pick cases
# by a part of their names. Exit 1 if any fails.
set -euo pipefail

CASES=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../../tests/k8s-scripts" && pwd)
CASES_TMP=$(mktemp -d)
trap 'rm -rf -- "$CASES_TMP"' EXIT
export CASES_TMP
for file in lib deploy undeploy test-deployment tables render page; do
    # shellcheck disable=SC1090 # the cases are listed here
    source "$CASES/$file.sh"
done

ran=0 failed=0 skipped=0
for name in $(compgen -A function test_); do
    wanted=no
    for part in "${@:-}"; do [[ $name != *"$part"* ]] || wanted=yes; done
    [[ $wanted == yes ]] || continue
    ran=$((ran + 1))
    if output=$(set -e; "$name" 2>&1); then
        if [[ $output == 'NOT RUN'* ]]; then
            skipped=$((skipped + 1))
            echo "skip ${name#test_} ($output)"
        else
            echo "ok   ${name#test_}"
        fi
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n%s\n' "${name#test_}" "$output"
    fi
done
echo "$ran cases, $failed failed, $skipped not run"
((ran > 0 && failed == 0))
