#!/bin/bash
# Data parallelism on several ranks, on one host and on several, with the exchange behind computing and without: the
# bits of one process.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/ranks_program.sh"

"$ranks" parallel | grep -q "parallel: 1 ranks on 1 hosts" || fail "parallel, alone"
for case in "2 1" "3 1" "8 1" "5 2" "5 -2" "4 4"; do
    # shellcheck disable=SC2086
    expect_run $case parallel ""
done
for case in "2 1" "3 3" "5 2" "5 -2"; do
    # shellcheck disable=SC2086
    expect_run $case overlap ""
done
expect_run 3 1 refusals ""
expect_run 3 2 refusals ""
expect_run 3 1 no-memory ""
expect_run 2 2 no-memory ""
