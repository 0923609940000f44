#!/usr/bin/env bash
# Checks the image without building it: copies the binary, its shared libraries and the certificates to an empty root
# file system, and runs the binary there like a pod: uid 65532, no capabilities, no new privileges, read-only, no shell.
# Needs root for the mount namespace.   check.sh [BINARY]   (default target/release/tapedeck)
set -euo pipefail

root_of_repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
binary=${1:-${CARGO_TARGET_DIR:-$root_of_repository/target}/release/tapedeck}
# The libraries in distroless cc, and the version of its glibc (Debian 13).
expected='^(ld-linux-(x86-64\.so\.2|aarch64\.so\.1)|libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1)$'
glibc_max=2.41
certificates=/etc/ssl/certs/ca-certificates.crt
uid=65532
# Maximum wait for the health port, and for the exit after SIGTERM, in tenths of a second.
start_tenths=100 stop_tenths=80

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

[[ $(id -u) == 0 ]] || fail "needs root, to mount in a namespace of its own and to become uid $uid"
[[ -x $binary ]] || fail "no binary at $binary; run ./dev build"
for tool in unshare setpriv chroot ldd curl; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
# The rest runs in a mount namespace that ends with this script.
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

# ---- dependencies ---------------------------------------------------------------------------------------------------

# Path of each shared library, including the loader. The vdso of the kernel has no path.
libraries() { ldd "$1" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' | sort -u; }

mapfile -t needed < <(libraries "$binary")
echo "dynamic dependencies of $binary:"
((${#needed[@]} > 0)) || fail "ldd lists no library: if the binary is static, the image can be distroless static"
for library in "${needed[@]}"; do
    [[ -e $library ]] || fail "a library is not found: $(ldd "$binary" | grep 'not found')"
    [[ $(basename "$library") =~ $expected ]] ||
        fail "unexpected dependency $library: not in distroless cc. Remove it, or change the image and this list"
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
# The kubelet writes the same file. The name of the NATS service resolves through it.
printf '127.0.0.1 localhost nats.tapedeck-data.svc\n' >"$root/etc/hosts"
chmod 0644 "$root/etc/passwd" "$root/etc/hosts"
# The devices that every container runtime provides.
devices=(null zero full random urandom)
mkdir "$root/dev"
for device in "${devices[@]}"; do : >"$root/dev/$device"; done
chmod 0755 "$work" "$root"
echo "root: $(find "$root" -type f | wc -l) files, $(du -sh "$root" | cut -f1)"

# setpriv must run after chroot, but the root does not contain it. It is mounted there with its libraries in a folder
# that the loader of the binary does not search. A check below proves that the binary maps nothing from it.
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
! touch "$work/root/written" 2>/dev/null || fail "the root is writable"

# Replaces this process by the binary in the root. The arguments before `--` are its environment.
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

# ---- running the binary ---------------------------------------------------------------------------------------------

(confined -- --version) >"$work/version" || fail "tapedeck --version does not run"
grep -q '^tapedeck ' "$work/version" || fail "tapedeck --version prints: $(cat "$work/version")"
echo "ok   --version: $(head -n 1 "$work/version")"
(confined -- schema asyncapi) >"$work/asyncapi" || fail "tapedeck schema asyncapi does not run"
head -n 5 "$work/asyncapi" | grep -q asyncapi || fail "schema asyncapi begins with: $(head -n 3 "$work/asyncapi")"
echo "ok   schema asyncapi: $(wc -l <"$work/asyncapi") lines"

# A port between 20000 and 32000 without a listener.
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
    kill -0 "$running" 2>/dev/null || fail "run risk exited by itself: $(cat "$work/log")"
    ((tenth < start_tenths)) || fail "run risk: no /livez on port $health: $(cat "$work/log")"
    sleep 0.1
done
[[ $(code_of /readyz) == 503 ]] || fail "run risk without NATS: /readyz returns $(code_of /readyz) instead of 503"
echo "ok   run risk without NATS: alive and not ready"

# The state of the process, from /proc.
status=/proc/$running/status
check_status() { grep -Eq "$1" "$status" || fail "expected $1 of the process: $(grep "^${1:1:3}" "$status")"; }
check_status "^Uid:	$uid	$uid	$uid	$uid\$"
check_status "^Gid:	$uid	$uid	$uid	$uid\$"
check_status '^Groups:	 *$'
for set in CapInh CapPrm CapEff CapBnd CapAmb; do check_status "^$set:	0+\$"; done
check_status '^NoNewPrivs:	1$'
strange=$(awk '$6 ~ /^\// { print $6 }' "/proc/$running/maps" | sort -u | grep '/\.launch/' || true)
[[ -z $strange ]] || fail "mapped from outside the root: $strange"
echo "ok   uid $uid, no groups, no capabilities, no new privileges, only the root's own libraries"

began=$EPOCHREALTIME
kill -TERM "$running"
for ((tenth = 0; ; tenth++)); do
    kill -0 "$running" 2>/dev/null || break
    ((tenth < stop_tenths)) || fail "still running $((stop_tenths / 10)) s after SIGTERM: $(tail -n 5 "$work/log")"
    sleep 0.1
done
code=0
wait "$running" || code=$?
running=''
[[ $code == 0 ]] || fail "run risk exited with $code after SIGTERM: $(tail -n 5 "$work/log")"
echo "ok   SIGTERM: exit 0 after $(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s"
! grep -Eiq 'failed to lookup|name or service not known' "$work/log" || fail "names are not resolved: $(cat "$work/log")"
