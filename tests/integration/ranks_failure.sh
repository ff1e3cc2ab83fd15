#!/bin/bash
# A rank fails by itself, in the midst of the others' exchange: they learn of it at once instead of waiting for ever.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/ranks_program.sh"
shim=$REEL_BUILD/tests/libreel_fail_alloc.so

# expect_learned RANKS HOSTS WAY WORDS PRELOADED: every rank fails with this message.
expect_learned() {
    local code=0
    mpi "$1" env REEL_TEST_HOSTS="$2" REEL_FAIL_AT=100000000+ LD_PRELOAD="$5" "$ranks" failure 0 "$3" >said 2>&1 || code=$?
    [ "$code" = 5 ] || fail "$3: exit code $code"
    [ "$(grep -c "^learned: .*$4" said)" = "$1" ] || fail "$3: expected $1 times: $4"
}
expect_learned 4 1 told "a test has no memory" ""
[ ! -e "$shim" ] || {
    expect_learned 3 1 exchange "the sum of a test: out of memory" "$shim"
    expect_learned 3 3 sum "the sum of the gradients: out of memory" "$shim"
    expect_learned 3 1 norm "norms of the gradients: out of memory" "$shim"
    expect_learned 3 1 finite "search for NaN: out of memory" "$shim"
}

# Messages that arrive after the failure meet the memory that they were begun with. MALLOC_MMAP_THRESHOLD_: what is freed is
# unmapped at once, or given to the next allocation.
for way in "" sum broadcast ping gather; do
    code=0
    # shellcheck disable=SC2086
    mpi 2 env REEL_TEST_HOSTS=2 MALLOC_MMAP_THRESHOLD_=1000 "$ranks" late 0 $way >said 2>&1 || code=$?
    [ "$code" = 5 ] || fail "late messages, $way: exit code $code"
    grep -q "^rank 0 goes on" said || fail "late messages, $way: rank 0 has not survived"
done

# Where ending all ranks hangs, each ends by itself after 10 s, with the same exit code.
hang=$REEL_BUILD/tests/libreel_hang_abort.so
[ ! -e "$hang" ] || {
    begun=$SECONDS code=0
    mpi 2 env LD_PRELOAD="$hang" "$ranks" failure 0 told >said 2>&1 || code=$?
    [ "$code" = 5 ] || fail "the end of all ranks hangs: exit code $code"
    [ $((SECONDS - begun)) -ge 9 ] || fail "the end of all ranks does not hang"
    [ $((SECONDS - begun)) -le 30 ] || fail "the end of all ranks hangs: it took $((SECONDS - begun)) s"
}
