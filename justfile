# Recipes. `./dev RECIPE ARGS…` installs missing tools and runs one; `./dev` lists them.

set positional-arguments

export TAPEDECK_DIR := env("TAPEDECK_DIR", justfile_directory() / ".tapedeck")
manifest := justfile_directory() / "Cargo.toml"
tapedeck := env("CARGO_TARGET_DIR", justfile_directory() / "target") / "release/tapedeck"

_list:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# private servers, all groups: plays a market, reports, verifies, stops (--market FILE…, --partitions N, --fresh)
[no-cd, no-exit-message]
demo *ARGS: build
    @"{{ tapedeck }}" demo "$@"

# the same stack without a market, until Ctrl-C
[no-cd, no-exit-message]
up *ARGS: build
    @"{{ tapedeck }}" up "$@"

# any other command of the binary, e.g. ./dev run status
[no-cd, no-exit-message]
run *ARGS: build
    @"{{ tapedeck }}" "$@"

# every test, on real servers (arguments go to cargo test)
test *ARGS:
    @cargo test --release --locked --workspace "$@"

# builds the binary only
build:
    @cargo build --release --locked --package tapedeck --manifest-path "{{ manifest }}"

# formats the code (--check: changes nothing)
fmt *ARGS:
    @cargo fmt --all "$@"
    @rustfmt --edition 2024 "$@" actors/tapedeck/src/commands/*.rs

# clippy, which also requires doc comments; warnings are errors
lint:
    @cargo clippy --release --locked --workspace --all-targets -- -D warnings

# checks the structure of the code: direction of dependencies, sizes, names that pure crates must not use, licences
tidy *ARGS:
    @cargo test --release --locked --package tapedeck-tests --test tidy --test words --test licences "$@"

# libFuzzer on every decoder: fuzz TARGET SECONDS, fuzz all SECONDS; fuzz keep adds the inputs it found to the corpus
[no-exit-message]
fuzz *ARGS:
    @tests/fuzz/run.sh "$@"

# measures rates, and those of a reference in the same run: bench publish, bench replay, bench numbers, bench bytes, bench ingest
bench WHAT *ARGS: build
    @cargo run --release --locked --package tapedeck-loadtest -- "$@" {{ if WHAT =~ "replay|bytes" { "--tapedeck " + tapedeck } else if WHAT == "publish" { "--python " + justfile_directory() / ".tools/venv/bin/python3" } else { "" } }}

# simulates partitions from seeds, with faults: sim 2000, sim --seed N (prints each step)
sim *ARGS:
    @cargo build --release --locked --package tapedeck-sim --manifest-path "{{ manifest }}"
    @"{{ parent_directory(tapedeck) }}/tapedeck-sim" "$@"

# kills and pauses real processes at random moments, N rounds (--seed S, --market FILE…, --only NEMESIS…, --json FILE)
[no-cd, no-exit-message]
chaos N *ARGS: build
    @cargo run --release --locked --package tapedeck-chaos --manifest-path "{{ manifest }}" -- "$@" --tapedeck "{{ tapedeck }}"

# applies each mutant to a copy and prints the check that fails: all, or by number (mutants 03 17)
mutants *ARGS:
    @tests/mutants/run.sh "$@"

# upgrades a fleet of groups under load, group by group, to a build whose records have the next format number
mixed:
    @cargo build --release --locked --package tapedeck --features next --manifest-path "{{ manifest }}"
    @mkdir -p "{{ parent_directory(tapedeck) }}/../next" && cp "{{ tapedeck }}" "{{ parent_directory(tapedeck) }}/../next/"
    @TAPEDECK_NEXT="{{ parent_directory(tapedeck) }}/../next/tapedeck" cargo test --release --locked \
        --manifest-path "{{ manifest }}" --package tapedeck --test e2e a_fleet_of_two_builds -- --ignored --nocapture

# checks the Kubernetes manifests without a cluster (--bless: rewrites the golden files)
k8s-check *ARGS: build
    @cargo build --release --locked --package tapedeck-k8s --manifest-path "{{ manifest }}"
    @k8s/scripts/check.sh "$@"
    @k8s/scripts/tables.sh --check
    @k8s/scripts/tests/run.sh

# runs the binary in the root file system of the image: uid 65532, read-only, no capabilities (as root)
k8s-image: build
    @k8s/image/check.sh

# starts overlays/local as processes; kills, rolls and doubles the groups under load (--market FILE…)
[no-cd]
k8s-local *ARGS: build
    @cargo build --release --locked --package tapedeck-k8s --manifest-path "{{ manifest }}"
    @"{{ justfile_directory() }}/k8s/scripts/local.sh" "$@"

# runs continuous integration locally
ci:
    @.ci/run
