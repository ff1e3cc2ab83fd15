#!/bin/bash
# Fine-tuning: what fits is loaded, the head is made for the classes at hand, frozen layers keep their bits, images held back are
# recorded, and a run that was cut goes on as if it had not been.
set -eu
fail() {
    echo "$1"
    exit 1
}
crc() { head -c 20000 "$1" | grep -ao "\"crc32.$2\":\"[0-9a-f]*\"" | head -1; } # of one tensor of a file

"$REEL_BIN" synth d --train 20 --val 5 --classes 4 --size 48 --quiet
"$REEL_BIN" synth e --train 15 --val 5 --classes 3 --size 48 --seed 5 --quiet
"$REEL_BIN" train d --arch tiny --epochs 2 -b 8 --quiet -o base >base.log
tune() { # tune OUT OPTIONS
    local out=$1
    shift
    "$REEL_BIN" finetune "$@" --epochs 3 -b 8 --lr 0.05 -o "$out" >"$out.log" 2>"$out.err" || fail "finetune $*: $(cat "$out.err")"
}

tune all e --weights base/best.safetensors
grep -q "replaced  classifier.3.weight: (3, 64) here, (4, 64) in the file" all.err || fail "the new head is not told: $(cat all.err)"
grep -q "loaded    6 tensors" all.err || fail "what was loaded is not told: $(cat all.err)"
[ ! -e all/split.json ] || fail "DATA has val/, and images were held back all the same"

# As many classes, but others: a head that fits is not theirs. The same classes keep it.
"$REEL_BIN" synth other --train 15 --val 5 --classes 4 --size 48 --seed 5 --quiet
for part in train val; do for class in other/$part/*; do mv "$class" "${class%/*}/my-${class##*/}"; done; done
tune renamed other --weights base/best.safetensors --freeze '*.1.*'
grep -q "replaced  classifier.3.\*: as many classes, but with other names; starts anew" renamed.err ||
    fail "a head of other classes: $(cat renamed.err)"
grep -q "loaded    6 tensors" renamed.err || fail "a head of other classes: $(cat renamed.err)"
[ "$(crc renamed/model.safetensors classifier.3.weight)" != "$(crc base/best.safetensors classifier.3.weight)" ] ||
    fail "the head of other classes was kept"
[ "$(crc renamed/model.safetensors classifier.1.weight)" = "$(crc base/best.safetensors classifier.1.weight)" ] ||
    fail "the layer before the head was not loaded"
tune same d --weights base/best.safetensors --freeze '*.3.*'
[ "$(crc same/model.safetensors classifier.3.weight)" = "$(crc base/best.safetensors classifier.3.weight)" ] ||
    fail "the head of the same classes was not kept"

# train takes them alike, and says as much. A learning rate of 0 shows what it began with.
start() { "$REEL_BIN" train "$2" --weights base/best.safetensors --lr 0 --epochs 1 -b 8 -o "$1" >"$1.log" 2>"$1.err" || fail "train $2: $(cat "$1.err")"; }
start train_other other
grep -q "^weights from base/best.safetensors:" train_other.err || fail "train: which weights is not told: $(cat train_other.err)"
grep -q "replaced  classifier.3.\*: as many classes, but with other names; starts anew" train_other.err ||
    fail "train, a head of other classes: $(cat train_other.err)"
[ "$(crc train_other/model.safetensors classifier.3.weight)" != "$(crc base/best.safetensors classifier.3.weight)" ] ||
    fail "train kept the head of other classes"
[ "$(crc train_other/model.safetensors classifier.1.weight)" = "$(crc base/best.safetensors classifier.1.weight)" ] ||
    fail "train did not load the layer before the head"
start train_same d
grep -q "loaded    8 tensors, 18484 values" train_same.err || fail "train, the same classes: $(cat train_same.err)"
[ "$(crc train_same/model.safetensors classifier.3.weight)" = "$(crc base/best.safetensors classifier.3.weight)" ] ||
    fail "train did not keep the head of the same classes"

# Weights that name no classes, as PyTorch's: that a head of as many classes was kept is said.
python3 - base/best.safetensors bare.safetensors <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
(size,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + size])
del header["__metadata__"]
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size :])
PY
tune bare d --weights bare.safetensors --arch tiny
grep -q "does not name them: its last layer was taken for theirs" bare.err || fail "a head of unknown classes: $(cat bare.err)"
"$REEL_BIN" train d --weights bare.safetensors --arch tiny --epochs 1 -b 8 -o train_bare >train_bare.log 2>train_bare.err || fail "train: $(cat train_bare.err)"
grep -q "does not name them: its last layer was taken for theirs" train_bare.err || fail "train, a head of unknown classes: $(cat train_bare.err)"
"$REEL_BIN" eval d --weights bare.safetensors --arch tiny >bare.eval 2>bare.err || fail "eval: $(cat bare.err)"
grep -q "do not name them: their last layer was taken for DATA's, in order, from 'arrow' to" bare.err || fail "eval, unknown classes: $(cat bare.err)"
grep -q "  arrow$" bare.eval && ! grep -q "class 0" bare.eval || fail "eval, unknown classes: $(cat bare.eval)"
tune frozen e --weights base/best.safetensors --freeze 'features.*'
for name in features.0.weight features.0.bias; do
    before=$(crc base/best.safetensors $name)
    [ -n "$before" ] || fail "no checksum of $name"
    [ "$(crc frozen/model.safetensors $name)" = "$before" ] || fail "$name is frozen and has changed"
    [ "$(crc all/model.safetensors $name)" != "$before" ] || fail "$name is not frozen and has not changed"
done
[ "$(crc frozen/model.safetensors classifier.1.weight)" != "$(crc base/best.safetensors classifier.1.weight)" ] ||
    fail "what is not frozen has not learned"
tune thawed e --weights base/best.safetensors --freeze 'features.*' --unfreeze-after 2
[ "$(crc thawed/model.safetensors features.0.weight)" != "$(crc base/best.safetensors features.0.weight)" ] ||
    fail "--unfreeze-after 2 of 3 epochs: the features have not changed"

# Cut before and after the layers learn again.
for at in 2 11; do
    tune "cut$at" e --weights base/best.safetensors --freeze 'features.*' --unfreeze-after 2 --max-steps $at
    "$REEL_BIN" finetune e --resume auto --verify -o "cut$at" --quiet >"cut$at.log" || fail "cut at step $at: not verified"
    cmp -s "cut$at/model.safetensors" thawed/model.safetensors || fail "cut at step $at and resumed: other weights"
done

# Ended before its first checkpoint, it begins again with the epochs that it was told, not those that suit the images.
mkdir anew
cp thawed/config.json anew
"$REEL_BIN" finetune --resume auto -o anew --quiet >anew.log 2>anew.err || fail "begun again: $(cat anew.err)"
cmp -s anew/model.safetensors thawed/model.safetensors || fail "ended before its first checkpoint and resumed: other weights: $(cat anew.log)"

# Without val/: a fifth of each class, the same ones for the same seed, all others for training.
tune split e/train --weights base/best.safetensors
grep -q "36 training and 9 validation images, 3 classes" split.err || fail "expected 36 and 9 images: $(cat split.err)"
[ "$(grep -c '\.jpg' split/split.json)" = 9 ] || fail "split.json names not 9 images: $(cat split/split.json)"
tune again e/train --weights base/best.safetensors
cmp -s split/split.json again/split.json || fail "the same seed held back other images"
cmp -s split/model.safetensors again/model.safetensors || fail "the same run gave other weights"
tune seed e/train --weights base/best.safetensors --seed 9
cmp -s split/split.json seed/split.json && fail "another seed held back the same images"
# An image that comes or goes while the run rests moves no other: those held back stay so, none of them is trained on.
cp -r e/train grown
tune rests grown --weights base/best.safetensors --epochs 2 --max-steps 2
cp rests/split.json before.json
class=$(ls grown | head -1)
for i in 1 2 3; do cp "$(find "grown/$class" -type f | sort | sed -n "${i}p")" "grown/$class/000$i.jpg"; done
"$REEL_BIN" finetune --resume auto -o rests --max-steps 4 --quiet >rests.log 2>rests.err || fail "resumed with more images: $(cat rests.err)"
cmp before.json rests/split.json || fail "resumed with more images: others are held back"
rm "grown/$(grep -o '[a-z]*/[^"]*\.jpg' before.json | head -1)"
"$REEL_BIN" finetune --resume auto -o rests --max-steps 5 --quiet >rests.log 2>rests.err || fail "resumed with an image less: $(cat rests.err)"
grep -q "1 of the 9 images that split.json holds back are not there" rests.err || fail "resumed with an image less: $(cat rests.err)"
[ "$(grep -c '\.jpg' rests/split.json)" = 8 ] && [ "$(grep '\.jpg' before.json | tr -d ', ' | sort | comm -12 - <(grep '\.jpg' rests/split.json | tr -d ', ' | sort) | wc -l)" = 8 ] ||
    fail "resumed with an image less: others are held back"
"$REEL_BIN" finetune --resume rests/checkpoint-00000004.safetensors -o elsewhere --max-steps 5 --quiet >rests.log 2>rests.err || fail "resumed elsewhere: $(cat rests.err)"
cmp rests/split.json elsewhere/split.json || fail "resumed elsewhere: others are held back"
# Another seed leaves the images that are held out; another share would validate on images that were trained on.
"$REEL_BIN" finetune --resume auto -o elsewhere --max-steps 6 --seed 9 --quiet >rests.log 2>rests.err || fail "resumed with another seed: $(cat rests.err)"
diff <(grep jpg rests/split.json) <(grep jpg elsewhere/split.json) || fail "resumed with another seed: others are held back"
"$REEL_BIN" finetune --resume auto -o elsewhere --max-steps 7 --val-share 0.4 --quiet >rests.log 2>rests.err && fail "resumed with another --val-share"
grep -q "elsewhere/split.json: expected --val-share 0.2, .*, got --val-share 0.4: images that were trained on would validate" rests.err ||
    fail "resumed with another --val-share: $(cat rests.err)"
# Under other names none of the list's images is there: a new draw would hold images that were trained on.
cp -r e/train moved
find moved -name '*.jpg' | while read -r image; do mv "$image" "${image%.jpg}.jpeg"; done
code=0
"$REEL_BIN" finetune moved --resume auto -o elsewhere --max-steps 7 --quiet >rests.log 2>rests.err || code=$?
[ $code -eq 1 ] && grep -q "^reel finetune: moved: not the data of this run: none of the 8 validation images in elsewhere/split.json is there; expected grown$" rests.err || fail "moved images: exit $code: $(cat rests.err)"

# Without the list, the same draw is made again, and no other: its images were trained on. The validation images of a list may go, too.
cp -r split lost && rm lost/split.json
"$REEL_BIN" finetune --resume auto -o lost --max-steps 6 --quiet >rests.log 2>rests.err || fail "resumed without split.json: $(cat rests.err)"
mkdir listed
(cd e/train && find . -name '*.jpg' | sort | sed 's|^\./\([^/]*\)/.*|&,\1|') >images
{ echo file,label && sed 's|^\./|../e/train/|' images; } >listed/train.csv
{ echo file,label && sed -n '1~5s|^\./|../e/train/|p' images; } >listed/test.csv
tune validated listed --weights base/best.safetensors --max-steps 2
[ ! -e validated/split.json ] || fail "test.csv does not validate: $(cat validated.err)"
rm listed/test.csv
code=0
"$REEL_BIN" finetune --resume auto -o validated --max-steps 4 --quiet >rests.log 2>rests.err || code=$?
[ $code -eq 1 ] && grep -q "^reel finetune: listed: expected the 45 training and 9 validation images .* no validated/split.json: " rests.err ||
    fail "resumed without validation images: exit $code: $(cat rests.err)"

# A split.json that cannot be read is an error: a new split would validate on images that were trained on.
cp rests/split.json whole.json
for damage in "" '{"seed": 0, "share": 0.2}' "$(sed 's/"validation": \[/&7,/' whole.json)"; do
    printf '%s' "$damage" >rests/split.json
    "$REEL_BIN" finetune --resume auto -o rests --max-steps 6 --quiet >rests.log 2>rests.err && fail "resumed with a damaged split.json"
    grep -q "^reel finetune: rests/split.json: " rests.err || fail "the damage is not told: $(cat rests.err)"
done
rm rests/split.json && mkfifo rests/split.json
timeout 20 "$REEL_BIN" finetune --resume auto -o rests --max-steps 6 --quiet >rests.log 2>rests.err && fail "resumed with a pipe as split.json"
grep -q "split.json: expected a file, got a device or pipe" rests.err || fail "the pipe is not told: $(cat rests.err)"

# As many epochs as suit the number of images; early stopping where nothing gets better.
"$REEL_BIN" finetune e --weights base/best.safetensors --lr 0 --early-stop 2 -b 8 -o early >early.log 2>early.err
grep -q -- "--epochs 40 (changed)" early.err || fail "45 images: expected 40 epochs: $(cat early.err)"
grep -q "no better validation for a while, after 15 steps" early.log || fail "--early-stop 2: expected the end after 3 epochs: $(cat early.log)"
"$REEL_BIN" finetune e --resume auto -o early >early.log 2>early.err
grep -q "no better validation for a while, after 15 steps" early.log || fail "--early-stop 2 resumed: expected no further epoch: $(cat early.log)"

# No message of it names another command: --lr changed, a checkpoint that is damaged, an image that cannot be read.
echo no >"$(find e/train -name '*.jpg' | head -1)"
truncate -s 100 early/checkpoint-*
tune named e --weights base/best.safetensors --max-steps 2 --max-bad 0.5
"$REEL_BIN" finetune --resume auto -o named --lr 0.01 --quiet >named.log 2>>named.err || fail "resumed: $(cat named.err)"
"$REEL_BIN" finetune --resume auto -o early >early.log 2>>named.err && fail "resumed from a damaged checkpoint"
for words in "skipped train/" "warning: --lr was" "warning: checkpoint passed over"; do
    grep -q "^reel: $words" named.err || fail "expected 'reel: $words': $(cat named.err)"
done
! grep "^reel train:" named.err all.err renamed.err rests.err || fail "finetune speaks as train"

refused() { # refused CODE TEXT OPTIONS
    local code=0 want=$1 text=$2
    shift 2
    "$REEL_BIN" finetune "$@" -o refused >refused.log 2>&1 || code=$?
    [ "$code" = "$want" ] || fail "finetune $*: exit code $code, expected $want: $(cat refused.log)"
    grep -qF -- "$text" refused.log || fail "finetune $*: expected '$text', got: $(cat refused.log)"
    [ ! -e refused ] || fail "finetune $*: was refused and left a folder"
}
refused 2 "expected --weights: what to start from" e
refused 1 "--freeze: group nothing.*" e --weights base/best.safetensors --freeze 'nothing.*'
refused 1 "leaves nothing to train" e --weights base/best.safetensors --freeze '*'
