#!/bin/bash
# Every kind of dataset trains, with the bits that the same images give as an image folder; what is none is named.
set -eu
fail() {
    echo "$1"
    exit 1
}
sum() { sha256sum "$1/model.safetensors" | cut -d' ' -f1; }
last() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["top1"])' "$1"; }
train() { # DATA OUT [OPTION...]
    local data=$1 to=$2
    shift 2
    "$REEL_BIN" train "$data" -o "$to" --quiet --json --arch tiny --epochs 1 -b 8 --seed 3 --threads 1 --workers 2 --recipe torchvision \
        --decode exact "$@" >"$to.out" 2>"$to.err" || fail "$data: exit $?: $(cat "$to.err")"
}
refuse() { # DATA WORDS
    local code=0
    "$REEL_BIN" train "$1" -o refused --quiet --arch tiny --epochs 1 -b 8 >out 2>err || code=$?
    [ "$code" -eq 1 ] || fail "$1: exit $code, expected 1: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$2" err || fail "$1: expected one line with '$2', got: $(cat err)"
    [ ! -e refused ] || fail "$1: was refused, and left a folder"
}

"$REEL_BIN" synth d --train 10 --val 4 --classes 4 --size 64 --quiet
i=0
for c in arrow cross fish flower; do # names like WNIDs
    mv "d/train/$c" "d/train/n0000000$i"
    mv "d/val/$c" "d/val/n0000000$i"
    i=$((i + 1))
done
python3 "$REEL_SOURCE/tests/support/make_sources.py" d k
train d folder
want=$(sum folder)
top=$(last folder.out)
for kind in list names wds wds_gz kaggle caffe devkit devkit_tar lines tars; do
    train "k/$kind" "run_$kind"
    [ "$(sum "run_$kind")" = "$want" ] || fail "$kind: other weights than from the image folder"
    [ "$(last "run_$kind.out")" = "$top" ] || fail "$kind: top-1 $(last "run_$kind.out"), expected $top"
done

# One file as DATA leads to its neighbour; other commands take every kind.
train k/list/train.txt one_list
[ "$(sum one_list)" = "$want" ] || fail "train.txt: other weights"
train k/tars/ILSVRC2012_img_train.tar one_tar
[ "$(sum one_tar)" = "$want" ] || fail "ILSVRC2012_img_train.tar: other weights"
for kind in list names wds_gz kaggle tars; do
    "$REEL_BIN" eval "k/$kind" --weights folder --json --quiet >out 2>err || fail "eval $kind: $(cat err)"
    [ "$(last out)" = "$top" ] || fail "eval $kind: top-1 $(last out), expected $top"
    "$REEL_BIN" bench loader "k/$kind" -n 20 -b 4 -j 2 --size 32 --json >out 2>err || fail "bench loader $kind: $(cat err)"
done
"$REEL_BIN" finetune k/wds/train-000.tar --weights folder/best.safetensors -o tuned --quiet --epochs 1 -b 4 >out 2>err ||
    fail "finetune of one shard: $(cat err)"

# What is none.
mkdir -p none/empty none/images
printf 'x' >none/note.bin
cp "$(find d/train -name '*.jpg' | head -1)" none/one.jpg
refuse none/nowhere "cannot be opened"
refuse none/empty "no folder train"
refuse none/one.jpg "got one image"
refuse none/note.bin "expected \"path label\""
rm k/devkit/ILSVRC2012_devkit_t12/data/meta.mat
refuse k/devkit "meta.mat"
head -c 100000 k/wds/train-001.tar >none/train-000.tar
refuse none/train-000.tar "cut"
