#!/bin/bash
# Datasets at the edge of what can be trained on: one class, one image, links in circles, hidden files, names that differ by case;
# archives that would write elsewhere.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 4 --val 2 --classes 2 --size 48 --quiet
set -- d/train/*
first=${1##*/} second=${2##*/}
train() { # DATA [OPTION...]
    local data=$1
    shift
    rm -rf run
    timeout 100 "$REEL_BIN" train "$data" -o run --arch tiny --epochs 2 -b 4 --seed 1 --quiet --json "$@" >out 2>err
}
refused() { # DATA WORDS: one line, exit 1, nothing written
    local code=0
    train "$1" || code=$?
    [ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$2" err || fail "$1: exit $code, expected 1 and '$2': $(cat err)"
    [ ! -e run ] || fail "$1: refused, and left a folder"
}

# One class; one image; fewer than a batch. All of them train.
mkdir -p class/train class/val one/train one/val few/train few/val
cp -r "d/train/$first" class/train/ && cp -r "d/val/$first" class/val/
for side in train val; do
    mkdir "one/$side/$first"
    cp "$(find "d/$side/$first" -name '*.jpg' | sort | head -1)" "one/$side/$first/"
    for c in "$first" "$second"; do
        mkdir "few/$side/$c"
        cp "$(find "d/$side/$c" -name '*.jpg' | sort | head -1)" "few/$side/$c/"
    done
done
train class || fail "one class: exit $?: $(cat err)"
train one || fail "one image: exit $?: $(cat err)"
for b in 3 64; do train few -b $b || fail "two images, batches of $b: exit $?: $(cat err)"; done
grep -q '"step":2' out || fail "two images are one batch an epoch: $(cat out)"
: >"$(find one/train -type f)"
code=0
train one || code=$?
[ "$code" -eq 3 ] || fail "one image, and it is empty: exit $code, expected 3: $(cat err)"
grep -q "$first" err || fail "one image, and it is empty: not named: $(cat err)"

# Links in circles are gone around once; a dangling one is left out; hidden files are not images.
cp -r d links
ln -s . "links/train/$first/circle"
ln -s ../.. "links/train/$first/up"
ln -s "$PWD/links/train/$second" "links/train/$second/again"
train links || fail "links in circles: exit $?: $(cat err)"
[ ! -s run/bad_files.jsonl ] || fail "links in circles: $(cat run/bad_files.jsonl)"
cp -r d hidden
for c in hidden/train/*; do cp "$(find "$c" -name '*.jpg' | sort | head -1)" "$c/._copy.jpg"; done
mkdir hidden/train/.thumbnails
train d && mv run plain
train hidden || fail "hidden files: exit $?: $(cat err)"
cmp plain/model.safetensors run/model.safetensors || fail "hidden files changed the weights"
"$REEL_BIN" check hidden --quiet --json >out || fail "check: exit $?"
python3 -c 'import json; s = json.load(open("out"))["splits"]; assert (s["train"]["hidden"], s["val"]["hidden"]) == (3, 0), s' ||
    fail "hidden files are not counted: $(cat out)"
ln -s nowhere.jpg "links/train/$first/dangling.jpg"
train links --max-bad 0.5 -b 1 || fail "a dangling link: exit $?: $(cat err)"
grep -q "dangling.jpg.*No such file" run/bad_files.jsonl || fail "a dangling link: $(cat run/bad_files.jsonl err)"

# Classes: folders without images are none, in every command; one class would be left; other ones in val; two that differ by case.
cp -r d hollow && mkdir hollow/train/hollow hollow/val/hollow hollow/train/__MACOSX && touch hollow/train/hollow/.hidden.jpg
without="left out: 1 hidden, 3 folders without images: __MACOSX, hollow"
rm -rf run
"$REEL_BIN" train hollow -o run --arch tiny --epochs 1 -b 4 --seed 1 --no-report >out 2>err || fail "folders without images: exit $?: $(cat err)"
grep -qxF "$without" err && grep -q ", 2 classes;" err || fail "folders without images: $(cat err)"
"$REEL_BIN" check hollow --quiet >out || fail "check of folders without images: exit $?: $(cat out)"
grep -qxF "$without" out && grep -q "2 classes" out || fail "check of folders without images: $(cat out)"
"$REEL_BIN" eval hollow -w run --split train >out 2>err || fail "eval of folders without images: exit $?: $(cat err)"
grep -qxF "left out: 1 hidden, 2 folders without images: __MACOSX, hollow" err || fail "eval: folders without images: $(cat err)"
rm -rf run
cp -r d lone && rm -rf "lone/train/$second"/* "lone/val/$second"/*
refused lone "class folder $second holds no images"
train class || fail "one class: exit $?: $(cat err)"
grep -q "warning: class: $first is the only class: there is nothing to tell apart" err || fail "one class is not told: $(cat err)"
cp -r d other && mv "other/val/$second" other/val/zebra
refused other "classes differ: only in the training data: $second; only in the validation data: zebra"
cp -r d case
for side in train val; do mv "case/$side/$first" "case/$side/Ape" && mv "case/$side/$second" "case/$side/aPE"; done
train case || fail "classes that differ by case: exit $?: $(cat err)"
grep -q "warning: case: classes Ape and aPE differ only by case" err || fail "classes that differ by case: not told: $(cat err)"
train d
! grep -q "warning" err || fail "nothing is wrong with d: $(cat err)"

# Tars: nothing is unpacked, whatever a member is called or is; damage is named, and nothing is written then.
mkdir -p cage/in && cd cage/in
python3 - "../../d/train" <<'PY'
import glob, io, sys, tarfile
images = sorted(glob.glob(sys.argv[1] + "/*/*.jpg"))
outside = ["../escaped", "../../escaped", "/tmp/reel_escaped", "a/../../escaped", "./plain", "plain2"]
for split in "train", "val":
    with tarfile.open(split + "-0.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        def put(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for i, stem in enumerate(outside):
            put(stem + ".jpg", open(images[i % len(images)], "rb").read())
            put(stem + ".cls", b"%d" % (i % 2))
        for i, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)):
            info = tarfile.TarInfo("../link%d.jpg" % i)
            info.type, info.linkname = kind, "../../target"
            tar.addfile(info)
data = open("train-0.tar", "rb").read()
end = data.index(b"../link0.jpg")
for name, bad in (("cut_member", data[:2000]), ("cut_header", data[:data.index(b"../../escaped.jpg") + 300]),
                  ("checksum", data[:10] + b"x" + data[11:]), ("size", data[:124] + b"77777777777\0" + data[136:])):
    open("../" + name + ".bad", "wb").write(bad)
PY
cd ../..
state() { # what is here, and what must be nowhere
    find . -maxdepth 1 | sort
    find cage -type f -exec sha256sum {} + | sort
    find .. ../.. /tmp -maxdepth 1 \( -name '*escaped*' -o -name target -o -name 'link?.jpg' \)
}
rm -rf run
before=$(state)
"$REEL_BIN" check cage/in --quiet >check.txt || fail "check of tars: exit $?: $(cat check.txt)"
[ "$("$REEL_BIN" check cage/in --quiet --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["splits"]["train"]["images"])')" -eq 6 ] ||
    fail "expected the 6 files of the tar: $(cat check.txt)"
train cage/in || fail "tar with names that lead elsewhere: exit $?: $(cat err)"
"$REEL_BIN" pack cage/in packed --quiet || fail "pack of it: exit $?"
tar -tf packed/train-00000.tar | grep -q '^/\|\.\.' && fail "the packed shard has names that lead elsewhere: $(tar -tf packed/train-00000.tar)"
rm -rf run packed check.txt
[ "$(state)" = "$before" ] || fail "something was written: $(state)"
for bad in cut_member cut_header checksum size; do
    cp "cage/$bad.bad" cage/in/train-0.tar
    refused cage/in "train-0.tar"
done

# Another part than the data has is refused, and no other taken for it: Kaggle's layout of ImageNet has no labels for test/.
mkdir -p kaggle/ILSVRC/Data/CLS-LOC
cp -r d/train kaggle/ILSVRC/Data/CLS-LOC/train
"$REEL_BIN" train d -o weights --arch tiny --epochs 1 -b 4 --seed 1 --quiet --no-report
code=0
"$REEL_BIN" eval kaggle --weights weights --split test >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q test err || fail "test of Kaggle's layout: exit $code: $(cat out err)"

# CIFAR's test images are its validation images: checked once, and no duplicates of themselves.
python3 - <<'EOF'
import os
os.mkdir("cifar")
for name in "data_batch_1.bin", "test_batch.bin":
    open(f"cifar/{name}", "wb").write(b"".join(bytes([c]) + os.urandom(3072) for c in range(10)))
EOF
"$REEL_BIN" check cifar --quiet >out 2>err || fail "check of CIFAR: exit $?: $(cat err)"
if grep -q "same bytes" out || grep -q "^test" out; then fail "CIFAR's test images twice: $(cat out)"; fi

# A pack into DATA itself would hide what it was made of.
code=0
"$REEL_BIN" pack d d --quiet >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "another folder" err && [ ! -e d/pack.json ] || fail "pack into DATA: exit $code: $(cat err)"

# A schedule without its milestones; a folder's name with a slash behind it; an answer that cannot be written.
code=0
"$REEL_BIN" train d -o none --lr-scheduler multistep --quiet >out 2>err || code=$?
[ "$code" -eq 1 ] || [ "$code" -eq 2 ] && grep -q -- --lr-milestones err || fail "no milestones: exit $code: $(cat err)"
"$REEL_BIN" predict --weights weights "d/val/$first/" >out
if grep -q // out; then fail "two slashes: $(head -1 out)"; fi
code=0
"$REEL_BIN" eval d --weights weights --json --quiet >/dev/full 2>err || code=$?
[ "$code" -eq 1 ] && grep -q stdout err || fail "full: exit $code: $(cat err)"
