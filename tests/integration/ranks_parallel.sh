#!/bin/bash
# Data parallelism on several ranks, on one host and on several, with the exchange behind computing and without: the
# bits of one process.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
ranks=$REEL_BUILD/tests/ranks
fail() {
    echo "$1"
    [ ! -e said ] || cat said
    exit 1
}

# expect_run RANKS HOSTS WHAT NOTE: REEL_TEST_HOSTS splits one machine; -2: two hosts, ranks in turn.
expect_run() {
    mpi "$1" env REEL_TEST_HOSTS="$2" "$ranks" "$3" >said 2>&1 || fail "$3: $1 ranks, $2 hosts: exit $?"
    local hosts=${2#-}
    grep -qF "$3: $1 ranks on ${hosts/#0/$1} hosts; $4" said || fail "$3: $1 ranks, $2 hosts: not said"
}

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
