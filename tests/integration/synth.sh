#!/bin/bash
# `reel synth` draws what it says: counts, names, the same bytes for the same seed and any number of threads; refuses what it cannot do.
set -eu
fail() {
    echo "$1"
    exit 1
}
draw() { "$REEL_BIN" synth "$@" --size 64 --train 5 --val 3; }
sums() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs cksum); }

draw one --seed 7 --threads 1 --json --quiet >said 2>talk || fail "exit $?: $(cat talk)"
[ ! -s talk ] || fail "--quiet says: $(cat talk)"
grep -q '"train_images":50,"val_images":30' said || fail "counts in the JSON: $(cat said)"
[ "$(ls one)" = "$(printf 'train\nval')" ] || fail "folders: $(ls one)"
[ "$(ls one/val | tr '\n' ' ')" = "arrow cross fish flower gear house key mug ring star " ] || fail "classes: $(ls one/val)"
for class in one/train/*; do [ "$(find "$class" -name '*.jpg' -type f | wc -l)" = 5 ] || fail "$class: expected 5 files"; done
for class in one/val/*; do [ "$(find "$class" -name '*.jpg' -type f | wc -l)" = 3 ] || fail "$class: expected 3 files"; done
[ "$(sums one | cut -d' ' -f1 | sort -u | wc -l)" = 80 ] || fail "expected 80 different pictures"
[ "$(head -c 3 one/train/fish/fish-00000.jpg | od -An -tx1)" = " ff d8 ff" ] || fail "not a JPEG: one/train/fish/fish-00000.jpg"

draw two --seed 7 --threads 2 2>/dev/null
[ "$(sums one)" = "$(sums two)" ] || fail "1 and 2 threads draw different files"
"$REEL_BIN" synth more --seed 7 --size 64 --train 6 --val 3 --classes 4 2>/dev/null
cmp one/val/cross/cross-00002.jpg more/val/cross/cross-00002.jpg || fail "--train and --classes change the pictures"
[ "$(ls more/train | wc -l)" = 4 ] || fail "--classes 4: $(ls more/train)"
draw other --seed 8 2>/dev/null
[ "$(sums one | cut -d' ' -f1 | sort)" != "$(sums other | cut -d' ' -f1 | sort)" ] || fail "the seed changes nothing"

# Without validation images: a plain folder of classes, with the pictures of train/; Reel holds a fifth out.
"$REEL_BIN" synth plain --seed 7 --size 64 --train 5 --val 0 --classes 4 --json >said 2>talk || fail "--val 0: exit $?: $(cat talk)"
[ "$(cat talk)" = "drew 20 images of 4 classes into plain" ] && grep -q '"train_images":20,"val_images":0' said || fail "--val 0: $(cat talk said)"
[ "$(ls plain | tr '\n' ' ')" = "arrow cross fish flower " ] && cmp plain/fish/fish-00004.jpg one/train/fish/fish-00004.jpg || fail "--val 0: $(ls plain)"
"$REEL_BIN" train plain --arch tiny --epochs 1 --max-steps 1 -b 4 -o run --no-report >talk 2>&1 || fail "a plain folder: $(cat talk)"
grep -q "16 training and 4 validation images, 4 classes" talk || fail "a plain folder: $(cat talk)"

odd=$(printf 'odd\377')
draw "$odd" --json --quiet >said || fail "a folder whose name is not UTF-8: exit $?"
python3 -c 'import json; assert json.load(open("said"))["folder"] == "odd\\xff"' || fail "a folder whose name is not UTF-8: $(cat said)"

refuses() { # code, words, arguments
    local code=$1 words=$2 status=0
    shift 2
    "$REEL_BIN" synth "$@" >/dev/null 2>said || status=$?
    [ "$status" = "$code" ] || fail "synth $*: exit $status, expected $code"
    [ "$(wc -l <said)" = 1 ] && grep -q -- "$words" said || fail "synth $*: expected one line with '$words', got: $(cat said)"
}
refuses 1 "one: expected a new or an empty folder" one
[ "$(sums one)" = "$(sums two)" ] || fail "a refused folder was touched"
refuses 1 "nowhere/x: " nowhere/x
refuses 2 "expected DIR"
refuses 2 "--classes: expected 2 to 10, got '11'" x --classes 11
refuses 2 "did you mean --train" x --trian 3
