#!/bin/bash
# A named pipe without a writer in place of a file: each command refuses it by its name, and none waits.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 4 --val 2 --classes 2 --size 40 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 --quiet --no-report -o run >out 2>err || fail "train: $(cat err)"
mkfifo pipe pipe.onnx pipe.csv pipe.safetensors
image=$(find d/val -name '*.jpg' | head -1)

refused() { # refused NAME COMMAND...
    local name=$1 code=0
    shift
    timeout 20 "$REEL_BIN" "$@" >out 2>err </dev/null || code=$?
    [ "$code" -eq 1 ] || [ "$code" -eq 2 ] || fail "reel $*: exit $code: $(cat err)"
    grep -q "$name" err || fail "reel $*: the pipe is not named: $(cat err)"
}
refused pipe predict -w run pipe
refused pipe predict -w pipe "$image"
refused pipe predict -w run "$image" --classes pipe
refused pipe eval pipe -w run
refused pipe eval d -w pipe
refused pipe eval d -w run --classes pipe
refused pipe.csv eval d -w run --csv pipe.csv
refused pipe convert pipe out.safetensors
refused pipe.safetensors convert run/model.safetensors pipe.safetensors
refused pipe.onnx convert run/model.safetensors pipe.onnx
refused pipe.onnx summary pipe.onnx
refused pipe summary pipe
refused pipe summary --arch pipe
refused pipe train pipe -o none
refused pipe.csv train pipe.csv -o none
refused pipe train d -o pipe
refused pipe train d --arch pipe -o none
refused pipe train d --arch tiny -o none --class-weights pipe
refused pipe train d --arch tiny -o none --hosts pipe
refused pipe train d --arch tiny -o none --resume pipe
refused pipe finetune d -w pipe -o none
refused pipe check pipe
refused pipe pack pipe out
refused pipe report pipe
refused pipe report run --out pipe
[ ! -e none ] || fail "a refused command left $(ls -A none)"

# The pipes of a shell have a writer.
"$REEL_BIN" predict -w run --quiet <(cat "$image") >out 2>err || fail "predict <(...): $(cat err)"
printf 'left\nright\n' >names
"$REEL_BIN" predict -w run --quiet "$image" --classes <(cat names) >out 2>err && grep -q "left\|right" out || fail "--classes <(...): $(cat err)"
