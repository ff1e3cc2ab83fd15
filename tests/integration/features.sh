#!/bin/bash
# reel predict --features: rows in the order of the images; a layer's values are what the next layers make of them; refusals.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3 to read safetensors with"; exit 77; }
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 8 --val 5 --classes 3 --size 48 --quiet
"$REEL_BIN" train d --arch tiny --epochs 2 -b 6 --no-report --quiet -o run >/dev/null
predict() { "$REEL_BIN" predict -w run "$@" 2>err || fail "predict $*: exit $?: $(cat err)"; }
mkdir photos
cp d/val/*/*.jpg photos
echo broken >photos/broken.jpg

# Four layers of the same 15 images: a map, the same map flat, and the two linear layers' inputs and outputs. A broken image has no row.
for layer in avgpool flatten classifier.1 classifier.2 classifier.3; do
    code=0
    "$REEL_BIN" predict -w run photos -b 4 --json --features $layer --features-out $layer.st >$layer.json 2>err || code=$?
    [ $code -eq 1 ] && grep -q "^features of layer $layer for 15 images written to $layer.st$" err || fail "$layer: exit $code: $(cat err)"
done
cat >check.py <<'P'
import json, math, struct, zlib

def read(path):
    blob = open(path, "rb").read()
    size, = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + size])
    metadata, tensors = header.pop("__metadata__"), {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        raw = blob[8 + size + begin:8 + size + end]
        assert t["dtype"] == "F32" and int(metadata["crc32." + name], 16) == zlib.crc32(raw), name
        tensors[name] = t["shape"], struct.unpack(f"<{len(raw) // 4}f", raw)
    return metadata, tensors

def rows(layer, shape):
    metadata, tensors = read(layer + ".st")
    assert list(tensors) == [layer] and metadata["layer"] == layer, tensors.keys()
    assert tensors[layer][0] == shape, (layer, tensors[layer][0])
    said = [i for i in json.load(open(layer + ".json"))["images"] if "error" not in i]
    assert json.loads(metadata["names"]) == [i["file"] for i in said], metadata["names"]
    d = len(tensors[layer][1]) // shape[0]
    return said, [tensors[layer][1][i * d:(i + 1) * d] for i in range(shape[0])]

weights = read("run/best.safetensors")[1]
def linear(name, x):
    (out, n), w = weights[name + ".weight"]
    b = weights[name + ".bias"][1]
    return [b[o] + sum(w[o * n + i] * x[i] for i in range(n)) for o in range(out)]

def near(a, b, what):
    scale = max(map(abs, b))
    assert len(a) == len(b) and all(abs(x - y) <= 1e-5 * scale for x, y in zip(a, b)), (what, a[:4], b[:4])

said, maps = rows("avgpool", [15, 16, 4, 4])
assert len(said) == 15
flat, hidden = rows("flatten", [15, 256])[1], rows("classifier.1", [15, 64])[1]
relu, scores = rows("classifier.2", [15, 64])[1], rows("classifier.3", [15, 3])[1]
for i in range(15):
    assert maps[i] == flat[i], "a map is not row-major"
    near(hidden[i], linear("classifier.1", flat[i]), "classifier.1")
    assert relu[i] == tuple(max(h, 0) for h in hidden[i]), "classifier.2"
    near(scores[i], linear("classifier.3", relu[i]), "classifier.3")
    e = [math.exp(s) for s in scores[i]]
    for p in said[i]["predictions"]:
        assert abs(e[p["index"]] / sum(e) - p["probability"]) < 1e-5, said[i]
assert len(set(flat)) == 15, "two images have the same row"
P
python3 check.py || fail "features are not what the layers compute"

# Names on stdin, another batch: the same rows. Nothing is replaced without --overwrite.
ls photos/*.jpg | grep -v broken | predict --features flatten -b 7 --features-out names.st - >out
python3 -c 'exec(open("check.py").read().split("weights =")[0])
a, b = read("flatten.st"), read("names.st")
assert a[0]["names"] == b[0]["names"] and a[1] == b[1]' || fail "names on stdin: other rows"
refused() { # refused CODE WORDS ARGUMENTS...
    local expected=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" predict -w run d/val "$@" >out 2>err || code=$?
    [ "$code" -eq "$expected" ] && [ ! -s out ] && [ "$(wc -l <err)" -le 2 ] && grep -qF -- "$words" err ||
        fail "predict $*: exit $code, expected $expected and \"$words\": $(cat err out)"
}
sha256sum names.st >before
refused 1 "--features-out: names.st is there already; choose another name, or replace it with --overwrite" --features flatten --features-out names.st
refused 1 "the network has no layer classifier.l; did you mean classifier.0, or classifier.1, or classifier.2?" --features classifier.l
refused 1 "--features: classifier is a block of layers; expected one of them, such as classifier.0, classifier.1, classifier.2, classifier.3 (" --features classifier
refused 1 "the network has no layer xyzzy; the last are classifier.1, classifier.2, classifier.3 (" --features xyzzy
refused 2 "--overwrite: expected --features or --annotate" --overwrite
refused 2 "--features-out: expected --features LAYER" --features-out other.st
refused 2 "--features: expected one view of an image, got ten by --ten-crop" --features flatten --ten-crop
refused 1 "--features-out: nowhere/f.st: cannot be created: No such file or directory" --features flatten --features-out nowhere/f.st
ln -s missing link.st
refused 1 "--features-out: link.st is there already" --features flatten --features-out link.st
refused 1 "--features-out: photos: expected the name of a file, found a folder" --features flatten --features-out photos
refused 1 "--features-out: photos: expected the name of a file, found a folder" --features flatten --features-out photos --overwrite
[ -L link.st ] || fail "a link that leads nowhere was replaced"
sha256sum --quiet -c before && [ ! -e other.st ] || fail "a refusal wrote a file"
predict d/val --features flatten --features-out names.st --overwrite -q >out
! sha256sum --quiet -c before >/dev/null 2>&1 && [ ! -s err ] || fail "--overwrite, --quiet: $(cat err)"
[ -z "$(find . -name '.reel*')" ] || fail "left behind: $(find . -name '.reel*')"

# An image that cannot be read, alone: no file.
! "$REEL_BIN" predict -w run photos/broken.jpg --features flatten --features-out none.st >out 2>err || fail "a broken image: exit 0"
[ ! -e none.st ] || fail "a broken image wrote rows"
