#!/bin/bash
# Folders and labels as people lay them: a plain folder is split, columns are found, classes are matched by name.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 10 --val 4 --classes 4 --size 40 --quiet
told=(--arch tiny -b 8 --seed 3 --threads 1 --workers 1 --no-report)
train() { # OUT DATA OPTION...
    local to=$1
    shift
    "$REEL_BIN" train "$@" -o "$to" "${told[@]}" >out 2>err || fail "train $*: exit $?: $(cat err)"
}

# A plain folder: a part of each class is held out, the line says so, and a resumed run holds out the same.
train whole d/train --epochs 3 --val-share 0.3
grep -q "^12 of 40\|12 of 40 images, 30 % of each class, are held out; split.json lists them" err || fail "the split is not told: $(cat err)"
[ "$(grep -c '\.jpg' whole/split.json)" -ge 1 ] || fail "no split.json"
train cut d/train --epochs 3 --val-share 0.3 --max-steps 4 --checkpoint-every 2
"$REEL_BIN" train --resume auto -o cut --quiet --no-report >out 2>err || fail "resume: exit $?: $(cat err)"
[ "$(sum cut)" = "$(sum whole)" ] || fail "resumed on a plain folder: other weights"
mkdir only && cp -r d/train only/
train part only --epochs 1 --val-share 0.3
cmp -s part/split.json whole/split.json || fail "train/ without val/: another split"

# A table: the options decide about columns, in training, evaluation and on a resume.
for s in train val; do
    (echo "file,kind,what"; cd d && for c in "$s"/*; do for f in "$c"/*; do echo "../d/$f,$((RANDOM % 2)),$(basename "$c")"; done; done) >"$s.csv"
done
mkdir table && mv train.csv val.csv table/
code=0
"$REEL_BIN" train table -o refused "${told[@]}" >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "3 columns (file, kind, what): which one is the label" err || fail "two columns could be the label: exit $code: $(cat err)"
train columns table --label-column what --epochs 2 --max-steps 3
"$REEL_BIN" train --resume auto -o columns --quiet --no-report >out 2>err || fail "resume with columns: exit $?: $(cat err)"
"$REEL_BIN" eval table -w columns --label-column what --quiet >out 2>err || fail "eval with columns: exit $?: $(cat err)"
# So do check, pack and the loader's measurement.
for command in "check table" "pack table packed_table" "bench loader table -n 8 --batch 4 --size 32"; do
    code=0
    # shellcheck disable=SC2086
    "$REEL_BIN" $command --quiet >out 2>err || code=$?
    [ "$code" -eq 1 ] && grep -q "3 columns (file, kind, what): which one is the label? --label-column NAME says it" err ||
        fail "reel $command: exit $code: $(cat err)"
    # shellcheck disable=SC2086
    "$REEL_BIN" $command --quiet --label-column what --image-column 1 >out 2>err || fail "reel $command with columns: exit $?: $(cat err)"
done
cut -d, -f3 table/train.csv | tail -n +2 | sort -u | cmp - packed_table/classes.txt || fail "packed: other classes than those of the column"

# A column called split that holds the labels divides nothing: a part of the images is held out, and eval knows it.
(echo "file,split" && find d/train -name '*.jpg' | sort | awk '{ print $0 "," (NR % 3 ? "train" : "val") }') >divided.csv
train divided divided.csv --label-column split --epochs 1
grep -q "^32 training and 8 validation images, 2 classes" err || fail "labels in a column split: $(cat err)"
"$REEL_BIN" eval divided.csv -w divided --label-column split >out 2>err || fail "eval with labels in a column split: exit $?: $(cat err)"
grep -q "8 of 40 images, held out by this run" err || fail "eval with labels in a column split: $(cat err)"

# Folders of numbers and lists of numbers mean the same classes.
mkdir numbers
python3 - <<'PY'
import os, shutil
images = [os.path.join(p, f) for p, _, files in sorted(os.walk("d/train")) for f in sorted(files)]
for n, image in enumerate(images[:36]):
    os.makedirs(f"folders/val/{n % 12}", exist_ok=True)
    shutil.copy(image, f"folders/val/{n % 12}/{n}.jpg")
for name in "train", "val":
    with open(f"numbers/{name}.txt", "w") as list_:
        for n in range(36):
            list_.write(f"../folders/val/{n % 12}/{n}.jpg {n % 12}\n")
PY
train by_number numbers --epochs 8
"$REEL_BIN" eval numbers -w by_number --json --quiet >list.json 2>err || fail "eval of the list: $(cat err)"
"$REEL_BIN" eval folders -w by_number --json --quiet >folder.json 2>err || fail "eval of the folders: $(cat err)"
grep -q "warning: .*matched by name" err || fail "another order of classes is not told: $(cat err)"
python3 -c 'import json; a, b = (json.load(open(f)) for f in ("list.json", "folder.json")); assert a["top1"] == b["top1"] and abs(a["loss"] - b["loss"]) < 1e-9, (a["loss"], b["loss"])' ||
    fail "folders of numbers are other classes than numbers in a list"

# Folders of splits as people name them, and folders around the classes: said, and never taken for classes in silence.
mkdir -p kaggle around/images odd
cp -r d/train kaggle/Training && cp -r d/val kaggle/Testing && cp -r d/train/* around/images/
cp -r d/val odd/test && cp -r d/val odd/valid
train parts kaggle --epochs 1
grep -q "^40 training and 16 validation images, 4 classes" err || fail "Training and Testing: $(cat err)"
grep -q "warning: kaggle: Testing/ is taken for the validation images" err || fail "Testing/ is not told: $(cat err)"
train below around --epochs 1
grep -q "^32 training and 8 validation images, 4 classes" err || fail "images/ above the classes: $(cat err)"
grep -q "warning: around: the folders in images/ are taken for the classes" err || fail "images/ is not told: $(cat err)"
cp -r d three && cp -r d/val three/test && rm -r three/test/"$(ls d/val | head -1)"/*0.jpg
train whole_of_three three --epochs 1
grep -q "^40 training and 16 validation images" err || fail "val and test: val validates: $(cat err)"
"$REEL_BIN" eval three -w whole_of_three --split test --json --quiet >out 2>err || fail "eval --split test: $(cat err)"
python3 -c 'import json; assert json.load(open("out"))["images"] < 16' || fail "eval --split test: $(head -c 300 out)"

# A run in the folder of its images is no class, however often one begins or goes on there.
cp -r d/train photos && cd photos
mkdir run
"$REEL_BIN" train . -o run "${told[@]}" --epochs 2 --max-steps 3 --quiet >../out 2>../err || fail "-o in DATA: exit $?: $(cat ../err)"
"$REEL_BIN" train --resume auto -o run --quiet --no-report >../out 2>../err || fail "-o in DATA, resumed: exit $?: $(cat ../err)"
"$REEL_BIN" train . -o arrow/second "${told[@]}" --epochs 1 >../out 2>../err || "$REEL_BIN" train . -o second "${told[@]}" --epochs 1 >../out 2>../err ||
    fail "a second run in DATA: exit $?: $(cat ../err)"
grep -q "4 classes" ../err && grep -q "left out: .*folder of a run" ../err || fail "a run is a class: $(cat ../err)"
cd ..

# What is not used is counted; what is an image by its bytes is used.
cp -r d files && first=$(ls d/train | head -1) && image=$(find d/train -name '*.jpg' | sort | head -1)
for name in x.jfif y.JPG_large bare; do cp "$image" "files/train/$first/$name"; done
printf 'RIFF....WEBP' >"files/train/$first/z.xyz" && echo text >"files/train/$first/notes.txt"
: >"files/train/$first/empty.dat" && cp "$image" files/train/loose.jpg && touch "files/train/$first/.hidden"
train counted files --epochs 1
grep -q "^43 training and 16 validation images" err || fail "images by their bytes: $(cat err)"
for words in "1 .xyz (cannot be decoded)" "1 .txt" "1 .dat (empty)" "1 .jpg (beside the class folders)" "1 hidden"; do
    grep "^left out: " err | grep -qF -- "$words" || fail "train: expected '$words', got: $(grep 'left out' err)"
done
[ "$(grep -c 'left out' err)" -eq 1 ] || fail "said more than once: $(cat err)"
"$REEL_BIN" check files --quiet >out || fail "check: exit $?"
grep "^left out: " out | grep -qF "1 .xyz (cannot be decoded)" || fail "check: $(cat out)"
cp -r d/val files/test
"$REEL_BIN" pack files packed_files --json >out 2>err || fail "pack: exit $?: $(cat err)"
grep "^left out: " err | grep -qF ", 1 hidden, test/ (16 images)" || fail "pack: $(cat err)"
grep "left_out" out | grep -qF "1 .xyz (cannot be decoded)" || fail "pack --json: $(cat out)"
rm -r files/test
# A packed image keeps its name and not its format: nothing is misnamed.
mkdir misnamed misnamed/arrow misnamed/cross && cp "$image" misnamed/arrow/a.png && cp "$image" misnamed/cross/b.bmp
"$REEL_BIN" check misnamed --quiet | grep -q "^misnamed: 2" || fail "a JPEG called .png is not told"
"$REEL_BIN" pack misnamed packed_names --quiet >out 2>err || fail "pack: exit $?: $(cat err)"
"$REEL_BIN" check packed_names --quiet >out || fail "check of a pack: exit $?"
if grep -q "^misnamed" out; then fail "check of a pack: $(cat out)"; fi
"$REEL_BIN" predict -w counted "files/train/$first" >out 2>err || fail "predict: exit $?: $(cat err)"
grep "^left out: " err | grep -qF "1 .txt" && grep -q "/bare" out || fail "predict: $(cat err)"

# Shards: an empty one, and an image without a label, are named and left out.
mkdir shards
python3 - "$image" <<'PY'
import io, sys, tarfile
data = open(sys.argv[1], "rb").read()
for split in "train", "val":
    with tarfile.open(f"shards/{split}-0.tar", "w") as tar:
        for n in range(8):
            fields = [("jpg", data)] + ([("json", b'{"label": 1}') if n == 3 else ("txt" if n % 2 else "cls", b"%d\n" % (n % 2))] if n != 5 else [])
            for field, content in fields:
                info = tarfile.TarInfo(f"part/{n:03}.{field}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
open("shards/train-1.tar", "wb").close()
PY
train from_shards shards --epochs 1
grep -q "^7 training and 7 validation images, 2 classes" err || fail "shards: $(cat err)"
grep -q "warning: shards: train-1.tar is empty" err || fail "an empty shard is not named: $(cat err)"
grep -q "warning: shards: images without a label, left out: 1, such as train-0.tar/part/005.jpg" err || fail "no label: $(cat err)"
head -c 700 shards/train-0.tar >shards/train-2.tar
code=0
"$REEL_BIN" train shards -o refused "${told[@]}" >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "train-2.tar.*part/00" err || fail "a cut shard: exit $code: $(cat err)"
