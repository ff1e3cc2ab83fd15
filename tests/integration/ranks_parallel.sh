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
# Gradients of factors, and others: 1 to 5 ranks on 1 to 3 hosts, and the bytes that are sent.
"$ranks" factors | grep -q "factors: 1 ranks on 1 hosts" || fail "factors, alone"
for case in "2 1" "3 1" "5 1" "2 2" "3 2" "5 2" "5 -2" "3 3" "5 3"; do
    # shellcheck disable=SC2086
    expect_run $case factors ""
done
expect_run 3 1 refusals ""
expect_run 3 2 refusals ""
expect_run 3 1 no-memory ""
expect_run 2 2 no-memory ""
