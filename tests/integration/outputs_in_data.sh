#!/bin/bash
# No image is lost from view: results do not go among the images of DATA, and what Reel wrote into DATA is no class, which is said.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth plain --train 8 --val 0 --classes 3 --size 40 --quiet
"$REEL_BIN" synth parted --train 8 --val 3 --classes 3 --size 40 --quiet
classes() { python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1] + "/config.json"))["classes"]))' "$1"; }
told=(--arch tiny --epochs 1 -b 4 --quiet --no-report)
"$REEL_BIN" train parted "${told[@]}" -o run >out 2>err || fail "outside DATA: $(cat err)"
before=$(find plain parted | sort)

refused() { # refused CODE WORDS COMMAND...: one line, and nothing is written into DATA
    local want=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" "$@" >out 2>err || code=$?
    [ "$code" -eq "$want" ] && grep -qF -- "$words" err || fail "reel $*: exit $code, expected $want and '$words': $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "reel $*: expected one line: $(cat err)"
    [ "$(find plain parted | sort)" = "$before" ] || fail "reel $*: wrote into DATA: $(find plain parted | sort | diff - <(echo "$before"))"
}
holds="it holds 8 images of DATA; expected a folder outside DATA's class folders"
refused 1 "reel train: --output-dir plain/arrow: $holds" train plain "${told[@]}" -o plain/arrow
refused 1 "reel train: --output-dir plain/arrow/: $holds" train plain/ "${told[@]}" -o plain/arrow/
refused 1 "reel finetune: --output-dir plain/arrow: $holds" finetune plain "${told[@]}" -w run -o plain/arrow
refused 1 "--output-dir plain: it is DATA; expected another folder" train plain "${told[@]}" -o plain
refused 1 "--output-dir parted/train: it holds 24 images of DATA" train parted "${told[@]}" -o parted/train
refused 1 "--output-dir parted/val/fish: it holds 3 images of DATA" train parted "${told[@]}" -o parted/val/fish
refused 1 "--output-dir plain/fish/run: it lies among the images in" train plain "${told[@]}" -o plain/fish/run
refused 1 "--output-dir plain/arrow: $holds" train plain "${told[@]}" -o plain/arrow --find-lr
refused 2 "--output-dir plain/arrow: $holds" train plain "${told[@]}" -o plain/arrow --k-fold 2
refused 2 "--output-dir parted/train: it holds 24 images" train parted "${told[@]}" -o parted/train --k-fold 2
refused 1 "reel pack: OUT plain/arrow: $holds" pack plain plain/arrow --size 32
refused 1 "reel pack: OUT plain: it is DATA" pack plain plain --size 32
mkdir linked && cp -r plain/fish real_fish && ln -s "$PWD/plain/arrow" "$PWD/plain/cross" "$PWD/real_fish" linked/
refused 1 "linked: real_fish is the folder for results and holds 8 images" train linked "${told[@]}" -o real_fish
(cd plain && "$REEL_BIN" train . "${told[@]}" >../out 2>../err) || fail "the usual folder, in DATA: $(cat err)"
"$REEL_BIN" train plain "${told[@]}" -o plain/run --epochs 2 --resume auto >out 2>err || fail "a run that lies in DATA, resumed: $(cat err)"
"$REEL_BIN" train plain "${told[@]}" -o second >out 2>err || fail "another run lies in DATA: $(cat err)"
[ "$(grep -c . err)" -eq 0 ] && [ "$(classes second)" = 3 ] || fail "another run lies in DATA: $(classes second) classes: $(cat err)"

# A folder that was taken for results before: its images are named.
cp plain/run/config.json plain/fish/
"$REEL_BIN" train plain "${told[@]}" -o fewer >out 2>err || fail "a class folder with a run in it: $(cat err)"
grep -qx "reel: warning: plain: fish holds a run and 8 images: not taken as a class" err || fail "its images are not named: $(cat err)"
"$REEL_BIN" check plain >out 2>err || fail "check: $(cat out err)"
grep -qx "warning: fish holds a run and 8 images: not taken as a class" out && ! grep -q "nothing is wrong" out ||
    fail "check finds nothing wrong: $(cat out)"
rm plain/fish/config.json

# Pictures that `reel predict` wrote are no class, wherever they lie.
"$REEL_BIN" predict -w run plain/arrow --copy-into plain/new --quiet >out 2>err || fail "--copy-into: $(cat err)"
"$REEL_BIN" predict -w run plain/arrow --annotate plain/named --quiet >out 2>err || fail "--annotate: $(cat err)"
"$REEL_BIN" predict -w run plain/arrow --copy-into plain/fish/new --quiet >out 2>err || fail "--copy-into within a class: $(cat err)"
"$REEL_BIN" check plain >out 2>err || fail "check: $(cat out err)"
grep -q "24 images, 3 classes of 8 to 8" out && grep -q "^left out: .*3 folders that reel predict wrote" out ||
    fail "pictures of reel predict are taken as images: $(cat out)"
"$REEL_BIN" train plain "${told[@]}" -o third >out 2>err && [ "$(classes third)" = 3 ] || fail "$(classes third) classes: $(cat err)"
