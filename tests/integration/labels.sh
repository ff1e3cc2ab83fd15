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
