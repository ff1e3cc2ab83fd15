#!/bin/bash
# A resumed run validates on the images that it began with: a list that came, went or took the place of another is refused in one line.
set -eu
# shellcheck source-path=SCRIPTDIR source=../support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
"$REEL_BIN" synth d --train 6 --val 2 --classes 3 --size 32 --quiet
mkdir t
mv d/train t/images
python3 - <<'PY'
import glob
files = sorted(name[2:] for name in glob.glob("t/images/*/*.jpg"))
def put(name, title, rows):
    open(name, "w").write("\n".join([title] + rows) + "\n")
put("t/train.csv", "file,label,split", [f"{f},{f.split('/')[1]},{'train' if i % 3 else 'val'}" for i, f in enumerate(files)])
put("dev.csv", "file,label", [f"{f},{f.split('/')[1]}" for f in files[::2]])
PY
begin() { "$REEL_BIN" train t --arch tiny --epochs 2 -b 4 --max-steps 2 --quiet -o "$1" >out 2>err || fail "$1: $(cat err)"; }
refused() { # refused RUN WORDS: one line with the words, the run as it was
    local code=0 before
    before=$(sum "$1")
    "$REEL_BIN" train --resume auto -o "$1" --quiet >out 2>err || code=$?
    [ "$code" -eq 1 ] || fail "$1: exit $code: $(cat err)"
    [ "$(grep -c "expected the" err)" -eq 1 ] && grep -qF -- "$2" err || fail "$1: without \"$2\": $(cat err)"
    [ "$(sum "$1")" = "$before" ] || fail "$1: the run has changed"
}
goes_on() { "$REEL_BIN" train --resume auto -o "$1" --quiet >out 2>err || fail "$1: $(cat err)"; }

# The column of the training list, then a list beside it.
begin column
cp -r column old
cp dev.csv t/dev.csv
refused column "t: expected the validation images of a column of the training list, which the run began with, got those of dev.csv"
# A run of an earlier version did not write down which list it was: its checkpoint is one without that line.
python3 - <<'PY'
import glob, re, struct, zlib
for name in glob.glob("old/checkpoint-*"):
    blob = open(name, "rb").read()
    size, = struct.unpack("<Q", blob[:8])
    header, rest = blob[8:8 + size], blob[8 + size:]
    assert header.count(b"val_list") == 1
    header = re.sub(rb'("crc32.header":")[0-9a-f]{8}"', rb'\1        "', header.replace(b"val_list", b"not_told"))
    crc = b"%08x" % zlib.crc32(header)
    header = header.replace(b'"crc32.header":"        "', b'"crc32.header":"' + crc + b'"')
    assert len(header) == size and crc in header
    open(name, "wb").write(blob[:8] + header + rest)
PY
sed -i '/"val_list"/d' old/config.json
refused old "t: expected the 6 validation images that the run began with, got the 9 of dev.csv"

# And the other way round; a list that was renamed.
begin beside
mv t/dev.csv t/val.csv
refused beside "expected the validation images of dev.csv, which the run began with, got those of val.csv"
rm t/val.csv
refused beside "expected the validation images of dev.csv, which the run began with, got those of a column of the training list"
goes_on column
mv column/config.json c.json
grep -q '"val_list": "."' c.json || fail "config.json: $(grep val_list c.json)"

# Other images in the same list: a warning, as for training images.
head -8 dev.csv >t/dev.csv
goes_on beside
grep -q "there were 9 validation images and are 7 now" err || fail "fewer images: $(cat err)"
