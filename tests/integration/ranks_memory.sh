#!/bin/bash
# One of several ranks has no memory from a certain moment on: all ranks end, with a message and an exit code, or the run
# is whole. On one host and on two.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
shim=$REEL_BUILD/tests/libreel_fail_alloc.so
[ -e "$shim" ] || { echo "this build has no library that lets allocations fail"; exit 77; }
fail() {
    echo "$1: $(cat err)"
    exit 1
}
"$REEL_BIN" synth d --train 8 --val 4 --classes 4 --size 48 --quiet
cat >rank <<'END_OF_RANK'
#!/bin/bash
[ "$OMPI_COMM_WORLD_RANK" != "$POOR" ] || export LD_PRELOAD=$SHIM
exec "$REEL_BIN" train d --arch tiny --epochs 3 -b 8 --batch-pieces 4 --model-ema --opt adamw --eval-every 2 --checkpoint-every 1 \
    --threads 1 --workers 1 --no-report --quiet --comm-timeout 5s -o "$RUN"
END_OF_RANK
export SHIM=$shim RUN POOR REEL_FAIL_AT
ended=0 whole=0
for hosts in 1 2; do
    # The first moments lie before the ranks are connected; a run has about 2,000 allocations.
    for at in 20 300 500 700 900 1000 1100 1200 1300 1400 1500 1700; do
        POOR=$((at / 100 % 2)) REEL_FAIL_AT=$at+ RUN=run-$hosts-$at
        code=0
        REEL_TEST_HOSTS=$hosts timeout -k 5 40 mpirun -n 2 bash rank >out 2>err || code=$?
        [ "$code" -le 5 ] || fail "$hosts hosts, rank $POOR fails from allocation $at on: exit code $code"
        [ "$code" = 0 ] || [ -s err ] || fail "$hosts hosts, rank $POOR fails from allocation $at on: exit code $code and not a word"
        if [ "$code" = 0 ]; then whole=$((whole + 1)); else ended=$((ended + 1)); fi
    done
done
echo "$ended runs ended, $whole had enough"
[ "$ended" -ge 12 ] || fail "expected 12 runs or more that end"

# One allocation of the third of three ranks fails, within a training step or the evaluation behind it: the others may be in
# an exchange that this rank never enters. All ranks end, and the message is that of the cause, not of what followed.
for at in $(seq 600 2 626); do
    POOR=2 REEL_FAIL_AT=$at RUN=run-3-$at
    code=0
    timeout -k 5 20 mpirun -n 3 bash rank >out 2>err || code=$?
    [ "$code" -le 1 ] || fail "3 ranks, allocation $at of rank 2 fails: exit code $code"
    [ "$code" = 0 ] || grep -q "memory" err || fail "3 ranks, allocation $at of rank 2 fails: the reason is not told"
done
