#!/bin/bash
# A folder as phones and scanners leave it: every format, names that say something else, none at all, and what is not decoded. All
# that is an image is trained on and predicted; all else is counted by kind.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
told=(--arch tiny -b 4 --seed 3 --threads 1 --workers 1 --no-report)

# Stored images of each format, under names of three kinds: their own, another's, and without an extension.
python3 - "$REEL_SOURCE/tests/support/formats.tsv" <<'PY'
import base64, os, sys
stored = {}
for line in open(sys.argv[1]):
    name, _, _, text = line.rstrip("\n").split("\t")
    stored[name] = base64.b64decode(text)
wanted = {
    "cat": ["lossy_60.webp", "lossless_alpha.webp", "animated.webp", "8_bits_header_40.bmp", "rle8.bmp", "32_bits.bmp"],
    "dog": ["interlaced.gif", "animated.gif", "rgb_16_little.tif", "bits_group4.tif", "rgb_jpeg_50.tif", "ink.tif"],
}
for label, names in wanted.items():
    os.makedirs("d/" + label)
    for i, name in enumerate(names):
        base, extension = os.path.splitext(name)
        for to in (name, base + (".jpg_large" if i % 2 else ".jpg"), base):
            open("d/%s/%s" % (label, to), "wb").write(stored[name])
heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
others = {"a.heic": heic, "b.HEIC": heic, "IMG_0001": heic, "c.mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42mp41",
          "d.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "e.pdf": b"%PDF-1.7\n", "f.txt": b"words\n", ".hidden": b"x"}
for name, data in others.items():
    open("d/cat/" + name, "wb").write(data)
open("photo.heic", "wb").write(heic)
PY

code=0
"$REEL_BIN" check d --json --quiet >check.json 2>err || code=$?
if grep -q "this build has no" check.json; then # each missing library is named, with how to get it
    grep -q "install it (Debian: lib[a-z]*-dev), remove the build folder and build again" check.json || fail "$(cat check.json)"
    exit 77
fi
[ "$code" -eq 0 ] || fail "check: exit $code: $(cat err check.json)"
python3 - <<'PY' || fail "check: $(cat check.json)"
import json
found = json.load(open("check.json"))
assert found["images"] == 36 and "corrupt" not in found["findings"], found
assert found["findings"]["misnamed"]["count"] == 6, found
PY

expect_left() { # WHAT FILE
    local kind
    for kind in "2 .heic (cannot be decoded)" "1 HEIC photograph (cannot be decoded)" "1 .mp4 (cannot be decoded)" \
        "1 .cr2 (cannot be decoded)" "1 .pdf (cannot be decoded)" "1 .txt" "1 hidden"; do
        grep "^left out: " "$2" | grep -qF -- "$kind" || fail "$1: expected '$kind', got: $(grep 'left out' "$2")"
    done
    [ "$(grep -c "^left out: " "$2")" -eq 1 ] || fail "$1: left out is said $(grep -c "^left out: " "$2") times"
}
"$REEL_BIN" train d -o run "${told[@]}" --max-steps 1 --val-share 0.2 >out 2>err || fail "train: exit $?: $(cat err)"
expect_left train err
"$REEL_BIN" finetune d -o tuned --weights run/model.safetensors --no-report --threads 1 --workers 1 --max-steps 1 >out 2>err ||
    fail "finetune: exit $?: $(cat err)"
expect_left finetune err
"$REEL_BIN" predict -w run d >out 2>err || fail "predict: exit $?: $(cat err)"
expect_left predict err
for name in cat/lossy_60 cat/rle8.jpg dog/interlaced.gif dog/bits_group4 dog/ink.jpg_large; do
    grep -q "$name" out || fail "predict leaves out $name: $(cat out)"
done

# Shards: a field is what its bytes say; a label whose image is not decoded is counted.
python3 - <<'PY'
import io, os, tarfile
os.mkdir("shards")
image, heic = open("d/cat/lossy_60.webp", "rb").read(), open("photo.heic", "rb").read()
for split in "train", "val":
    with tarfile.open(f"shards/{split}-0.tar", "w") as tar:
        for n, field in enumerate(["webp", "webp", "picture", "jfif", "heic", ""]):
            fields = [("cls", b"%d" % (n % 2))] + ([(field, heic if field == "heic" else image)] if field else [])
            for name, content in fields:
                info = tarfile.TarInfo(f"{n:03}.{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
PY
"$REEL_BIN" check shards >out 2>err || fail "check shards: exit $?: $(cat err)"
grep -q "^train  *4 images" out && grep -q "^left out: 2 .heic (cannot be decoded), 2 label (without an image)" out ||
    fail "shards: $(cat out)"

# An image of its own is named, with what to do.
code=0
"$REEL_BIN" predict -w run photo.heic >out 2>err || code=$?
[ "$code" -ne 0 ] && grep -q "photo.heic: HEIC photograph: convert it to JPEG" out err || fail "one HEIC: exit $code: $(cat out err)"

# A class of nothing else says why it is empty.
mkdir -p heap/cat heap/dog && cp d/cat/lossy_60.webp heap/cat/ && cp photo.heic heap/dog/
code=0
"$REEL_BIN" train heap -o none "${told[@]}" >out 2>err || code=$?
[ "$code" -ne 0 ] && grep -q "heap: class folder dog: 1 HEIC photograph, which Reel cannot read: convert it to JPEG$" err || fail "a class of HEIC: exit $code: $(cat err)"
cp photo.heic heap/dog/second.heic
for command in "train heap -o none ${told[*]}" "predict -w run heap/dog"; do
    # shellcheck disable=SC2086
    "$REEL_BIN" $command >out 2>err && fail "$command: two HEIC photographs are read"
    grep -q "2 HEIC photographs, which Reel cannot read: convert them to JPEG$" err || fail "$command: $(cat err)"
done
