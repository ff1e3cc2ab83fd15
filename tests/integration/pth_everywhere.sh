#!/bin/bash
# Every command that takes --weights takes a .pth: what it does with it is what it does with the same tensors as .safetensors.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 12 --val 6 --classes 4 --size 40 --quiet
"$REEL_BIN" synth e --train 12 --val 6 --classes 3 --size 40 --seed 5 --quiet
"$REEL_BIN" train d --arch tiny --epochs 2 -b 8 --quiet -o base >/dev/null
python3 "$REEL_SOURCE/tests/support/safetensors_to_pth.py" base/model.safetensors plain.pth
python3 "$REEL_SOURCE/tests/support/safetensors_to_pth.py" base/model.safetensors wrapped.pth model
# The same without the card, which a .pth does not have either.
"$REEL_BIN" convert plain.pth plain.safetensors --quiet
"$REEL_BIN" convert wrapped.pth wrapped.safetensors --quiet
cmp plain.safetensors wrapped.safetensors || fail "wrapped.pth: other bytes than plain.pth"

image=$(ls d/val/*/* | head -1)
for name in plain.pth wrapped.pth plain.safetensors; do
    "$REEL_BIN" eval d --weights $name --arch tiny --json >"$name.eval" || fail "eval --weights $name"
    "$REEL_BIN" predict "$image" --weights $name --arch tiny >"$name.predict" || fail "predict --weights $name"
    "$REEL_BIN" train d --weights $name --arch tiny --epochs 1 -b 8 --quiet -o "$name.train" >/dev/null || fail "train --weights $name"
    "$REEL_BIN" finetune e --weights $name --arch tiny --epochs 1 -b 8 -o "$name.tuned" >"$name.out" 2>"$name.said" ||
        fail "finetune --weights $name: $(cat "$name.said")"
    grep -q "replaced  classifier.3.weight: (3, 64) here, (4, 64) in the file" "$name.said" ||
        fail "finetune --weights $name: $(cat "$name.said")"
    sed -i "s/$name/NAME/g" "$name.eval"
done
for name in plain.pth wrapped.pth; do
    cmp "$name.eval" plain.safetensors.eval || fail "eval: $name gives other figures than plain.safetensors"
    cmp "$name.predict" plain.safetensors.predict || fail "predict: $name gives other figures than plain.safetensors"
    cmp "$name.train/model.safetensors" plain.safetensors.train/model.safetensors || fail "train: other weights from $name"
    cmp "$name.tuned/model.safetensors" plain.safetensors.tuned/model.safetensors || fail "finetune: other weights from $name"
done

# Not what it is taken for.
refused() { # refused TEXT COMMAND...
    local code=0 text=$1
    shift
    "$REEL_BIN" "$@" >refused.log 2>&1 || code=$?
    [ "$code" = 1 ] || [ "$code" = 2 ] || fail "$*: exit code $code: $(cat refused.log)"
    grep -qF -- "$text" refused.log || fail "$*: expected '$text', got: $(cat refused.log)"
}
checkpoint=$(ls base/checkpoint* base/*/checkpoint* 2>/dev/null | head -1)
[ -n "$checkpoint" ] || fail "the run has left no checkpoint"
refused "is a checkpoint" finetune e --weights "$checkpoint" -o none
refused "is a checkpoint" predict "$image" --weights "$checkpoint"
refused "weights" train d --resume plain.pth -o none
refused "classifier.3.weight" train e --weights plain.pth --arch tiny -o none
printf '<!DOCTYPE html><html><body>Not found</body></html>' >page.pth
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >pointer.pth
refused "HTML" finetune e --weights page.pth -o none
refused "git-lfs" eval d --weights pointer.pth
[ ! -e none ] || fail "a refused run has left its folder"
