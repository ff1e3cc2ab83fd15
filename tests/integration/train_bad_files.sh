#!/bin/bash
# An unreadable image is skipped, counted and named; too many end the run with 3; predict names what it cannot read and goes on.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 20 --val 5 --classes 3 --size 48 --quiet
first=$(find d/train -name '*.jpg' | sort | head -1)
second=$(find d/train -name '*.jpg' | sort | tail -1)
val=$(find d/val -name '*.jpg' | sort | head -1)
head -c 300 "$first" >cut && mv cut "$first"
echo "<html>" >"$second"
: >"$val"

train() { "$REEL_BIN" train d --arch tiny --epochs 3 -b 8 "$@"; }
code=0
train -o strict --quiet >out 2>err || code=$?
[ "$code" -eq 3 ] || fail "2 bad files of 60: exit $code, expected 3 (more than 1 %): $(cat err)"

train -o run --max-bad 0.3 --json >out 2>err
grep -q '"bad_files":3' out || fail "expected 3 bad files in the result: $(cat out)"
[ "$(wc -l <run/bad_files.jsonl)" -eq 3 ] || fail "bad_files.jsonl: $(cat run/bad_files.jsonl)"
for name in "${first#d/train/}" "${second#d/train/}" "${val#d/val/}"; do
    grep -q "\"name\":\"$name\"" run/bad_files.jsonl || fail "$name is not in bad_files.jsonl: $(cat run/bad_files.jsonl)"
    grep -q "$name" err || fail "$name was not named: $(cat err)"
done
train -o other --max-bad 0.3 --workers 4 --quiet >out 2>err
[ "$(sha256sum <run/model.safetensors)" = "$(sha256sum <other/model.safetensors)" ] || fail "4 workers gave other weights among bad files"
cmp run/bad_files.jsonl other/bad_files.jsonl || fail "4 workers met other bad files"

"$REEL_BIN" eval d --weights run --max-bad 0.3 --json >out 2>err
grep -q '"images":14,"bad":1' out || fail "evaluation must leave the unreadable image out: $(cat out)"
grep -q "${val#d/val/}" err || fail "evaluation did not name the unreadable image: $(cat err)"

code=0
"$REEL_BIN" predict --weights run d/val missing.jpg --top 2 >out 2>err || code=$?
[ "$code" -eq 1 ] || fail "predict with unreadable files: exit $code, expected 1"
[ "$(grep -c '^d/val/' out)" -eq 14 ] || fail "predict: expected 14 images named: $(cat out)"
[ "$(grep -c ' %  ' out)" -eq 28 ] || fail "predict: expected 2 classes an image: $(cat out)"
[ "$(grep -vc "^time: " err)" -eq 2 ] || fail "predict: expected 2 lines on stderr: $(cat err)"
grep -q "$val" err && grep -q "missing.jpg" err || fail "predict: unreadable files not named: $(cat err)"

# A learning rate that explodes: exit 4 before the update, and the last good checkpoint stays.
code=0
train -o wild --recipe torchvision --arch tiny --lr 1e6 --max-bad 0.3 --quiet >out 2>err || code=$?
[ "$code" -eq 4 ] || fail "a loss that is not finite: exit $code, expected 4: $(cat err)"
grep -qE "step [0-9]+: the .* is (-?(nan|inf)|[0-9.]+e.*divergence).*samples: .*jpg" err || fail "step and samples not named: $(cat err)"
