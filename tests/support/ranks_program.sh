# For scripts that run the test program of several ranks, tests/ranks: `. "$REEL_SOURCE/tests/support/ranks_program.sh"`
# after mpi.sh.
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
