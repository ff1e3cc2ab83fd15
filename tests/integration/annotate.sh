#!/bin/bash
# reel predict --annotate: upright pictures of the input's format with a band of text; free names; nothing replaced untold.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3 to look at pictures with"; exit 77; }
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 6 --val 3 --classes 3 --size 200 --quiet
mv d/train/cross "d/train/très joli"
mv d/val/cross "d/val/très joli"
"$REEL_BIN" train d --arch tiny --epochs 1 -b 6 --no-report --quiet -o run >/dev/null

# One picture as JPEG, turned PNG and PPM, two of one name; PPM becomes PNG.
mkdir -p in/a in/b
one=$(find d/val -name '*.jpg' | sort | head -1)
cp "$one" in/a/x.jpg
cp "$one" in/b/x.jpg
cat >draw.py <<'P'
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
w, h = 190, 120
pixels = [[(200, 40, 40) if x < 95 else (40, 200, 240) for x in range(w)] for y in range(h)]
rows = b"".join(b"\0" + b"".join(map(bytes, row)) for row in pixels)
tiff = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x112, 3, 1, 6) + struct.pack("<I", 0)  # to be turned clockwise
open("in/turned.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) +
    chunk(b"eXIf", tiff) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
open("in/plain.ppm", "wb").write(b"P6 %d %d 255\n" % (w, h) + b"".join(bytes(p) for row in pixels for p in row))
open("in/small.ppm", "wb").write(b"P6 9 9 255\n" + bytes(9 * 9 * 3))
P
python3 draw.py
echo broken >in/broken.jpg
find in -type f | sort | xargs sha256sum >before
code=0
"$REEL_BIN" predict -w run in --annotate out --json >said 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "in/broken.jpg: " err && grep -q "^5 pictures with class and probability in out$" err || fail "exit $code: $(cat err)"
sha256sum --quiet -c before || fail "a source has changed"
[ "$(ls -A out | xargs)" = ".reel-written plain.png small.png turned.png x-2.jpg x.jpg" ] || fail "names: $(ls -A out)"
[ "$(head -c 2 out/x.jpg | od -An -tx1)" = " ff d8" ] || fail "x.jpg is no JPEG"
"$REEL_BIN" predict -w run out --json >/dev/null 2>err || fail "the pictures cannot be read: $(cat err)"

printf 'Ia\nIb\nIc\n' >classes.txt
"$REEL_BIN" predict -w run in/plain.ppm --classes classes.txt --annotate letters --quiet >/dev/null
# A name of 254 bytes that gets an extension: the end of its stem makes room, and no character is cut.
long=$(printf 'é%.0s' $(seq 127))
cp "$one" "$long"
"$REEL_BIN" predict -w run "$long" --annotate long --quiet >/dev/null 2>err || fail "a long name: $(cat err)"
[ "$(ls long)" = "$(printf 'é%.0s' $(seq 125)).jpg" ] || fail "a long name: $(ls long)"

cat >look.py <<'P'
import json, struct, zlib
def read(path):
    b, at, data = open(path, "rb").read(), 8, b""
    while at < len(b):
        n, kind = struct.unpack(">I4s", b[at:at + 8])
        if kind == b"IHDR": w, h, depth, colour = struct.unpack(">IIBB", b[at + 8:at + 18])
        if kind == b"IDAT": data += b[at + 8:at + 8 + n]
        assert kind not in (b"eXIf",), "the orientation is still there"
        at += 12 + n
    raw, rows, last = zlib.decompress(data), [], bytes(3 * w)
    assert depth == 8 and colour == 2
    for y in range(h):
        f, line = raw[y * (3 * w + 1)], bytearray(raw[y * (3 * w + 1) + 1:(y + 1) * (3 * w + 1)])
        for i in range(3 * w):
            a, up, c = (line[i - 3] if i > 2 else 0), last[i], (last[i - 3] if i > 2 else 0)
            p = a + up - c
            paeth = min((abs(p - a), 0, a), (abs(p - up), 1, up), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + (0, a, up, (a + up) // 2, paeth)[f]) & 255
        rows.append([tuple(line[3 * x:3 * x + 3]) for x in range(w)])
        last = line
    return rows
rows = read("out/turned.png")
assert len(rows) == 190 and len(rows[0]) == 120, "not turned upright"
assert rows[0][0] == (200, 40, 40) and rows[120][119] == (40, 200, 240), "turned the wrong way"
plain = read("out/plain.png")
for name, picture in ("turned", rows), ("plain", plain):
    h, w, band = len(picture), len(picture[0]), 14  # 120 pixels: letters of scale 1
    above = [p for row in picture[:h - band] for p in row]
    assert set(above) == {(200, 40, 40), (40, 200, 240)}, name + ": changed above the band"
    below = [p for row in picture[h - band:] for p in row]
    white = below.count((255, 255, 255))
    assert set(below) == {(50, 10, 10), (10, 50, 60), (255, 255, 255)} - ({(50, 10, 10)} if name == "turned" else set()), set(below)
    assert 60 < white < 600, (name, white)
# A class whose name begins with I: the letter stands in the band, between its margins.
named = [["#" if p == (255, 255, 255) else "." for p in row[2:7]] for row in read("letters/plain.png")[-10:-3]]
assert ["".join(row) for row in named] == [".###."] + ["..#.."] * 5 + [".###."], named
# The answers tell which picture became which file.
said = {i["file"]: i for i in json.load(open("said"))["images"]}
assert said["in/plain.ppm"]["annotated"] == "out/plain.png" and said["in/b/x.jpg"]["annotated"] == "out/x-2.jpg", said
assert "annotated" not in said["in/broken.jpg"]
P
python3 look.py || fail "the pictures are wrong"

# Again: nothing is replaced untold; --overwrite gives the same bytes, and no third x.jpg.
find out -name '*.*g' | sort | xargs sha256sum >before
refused() { # refused CODE WORDS ARGUMENTS...
    local expected=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" predict -w run "$@" >said 2>err || code=$?
    [ "$code" -eq "$expected" ] && grep -qF -- "$words" err || fail "predict $*: exit $code, expected $expected and \"$words\": $(cat err)"
    find out -name '*.*g' | sort | xargs sha256sum | cmp - before || fail "predict $*: pictures have changed"
}
refused 1 "--annotate: out/x.jpg is there already; choose another folder, or replace pictures with --overwrite" in/a --annotate out
refused 1 "--annotate in: it is the folder of the images; expected another one" in --annotate in
refused 1 "--annotate: out/x.jpg is the picture itself; choose another folder" - --annotate out --overwrite <<<out/x.jpg
refused 1 "--annotate out: it is the folder of the image out/x.jpg; expected another one" in/a/x.jpg out/x.jpg -b 1 --annotate out --overwrite
refused 1 "said: the folder cannot be created: File exists" in/a --annotate said
"$REEL_BIN" predict -w run in --annotate out --overwrite --quiet >said 2>err || true
find out -name '*.*g' | sort | xargs sha256sum | cmp - before || fail "--overwrite: $(ls out)"
[ "$(wc -l <err)" -eq 1 ] || fail "--quiet: $(cat err)"

# Bytes on stdin, and beside --copy-into.
"$REEL_BIN" predict -w run --annotate named --copy-into sorted - <"$one" >said 2>err || fail "bytes on stdin: $(cat err)"
[ "$(ls named)" = stdin.jpg ] && cmp "$one" sorted/*/stdin.jpg || fail "bytes on stdin: $(find named sorted)"
cmp named/stdin.jpg out/x.jpg || fail "bytes on stdin: another picture than of the file"

# No picture gets among those of others: a class folder that is read, one that is not, a new class of a data set, an image that lies
# in a listed place but is another. Nothing is written.
find d -type f -print0 | sort -z | xargs -0 sha256sum >data
apart() { # apart WORDS ARGUMENTS...
    local words=$1 code=0
    shift
    "$REEL_BIN" predict -w run "$@" >said 2>err || code=$?
    [ "$code" -eq 1 ] && [ "$(wc -l <err)" -le 2 ] && [ ! -s said ] && tr '\n' ' ' <err | grep -qF -- "$words" ||
        fail "predict $*: exit $code, expected 1 and \"$words\": $(cat err)"
    find d -type f -print0 | sort -z | xargs -0 sha256sum | cmp - data || fail "predict $*: the data set has changed"
}
class=$(basename "$(dirname "$one")")
for overwrite in "" --overwrite; do
    apart "--annotate d/val/$class: it lies in d/val, whose images are read" d/val --annotate "d/val/$class" $overwrite
    apart "--annotate d/val/$class: it holds $class-" d/train --annotate "d/val/$class" $overwrite
    apart ", which Reel did not write; expected a new folder, or one of an earlier --annotate" in/a --annotate "d/train/$class" $overwrite
    apart "--annotate d/val: it holds " in/a --annotate d/val $overwrite
    apart "--annotate d/val/new/: it would be a class of the data set $PWD/d/val; expected another folder" in/a --annotate d/val/new/ $overwrite
    apart "--annotate d/new/one: it lies in d, whose images are read; expected a folder outside" d --annotate d/new/one $overwrite
done
apart "--copy-into d/train: it holds " in/a --copy-into d/train
apart "--copy-into d/val/new: it would be a class of the data set " in/a --copy-into d/val/new
"$REEL_BIN" predict -w run in/a/x.jpg --annotate "new dir/sub/" --quiet >/dev/null 2>err || fail "parents: $(cat err)"
cmp "new dir/sub/x.jpg" out/x.jpg || fail "parents: another picture"
cp "$one" "new dir/sub/x.jpg"
code=0
"$REEL_BIN" predict -w run in/a/x.jpg --annotate "new dir/sub" --overwrite >said 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "new dir/sub/x.jpg is no picture that --annotate wrote, or has changed" err || fail "an original under a listed name: $(cat err)"
cmp "$one" "new dir/sub/x.jpg" || fail "an original under a listed name was replaced"
