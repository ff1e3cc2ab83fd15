#!/bin/bash
# Names that would command a terminal, pipes among images, weights beyond float32, and the sizes of --test-only.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 6 --val 4 --classes 3 --size 48 --quiet
odd=$(printf 'a\033[31m\nb')
for split in train val; do mv "d/$split/arrow" "d/$split/$odd"; done
"$REEL_BIN" train d --arch tiny --epochs 1 -b 8 --quiet -o run >/dev/null
plain() { # plain FILE WHAT: no control characters but the ends of lines
    if LC_ALL=C grep -q '[^ -~]' "$1"; then fail "$2: control characters: $(od -c "$1" | head -20)"; fi
}
"$REEL_BIN" eval d --weights run --quiet >out
plain out "eval"
grep -qF 'a\x1b[31m\x0ab' out || fail "eval: class not named: $(cat out)"
"$REEL_BIN" eval d --weights run --quiet --json >out
python3 -c 'import json; assert json.load(open("out"))["classes"][0]["name"] == "a\x1b[31m\nb"' || fail "eval --json: $(cat out)"

# A pipe named like an image, a dangling link and a link to a pipe: passed over, or named; nothing waits.
mkdir images && cp d/val/cross/*00000.jpg "images/$odd.jpg"
mkfifo images/pipe.jpg && ln -s pipe.jpg images/link.jpg && ln -s nowhere.jpg images/dangling.jpg
code=0
timeout 60 "$REEL_BIN" predict --weights run images "no$odd" >out 2>err || code=$?
[ "$code" -eq 1 ] || fail "predict with a dangling link: exit $code, expected 1: $(cat err)"
plain out "predict" && plain err "predict"
[ "$(wc -l <err)" -eq 2 ] && grep -q dangling err || fail "predict: expected the dangling link and the missing file: $(cat err)"
[ "$(grep -c '^images' out)" -eq 1 ] || fail "predict: expected one image: $(cat out)"

# Finite weights, probabilities that are not.
python3 - <<'PY'
import array, json, struct
data = open("run/model.safetensors", "rb").read()
n, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + n])
header["__metadata__"] = {k: v for k, v in header["__metadata__"].items() if "crc" not in k}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
numbers = array.array("f", (x * 1e12 for x in array.array("f", data[8 + n:])))
open("large.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + numbers.tobytes())
PY
code=0
"$REEL_BIN" predict --weights large.safetensors d/val/cross --top 1 >out 2>err || code=$?
[ "$code" -eq 4 ] && grep -q "not finite" err || fail "probabilities that are not finite: exit $code, expected 4: $(cat out err)"

# --test-only evaluates as the weights say, and as it is told.
for sizes in "" "--val-resize-size 60" "--val-resize-size 80 --val-crop-size 40"; do
    # shellcheck disable=SC2086
    "$REEL_BIN" eval d --weights run $sizes --quiet --json >one
    # shellcheck disable=SC2086
    "$REEL_BIN" train d --test-only --weights run/best.safetensors $sizes --quiet --json >two
    cmp one two || fail "eval and train --test-only differ with '$sizes': $(cat one two)"
done
