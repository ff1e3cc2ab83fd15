#!/bin/bash
# --ten-crop: `eval` and `predict` say the same of the same images, each whatever the batch; a list of images on stdin.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 25 --val 9 --classes 3 --size 64 --quiet
"$REEL_BIN" train d --arch tiny --epochs 3 -b 8 --lr 0.02 --no-report --quiet -o run >log
field() {
    grep -o "\"$1\":[0-9.e-]*" "$2" | head -1 | cut -d: -f2
}
"$REEL_BIN" eval d --weights run --json --quiet >one
"$REEL_BIN" eval d --weights run --json --quiet --ten-crop >ten
"$REEL_BIN" eval d --weights run --json --quiet --ten-crop -b 5 >ten5
[ "$(field images ten)" = 27 ] || fail "ten crops: $(field images ten) images, expected 27"
[ "$(field loss one)" != "$(field loss ten)" ] || fail "--ten-crop changed nothing"
awk -v a="$(field loss ten)" -v b="$(field loss ten5)" 'BEGIN { d = a - b; exit d > 1e-5 || d < -1e-5 }' ||
    fail "the loss depends on the batch: $(field loss ten), $(field loss ten5)"

right=0
find d/val -name '*.jpg' | sort | sed '1s/$/\r/' >list
"$REEL_BIN" predict --weights run --ten-crop --top 1 --json - <list >predicted
while read -r file class; do
    case $file in d/val/$class/*) right=$((right + 1)) ;; esac
done < <(tr '{' '\n' <predicted | awk -F'"' '/"file"/ { file = $4 } /"class"/ { print file, $4 }')
awk -v right="$right" -v top1="$(field top1 ten)" 'BEGIN { d = right / 27 - top1; exit d > 1e-9 || d < -1e-9 }' ||
    fail "predict names $right of 27 rightly, eval's top-1 is $(field top1 ten)"

# A list with a file that is not there: named, passed over, exit code 1.
code=0
{ echo nothing.jpg; head -2 list; } | "$REEL_BIN" predict --weights run --top 1 - >out 2>err || code=$?
[ "$code" = 1 ] && [ "$(grep -c '%' out)" = 2 ] && grep -q 'nothing.jpg: cannot be opened' err || fail "code $code: $(cat out err)"
