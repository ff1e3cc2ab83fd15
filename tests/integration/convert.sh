#!/bin/bash
# reel convert and reel summary: from either kind of .pth, whichever PyTorch wrote it, come the same bytes; nothing is lost on the
# way from safetensors to safetensors; what is refused is refused before a file is touched.
set -eu
fail() {
    echo "$1"
    exit 1
}
pth=$REEL_SOURCE/tests/support/pth
"$REEL_BIN" convert "$pth/t113-zip.pth" one.safetensors --json >out
grep -q '"format":"pth".*"tensors":14,"elements":207' out || fail "convert --json: $(cat out)"
for name in t113-legacy t113-deflated t213-zip t213-legacy t213-deflated; do
    "$REEL_BIN" convert "$pth/$name.pth" two.safetensors --quiet
    cmp one.safetensors two.safetensors || fail "$name.pth: other bytes than t113-zip.pth"
done
"$REEL_BIN" convert one.safetensors two.safetensors --quiet
cmp one.safetensors two.safetensors || fail "safetensors to safetensors: other bytes"
python3 - <<'PY'
import json, struct
data = open("one.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8 : 8 + size])
kinds = {name: (t["dtype"], t["shape"]) for name, t in header.items() if name != "__metadata__"}
assert kinds["half"] == ("F16", [2, 5]) and kinds["bfloat"] == ("BF16", [4]) and kinds["long"] == ("I64", [6]), kinds
begin, end = header["channels_last"]["data_offsets"]
values = struct.unpack("<120f", data[8 + size :][begin:end])
assert list(values) == [((7 * i + 3 * 7) % 61 - 30) / 4 for i in range(120)], values
PY
"$REEL_BIN" summary "$pth/t113-legacy.pth" >out
grep -q '^bfloat  *bfloat16  *(4)  *8 bytes' out && grep -q '^14 tensors, 207 elements' out || fail "summary: $(cat out)"
"$REEL_BIN" summary one.safetensors --json >out
grep -q '"format":"safetensors","elements":207,"bytes":836' out || fail "summary --json: $(cat out)"

# --dtype bf16: numbers are rounded to nearest, ties to even; whole numbers stay; twice gives the same bytes.
"$REEL_BIN" convert one.safetensors half.safetensors --dtype bf16 --quiet
"$REEL_BIN" convert half.safetensors same.safetensors --dtype bf16 --quiet
cmp half.safetensors same.safetensors || fail "bf16 to bf16: other bytes"
python3 - <<'PY'
import json, struct
def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]
one, one_data = read("one.safetensors")
half, half_data = read("half.safetensors")
def raw(header, data, name):
    begin, end = header[name]["data_offsets"]
    return data[begin:end]
for name in one:
    if name == "__metadata__":
        continue
    kind = one[name]["dtype"]
    assert half[name]["dtype"] == ("I64" if kind == "I64" else "BF16"), name
    if kind == "F32":
        words = [w[0] for w in struct.iter_unpack("<I", raw(one, one_data, name))]
        rounded = [(w + 0x7FFF + (w >> 16 & 1)) >> 16 for w in words]
        assert rounded == [h[0] for h in struct.iter_unpack("<H", raw(half, half_data, name))], name
PY

# A network's weights keep their card, get one where it is asked for, and lose nothing as ONNX.
"$REEL_BIN" synth d --train 4 --val 2 --classes 5 --size 40 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 -o run --quiet >/dev/null
"$REEL_BIN" convert run/model.safetensors copy.safetensors --quiet
cmp run/model.safetensors copy.safetensors || fail "a model's copy has other bytes"
"$REEL_BIN" convert run/model.safetensors model.onnx --quiet
grep -q preprocessing model.onnx && grep -q Gemm model.onnx || fail "model.onnx has no preprocessing or no Gemm"
"$REEL_BIN" summary model.onnx >out
"$REEL_BIN" summary run/model.safetensors >expected
grep ' bytes$' expected | sort >rows
grep ' bytes$' out | grep -v '^avgpool' | sort | cmp - rows || fail "summary of ONNX: other tensors: $(cat out)"
grep -q '^arch: tiny' out && grep -q '^classes: ' out || fail "summary of ONNX: no metadata: $(cat out)"
for size in 1 20 300 5000; do # cut anywhere, it is refused
    head -c $size model.onnx >cut.onnx
    if "$REEL_BIN" summary cut.onnx >out 2>&1; then fail "an ONNX file cut at $size passes: $(cat out)"; fi
    grep -q "cut.onnx: is not an ONNX model, or damaged" out || fail "an ONNX file cut at $size: $(cat out)"
done
printf 'one\ntwo\nthree\nfour\nfive\n' >names
"$REEL_BIN" convert run/model.safetensors named.safetensors --classes names --quiet
"$REEL_BIN" summary named.safetensors | grep -q 'classes: \["one","two","three","four","five"\]' || fail "class names were not put in"

refuse() { # code word command...
    local code=0 expected=$1 word=$2
    shift 2
    "$REEL_BIN" "$@" >out 2>err || code=$?
    [ "$code" -eq "$expected" ] && grep -q "$word" err || fail "$*: exit $code, expected $expected and '$word': $(cat err)"
}
# A file that is there stays, unless it would get the same bytes. A run's weights are such a file.
refused_bytes() { # file
    sha256sum "$1" >was
    refuse 1 "$1 is there already, with other bytes; choose another name, or replace it with --overwrite" convert one.safetensors "$1"
    sha256sum --quiet -c was || fail "$1 was replaced"
    [ -z "$(find . -name '.reel*')" ] || fail "left behind: $(find . -name '.reel*')"
}
echo mine >mine.safetensors
ln -s nothing link.safetensors
refused_bytes mine.safetensors
refused_bytes run/best.safetensors
refused_bytes copy.safetensors
refuse 1 'link.safetensors is there already' convert one.safetensors link.safetensors
"$REEL_BIN" convert run/model.safetensors model.onnx --quiet || fail "the same conversion twice: exit $?"
refuse 1 'model.onnx is there already' convert run/model.safetensors model.onnx --classes names
"$REEL_BIN" convert one.safetensors mine.safetensors --overwrite --quiet
cmp one.safetensors mine.safetensors || fail "--overwrite: other bytes"
refuse 2 'PyTorch reads .safetensors' convert one.safetensors one.pth
refuse 2 'ends in .safetensors or .onnx' convert one.safetensors one
refuse 2 'an ONNX file holds float32' convert one.safetensors one.onnx --dtype bf16
refuse 1 'classifier' convert one.safetensors one.onnx
refuse 1 'an ONNX model' convert model.onnx again.safetensors
refuse 1 'expected 5 names' convert run/model.safetensors x.onnx --class-names "$pth/../make_pth.py"
python3 - <<'PY'
import os, pickle
class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)
magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
open("evil.pth", "wb").write(magic + pickle.dumps({"a": Evil()}, 2) + pickle.dumps([], 2))
PY
refuse 1 'posix.system' convert evil.pth evil.safetensors
refuse 1 'posix.system' summary evil.pth
for name in one.pth again.safetensors one.onnx x.onnx evil.safetensors executed; do
    [ ! -e "$name" ] || fail "$name is there after a refusal"
done
