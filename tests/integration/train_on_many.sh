#!/bin/bash
# train/examples/train_on_many.c alone, and on 1 to 5 ranks of one host or of several: the same lines
# and the same weights.
set -eu
program=$REEL_BUILD/example_train_on_many
fail() {
    echo "$1"
    exit 1
}
"$program" alone.safetensors >alone || fail "alone: exit $?"
awk '{if (NR == 1) first = $NF; last = $NF} END {exit !(NR == 6 && last < first / 2)}' alone ||
    fail "it does not learn (6 lines, the last loss below half the first): $(cat alone)"

. "$REEL_SOURCE/tests/support/mpi.sh"
for case in "1 1" "2 1" "3 1" "4 1" "5 2" "3 3"; do
    read -r ranks hosts <<<"$case"
    mpi "$ranks" env REEL_TEST_HOSTS="$hosts" "$program" many.safetensors >many || fail "$ranks ranks on $hosts hosts: exit $?"
    cmp alone many || fail "$ranks ranks on $hosts hosts: other lines: $(diff alone many)"
    cmp alone.safetensors many.safetensors || fail "$ranks ranks on $hosts hosts: other weights"
done
code=0
mpi 9 "$program" many.safetensors >many 2>&1 || code=$?
[ "$code" = 1 ] || fail "more ranks than pieces: exit $code"
grep -q "9 ranks need at least 9 pieces of a batch, got 8" many || fail "more ranks than pieces: $(cat many)"
