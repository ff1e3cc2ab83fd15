#!/bin/bash
# What cannot work is refused: the right exit code, one clear line on stderr, nothing on stdout, nothing written.
set -eu
failed=0
"$REEL_BIN" synth d --train 6 --val 2 --classes 3 --size 48 --quiet
"$REEL_BIN" synth four --train 2 --val 2 --classes 4 --size 48 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 -o run --quiet >/dev/null
find . -type f | sort | xargs sha256sum >before.sums
mkdir -p empty/train/a empty/train/b empty/val/a empty/val/b no_train/val
cp d/train/*/*00000.jpg empty/train/a/ && cp empty/train/a/* empty/val/a/ && cp empty/train/a/* empty/val/b/
mkdir -p differ && cp -r d/train d/val differ/ && mv differ/val/"$(ls d/val | head -1)" differ/val/zebra
echo "not weights" >text.safetensors
head -c 20000 run/model.safetensors >cut.safetensors
python3 - <<'P'
import json, struct
data = open("run/model.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8 : 8 + size])
del header["__metadata__"]
text = json.dumps(header).encode()
open("bare.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size :])
P
touch a_file
cp "$(find d -name '*.jpg' | head -1)" a_photo.jpg
# Folders that are somebody's: one holds a file that a run would replace, one a link by such a name.
mkdir mine linked
echo "my table" >mine/summary.csv
ln -s "$PWD/precious" linked/report.html
before=$(find . -type f | sort | xargs sha256sum)

try() { # try CODE WORDS COMMAND...: refused with this code, and one line that holds the words
    local code=$1 words=$2 got=0
    shift 2
    "$REEL_BIN" "$@" >out.txt 2>err.txt || got=$?
    local lines text after
    lines=$(wc -l <err.txt)
    text=$(head -c 300 err.txt)
    [ "$got" -eq "$code" ] || { echo "reel $*: exit $got, expected $code: $text"; failed=1; }
    [ "$lines" -eq 1 ] || { echo "reel $*: $lines lines on stderr, expected 1: $text"; failed=1; }
    [ ! -s out.txt ] || { echo "reel $*: wrote on stdout: $(head -c 200 out.txt)"; failed=1; }
    grep -qiE -- "$words" err.txt || { echo "reel $*: expected words '$words', got: $text"; failed=1; }
    rm -f out.txt err.txt
    after=$(find . -type f | sort | xargs sha256sum)
    [ "$after" = "$before" ] || { echo "reel $*: files changed"; failed=1; before=$after; }
}

# The command line
try 2 "unknown command 'trian'; did you mean 'train'" trian d
try 2 "did you mean --epochs" train d --epoch 3
try 2 "--epochs: expected a whole number, got 'ten'" train d --epochs ten
try 2 "--epochs: expected 1 to" train d --epochs 0
try 2 "--lr: expected a number, got 'fast'" train d --lr fast
try 2 "--lr: expected a value" train d --lr
try 2 "--arch: expected one of .*alexnet.*alexnet2012" train d --arch resnet
try 2 "--recipe: expected one of quick" train d --recipe slow
try 2 "--max-time: expected a time" train d --max-time 3w
try 2 "expected DATA" train
try 2 "one argument too many" train d d
try 2 "unknown option -z" train d -z
try 2 "--nesterov: expected momentum above 0" train d --nesterov --momentum 0 -o x
try 2 "--lr-milestones: expected" train d --lr-milestones 3,x -o x
try 2 "--val-resize-size: expected the crop's" train d --val-resize-size 20 --val-crop-size 32 -o x
try 2 "--val-crop-size: expected 63 or more for alexnet, got 1" train d --arch alexnet --val-crop-size 1 -o x
try 1 "mine: holds no run, but a file summary.csv, which a run would replace" train d -o mine
try 1 "linked: holds no run, but a file report.html" train d -o linked
try 1 "a_photo.jpg: this file is no page that Reel wrote, so it is not replaced" report run -o a_photo.jpg
try 2 "exclude each other" train d --resume auto --weights run/model.safetensors -o x
try 2 "expected --weights" eval d
try 2 "expected --weights" predict d/val
try 2 "expected .reel bench step" bench steps
try 2 "63 x 63 or larger" summary --size 40
try 2 "no case matches" gradcheck --quiet no_such_operator

# Data
try 1 "missing: cannot be opened" train missing -o x
try 1 "a_file: expected a folder" train a_file -o x
try 1 "no_train: no folder train" train no_train -o x
try 1 "empty/train.*'?b'?" train empty -o x
try 1 "zebra" train differ -o x --arch tiny
try 1 "expected 5 classes" train d --num-classes 5 -o x --arch tiny
try 1 "63 x 63" train d --arch alexnet --train-crop-size 40 -o x

# The output folder
try 1 "holds a run already" train d --arch tiny -o run
try 1 "a_file" train d --arch tiny -o a_file
try 1 "Not a directory" train d --arch tiny -o a_file/run
try 1 "cannot be made" train d --arch tiny -o /proc/run

# What is meant is named: the folder of a run as DATA or as a checkpoint, or without weights in it.
try 2 "run is the folder of a run: \`reel train --resume auto -o run\` continues it" train --resume auto run
try 2 "run is the folder of a run: \`reel train --resume auto -o run\` continues it" train --resume run
try 1 "no_train: no best.safetensors or model.safetensors in it" predict --weights no_train d/val
try 1 "no_train: no best.safetensors or model.safetensors in it" eval d --weights no_train
try 1 "^reel predict: bare.safetensors: weights do not fit the model" predict --arch alexnet --weights bare.safetensors d/val
try 1 "the file is cut short" predict --weights cut.safetensors d/val
try 1 "d/val: it is the folder of the images" predict --weights run d/val --copy-into d/val

# Weights
try 1 "missing.safetensors" eval d --weights missing.safetensors
try 1 "text.safetensors" eval d --weights text.safetensors
try 1 "cut.safetensors" predict --weights cut.safetensors d/val
try 1 "is a checkpoint" eval d --weights "$(find run -name 'checkpoint-*')"
try 1 "is a checkpoint" train d --weights "$(find run -name 'checkpoint-*')" -o x
try 1 "holds weights only" train d --resume run/model.safetensors -o x
try 1 "missing.safetensors" train d --resume missing.safetensors -o x
try 1 "classes differ.*only in the folder" eval four --weights run/model.safetensors
try 1 "^reel train: run/model.safetensors: weights do not fit.*classifier.*reel finetune. starts such" train four --weights run/model.safetensors -o x
try 1 "no split 'test' in it; it has train, val" eval d --weights run --split test
try 1 "no images" predict --weights run no_train
exit $failed
