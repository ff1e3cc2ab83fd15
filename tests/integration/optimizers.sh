#!/bin/bash
# Every optimizer of the table: the same bits however a run is cut, memory as planned, refusals; a checkpoint from before there was
# more than one optimizer is still read.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
tensors() { head -c 20000 "$1" | tr -c '[:print:]' '\n' | grep -o '"[a-z_0-9]*\.\(features\|classifier\)\.[0-9]*\.[a-z]*":{' | tr -d '":{' | sort; }
number() { grep -o "\"$1\":[0-9]*" "$2" | tail -1 | cut -d: -f2; }
refused() { # refused CODE WORDS OPTIONS...: reel train ends with this exit code and says these words
    local want=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" train "$@" --quiet >out 2>err || code=$?
    [ "$code" -eq "$want" ] && grep -q -- "$words" err || fail "train $*: exit $code, expected $want and '$words': $(cat err)"
}

"$REEL_BIN" synth d --train 10 --val 3 --classes 2 --size 40 --quiet
train() { # train DIR OPTIONS: 16 steps; the first layers learn from the ninth on
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 4 -b 5 --seed 3 --init kaiming --freeze 'features.*' --unfreeze-after 2 --quiet "$@" >"$out.log" 2>&1
}

kinds=$("$REEL_BIN" train --help-all | grep -o -- '--opt [a-z_0-9|]*' | cut -d' ' -f2 | tr '|' ' ')
[ "$(wc -w <<<"$kinds")" -ge 2 ] || fail "expected several optimizers, got: $kinds"
for kind in $kinds; do
    train "$kind" --opt "$kind" --threads 1
    grep -q "\"opt\": \"$kind\"" "$kind/config.json" || fail "$kind: config.json does not name it"
    for at in 5 9 "3 12"; do
        cut=${kind}_${at// /_}
        for step in $at; do train "$cut" --opt "$kind" --max-steps "$step" --resume auto --threads 2; done
        train "$cut" --resume auto
        [ "$(sum "$cut")" = "$(sum "$kind")" ] || fail "$kind: stopped at step $at and resumed: other weights than in one go"
    done

    "$REEL_BIN" summary --arch tiny --opt "$kind" --json | grep -o '"memory":{[^}]*}' >plan
    "$REEL_BIN" bench step --arch tiny --batch 1 --steps 1 --opt "$kind" --json >bench
    [ "$(number total plan)" = "$(number plan_bytes bench)" ] || fail "$kind: summary and bench step plan other memory"
    states=$(($(number optimizer_state plan) / $(number gradients plan)))
    # One line for each state of a weight; the count of steps of a kind that has one is not planned.
    stored=$(tensors "$kind"/checkpoint-00000016.safetensors | grep -c '\.classifier\.1\.weight$' || true)
    counts=$(tensors "$kind"/checkpoint-00000016.safetensors | grep -c '^step\.classifier\.1\.weight$' || true)
    [ "$((stored - counts))" -eq "$states" ] || fail "$kind: $states states are planned, $stored stored, $counts of them a count"
done

# AdamW: its own rate, its states by PyTorch's names, no trace of SGD's options; and the other way round.
grep -q '"lr": "0.001"' adamw/config.json || fail "adamw: expected its usual learning rate: $(cat adamw/config.json)"
! grep -q '"momentum"' adamw/config.json || fail "adamw: config.json names an option of another optimizer"
! grep -q '"beta1"' sgd/config.json || fail "sgd: config.json names an option of another optimizer"
for state in exp_avg exp_avg_sq step; do
    tensors adamw/checkpoint-00000016.safetensors | grep -qx "$state.features.0.weight" || fail "adamw: no $state in the checkpoint"
done
refused 1 "holds the state of --opt adamw, got --opt sgd" d -o adamw --resume auto --opt sgd
refused 2 "--momentum: --opt adamw has no such option" d -o x --opt adamw --momentum 0.8
refused 2 "--beta1: --opt sgd has no such option" d -o x --beta1 0.8
refused 2 "--opt: expected one of adam|adamw|lars|rmsprop|sgd" d -o x --opt sdg
refused 2 "--beta2: expected 0 to 1" d -o x --opt adamw --beta2 1.5
refused 2 "--beta2: expected less than 1" d -o x --opt adamw --beta2 1
refused 2 "--beta2: expected 0 to 1" d -o x --opt adam --betas 0.9,1.5
refused 2 "--betas: expected X,Y" d -o x --opt adam --betas 0.9
refused 2 "--bias-weight-decay and --bias-decay-mult" d -o x --bias-weight-decay 0 --bias-decay-mult 0
refused 2 "--lr-scheduler: expected one of .*exponential" d -o x --lr-scheduler steeplr
refused 2 "--betas: --opt sgd has no such option" d -o x --betas 0.9,0.99
refused 2 "--beta2: --opt sgd has no such option" d -o x --beta2 0.9
refused 2 "--lr-min: expected at most the learning rate" d -o x --lr-min 3
[ ! -e x ] || fail "a refused run left a folder"
"$REEL_BIN" train d --arch tiny -o warned --epochs 1 -b 5 --lr-gamma 0.5 --quiet >out 2>err
grep -q -- "--lr-gamma has no effect with --lr-scheduler cosine" err || fail "an option of another schedule: $(cat err)"

"$REEL_BIN" train d --arch tiny -o exempt --max-steps 1 -b 5 --opt lars --bias-decay-mult 0.5 --quiet >out 2>err
grep -q -- "--bias-decay-mult has no effect with --opt lars" err || fail "LARS takes biases out of the decay: $(cat err)"

# --betas is --beta1 and --beta2; PyTorch's names of schedules; the defaults of torch.optim, not those of the recipe.
stored() { grep -q "\"$2\": \"$3\"" "$1/config.json" || fail "$1: expected $2 $3 in config.json: $(cat "$1/config.json")"; }
"$REEL_BIN" train d --arch tiny -o betas --max-steps 1 -b 5 --opt adam --betas=0.8,0.95 --lr-scheduler ExponentialLR --lr-gamma 0.9 --quiet >out
stored betas beta1 0.8
stored betas beta2 0.95
stored betas lr-scheduler exponential
! grep -q '"betas"' betas/config.json || fail "config.json stores --betas beside what it sets"
stored adam weight-decay 0
stored rmsprop momentum 0
stored rmsprop alpha 0.99
stored lars trust-coefficient 0.001
stored lars momentum 0.9
train moving --opt rmsprop --momentum 0.9 --lr 0.001
tensors moving/checkpoint-00000016.safetensors | grep -qx "momentum_buffer.features.0.weight" || fail "rmsprop --momentum: no buffer in the checkpoint"
! tensors rmsprop/checkpoint-00000016.safetensors | grep -q "momentum_buffer" || fail "rmsprop: a buffer without momentum"

# --bias-weight-decay: as the multiplier of the same size; the warm-up's method and start.
train mult --weight-decay 0.5 --bias-decay-mult 0
train value --weight-decay 0.5 --bias-weight-decay 0
[ "$(sum mult)" = "$(sum value)" ] || fail "--bias-weight-decay 0 is not --bias-decay-mult 0"
train every --weight-decay 0.5
[ "$(sum mult)" != "$(sum every)" ] || fail "--bias-weight-decay 0 changes nothing"
train start --lr 0.1 --lr-warmup-epochs 1 --lr-warmup-decay 0.5 --lr-warmup-method constant --log-every 1
python3 - <<'PY'
import json
rates = [l["lr"] for l in map(json.loads, open("start/metrics.jsonl")) if l["event"] == "train"]
assert rates[:4] == [0.05] * 4 and rates[4] == 0.1 and rates[5] < 0.1, rates
PY

# A state that is missing in the file, while others of the same parameter are there.
python3 - adamw/checkpoint-00000016.safetensors broken.safetensors <<'PY'
import sys
blob = open(sys.argv[1], "rb").read()
assert blob.count(b'"exp_avg_sq.classifier.1.bias"') == 1
# Same length, so that offsets stay; the checksums no longer hold, and the reader says so first.
open(sys.argv[2], "wb").write(blob.replace(b'"exp_avg_sq.classifier.1.bias"', b'"exp_avg_xx.classifier.1.bias"'))
PY
refused 1 "broken.safetensors" d -o y --resume broken.safetensors

# Written by version 0.1.0, which knew SGD alone: step 5 of 9, plateau.
old=$REEL_SOURCE/tests/support/run_0.1.0/checkpoint-00000005.safetensors
"$REEL_BIN" synth twelve --train 6 --val 2 --classes 2 --size 40 --quiet
refused 1 "expected --momentum as it was" twelve -o z --resume "$old" --momentum 0
refused 1 "holds the state of --opt sgd, got --opt adamw" twelve -o z --resume "$old" --opt adamw
"$REEL_BIN" train twelve -o old --resume "$old" --quiet >out 2>err || fail "the old checkpoint was refused: $(cat err)"
[ -e old/checkpoint-00000009.safetensors ] || fail "the old checkpoint was not continued to its end"
tensors old/checkpoint-00000009.safetensors | grep -q '^momentum\.features' || fail "no momentum after the old checkpoint"

# The examples of the guide, as they stand there; options that do nothing on their own are reported.
ln -s d photos
sed -n '/^### Optimizers, schedules, averages/,/^`--opt`/p' "$REEL_SOURCE/train/GUIDE.md" | grep '^reel train photos ' >examples
[ "$(wc -l <examples)" -ge 5 ] || fail "the guide has lost its examples: $(cat examples)"
n=0
while read -r reel command; do
    "$REEL_BIN" $command --arch tiny -o example$((n += 1)) -b 5 --epochs 3 --quiet >out 2>err || fail "$reel $command: $(cat err)"
    ! grep -q "has no effect" err || fail "$reel $command: $(cat err)"
done <examples
idle() { # WORDS OPTION...
    local words=$1
    shift
    rm -rf idle
    "$REEL_BIN" train d --arch tiny -o idle --max-steps 1 -b 5 "$@" --quiet --no-report >out 2>err
    grep -q -- "warning: $words" err || fail "train $*: expected \"$words\": $(cat err)"
}
for option in model-ema-decay=0.9 model-ema-steps=2 lr-warmup-method=constant lr-warmup-decay=0.1 train-resize-size=40 unfreeze-after=1; do
    idle "--${option%=*} has no effect without" "--$option"
done
idle "--ra-magnitude has no effect without --auto-augment ra" --ra-magnitude 4
idle "--image-column has no effect: DATA is no list of images" --image-column file
printf 'input 3x32x32\nbody:\n    Conv2d 8 3 stride=2\n    GlobalAvgPool2d\nhead:\n    Linear classes\n' >plain.net
idle "--dropout has no effect: plain has no Dropout layer" --arch plain.net --dropout 0.2
rm -rf idle
"$REEL_BIN" train d --arch tiny -o idle --max-steps 1 -b 5 --dropout 0.2 --quiet --no-report 2>err >out
[ ! -s err ] || fail "a network with Dropout layers: $(cat err)"
idle "--min-area has no effect without --crop random-resized" --crop center --min-area 0.5
idle "--val-share has no effect with --k-fold" --k-fold 3 --fold 1 --val-share 0.3
