#!/usr/bin/env bash
# Changes the code that .cargo/mutants.toml names, one mutant at a time, and fails if no test notices one
# that tests/mutants.txt does not explain. Needs cargo-mutants.
#
#   tests/mutants.sh OUTPUT_DIR [REGEX]
#
# OUTPUT_DIR, outside the repository, keeps the results: mutants that were caught before are not run again.
# REGEX chooses mutants by name, such as '^shared/src/limit'; cargo-mutants 27.1 deletes some fields
# whatever it says. All mutants take a night.
set -euo pipefail
cd "$(dirname "$0")/.."

output=${1:?an output directory}
names=${2:-.}
mkdir -p "$output"
export CARGO_TERM_COLOR=never

# Exit codes 2 and 3 mean that mutants were missed or timed out, which the next step deals with.
mutants() {
  local code=0
  nice cargo mutants --package shared --iterate --jobs 1 --output "$output" --re "$names" "$@" || code=$?
  [[ $code -eq 0 || $code -eq 2 || $code -eq 3 ]]
}

# Some ten seconds each: the tests of `shared` alone.
mutants -- --lib --test open_time --test clock

# Minutes each: the remaining mutants, against the stories. They must pass without a mutant, which
# `cargo mutants` does not find out: it would look for them in `shared`.
cargo test --quiet --package functions --test tests
mutants --test-package functions --baseline skip --timeout 1200 -- --test tests

# Lines move, so the list has no positions. A name that stands there twice explains two mutants.
explained=$(grep '^shared/' tests/mutants.txt | sort)
missed=$(sed -E 's/:[0-9]+:[0-9]+:/:/' "$output/mutants.out/missed.txt" | sort)
unexplained=$(comm -23 <(echo "$missed") <(echo "$explained") | grep . || true)
if [[ -n $unexplained ]]; then
  printf 'no test notices, and tests/mutants.txt does not explain:\n%s\n' "$unexplained" >&2
  exit 1
fi
if [[ $names == . ]]; then
  caught=$(comm -13 <(echo "$missed") <(echo "$explained") | grep . || true)
  if [[ -n $caught ]]; then
    printf 'tests/mutants.txt explains what a test notices by now, or what is gone:\n%s\n' "$caught" >&2
    exit 1
  fi
fi
