# shellcheck shell=bash
# Functions shared by the scripts of this folder: messages, rendering an overlay, its objects, waiting.
# Sourced, never run. All access to a cluster goes through `kube`.

# shellcheck disable=SC2034 # read by the scripts that source this
{
    SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
    ROOT=$(cd -- "$SCRIPTS/../.." && pwd)
    APP_NAMESPACE=tapedeck
    DATA_NAMESPACE=tapedeck-data
    FIELD_MANAGER=tapedeck-deploy
}
# Folder of the overlays; tests set their own.
OVERLAYS=${TAPEDECK_OVERLAYS:-$ROOT/k8s/overlays}
KUBECTL=${KUBECTL:-kubectl}
POLL_S=${TAPEDECK_POLL_S:-2}
KUBECTL_MINOR_MIN=32
SERVER_MINOR_MIN=33
COMPONENT='app.kubernetes.io/component'

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
usage_error() { printf 'error: %s\n\n' "$*" >&2; usage >&2; exit 2; }

# Names of the roles of kind $1 (group, client), or of all; groups in the order in which an order flows, so that a
# rolling upgrade takes them from the last to the first.
# Fails if there is none: a caller must not go on with an empty list.
roles() {
    awk -v kind="${1-}" '!/^#/ && (kind == "" || $2 == kind) { print $1; found = 1 } END { exit !found }' \
        "$SCRIPTS/roles.txt"
}
# The groups from the last to the first.
groups_last_first() { roles group | awk '{ line[NR] = $1 } END { while (NR) print line[NR--] }'; }

kube() { "$KUBECTL" "$@"; }

# Converts to seconds: `300`, `300s`, `5m` or `1h`.
seconds_of() {
    local number=${1%[smh]}
    [[ $number =~ ^[1-9][0-9]*$ ]] || return 1
    case $1 in
        *m) echo $((number * 60)) ;;
        *h) echo $((number * 3600)) ;;
        *) echo "$number" ;;
    esac
}

# Asks for confirmation on the terminal. --yes confirms; without a terminal and without --yes it fails.
confirm() {
    local answer
    [[ ${ASSUME_YES:-} != yes ]] || return 0
    [[ -t 0 ]] || fail "$1 No terminal for the confirmation; say --yes"
    read -r -p "$1 [y/N] " answer
    [[ $answer == [yY] || $answer == [yY][eE][sS] ]] || fail "not confirmed; nothing was done"
}

# Creates a private folder for the render, which may hold secrets. It is removed when the script exits.
make_work() {
    umask 077
    WORK=$(mktemp -d)
    trap 'rm -rf -- "$WORK"' EXIT
    mkdir "$WORK/objects"
}

# Renders overlay $1 once, with image $2 (may be empty) in place of the overlay's own, and lists its objects:
# `$WORK/index` has a line per object: file, kind, namespace (- if none), name, component (-), apiVersion, tab separated.
render() {
    local overlay=$1 image=${2:-}
    [[ -d $OVERLAYS/$overlay ]] || fail "no overlay '$overlay' in $OVERLAYS (there are: $(ls "$OVERLAYS"))"
    kube kustomize "$OVERLAYS/$overlay" >"$WORK/render.yaml" || fail "overlay '$overlay' does not render, see above"
    if [[ -n $image ]]; then
        # Replaces only the image named tapedeck, with or without registry, tag and digest.
        sed -E -i "s#^([ -]*image: )\"?([^ \"]*/)?tapedeck([:@][^ \"/]*)?\"?\$#\\1$image#" "$WORK/render.yaml"
    fi
    awk -v dir="$WORK/objects" -f "$SCRIPTS/flatten.awk" "$WORK/render.yaml" >"$WORK/flat"
    awk -F '\t' -v dir="$WORK/objects" -v component="metadata.labels.$COMPONENT" '
        function or_dash(text) { return text == "" ? "-" : text }
        $1 > last { last = $1 }
        $2 == "kind" { kind[$1] = $3 }
        $2 == "apiVersion" { version[$1] = $3 }
        $2 == "metadata.name" { name[$1] = $3 }
        $2 == "metadata.namespace" { namespace[$1] = $3 }
        $2 == component { labelled[$1] = $3 }
        END {
            for (i = 1; i <= last; i++) if (kind[i] != "")
                printf "%s/%04d.yaml\t%s\t%s\t%s\t%s\t%s\n", dir, i, kind[i], or_dash(namespace[i]), name[i],
                    or_dash(labelled[i]), version[i]
        }' "$WORK/flat" >"$WORK/index"
    [[ -s $WORK/index ]] || fail "overlay '$overlay' renders to nothing"
}

# Lines of the index for which awk condition $1 holds. Variables: file, kind, ns, name, component, version, workload.
objects() {
    awk -F '\t' "{
        file = \$1; kind = \$2; ns = \$3; name = \$4; component = \$5; version = \$6
        workload = kind ~ /^(StatefulSet|Deployment|DaemonSet)\$/
        if ($1) print
    }" "$WORK/index"
}

# Prints the manifests of the index lines on standard input as one stream.
manifests() {
    local file
    while IFS=$'\t' read -r file _; do
        printf -- '---\n'
        cat -- "$file"
    done
}

# Value at path $2 of the object in file $1.
value_at() {
    local number
    number=$((10#$(basename "$1" .yaml)))
    awk -F '\t' -v doc="$number" -v path="$2" '$1 == doc && $2 == path { print $3; exit }' "$WORK/flat"
}

# The image of the groups.
rendered_image() {
    awk -F '\t' '$2 ~ /containers\[[0-9]+\]\.image$/ && $3 ~ /(^|\/)tapedeck([:@][^\/]*)?$/ { print $3; exit }' \
        "$WORK/flat"
}

# Applies the manifests on standard input, with further options of kubectl. Server-side apply keeps fields that other
# managers set, such as a scaled replica count.
# shellcheck disable=SC2120 # most have none
apply() {
    kube apply --server-side --force-conflicts --field-manager="$FIELD_MANAGER" -f - "$@"
}

# Waits for the rollout of $2 ("statefulset/risk") in namespace $1, for at most $3 seconds.
wait_rollout() {
    kube rollout status -n "$1" "$2" --timeout="${3}s"
}

# Waits for Job $2 in namespace $1, for at most $3 seconds. True if it completed.
wait_job() {
    local namespace=$1 name=$2 deadline=$((SECONDS + $3)) ended
    while :; do
        ended=$(kube get job "$name" -n "$namespace" \
            -o 'jsonpath={.status.conditions[?(@.status=="True")].type}') || return 1
        case " $ended " in
            *' Complete '*) return 0 ;;
            *' Failed '*) return 1 ;;
        esac
        ((SECONDS < deadline)) || { warn "job $name did not end within $3 s"; return 1; }
        sleep "$POLL_S"
    done
}

# Replaces Job $2 in namespace $1 by the manifest on standard input and waits. Deletes an earlier Job first, because the
# template of a Job cannot be changed. All Jobs are idempotent.
run_job() {
    local namespace=$1 name=$2 timeout=$3
    kube delete job "$name" -n "$namespace" --ignore-not-found --wait --timeout="${timeout}s" >/dev/null || return 1
    # shellcheck disable=SC2119
    apply >/dev/null || return 1
    wait_job "$namespace" "$name" "$timeout"
}

# Prints the state, last events and logs of the pods that label selector $2 selects in namespace $1.
explain() {
    local namespace=$1 selector=$2 pod
    {
        say "--- pods in $namespace, $selector"
        kube get pods -n "$namespace" -l "$selector" -o wide || true
        while IFS= read -r pod; do
            [[ -n $pod ]] || continue
            say "--- $pod: logs"
            kube logs -n "$namespace" "$pod" --all-containers --tail=40 || true
            say "--- $pod: logs before its last restart"
            kube logs -n "$namespace" "$pod" --all-containers --tail=20 --previous 2>/dev/null || say "(none)"
        done < <(kube get pods -n "$namespace" -l "$selector" -o name || true)
        say "--- last events in $namespace"
        kube get events -n "$namespace" --sort-by=.lastTimestamp 2>/dev/null | tail -n 15 || true
    } >&2
}

# Prints a Job named $1, of component $2, that runs `tapedeck` with arguments $5… as role $3 from image $4. These Jobs
# are not part of an overlay.
tapedeck_job() {
    local name=$1 component=$2 role=$3 image=$4 file=reader args='' arg
    shift 4
    for arg; do args+="${args:+, }\"$arg\""; done
    [[ $role != publisher ]] || file=publisher
    sed -e "s#@NAME@#$name#g" -e "s#@COMPONENT@#$component#g" -e "s#@ROLE@#$role#g" -e "s#@IMAGE@#$image#g" \
        -e "s#@ARGS@#$args#g" -e "s#@NAMESPACE@#$APP_NAMESPACE#g" "$SCRIPTS/jobs/$file.yaml"
}

# Minor version under key $1 of `kubectl version -o yaml` on standard input; empty if it is missing.
minor_of() {
    awk -v section="$1:" '
        $0 !~ /^ / { inside = $1 == section }
        inside && $1 == "gitVersion:" { gsub(/"/, "", $2); split($2, part, "."); print part[2] + 0; exit }'
}

# Fail with instructions if kubectl or the cluster is missing.
need_kubectl() {
    command -v "$KUBECTL" >/dev/null 2>&1 ||
        fail "kubectl is not installed (or not on PATH); install 1.$KUBECTL_MINOR_MIN or newer:" \
            "https://kubernetes.io/docs/tasks/tools/"
    local minor
    minor=$(kube version --client -o yaml | minor_of clientVersion)
    [[ ${minor:-0} -ge $KUBECTL_MINOR_MIN ]] ||
        fail "kubectl is 1.${minor:-?}; this needs 1.$KUBECTL_MINOR_MIN or newer"
}

# True if a cluster answers. Sets SERVER_MINOR to its minor version.
cluster_answers() {
    local version
    version=$(kube version -o yaml --request-timeout=10s 2>/dev/null) || return 1
    SERVER_MINOR=$(minor_of serverVersion <<<"$version")
    [[ -n $SERVER_MINOR ]]
}

need_cluster() {
    cluster_answers ||
        fail "no cluster answers (context '$(kube config current-context 2>/dev/null || echo none)'," \
            "KUBECONFIG=${KUBECONFIG:-unset}); try: kubectl cluster-info"
    [[ $SERVER_MINOR -ge $SERVER_MINOR_MIN ]] ||
        warn "the cluster is 1.$SERVER_MINOR; this needs 1.$SERVER_MINOR_MIN or newer"
}

# Namespaces of the render that exist in the cluster, separated by spaces, with a space at each end.
namespaces_there() {
    local have=' ' name
    while IFS=$'\t' read -r _ _ _ name _; do
        ! kube get namespace "$name" -o name >/dev/null 2>&1 || have+="$name "
    done < <(objects 'kind == "Namespace"')
    printf '%s' "$have"
}
