#!/bin/bash
# --precision bf16 on several ranks: every file has the bits of one process that computes the same pieces.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/rank_data.sh"
. "$REEL_SOURCE/tests/support/bf16_net.sh"
fail() {
    echo "$1"
    exit 1
}
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_files.py" "$1" | tail -1; }

own_data
mv net norm
bf16_net
train() { # train RANKS FOLDER OPTIONS
    local ranks=$1 out=$2
    shift 2
    mpi "$ranks" "$REEL_BIN" train d -o "$out" --epochs 2 --max-steps 4 --batch-pieces 6 --model-ema --seed 3 --threads 1 \
        --precision bf16 --no-report --quiet "$@" >"$out.out" 2>"$out.err" || fail "$ranks ranks: exit $?: $(cat "$out.err")"
}

# Batch statistics in float32. Pieces of 2 images, whose linear layers get copies, and of 10, whose linear layers take bf16 themselves.
train 1 norm1 --arch norm -b 12
train 1 few1 --arch net -b 12
train 1 many1 --arch net -b 60
for ranks in 2 3; do
    train "$ranks" "norm$ranks" --arch norm -b 12
    train "$ranks" "few$ranks" --arch net -b 12
    train "$ranks" "many$ranks" --arch net -b 60
    for run in norm few many; do
        [ "$(hash_of "$run$ranks")" = "$(hash_of "${run}1")" ] || fail "$run: other files than one process has, on $ranks ranks"
    done
done

# The same with a CPU's own instructions for bf16.
if grep -qw avx512_bf16 /proc/cpuinfo; then
    export REEL_BF16=native
    train 1 own1 --arch net -b 60
    train 2 own2 --arch net -b 60
    [ "$(hash_of own2)" = "$(hash_of own1)" ] || fail "native: other files than one process has, on 2 ranks"
    export REEL_BF16=widen
    train 1 widened1 --arch net -b 60
    [ "$(hash_of own1)" != "$(hash_of widened1)" ] || fail "REEL_BF16=native and widen give the same"
fi

# Where there are none, native is refused on all ranks, in bf16 alone.
export REEL_BF16=native REEL_ISA=portable
train 2 float32 --arch net -b 12 --precision float32
mpi 2 "$REEL_BIN" train d -o none --arch net -b 12 --batch-pieces 6 --precision bf16 >out 2>err && fail "native, portable, 2 ranks: exit 0"
grep -q "REEL_BF16: no instructions for bf16 with portable" err || fail "native, portable, 2 ranks: $(cat err)"
[ ! -e none ] || fail "a refused run left $(ls -A none)"
