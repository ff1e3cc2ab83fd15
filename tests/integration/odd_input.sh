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
grep -q "left out: 2 .jpg (not a regular file)" err || fail "predict: expected the pipe and the link to it to be counted: $(cat err)"
[ "$(grep -vc "^time: " err)" -eq 3 ] && grep -q dangling err || fail "predict: expected the dangling link and the missing file: $(cat err)"
[ "$(grep -c '^images' out)" -eq 1 ] || fail "predict: expected one image: $(cat out)"

# With --json every name comes back, whatever became of it; a list without names is an error, as a folder without images is.
code=0
"$REEL_BIN" predict --weights run --json nowhere.jpg images/dangling.jpg "images/$odd.jpg" >out 2>err || code=$?
[ "$code" -eq 1 ] || fail "predict --json: exit $code, expected 1: $(cat err)"
python3 -c 'import json; rows = json.load(open("out"))["images"]; assert ["error" in r for r in rows] == [True, True, False], rows' ||
    fail "predict --json: expected two errors and a prediction: $(cat out)"
code=0
"$REEL_BIN" predict --weights run --json nowhere.jpg >out 2>err || code=$?
[ "$code" -eq 1 ] && python3 -c 'import json; r = json.load(open("out")); assert r["failed"] == 1 and r["images"][0]["file"] == "nowhere.jpg"' ||
    fail "predict --json without an image: exit $code: $(cat out)"
code=0
"$REEL_BIN" predict --weights run - </dev/null >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "stdin: no names" err || fail "predict with an empty list: exit $code, expected 1: $(cat err)"

# Metadata of a stranger's file, shown without obeying it and whole.
python3 - <<'PY'
import json, struct
text = json.dumps({"__metadata__": {"arch": "a\x1b[31mb", "classes": "c" * 5000 + "end"}}).encode()
text += b" " * (-len(text) % 8)
open("strange.safetensors", "wb").write(struct.pack("<Q", len(text)) + text)
PY
"$REEL_BIN" summary strange.safetensors >out
plain out "summary"
grep -qF 'arch: a\x1b[31mb' out && grep -q 'cend$' out || fail "summary: metadata not shown: $(cut -c1-200 out)"

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

code=0
"$REEL_BIN" predict --weights large.safetensors d/val/cross --ten-crop --top 1 >out 2>err || code=$?
[ "$code" -eq 4 ] && grep -q "not finite" err || fail "ten views without a finite score: exit $code, expected 4: $(cat out err)"

# --test-only evaluates as the weights say, and as it is told.
for sizes in "" "--val-resize-size 60" "--val-resize-size 80 --val-crop-size 40"; do
    # shellcheck disable=SC2086
    "$REEL_BIN" eval d --weights run $sizes --quiet --json >one
    # shellcheck disable=SC2086
    "$REEL_BIN" train d --test-only --weights run/best.safetensors $sizes --quiet --json >two
    cmp one two || fail "eval and train --test-only differ with '$sizes': $(cat one two)"
done
