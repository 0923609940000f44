#!/bin/sh
# libFuzzer on the decoders, on the stable toolchain: coverage is all that is wanted of it, no sanitizer.
#   run.sh TARGET SECONDS    one target (the bins of Cargo.toml)
#   run.sh all SECONDS       each target for so long, one after the other
#   run.sh keep [TARGET]     takes what was found into the corpus and minimises it: commit it then
# What is found goes to target/found/TARGET; what fails goes to artifacts/TARGET, and ends the run.
set -eu
cd "$(dirname -- "$(readlink -f -- "$0")")"

# Most inputs that the corpus keeps of a target, those first that bring most coverage.
kept_max=200
targets=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
is_target() { echo "$targets" | grep -qx "$1"; }
# shellcheck disable=SC2086 # a list
usage() { echo "usage: ./dev fuzz TARGET SECONDS | all SECONDS | keep [TARGET]; targets:" $targets >&2; exit 2; }

fuzz() { # TARGET SECONDS
    mkdir -p "target/found/$1"
    cargo fuzz run --fuzz-dir . --sanitizer none "$1" "target/found/$1" "corpus/$1" -- \
        -max_total_time="$2" -dict=words.dict -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
}

keep() { # TARGET
    [ ! -d "target/found/$1" ] || cp -r "target/found/$1/." "corpus/$1/"
    cargo fuzz cmin --fuzz-dir . --sanitizer none "$1" "corpus/$1" -- -set_cover_merge=1 -use_counters=0
    # Written in the order of what each adds, so that the oldest are those to keep.
    find "corpus/$1" -type f -printf '%T@ %p\n' | sort -n | tail -n +$((kept_max + 1)) | cut -d' ' -f2- |
        while read -r file; do rm "$file"; done
}

case "${1-} ${2-}" in
"keep "*)
    [ -z "${2-}" ] || { is_target "$2" && targets=$2; } || usage
    for target in $targets; do keep "$target"; done
    ;;
"all "[0-9]*) for target in $targets; do fuzz "$target" "$2"; done ;;
*" "[0-9]*) is_target "$1" || usage; fuzz "$1" "$2" ;;
*) usage ;;
esac
