#!/usr/bin/env bash
# Checks of the image that need no image: puts the binary with the shared libraries it asks for and the certificates
# into an empty root, and runs it there as a pod would: uid 65532, no capabilities, no new privileges, nothing
# writable, no shell. As root, for the mount namespace.   check.sh [BINARY]   (default target/release/tapedeck)
set -euo pipefail

root_of_repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
binary=${1:-${CARGO_TARGET_DIR:-$root_of_repository/target}/release/tapedeck}
# What distroless cc has, and the newest glibc it has it of (Debian 13).
expected='^(ld-linux-(x86-64\.so\.2|aarch64\.so\.1)|libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1)$'
glibc_max=2.41
certificates=/etc/ssl/certs/ca-certificates.crt
uid=65532
# Longest wait for an answer of the health port, and for the end after SIGTERM, in tenths of a second.
start_tenths=100 stop_tenths=80

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

[[ $(id -u) == 0 ]] || fail "needs root: it mounts in a namespace of its own and becomes uid $uid"
[[ -x $binary ]] || fail "no binary at $binary; run ./dev build"
for tool in unshare setpriv chroot ldd curl; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
# Everything below happens in a mount namespace that goes with this script.
if [[ ${TAPEDECK_CHECK_INSIDE:-} != yes ]]; then
    TAPEDECK_CHECK_INSIDE=yes exec unshare --mount --propagation private -- "$0" "$binary"
fi

work=$(mktemp -d)
running=''
leave() {
    [[ -z $running ]] || kill -KILL "$running" 2>/dev/null || true
    umount -R "$work/root" 2>/dev/null || true
    rm -rf --one-file-system -- "$work"
}
trap leave EXIT

# ---- what it needs --------------------------------------------------------------------------------------------------

# Path of each shared library, the loader included; the kernel's own (vdso) has none.
libraries() { ldd "$1" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' | sort -u; }

mapfile -t needed < <(libraries "$binary")
echo "dynamic dependencies of $binary:"
((${#needed[@]} > 0)) || fail "ldd tells of none: is it static? then the image can be distroless static"
for library in "${needed[@]}"; do
    [[ -e $library ]] || fail "a library is not found: $(ldd "$binary" | grep 'not found')"
    [[ $(basename "$library") =~ $expected ]] ||
        fail "unexpected dependency $library: distroless cc has it not. Remove it or change the image, then this list"
    echo "  $(basename "$library")"
done
if command -v readelf >/dev/null; then
    glibc=$(readelf -V "$binary" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
    [[ $(printf '%s\n' "$glibc" "$glibc_max" | sort -V | tail -n 1) == "$glibc_max" ]] ||
        fail "needs glibc $glibc; the image has $glibc_max"
    echo "  glibc $glibc or newer (the image has $glibc_max)"
fi

# ---- the root -------------------------------------------------------------------------------------------------------

root=$work/image
install -D -m 0755 "$binary" "$root/usr/local/bin/tapedeck"
for library in "${needed[@]}"; do install -D -m 0755 "$(readlink -f "$library")" "$root$library"; done
[[ ! -e $certificates ]] || install -D -m 0644 "$certificates" "$root$certificates"
printf 'nonroot:x:%s:%s:nonroot:/:/sbin/nologin\n' "$uid" "$uid" >"$root/etc/passwd"
# As the kubelet does; the name must be looked up for the address to be found.
printf '127.0.0.1 localhost nats.tapedeck-data.svc\n' >"$root/etc/hosts"
chmod 0644 "$root/etc/passwd" "$root/etc/hosts"
# The devices that every container runtime gives.
devices=(null zero full random urandom)
mkdir "$root/dev"
for device in "${devices[@]}"; do : >"$root/dev/$device"; done
chmod 0755 "$work" "$root"
echo "root: $(find "$root" -type f | wc -l) files, $(du -sh "$root" | cut -f1)"

# setpriv must become uid 65532 after the change of root, where it does not exist: it lends itself and its libraries
# in a folder of which the binary's loader knows nothing. Seen below: nothing of it is mapped.
mkdir "$root/.launch" "$work/launch" "$work/root"
for library in $(libraries "$(command -v setpriv)"); do cp -L "$library" "$work/launch/"; done
cp -L "$(command -v setpriv)" "$work/launch/setpriv"
loader=$(libraries "$(command -v setpriv)" | grep -m 1 'ld-linux')
chmod -R a+rX "$work/launch"

mount --bind "$root" "$work/root"
mount --bind "$work/launch" "$work/root/.launch"
mount -o remount,bind,ro,nosuid,nodev "$work/root"
mount -o remount,bind,ro,nosuid,nodev "$work/root/.launch"
for device in "${devices[@]}"; do mount --bind "/dev/$device" "$work/root/dev/$device"; done
! touch "$work/root/written" 2>/dev/null || fail "the root can be written to"

# Becomes the binary with the arguments, in the root; the environment is what is given before `--`.
confined() {
    local environment=()
    while [[ $1 != -- ]]; do
        environment+=("$1")
        shift
    done
    shift
    exec env -i "${environment[@]}" "$(command -v chroot)" "$work/root" "/.launch/$(basename "$loader")" --library-path /.launch \
        /.launch/setpriv --reuid "$uid" --regid "$uid" --clear-groups --bounding-set=-all --inh-caps=-all \
        --no-new-privs /usr/local/bin/tapedeck "$@"
}

# ---- it runs --------------------------------------------------------------------------------------------------------

(confined -- --version) >"$work/version" || fail "tapedeck --version does not run"
grep -q '^tapedeck ' "$work/version" || fail "tapedeck --version says: $(cat "$work/version")"
echo "ok   --version: $(head -n 1 "$work/version")"
(confined -- schema asyncapi) >"$work/asyncapi" || fail "tapedeck schema asyncapi does not run"
head -n 5 "$work/asyncapi" | grep -q asyncapi || fail "schema asyncapi begins: $(head -n 3 "$work/asyncapi")"
echo "ok   schema asyncapi: $(wc -l <"$work/asyncapi") lines"

# A port at which nothing listens, between 20000 and 32000.
closed_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}
health=$(closed_port)
confined TAPEDECK_NATS_URL="nats://nats.tapedeck-data.svc:$(closed_port)" TAPEDECK_PARTITION=0 \
    TAPEDECK_HTTP="127.0.0.1:$health" TAPEDECK_LOG=info -- run risk >"$work/log" 2>&1 &
running=$!

code_of() { curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://127.0.0.1:$health$1" || true; }
for ((tenth = 0; ; tenth++)); do
    [[ $(code_of /livez) != 200 ]] || break
    kill -0 "$running" 2>/dev/null || fail "run risk ended by itself: $(cat "$work/log")"
    ((tenth < start_tenths)) || fail "run risk: no /livez on port $health: $(cat "$work/log")"
    sleep 0.1
done
[[ $(code_of /readyz) == 503 ]] || fail "run risk without NATS: /readyz says $(code_of /readyz) instead of 503"
echo "ok   run risk without NATS: alive and not ready"

# What the kernel says of the process, from outside.
status=/proc/$running/status
check_status() { grep -Eq "$1" "$status" || fail "expected $1 of the process: $(grep "^${1:1:3}" "$status")"; }
check_status "^Uid:	$uid	$uid	$uid	$uid\$"
check_status "^Gid:	$uid	$uid	$uid	$uid\$"
check_status '^Groups:	 *$'
for set in CapInh CapPrm CapEff CapBnd CapAmb; do check_status "^$set:	0+\$"; done
check_status '^NoNewPrivs:	1$'
strange=$(awk '$6 ~ /^\// { print $6 }' "/proc/$running/maps" | sort -u | grep '/\.launch/' || true)
[[ -z $strange ]] || fail "mapped from outside of the root: $strange"
echo "ok   uid $uid, no groups, no capabilities, no new privileges, only the root's own libraries"

began=$EPOCHREALTIME
kill -TERM "$running"
for ((tenth = 0; ; tenth++)); do
    kill -0 "$running" 2>/dev/null || break
    ((tenth < stop_tenths)) || fail "run risk goes on $((stop_tenths / 10)) s after SIGTERM: $(tail -n 5 "$work/log")"
    sleep 0.1
done
code=0
wait "$running" || code=$?
running=''
[[ $code == 0 ]] || fail "run risk ended with $code after SIGTERM: $(tail -n 5 "$work/log")"
echo "ok   SIGTERM: exit 0 after $(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s"
! grep -Eiq 'failed to lookup|name or service not known' "$work/log" || fail "names are not resolved: $(cat "$work/log")"
