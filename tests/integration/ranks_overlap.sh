#!/bin/bash
# Training on several hosts, where the exchange runs behind computing: weights, logs and averages of one process, with late
# gradients, recomputation, pieces in turn, frozen layers, batch statistics, clipping, steps that are left out and rollbacks; a rank
# that stops is noticed. `reel bench comm` measures it.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
fail() { echo "$1"; [ ! -e said ] || tail -20 said; exit 1; }
"$REEL_BIN" synth d --train 24 --val 6 --classes 2 --size 40 --quiet
# Several buckets of 4 MB, and a layer that two hosts own.
cat >net <<'NET'
reel network 1
input 3x32x32
Conv2d 16 3 padding=1 bias=false
BatchNorm2d
ReLU
residual:
    Conv2d 16 3 padding=1 bias=false
    BatchNorm2d
    ReLU
    Conv2d 16 3 padding=1 bias=false
    BatchNorm2d
ReLU
MaxPool2d 2
Dropout 0.3
AdaptiveAvgPool2d 6
Flatten
Linear 4000
ReLU
Linear 400
ReLU
Linear classes
NET
told=(--epochs 2 --threads 1 --workers 1 --seed 3 --lr 0.02 --no-report --quiet)
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_run.py" "$1"; }

# try NAME OPTION...: alone, then each of $cases (RANKS:HOSTS).
try() {
    local name=$1 expected case
    shift
    "$REEL_BIN" train d --arch net -o "$name" "${told[@]}" "$@" >said 2>&1 || fail "$name: exit $?"
    expected=$(hash_of "$name")
    for case in $cases; do
        mpi "${case%:*}" env REEL_TEST_HOSTS="${case#*:}" "$REEL_BIN" train d --arch net -o "$name-$case" "${told[@]}" \
            "$@" >said 2>&1 || fail "$name: $case: exit $?"
        [ "$(hash_of "$name-$case")" = "$expected" ] || fail "$name: $case (ranks:hosts): other weights"
    done
}

six=(-b 24 --batch-pieces 6)
cases="2:2 3:2 3:3 4:3" try plain "${six[@]}"
cases="4:2" try adamw "${six[@]}" --opt adamw --clip-grad-norm 0.5 --model-ema --eval-every 3 --checkpoint-every 2
cases="2:2" try frozen "${six[@]}" --freeze '0.*,15.*' --unfreeze-after 1
cases="3:3" try turns -b 4 --accumulate 6

# A loss or a gradient that is not finite: the step is left out, or an earlier checkpoint comes back. Gradients were under way.
export REEL_TEST_NAN=3:15.weight
cases="4:3" try skip "${six[@]}" --on-nan skip
cases="3:2" try rollback "${six[@]}" --on-nan rollback --checkpoint-every 2
unset REEL_TEST_NAN
cases="2:2" try wild "${six[@]}" --on-nan skip --lr 3e4 --max-steps 6
grep -q '"event": *"skip"' wild/metrics.jsonl || fail "wild: no step was left out"

# A host that stops is noticed, wherever the others wait.
"$REEL_BIN" synth more --train 400 --val 6 --classes 2 --size 40 --quiet
mpi 3 env REEL_TEST_HOSTS=3 "$REEL_BIN" train more --arch net -o stopped "${told[@]}" "${six[@]}" --epochs 500 \
    --comm-timeout 2s --log-every 1 >said 2>&1 &
started=$!
for _ in $(seq 200); do
    ! grep -qs '"step":3' stopped/metrics.jsonl || break
    sleep 0.1
done
launcher=$(pgrep -P "$started" mpirun || pgrep -P "$(pgrep -P "$started" timeout)" mpirun)
ranks=$(pgrep -P "$launcher")
kill -STOP "$(echo "$ranks" | tail -1)"
begun=$SECONDS code=0
wait "$started" || code=$?
[ "$code" != 0 ] && [ $((SECONDS - begun)) -le 10 ] || fail "a stopped host: exit $code after $((SECONDS - begun)) s"
grep -q "rank [0-2] (host .*) is lost: no sign of life for 2 s" said || fail "a stopped host: no message"
sleep 1 # mpirun does not wait for a rank that it kills
for process in $ranks; do
    [ ! -e "/proc/$process" ] || grep -q '^State:.*Z' "/proc/$process/status" || fail "process $process stays"
done

# As little memory as a rank can do with: values are computed again, large gradients come last. That of (3000, 96) is not
# made of factors: 48 rows of 96 + 3000 numbers are more than half of it.
"$REEL_BIN" synth large --train 24 --val 6 --classes 2 --size 72 --quiet
sed 's/input 3x32x32/input 3x64x64/; s/Linear 4000/Linear 96\nReLU\nLinear 3000/' net >net64
two=(--arch net64 "${told[@]/--quiet/--log-every=1}" -b 48 --batch-pieces 2)
small() { mpi 2 env REEL_TEST_HOSTS=2 "$REEL_BIN" train large -o small "${two[@]}" --memory "$1" >said 2>&1; }
"$REEL_BIN" train large -o roomy "${two[@]}" >said 2>&1 || fail "roomy: exit $?"
! small 1MB || fail "--memory 1MB is not refused"
limit=$(grep -o 'expected [0-9]*MB' said | grep -o '[0-9]*MB' | head -1) || fail "no least memory"
small "$limit" || fail "--memory $limit: exit $?"
grep -q 'large gradients come last.* values of a step are computed again' said || fail "--memory $limit: nothing is late, or computed again"
[ "$(hash_of small)" = "$(hash_of roomy)" ] || fail "--memory $limit: other weights"

# Measuring it: all keys, and what bench scale takes of them.
mpi 2 env REEL_TEST_HOSTS=2 "$REEL_BIN" bench comm --arch tiny --threads 1 --runs 2 --link 10Gbit --json >comm.json || fail "bench comm"
python3 - <<'PY'
import json
answer = json.load(open("comm.json"))
assert [m["bytes"] for m in answer["messages"]] == [65536 << 2 * i for i in range(6)], answer
assert all(m["gb_per_s"] > 0 and abs(m["gb_per_s"] * m["seconds"] * 1e9 - m["bytes"]) < 1 for m in answer["messages"]), answer
assert answer["ranks"] == 2 and answer["hosts"] == 2 and answer["arch"] == "tiny" and answer["gradient_bytes"] > 0, answer
assert 0 < answer["alpha_s"] < 1 and answer["cpu_s_per_gb"] > 0 and answer["sum_s_per_gb"] > 0, answer
assert 0 < answer["efficiency"] <= 1 and answer["compute_s"] > 0 and answer["exchange_s"] > 0, answer
hidden = 1 - (answer["step_s"] - answer["compute_s"]) / answer["exchange_s"]
assert abs(answer["hidden"] - hidden) < 1e-6, answer
PY
"$REEL_BIN" bench scale --arch tiny --size 40 --batch 64 --sizes 1 --steps 1 --nodes 2 --comm comm.json >said || fail "bench scale --comm"
# The large weights of `net` send factors while the batch is small: half of the weights, and little for their gradients.
sent_of() { mpi 2 env REEL_TEST_HOSTS=2 "$REEL_BIN" bench comm --arch net --num-classes 2 --threads 1 --runs 1 --compute 0.01s --json --batch "$1"; }
sent_of 24 >small.json && sent_of 4000 >large.json || fail "bench comm --batch"
python3 - <<'PY'
import json
for name, least, most in ("small", 0.5, 0.6), ("large", 0.95, 1.05):
    answer = json.load(open(name + ".json"))
    assert least <= answer["sent_bytes"] / answer["gradient_bytes"] <= most, (name, answer)
    assert (answer["products_s"] > 0) == (name == "small"), (name, answer)
PY
mpi 2 "$REEL_BIN" bench comm --arch tiny --threads 1 --runs 2 --compute 0.01s >said || fail "bench comm on one host"
grep -q '2 ranks on 1 host; messages between rank 0' said && grep -q 'of the exchange is hidden' said || fail "bench comm: no answer"
code=0
"$REEL_BIN" bench comm >said 2>&1 || code=$?
[ "$code" = 1 ] && grep -q 'nothing to measure: one process' said || fail "bench comm, alone: exit $code"
