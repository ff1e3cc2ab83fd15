#!/bin/bash
# What `reel eval` says of a model adds up: the table of classes, the confusion matrix, top-1, the intervals, the mistakes.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 25 --val 12 --classes 4 --size 48 --quiet
"$REEL_BIN" train d --arch tiny --epochs 4 -b 8 --lr 0.02 --quiet -o run >run.log
"$REEL_BIN" eval d --weights run --csv table.csv --quiet >text
"$REEL_BIN" eval d --weights run --json --quiet >json

# The CSV: every image once in truth and once in prediction, scores as their definitions say.
awk -F, 'NR == 1 { if ($0 != "class,images,predicted,right,precision,recall,f1") { print "header: " $0; exit 1 } next }
    function off(a, b) { return a - b > 1e-6 || b - a > 1e-6 }
    { images += $2; predicted += $3; right += $4
      if (off($5, $3 ? $4 / $3 : 0) || off($6, $2 ? $4 / $2 : 0) || off($7, $2 + $3 ? 2 * $4 / ($2 + $3) : 0)) { print "scores: " $0; exit 1 } }
    END { if (images != 48 || predicted != 48) { print images " images, " predicted " predictions, expected 48 of each"; exit 1 }
          print right }' table.csv >right || fail "table.csv: $(cat right)"
top1=$(grep -o '"top1":[0-9.e-]*' json | head -1 | cut -d: -f2)
awk -v right="$(cat right)" -v top1="$top1" 'BEGIN { d = right / 48 - top1; exit d > 1e-9 || d < -1e-9 }' ||
    fail "the table counts $(cat right) right of 48, top-1 is $top1"

# The matrix in the text: rows are the classes' images, the diagonal what is right, everything 48.
awk '/^confusion/ { on = 1; next } on && NF < 5 { on = 0 } on { row++; for (c = 1; c <= 4; c++) all += $c; diagonal += $row }
    END { print all, diagonal }' text >matrix
[ "$(cat matrix)" = "48 $(cat right)" ] || fail "the matrix sums to $(cat matrix) (all, diagonal), expected 48 $(cat right): $(cat text)"

# Wilson's interval of 9 of 10 would be 0.596 to 0.982: the interval holds the share and is no wider than 0.3 for 48 images.
grep -o '"top1_interval":\[[^]]*' json | tr '[,' '  ' | awk -v top1="$top1" '{ exit !($2 <= top1 && top1 <= $3 && $3 - $2 < 0.3 && $3 - $2 > 0.02) }' ||
    fail "the interval does not fit top-1 $top1: $(grep -o '"top1_interval":\[[^]]*' json)"
wrong=$((48 - $(cat right)))
listed=$(grep -o '"file":' json | wc -l)
[ "$listed" = $((wrong < 10 ? wrong : 10)) ] || fail "$wrong mistakes, $listed listed"

code=0
"$REEL_BIN" eval d --weights run --csv table.csv --quiet >again 2>&1 || code=$?
[ "$code" = 1 ] && grep -q "table.csv: cannot be created: File exists" again || fail "--csv overwrote a file: code $code, $(cat again)"
! grep -q "images, loss" again || fail "--csv: a file that is there was found only after the work: $(cat again)"
# A table that cannot be written to its end is not left behind: no file may grow here (EFBIG, the signal is ignored). LLVM's OpenMP
# ends with SIGBUS under that limit: it maps a file that it could not make larger.
if ! ldd "$REEL_BIN" | grep -q libomp; then
    (
        trap '' XFSZ
        ulimit -f 0
        "$REEL_BIN" eval d --weights run --csv half.csv --quiet 2>&1
    ) | grep -q "half.csv: cannot be written" || fail "--csv on a full disk"
    ! [ -e half.csv ] || fail "--csv left half a table: $(cat half.csv)"
fi
code=0
"$REEL_BIN" eval d --weights run --csv nowhere/table.csv --quiet >again 2>&1 || code=$?
[ "$code" = 1 ] && grep -q "48 images, loss" again || fail "a table that cannot be written took the results with it: code $code, $(cat again)"

# A plain folder: the run drew its own validation images, and they alone are evaluated, with the run's own result.
mkdir plain
cp -r d/train/* plain/
"$REEL_BIN" train plain --arch tiny --epochs 2 -b 8 --val-share 0.25 --quiet -o drawn >drawn.log
"$REEL_BIN" eval plain --weights drawn --json 2>told >drawn.json
grep -q "^plain: 24 of 100 images, held out by this run; --split all takes every image$" told || fail "held out images: $(cat told)"
for key in loss top1; do # the last digits of the loss follow the size of the batches
    here=$(grep -o "\"$key\":[0-9.e-]*" drawn.json | head -1 | cut -c -12)
    run=$(grep -o "\"$key\": *[0-9.e-]*" drawn/evaluation.json | head -1 | tr -d ' ' | cut -c -12)
    [ "$here" = "$run" ] || fail "held out images: $here, in the run $run"
done
images() { # images SPLIT WEIGHTS: how many images an evaluation of plain/ takes
    "$REEL_BIN" eval plain --weights "$2" --split "$1" --json --quiet 2>images.err | sed -n 's/^{"images":\([0-9]*\),.*/\1/p'
}
[ "$(images train drawn)" = 76 ] && [ "$(images all drawn)" = 100 ] || fail "train: $(images train drawn), all: $(images all drawn)"
# Weights without their run: nobody knows what was held out, so nothing is guessed.
cp drawn/best.safetensors alone.safetensors
"$REEL_BIN" eval plain --weights alone.safetensors --json 2>told >all.json || fail "a plain folder: $(cat told)"
grep -q '^{"images":100,' all.json || fail "a plain folder: $(head -c 100 all.json)"
grep -q "^plain: all 100 images; there is no split.json beside the weights that tells which of them they learned from$" told ||
    fail "what weights learned from is not told: $(cat told)"
[ -z "$(images val alone.safetensors)" ] || fail "images that were held out were guessed"
grep -q "plain: no folder val or validation in it; .*; --split all evaluates every image$" images.err || fail "no split.json: $(cat images.err)"
[ "$(images all alone.safetensors)" = 100 ] || fail "all of a plain folder: $(cat images.err)"
# Another folder, or a list of its files, has none of these images: all of it is evaluated. train and val have their own.
mkdir other
for class in plain/*; do mkdir "other/${class##*/}" && for f in "$class"/*; do cp "$f" "other/${class##*/}/new-${f##*/}"; done; done
(cd other && for f in */*; do echo "$f,${f%%/*}"; done) >mine.csv
mv mine.csv other/mine.csv
for data in other other/mine.csv; do
    "$REEL_BIN" eval $data --weights drawn --json 2>told >all.json || fail "$data: $(cat told)"
    grep -q '^{"images":100,' all.json && grep -q "^$data: another data set than the run's: all 100 images$" told ||
        fail "$data: $(cat told; head -c 100 all.json)"
done
"$REEL_BIN" eval d --weights drawn --split all --quiet >other.out 2>&1 && fail "--split all took one of two splits: $(cat other.out)"
grep -q "d: no split 'all' in it; it has train, val" other.out || fail "--split all: $(cat other.out)"
