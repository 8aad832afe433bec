#!/usr/bin/env bash
# Changes the code that .cargo/mutants.toml names, one mutant at a time, and reports those that no
# test notices. Needs cargo-mutants.
#
#   tests/mutants.sh OUTPUT_DIR [REGEX]
#
# OUTPUT_DIR, outside the repository, keeps the results: mutants that were caught before are not run again.
# REGEX chooses mutants by name, such as '^shared/src/limit'.
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

# A few seconds each: the unit tests and the open-time tests.
mutants -- --lib --test open_time

# A minute or two each: the remaining mutants, against the stories.
mutants --test-package functions -- --test tests

cat "$output/mutants.out/missed.txt"
