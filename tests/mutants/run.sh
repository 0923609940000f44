#!/usr/bin/env bash
# Applies each patch in this folder to a copy of the tracked files, runs the command that the patch names, and prints
# the check that failed. Only a check that the patch names can kill the mutant. The script fails if a mutant survives,
# does not apply or does not compile. Before that, the unchanged copy must pass the same commands.
#   tests/mutants/run.sh             all mutants
#   tests/mutants/run.sh 03 17       mutants 03 and 17
# A patch begins with the lines `# what: …`, `# killed by: CHECK[, CHECK…]` (rules of the simulator, or names of tests)
# and, unless it is `sim 3000`, `# run: …`: `sim RUNS` (on one thread, so that the same seed fails each time), or
# `cargo test …`. The checks were predicted before the first run. If another check failed first, `# predicted: …` gives
# the prediction and the reason for the difference.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."
ROOT=$PWD
HERE=$ROOT/tests/mutants
WORK=$ROOT/target/mutants
COPY=$WORK/src
LOG=$WORK/log
DEFAULT_RUN="sim 3000"
# Maximum seconds of a run, without the build: a mutant may hang.
SECONDS_MAX=900
export CARGO_TARGET_DIR=$WORK/target

say() { printf '%s\n' "$*"; }
fail() { printf 'mutants: %s\n' "$*" >&2; exit 1; }
for program in cargo git timeout; do
    command -v "$program" >/dev/null || fail "$program is missing"
done

# header FILE NAME: value of a header line of the patch.
header() { sed -n "/^diff /q; s/^# $2: *//p" "$1"; }

# Updates the copy from the working tree. Unchanged files keep their time, so that cargo builds only the changes.
copy() {
    mkdir -p "$COPY" "$LOG"
    [[ -d $COPY/.git ]] || git init --quiet "$COPY"
    git ls-files -z >"$WORK/files"
    while IFS= read -r -d '' file; do
        [[ -f $file ]] || continue
        if ! cmp -s -- "$file" "$COPY/$file"; then
            mkdir -p -- "$COPY/$(dirname -- "$file")"
            cp -- "$file" "$COPY/$file"
        fi
    done <"$WORK/files"
    (cd "$COPY" && find . -name .git -prune -o -type f -printf '%P\0') | sort -z >"$WORK/there"
    comm -z -13 <(sort -z "$WORK/files") "$WORK/there" | (cd "$COPY" && xargs -0 -r rm --)
}

# build RUN: builds the binaries of the run.
build() {
    case $1 in
    sim\ *) (cd "$COPY" && cargo build --release --locked --package tapedeck-sim) ;;
    cargo\ test\ *) (cd "$COPY" && eval "$1 --no-run") ;;
    *) fail "a run is \`sim RUNS\` or \`cargo test …\`, not: $1" ;;
    esac
}

run() {
    case $1 in
    sim\ *) (cd "$COPY" && timeout "$SECONDS_MAX" "$CARGO_TARGET_DIR/release/tapedeck-sim" "${1#sim }" --threads 1) ;;
    *) (cd "$COPY" && eval "timeout $SECONDS_MAX $1 --no-fail-fast") ;;
    esac
}

# Prints the checks that a failed run names, with the seed if there is one: lines `CHECK` or `CHECK SEED`.
named_in() {
    sed -nE -e 's/^seed ([0-9]+): step [0-9]+: ([a-z_]+): .*/\2 \1/p' \
        -e 's/^test ([A-Za-z0-9_:]+) \.\.\. FAILED$/\1/p' "$1" | sed -E 's/^([A-Za-z0-9_]+::)+//'
}

# evaluate PATCH LOGFILE: prints the result of a failed run in one line: the check that killed it, or why it survived.
evaluate() {
    local check seed predicted
    predicted=$(header "$1" "killed by" | tr -d ' ')
    while read -r check seed; do
        if [[ ,$predicted, == *,$check,* ]]; then
            say "killed by $check${seed:+ at seed $seed}"
            return 0
        fi
    done < <(named_in "$2")
    say "SURVIVED the predicted $predicted; the run failed by: $(named_in "$2" | head -n 3 | tr '\n' ';')"
    return 1
}

# mutant PATCH: applies, builds, runs, reverts. Prints the result; returns 0 killed, 1 survived, 2 error.
mutant() {
    local patch=$1 run log verdict status=0
    run=$(header "$patch" run)
    run=${run:-$DEFAULT_RUN}
    log=$LOG/$(basename "$patch" .patch)
    if ! (cd "$COPY" && git apply --check "$patch") >"$log" 2>&1; then
        say "ERROR: does not apply (see $log)"
        return 2
    fi
    (cd "$COPY" && git apply "$patch") || return 3
    if ! build "$run" >"$log" 2>&1; then
        say "ERROR: does not compile (see $log)"
        status=2
    elif run "$run" >"$log" 2>&1; then
        say "SURVIVED $run"
        status=1
    else
        verdict=$(evaluate "$patch" "$log") || status=1
        say "$verdict"
    fi
    (cd "$COPY" && git apply --reverse "$patch") || status=3
    return "$status"
}

patches=()
if (($# == 0)); then
    patches=("$HERE"/[0-9]*-*.patch)
else
    for number in "$@"; do
        found=("$HERE/$number"-*.patch)
        [[ -f ${found[0]} ]] || fail "no patch $number"
        patches+=("${found[0]}")
    done
fi
for patch in "${patches[@]}"; do
    if [[ -z $(header "$patch" what) || -z $(header "$patch" "killed by") ]]; then
        fail "$patch lacks a line '# what:' or '# killed by:'"
    fi
done

copy
for patch in "${patches[@]}"; do
    run=$(header "$patch" run)
    say "${run:-$DEFAULT_RUN}"
done | sort -u >"$WORK/runs"
while IFS= read -r run <&3; do
    log=$LOG/baseline
    if ! { build "$run" && run "$run"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "fails without a mutant: $run (see $log)"
    fi
    say "   passes without a mutant: $run"
done 3<"$WORK/runs"

killed=0 survived=0 erred=0
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    began=$SECONDS
    status=0
    verdict=$(mutant "$patch") || status=$?
    say "${name/-/ }: $verdict ($((SECONDS - began)) s)"
    case $status in
    0) killed=$((killed + 1)) ;;
    1) survived=$((survived + 1)) ;;
    *) erred=$((erred + 1)) ;;
    esac
done
say "$killed killed, $survived survived$( ((erred == 0)) || say ", $erred in error")"
((survived + erred == 0))
