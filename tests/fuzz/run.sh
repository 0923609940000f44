#!/bin/sh
# libFuzzer on the decoders, on the stable toolchain: coverage only, no sanitizer.
#   run.sh TARGET SECONDS    one target (the bins of Cargo.toml)
#   run.sh all SECONDS       every target for that time, one after the other
#   run.sh keep [TARGET]     adds the new inputs to the corpus and minimises it; commit the result
# New inputs go to target/found/TARGET. An input that fails goes to artifacts/TARGET and ends the run.
set -eu
cd "$(dirname -- "$(readlink -f -- "$0")")"

# Maximum inputs per target in the corpus. Those that add most coverage are kept.
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
    # cmin writes the inputs in order of the coverage that they add: the oldest are kept.
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
