#!/bin/bash
# Each of the library's allocations fails in turn, scenario by scenario: an error each time, or the right result; no crash, no leak.
# Nearly every line of the library that allocates is reached.
set -eu
program=$REEL_BUILD/tests/library_walk
[ -x "$program" ] || { echo "this build has no library_walk: sanitizers bring allocation functions of their own"; exit 77; }
"$REEL_BIN" synth d --train 2 --val 2 --classes 4 --size 40 --quiet
for c in d/train/* d/val/*; do mv "$c" "$(dirname "$c")/n0$(basename "$c")"; done # names like WNIDs
python3 "$REEL_SOURCE/tests/support/make_sources.py" d k
"$REEL_BIN" pack d k/packed --per-shard 3 --quiet

# Images of other libraries, where this build has them.
mkdir -p k/formats/train/n01 k/formats/train/n02 k/formats/val/n01 k/formats/val/n02
python3 - "$REEL_SOURCE/tests/support/formats.tsv" <<'PY'
import base64, sys
wanted = {"transparent.gif": ["train/n01", "val/n01"], "rgb_tiles_deflate.tif": ["train/n01", "val/n02"],
          "white_0_1_bits_little.tif": ["train/n02"], "24_bits.bmp": ["train/n02"]}
for line in open(sys.argv[1]):
    name, _, _, data = line.rstrip("\n").split("\t")
    for folder in wanted.get(name, []):
        open(f"k/formats/{folder}/{name}", "wb").write(base64.b64decode(data))
PY
"$REEL_BIN" check k/formats --quiet >formats.log 2>&1 || rm -r k/formats
# Tables: ids of files in a folder beside, a label that is no number among those that are; a column of parts, a last line of sums.
mkdir -p k/table/images k/parts/images
i=0
table=$'id,label\n' parts=$'file,label,split\n'
for image in d/train/*/*.jpg; do
    cp "$image" "k/table/images/$i.jpg"
    cp "$image" "k/parts/images/$i.jpg"
    table+="$i,$((i % 2))"$'\n'
    part=train
    if [ $((i % 4)) -ge 2 ]; then part=val; fi
    parts+="images/$i.jpg,$((i % 2)),$part"$'\n'
    i=$((i + 1))
done
cp k/table/images/0.jpg k/table/images/odd.jpg
echo "${table}odd,x" >k/table/train.csv
cp k/table/train.csv k/table/val.csv
echo "${parts}Total,8,train" >k/parts/labels.csv
mkdir walk
OMP_NUM_THREADS=1 "$program" walk "$REEL_SOURCE"/tests/support/pth/*.pth -- "$PWD"/k/*
python3 "$REEL_SOURCE/tests/support/allocating_calls.py" "$program" walk/reached
