#!/bin/bash
# Weights as people have them: wrapped names in .pth and safetensors, class names from a file, sizes that lie, long headers.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 8 --val 4 --classes 4 --size 40 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 8 --quiet -o base >/dev/null
image=$(ls d/val/*/* | head -1)
cat >rewrite.py <<'PY'
"""rewrite.py IN OUT RULE...: a safetensors file with other names and no metadata. RULE: OLD=NEW replaces the beginning or a part of each name; +NAME=DTYPE:SHAPE adds a tensor of zeros."""
import json, math, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
header.pop("__metadata__", None)
out = {}
for name, t in header.items():
    for rule in sys.argv[3:]:
        old, new = rule.split("=")
        if not rule.startswith("+"):
            name = new + name if not old else name.replace(old, new)
    out[name] = t
for rule in sys.argv[3:]:
    if rule.startswith("+"):
        name, kind = rule[1:].split("=")
        dtype, shape = kind.split(":")
        shape = [int(n) for n in shape.split(",") if n]
        n = math.prod(shape) * {"F32": 4, "I32": 4, "BOOL": 1}[dtype]
        out[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + n]}
        body += bytes(n)
text = json.dumps(out).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + body)
PY
python3 rewrite.py base/best.safetensors plain.safetensors
"$REEL_BIN" eval d -w plain.safetensors -a tiny --json >base.eval
scores() { sed 's/"weights":"[^"]*"//' "$1" | grep -o '"loss":[0-9.e-]*' | head -1; }

# Wrapped names: the same figures, and one line that says what was left out.
wrapped() { # wrapped LINE RULE...
    local line=$1
    shift
    python3 rewrite.py base/best.safetensors w.safetensors "$@"
    python3 "$REEL_SOURCE/tests/support/safetensors_to_pth.py" w.safetensors w.pth
    for file in w.safetensors w.pth; do
        "$REEL_BIN" eval d -w $file -a tiny --json >out 2>said || fail "$* in $file: $(cat said)"
        [ "$(scores out)" = "$(scores base.eval)" ] || fail "$* in $file: other figures: $(scores out)"
        grep -qF "$line" said || fail "$* in $file: expected '$line', got: $(cat said)"
        "$REEL_BIN" eval d -w $file -a tiny --quiet 2>said >out || fail "$*"
        [ ! -s said ] || fail "$* in $file: --quiet says: $(cat said)"
    done
}
wrapped 'module.' =module.
wrapped '_orig_mod.' =_orig_mod.
wrapped 'left out of the names: "model."' =model.
wrapped 'left out of the names: "net.backbone."' =net.backbone.
wrapped 'left out of the names: "alexnet."' =alexnet. +criterion.weight=F32:4
wrapped 'left out of the names: "module."' features.=features.module.
wrapped 'left out of the names: "model.", "module."' =model. features.=features.module.
# Where no tensor fits, there is no word of names.
python3 rewrite.py base/best.safetensors w.safetensors =model.
printf 'input 3x32x32\nfeatures:\n    Conv2d 5 3\n    GlobalAvgPool2d\nclassifier:\n    Flatten\n    Linear classes\n' >other.net
! "$REEL_BIN" train d -w w.safetensors -a other.net -o other >out 2>said || fail "weights of another network: exit 0"
grep -q 'weights do not fit' said && ! grep -q 'left out of the names' said || fail "weights of another network: $(cat said)"
python3 rewrite.py base/best.safetensors w.safetensors =encoder.
"$REEL_BIN" finetune d -w w.safetensors -a tiny --epochs 1 -b 8 -o tuned >out 2>said || fail "finetune: $(cat said)"
grep -qF 'left out of the names: "encoder."' said || fail "finetune does not tell the names: $(cat said)"
grep -q 'loaded    8 tensors' said || fail "finetune from wrapped names: $(cat said)"

# Integers and bool are passed over by name.
python3 rewrite.py base/best.safetensors w.safetensors +mask=BOOL:3 +steps=I32:2
"$REEL_BIN" eval d -w w.safetensors -a tiny --json >out 2>said || fail "other dtypes: $(cat said)"
grep -q 'passed over: .*mask (BOOL)' said && grep -q 'steps (I32)' said || fail "other dtypes: $(cat said)"

# A size that lies is compared before memory is taken for it.
python3 rewrite.py base/best.safetensors w.safetensors classifier.3.weight=other +classifier.3.weight=F32:10000000,0
code=0 most=4000000
if grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN"; then most=unlimited; fi # sanitizers reserve terabytes
(ulimit -v $most && "$REEL_BIN" eval d -w w.safetensors -a tiny --threads 1 -j 1) >out 2>&1 || code=$?
[ $code = 1 ] || fail "[10000000,0]: exit code $code: $(cat out)"
grep -q 'expected (10000000, 64), got (10000000, 0)' out || fail "[10000000,0]: $(cat out)"

# Class names: from a file (CRLF, a byte order mark, a blank line at the end), stored by convert.
printf '\xef\xbb\xbfsky \r\ngrass\r\nbrick\r\nsand\r\n\r\n' >names
python3 rewrite.py base/best.safetensors w.safetensors
"$REEL_BIN" predict "$image" -w w.safetensors -a tiny --classes names >out || fail "predict --classes"
grep -q '%  sky$' out && grep -q '%  sand$' out || fail "predict --classes: $(cat out)"
"$REEL_BIN" convert w.safetensors named.safetensors -a tiny --classes names --quiet
"$REEL_BIN" predict "$image" -w named.safetensors >stored
cmp out stored || fail "convert --classes: $(cat stored)"
ls -d d/val/*/ | sed 's|d/val/||; s|/||' >own
"$REEL_BIN" eval d -w w.safetensors -a tiny --classes own --json >out
grep -q "\"$(head -1 own)\"" out || fail "eval --classes: $(cat out)"
code=0
"$REEL_BIN" eval d -w w.safetensors -a tiny --classes names >out 2>&1 || code=$?
[ $code = 1 ] && grep -q "classes differ" out || fail "eval with other classes: $(cat out)"
code=0
"$REEL_BIN" predict "$image" -w w.safetensors -a tiny --classes rewrite.py >out 2>&1 || code=$?
[ $code = 1 ] && grep -q 'expected 4 names' out || fail "predict --classes with too many: $(cat out)"

# 1,000 classes without names are ImageNet's.
python3 rewrite.py base/best.safetensors w.safetensors classifier.3.=other. +classifier.3.weight=F32:1000,64 +classifier.3.bias=F32:1000
python3 - <<'PY'
import json, struct
data = open("w.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
out, kept = {}, b""
for name, t in header.items():
    if not name.startswith("other."):
        begin, end = t["data_offsets"]
        out[name] = {**t, "data_offsets": [len(kept), len(kept) + end - begin]}
        kept += body[begin:end]
text = json.dumps(out).encode()
open("w.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + kept)
PY
"$REEL_BIN" predict "$image" -w w.safetensors -a tiny -k 2 >out 2>said || fail "1,000 classes: $(cat said)"
grep -q '%  tench$' out && grep -q '%  goldfish$' out || fail "1,000 classes: $(cat out)"
grep -q "ImageNet's names" said || fail "1,000 classes: $(cat said)"

# Long class names, each character of which takes four in the header (1.8 MB): what was trained can be saved and read.
python3 - <<'PY'
import glob
images = sorted(glob.glob("d/train/*/*"))[:12]
for split in "train", "val":
    open(f"d/{split}.txt", "w").writelines(f"{images[i % 12][2:]}\t{i:05d}_{chr(92) * 194}\n" for i in range(2300))
PY
mkdir long && mv d/train.txt d/val.txt long && cp -r d/train long/train_images && sed -i 's|^train/|train_images/|' long/*.txt
"$REEL_BIN" train long -o many --arch tiny -b 8 --max-steps 1 --no-report --quiet >out 2>&1 || fail "2,300 long names: $(tail -1 out)"
"$REEL_BIN" predict "$image" -w many -k 1 >out 2>&1 || fail "2,300 long names: $(tail -1 out)"
grep -q '%  0[0-9]*_\\\\\\\\' out || fail "2,300 long names: $(cat out)"
