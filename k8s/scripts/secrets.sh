#!/usr/bin/env bash
# Creates the files of the component secrets-generated: an nkey for each role, the public keys for NATS and the two
# passwords of Postgres. Keeps existing files. For the overlays local, dev and staging; prod uses external secrets with
# the same names.
set -euo pipefail
# shellcheck source=k8s/scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

listed=$(roles) || fail "no roles in $SCRIPTS/roles.txt"
mapfile -t ROLES <<<"$listed"
OUT=${TAPEDECK_SECRETS:-$ROOT/k8s/components/secrets-generated/generated}

usage() {
    cat <<USAGE
Usage: secrets.sh [--check] [--image REF]
  --check      only lists missing files; exits with 1 if there are any
  --image REF  uses the binary in this image (docker or podman) if none is built here
The binary is \$TAPEDECK_BIN, or the release build of this repository, or tapedeck on PATH, or the one in the image.
Without a binary, openssl and python3 create the same files.
Files go to $OUT
USAGE
}

check=no image=''
while (($#)); do
    case $1 in
        --check) check=yes ;;
        --image) image=${2:?--image needs a reference}; shift ;;
        -h | --help) usage; exit ;;
        *) usage_error "unknown argument '$1'" ;;
    esac
    shift
done

# Names of the missing files.
missing() {
    local file
    for file in "${ROLES[@]/%/.seed}" users.conf postgres-admin.password postgres-tapedeck.password; do
        [[ -s $OUT/$file ]] || echo "$file"
    done
}

make_keys() {
    local binary engine
    for binary in "${TAPEDECK_BIN:-}" "${CARGO_TARGET_DIR:-$ROOT/target}/release/tapedeck" \
        "$(command -v tapedeck || true)"; do
        if [[ -n $binary && -x $binary ]]; then
            "$binary" keys --out "$OUT"
            return
        fi
    done
    for engine in docker podman; do
        if [[ -n $image ]] && command -v "$engine" >/dev/null 2>&1; then
            "$engine" run --rm --user "$(id -u):$(id -g)" --network none --volume "$OUT:/out" "$image" keys --out /out
            return
        fi
    done
    if command -v openssl >/dev/null 2>&1 && command -v python3 >/dev/null 2>&1; then
        python3 "$ROOT/k8s/scripts/keys.py" "$OUT" "${ROLES[@]}"
        return
    fi
    fail "no tapedeck binary, no docker or podman for the image, and not openssl and python3; run ./dev build"
}

absent=$(missing)
if [[ -z $absent ]]; then
    say "secrets: complete in $OUT"
elif [[ $check == yes ]]; then
    fail "secrets missing in $OUT: ${absent//$'\n'/ }; run k8s/scripts/secrets.sh"
else
    umask 077
    mkdir -p "$OUT"
    make_keys
    absent=$(missing)
    [[ -z $absent ]] || fail "tapedeck keys left out: ${absent//$'\n'/ }"
    say "secrets: created in $OUT (git ignores it; keep a copy as long as the cluster keeps its data)"
fi
