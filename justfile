# Every routine act. `./dev RECIPE ARGS…` runs it with everything it needs installed; `./dev` lists this.

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

# any other command of the binary, as: ./dev run status
[no-cd, no-exit-message]
run *ARGS: build
    @"{{ tapedeck }}" "$@"

# every test, on real servers (arguments go to cargo test)
test *ARGS:
    @cargo test --release --locked --workspace "$@"

# the binary alone
build:
    @cargo build --release --locked --package tapedeck --manifest-path "{{ manifest }}"

# formats the code (--check: only looks)
fmt *ARGS:
    @cargo fmt --all "$@"
    @rustfmt --edition 2024 "$@" actors/tapedeck/src/commands/*.rs

# clippy, which here also asks for doc comments; warnings are errors
lint:
    @cargo clippy --release --locked --workspace --all-targets -- -D warnings

# the shape of the code: dependency direction, sizes, what the pure crates must not name
tidy *ARGS:
    @cargo test --release --locked --package tapedeck-tests --test tidy "$@"

# libFuzzer on every decoder: fuzz TARGET SECONDS, fuzz all SECONDS; fuzz keep takes what was found into the corpus
[no-exit-message]
fuzz *ARGS:
    @tests/fuzz/run.sh "$@"

# rates beside what the broker itself does in the same run: bench publish, bench replay
bench WHAT *ARGS: build
    @cargo run --release --locked --package tapedeck-loadtest -- "$@" {{ if WHAT == "replay" { "--tapedeck " + tapedeck } else { "--python " + justfile_directory() / ".tools/venv/bin/python3" } }}

# simulated partitions from seeds, with every fault that it knows: sim 2000, sim --seed N (tells each step)
sim *ARGS:
    @cargo build --release --locked --package tapedeck-sim --manifest-path "{{ manifest }}"
    @"{{ parent_directory(tapedeck) }}/tapedeck-sim" "$@"

# real processes killed at random moments, N rounds (--seed S, --market FILE…, --only NEMESIS…, --json FILE)
[no-cd, no-exit-message]
chaos N *ARGS: build
    @cargo run --release --locked --package tapedeck-chaos --manifest-path "{{ manifest }}" -- "$@" --tapedeck "{{ tapedeck }}"

# breaks the core in known ways, each in a copy, and shows which check notices: all, or by number (mutants 03 17)
mutants *ARGS:
    @tests/mutants/run.sh "$@"

# everything about the Kubernetes manifests that can be judged without a cluster (--bless: writes the golden files anew)
k8s-check *ARGS: build
    @cargo build --release --locked --package tapedeck-k8s --manifest-path "{{ manifest }}"
    @k8s/scripts/check.sh "$@"
    @k8s/scripts/tables.sh --check
    @k8s/scripts/tests/run.sh

# the binary in a root as the image would have it: uid 65532, read-only, no capabilities (as root)
k8s-image: build
    @k8s/image/check.sh

# the system as processes from what overlays/local renders: killed, rolled, doubled under load (--market FILE…)
[no-cd]
k8s-local *ARGS: build
    @cargo build --release --locked --package tapedeck-k8s --manifest-path "{{ manifest }}"
    @"{{ justfile_directory() }}/k8s/scripts/local.sh" "$@"

# what the continuous integration runs
ci:
    @.ci/run
