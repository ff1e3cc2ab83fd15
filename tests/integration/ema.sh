#!/bin/bash
# --model-ema: the average follows from the weights of all steps as torchvision defines it, has the same bits however a run is cut, is
# evaluated and saved beside the weights, and leaves them alone.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 10 --val 6 --classes 2 --size 40 --quiet
train() { # train DIR OPTIONS: 3 epochs of 4 steps
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 3 -b 5 --seed 3 --lr 0.02 "$@" >"$out.log" 2>&1 || fail "$out: $(cat "$out.log")"
}
average=(--model-ema --model-ema-steps 3 --model-ema-decay 0.97 --lr-warmup-epochs 1)

train plain --lr-warmup-epochs 1
train whole "${average[@]}" --threads 1 --checkpoint-every 1 --keep 100
[ "$(sum plain)" = "$(sum whole)" ] || fail "--model-ema changes the weights themselves"
[ ! -e plain/ema.safetensors ] || fail "an average without --model-ema"

# torchvision: alpha = (1 - decay) batch steps / epochs; updates at steps 0 and 3 of each epoch; a copy during the warm-up epoch, and at the
# first update after it. Every product and sum is rounded to float32.
python3 - <<'PY'
import glob, json, struct
def read(path):
    blob = open(path, "rb").read()
    n, = struct.unpack("<Q", blob[:8])
    header, data = json.loads(blob[8:8 + n]), blob[8 + n:]
    header.pop("__metadata__")
    return {k: data[slice(*t["data_offsets"])] for k, t in header.items() if t["dtype"] == "F32"}
def floats(raw):
    return struct.unpack(f"<{len(raw) // 4}f", raw)
def single(values):
    values = list(values)
    return struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values))
decay = 1 - min(1.0, (1.0 - 0.97) * (5 * 3 / 3))
(keep,), (rest,) = single([decay]), single([1 - decay])
average, copies = None, True
for step in range(12):
    stored = read(f"whole/checkpoint-{step + 1:08d}.safetensors")
    names = [k[4:] for k in stored if k.startswith("ema.")]
    assert len(names) >= 8, names
    if step % 4 % 3 == 0:
        now = {k: floats(stored[k]) for k in names}
        average = now if copies else {k: single(p + q for p, q in zip(single(keep * a for a in average[k]), single(rest * w for w in now[k])))
                                      for k in names}
        copies = step < 4
    for k in names:
        assert floats(stored["ema." + k]) == average[k], (step, k)
last = read("whole/ema.safetensors")
assert all(floats(last[k]) == average[k] for k in names), "ema.safetensors is not the last average"
assert any(last[k] != stored[k] for k in names), "the average is the weights"

lines = [json.loads(l) for l in open("whole/metrics.jsonl")]
evaluations = [l for l in lines if l["event"] == "eval"]
assert len(evaluations) == 3 and all(0 <= l["ema_top1"] <= 1 and l["ema_loss"] > 0 for l in evaluations), evaluations
best = max(evaluations, key=lambda l: (l["ema_top1"], -l["ema_loss"]))
open("best", "w").write(f"{best['epoch']} {best['ema_loss']:.4f} {100 * best['ema_top1']:.2f}\n")
PY
grep -q 'ema [0-9.]* %' whole.log || fail "the line of an epoch does not show the average: $(cat whole.log)"
grep -q "of the average $(cut -d' ' -f3 best) % (epoch $(cut -d' ' -f1 best))" whole.log || fail "the last line does not name the best average $(cat best): $(cat whole.log)"

# The report shows it, too.
"$REEL_BIN" report whole --quiet
read -r epoch _ top1 <best
grep -q "<b>$top1 %</b><span class=\"soft\">top-1 of the best average of weights, epoch $epoch</span>" whole/report.html ||
    fail "the report does not show the best average $(cat best): $(grep average whole/report.html)"
"$REEL_BIN" report whole --json >report.json
python3 - "$epoch" "$top1" <<'PY'
import json, sys
best = json.load(open("report.json"))["best_ema"]
assert best["epoch"] == int(sys.argv[1]) and f"{100 * best['top1']:.2f}" == sys.argv[2], best
PY

# best_ema.safetensors is the average of the epoch that the log says, and evaluates to the same loss.
read -r epoch loss _ <best
"$REEL_BIN" eval d --weights whole/best_ema.safetensors --json >evaluation
python3 - "$epoch" "$loss" <<'PY'
import json, struct, sys
blob = open("whole/best_ema.safetensors", "rb").read()
n, = struct.unpack("<Q", blob[:8])
epoch = json.loads(blob[8:8 + n])["__metadata__"]["epoch"]
assert epoch == sys.argv[1], (epoch, sys.argv[1])
loss = json.load(open("evaluation"))["loss"]
assert abs(loss - float(sys.argv[2])) < 1e-3, (loss, sys.argv[2])
PY

# Cut anywhere and resumed, with other numbers of threads: the same bytes.
for at in 3 4 6 "2 9"; do
    cut=cut_${at// /_}
    for step in $at; do train "$cut" "${average[@]}" --max-steps "$step" --resume auto --threads 3; done
    train "$cut" --resume auto --threads 2
    for file in model ema best_ema; do
        cmp "$cut/$file.safetensors" "whole/$file.safetensors" || fail "stopped at $at and resumed: another $file.safetensors"
    done
done

# An average that begins on a resume begins with the weights there; another value of an option is reported.
train late --max-steps 5
train late --resume auto --model-ema
[ -e late/ema.safetensors ] || fail "no average after a resume with --model-ema"
grep -q -- "--model-ema was false and is true now" late.log || fail "the change was not reported: $(cat late.log)"

# Every optimizer with all that acts on its steps: groups, frozen layers, clipping, accumulation, Mixup, CutMix, class weights; interrupted, with other threads.
kinds=$("$REEL_BIN" train --help-all | grep -o -- '--opt [a-z_0-9|]*' | cut -d' ' -f2 | tr '|' ' ')
everything=(--model-ema --model-ema-steps 2 --model-ema-decay 0.9 --lr-warmup-epochs 1 --accumulate 2 --clip-grad-norm 0.5 --bias-lr-mult 2
    --bias-decay-mult 0.5 --freeze 'features.*' --unfreeze-after 1 --lr-scheduler exponential --lr-gamma 0.5
    --mixup-alpha 0.4 --cutmix-alpha 1 --class-weights balanced --label-smoothing 0.1)
for kind in $kinds; do
    options=("${everything[@]}" --opt "$kind")
    [ "$kind" != rmsprop ] || options+=(--momentum 0.9 --centered)
    train "$kind" "${options[@]}" --threads 1
    for step in 1 3 5; do train "${kind}_cut" "${options[@]}" --max-steps $step --resume auto --threads 3; done
    train "${kind}_cut" --resume auto --threads 2
    for file in model best ema best_ema; do
        cmp "$kind/$file.safetensors" "${kind}_cut/$file.safetensors" || fail "$kind, stopped three times and resumed: another $file.safetensors"
    done
done

# A NaN that is rolled back: the average goes back with the weights. The same bits where the run was resumed from there.
back=("${average[@]}" --on-nan rollback --checkpoint-every 2 --keep 9)
REEL_TEST_NAN=7 train back "${back[@]}"
REEL_TEST_NAN=7 train back_cut "${back[@]}" --max-steps 9 --threads 3
train back_cut --resume auto
for file in model ema best_ema; do
    cmp "back/$file.safetensors" "back_cut/$file.safetensors" || fail "rolled back, stopped and resumed: another $file.safetensors"
done
grep -q '"event":"rollback"' back/metrics.jsonl || fail "no rollback: $(cat back.log)"
cmp -s back/ema.safetensors whole/ema.safetensors && fail "a rollback changed nothing"

# The best average is lost: reported, and the best of the epochs to come is kept.
train lost "${average[@]}" --max-steps 9
rm lost/best_ema.safetensors
train lost --resume auto
grep -q "lost/best_ema.safetensors: expected the averaged weights of epoch [12], got none" lost.log || fail "a lost best average: $(cat lost.log)"
grep -q '"epoch": *"3"' <(head -c 3000 lost/best_ema.safetensors) || fail "a lost best average: expected that of epoch 3"

# LARS gives biases and normalization layers no decay.
code=0
"$REEL_BIN" train d --arch tiny -o x --opt lars --bias-weight-decay 0.1 >out 2>err || code=$?
[ $code -ne 0 ] && grep -q -- "--bias-weight-decay: lars has no weight decay for these parameters" err || fail "lars --bias-weight-decay: exit $code: $(cat err)"

# The plan of the memory: one more set of weights.
plan() { "$REEL_BIN" summary --arch tiny "$@" --json | python3 -c 'import json, sys; m = json.load(sys.stdin)["memory"]; print(m["total"], m["parameters"], m.get("average", 0))'; }
read -r total parameters average_bytes < <(plan --model-ema)
[ "$average_bytes" -eq "$parameters" ] && [ "$((total - parameters))" -eq "$(plan | cut -d' ' -f1)" ] || fail "summary --model-ema: $(plan --model-ema), without: $(plan)"
