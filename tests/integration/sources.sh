#!/bin/bash
# Every kind of dataset trains, with the bits that the same images give as an image folder; what is none is named.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
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
refuse none/empty "holds no class folders"
refuse none/one.jpg "got one image"
refuse none/note.bin "expected \"path label\""
rm k/devkit/ILSVRC2012_devkit_t12/data/meta.mat
refuse k/devkit "meta.mat"
head -c 100000 k/wds/train-001.tar >none/train-000.tar
refuse none/train-000.tar "cut"

# Small images in their own formats; drawn ones.
for pair in "cifar cifar_folder" "mnist mnist_folder" "mnist_gz mnist_folder"; do
    read -r kind folder <<<"$pair"
    [ -d "run_$folder" ] || train "k/$folder" "run_$folder"
    train "k/$kind" "run_$kind"
    [ "$(sum "run_$kind")" = "$(sum "run_$folder")" ] || fail "$kind: other weights than from its PNGs"
done
train k/cifar100 run_cifar100
train synth:train=6,val=2,classes=4,size=48,seed=5 run_synth
refuse synth:train=0 "expected train=N"

# Packed: as they are; pixels; resized, in several shards, by one thread and by two, and killed in between.
pack() { "$REEL_BIN" pack "$@" --quiet >out 2>err || fail "pack $*: exit $?: $(cat err)"; }
pack d packed --per-shard 7
train packed run_packed
[ "$(sum run_packed)" = "$want" ] || fail "packed JPEGs: other weights than from the image folder"
pack d packed_raw --raw
train packed_raw run_packed_raw
[ "$(sum run_packed_raw)" = "$want" ] || fail "packed pixels: other weights than from the image folder"
pack synth:train=6,val=2,classes=4,size=48,seed=5 packed_synth --raw
train packed_synth run_packed_synth
[ "$(sum run_packed_synth)" = "$(sum run_synth)" ] || fail "packed drawn images: other weights than drawn on the fly"
pack d small --size 32 --per-shard 5 --threads 1
"$REEL_BIN" pack d again --size 32 --per-shard 5 --threads 2 --quiet &
worker=$!
for _ in $(seq 500); do [ ! -e again/train-00001.idx ] && [ -d "/proc/$worker" ] && sleep 0.002 || break; done
kill -9 $worker 2>/dev/null || true
wait $worker 2>/dev/null || true
rm -f again/train-00003.idx again/train-00002.tar # whatever it got to: as if killed earlier
pack d again --size 32 --per-shard 5 --threads 2
"$REEL_BIN" pack d again --size 32 --per-shard 5 --threads 2 2>err || fail "packed once more: $(cat err)"
grep -q "^train: .* MB, verified (all were there already)$" err && ! grep -q "images/s" err || fail "nothing was left to pack: $(cat err)"
for file in small/*.tar small/*.idx small/classes.txt small/pack.json; do
    cmp -s "$file" "again/${file#small/}" || fail "killed and resumed: $file differs"
done
[ -z "$(find again -name '*.part')" ] || fail "left behind: $(ls again)"
mkdir unpacked
tar -xf small/train-00000.tar -C unpacked || fail "tar cannot read a shard"
[ "$(find unpacked -name '*.jpg' | wc -l)" -eq 5 ] || fail "expected 5 images in a shard, got $(ls unpacked)"
rm small/pack.json small/*.idx # what is left are shards like anybody's
train small run_small
train again run_again
[ "$(sum run_small)" = "$(sum run_again)" ] || fail "packed shards read as tars: other weights"
code=0
"$REEL_BIN" pack d again --size 48 --quiet >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "with other options" err || fail "packed into a folder with another pack: exit $code: $(cat err)"

# Damage: a record, an index, a missing shard; a bad file is left out, too many end with 3.
printf 'x' | dd of=packed/train-00001.tar bs=1 seek=2000 conv=notrunc status=none
train packed run_damaged --max-bad 0.2
grep -q "CRC-32" run_damaged/bad_files.jsonl || fail "a damaged record was not found"
printf 'x' | dd of=packed/train-00002.idx bs=1 seek=40 conv=notrunc status=none
refuse packed "the index is damaged"
rm packed/train-00002.*
refuse packed "train-00002"
cp -r d bad
for c in bad/train/*; do printf 'x' >"$(find "$c" -type f | sort | head -1)"; done
code=0
"$REEL_BIN" pack bad packed_bad --max-bad 0 --quiet >out 2>err || code=$?
[ "$code" -eq 3 ] || fail "a tenth of the images is bad, and none is allowed: exit $code, expected 3: $(cat err)"
pack bad packed_bad --max-bad 0.2
[ "$(sort -u packed_bad/bad_files.jsonl | wc -l)" -eq 4 ] || fail "expected 4 bad files: $(cat packed_bad/bad_files.jsonl)"

# What looks wrong is said.
doubt() { # DATA WORDS
    "$REEL_BIN" train "$1" -o "doubt" --arch tiny --epochs 1 -b 2 --max-steps 1 >out 2>err || fail "$1: exit $?: $(cat err)"
    grep -q "warning: .*$2" err || fail "$1: expected a warning with '$2', got: $(cat err)"
    rm -rf doubt
}
mkdir wrong
for side in train val; do
    find "$PWD/d/$side" -name '*.jpg' | sort | awk -v s=$side '{ n = split($0, p, "/"); c = substr(p[n - 1], 9) + 0;
        print $0, c > "wrong/ok-" s ".txt"; print $0, c + 1 > "wrong/one-" s ".txt"; print $0, 3 > "wrong/same-" s ".txt"
        print $0, (c + 1) % 4 > "wrong/turned-" s ".txt"; if (c < 3) print $0, c > "wrong/less-" s ".txt" }'
done
for bad in same turned less; do cp wrong/ok-train.txt "wrong/$bad-train.txt"; done
doubt wrong/one-train.txt "count from 1"
doubt wrong/same-train.txt "all validation images are of one class"
doubt wrong/turned-train.txt "seem permuted"
doubt wrong/less-train.txt "1 of 4 classes have no validation images: 3"
