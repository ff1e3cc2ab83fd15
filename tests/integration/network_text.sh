#!/bin/bash
# Networks as text through the program: a file that changes while a run is interrupted, exit codes, deep summaries, names in texts.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 8 --val 4 --classes 3 --size 32 --quiet
told=(--arch net.net -b 8 --seed 3 --threads 1 --workers 1 --no-report --quiet)
net() { printf 'input 3x8x8\nConv2d %s 3 stride=2\nReLU\nGlobalAvgPool2d\nLinear classes\n' "$1" >net.net; }

# The file changes between two parts of a run, which is continued by the very same command: the run keeps its network and says so.
net 4
"$REEL_BIN" train d -o whole "${told[@]}" --max-steps 6 >out 2>err || fail "train: exit $?: $(cat err)"
"$REEL_BIN" train d -o cut "${told[@]}" --max-steps 3 >out 2>err || fail "train: exit $?: $(cat err)"
"$REEL_BIN" train d -o cut "${told[@]}" --max-steps 4 --resume auto >out 2>err || fail "resume: exit $?: $(cat err)"
if grep -q "has changed" err; then fail "a warning though the file is the same: $(cat err)"; fi
net 5
"$REEL_BIN" train d -o cut "${told[@]}" --max-steps 6 --resume auto >out 2>err || fail "resume: exit $?: $(cat err)"
grep -q "net.net has changed since the run began; the run keeps its own network" err || fail "no warning: $(cat err)"
[ "$(sum cut)" = "$(sum whole)" ] || fail "resumed after the file changed: other weights"
# Another file is another network.
cp net.net other.net
if "$REEL_BIN" train d -o cut "${told[@]}" --arch other.net --max-steps 7 --resume auto >out 2>err; then
    fail "another network was resumed"
fi
[ "$(sum cut)" = "$(sum whole)" ] || fail "a refused resume changed the weights"
# The file is gone: nobody needs it.
rm net.net
"$REEL_BIN" train --resume auto -o cut --max-steps 7 --quiet --no-report >out 2>err || fail "resume without the file: exit $?: $(cat err)"

# A wrong text is a failure (1), a wrong name or option a wrong command line (2).
exit_of() { local code=0; "$REEL_BIN" "$@" >out 2>err || code=$?; echo "$code"; }
printf 'input 3x8x8\nFlatten\nLinea classes\n' >wrong.net
for command in "summary" "gradcheck" "train d -o none" "bench step --steps 1"; do
    # shellcheck disable=SC2086
    [ "$(exit_of $command --arch wrong.net)" = 1 ] || fail "$command: a wrong text: expected exit 1: $(cat err)"
    grep -q "wrong.net:3:1: unknown layer Linea; did you mean Linear?" err || fail "$command: $(cat err)"
    # shellcheck disable=SC2086
    [ "$(exit_of $command --arch none.net)" = 2 ] || fail "$command: no such file: expected exit 2: $(cat err)"
done
[ ! -e none ] || fail "a refused run left its folder"
net 2
[ "$(exit_of gradcheck --arch net.net conv2d)" = 2 ] || fail "gradcheck: PATTERN beside --arch: $(cat err)"
[ "$(exit_of gradcheck --arch net.net --fuzz 3)" = 2 ] || fail "gradcheck: --fuzz beside --arch: $(cat err)"
[ "$(exit_of gradcheck --arch net.net)" = 0 ] || fail "gradcheck: $(cat err)"

# All layers of a long net are listed, the last one too, and long names keep their columns.
printf 'input 3x8x8\nrepeat 3:\n    repeat 500:\n        ReLU\nGlobalAvgPool2d\na_layer_with_a_long_name: Linear classes\n' >long.net
"$REEL_BIN" summary --arch long.net >out 2>err || fail "summary: $(cat err)"
[ "$(grep -c ReLU out)" = 1500 ] || fail "summary lists $(grep -c ReLU out) of 1500 layers"
grep -q "^a_layer_with_a_long_name Linear            (1, 1000) " out || fail "columns: $(tail -8 out)"
grep -q "^layer                    kind              output" out || fail "columns: $(head -3 out)"
"$REEL_BIN" summary --arch long.net --json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)["layers"]) == 1502' || fail "summary --json"

# Which words of the language take a position in the names: none but layers and sections.
printf '%s\n' 'input 3x8x8' 'f:' '    Conv2d 4 1' '    residual:' '        Conv2d 4 1' '        shortcut:' '            Conv2d 4 1' '    add:' '        Conv2d 4 1' \
    '        branch:' '            Conv2d 4 1' '        own: Conv2d 4 1' '        part:' '            Conv2d 4 1' '        branch' '    concat:' '        Conv2d 4 1' \
    '        Conv2d 4 1' '    scale:' '        AdaptiveAvgPool2d 1' '    repeat 2:' '        Conv2d 4 1' Flatten 'Linear classes' >names.net
"$REEL_BIN" summary --arch names.net >out 2>err || fail "summary: $(cat err)"
names=$(sed -nE 's/^([a-z0-9._]+) +(Conv2d|AdaptiveAvgPool2d|Flatten|Linear) .*/\1/p' out | tr '\n' ' ')
[ "$names" = "f.0 f.1 f.2 f.3 f.4 f.own f.part.0 f.7 f.8 f.9 f.10 f.11 1 2 " ] || fail "names: $names"

# A file's name that is not UTF-8, and has a control character, is shown and stored as text.
odd=$'n\xff\x1b.net'
net 4
mv net.net "$odd"
"$REEL_BIN" summary --arch "$odd" >out 2>err || fail "summary of an odd name: $(cat err)"
head -1 out | grep -qF 'n\xff\x1b: ' || fail "an odd name is shown as $(head -1 out | od -c | head -2)"
"$REEL_BIN" summary --arch "$odd" --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["arch"] == r"n\xff\x1b"' || fail "summary --json of an odd name"

# Columns are as wide as the characters of the longest name, which may have more bytes.
printf 'input 3x8x8\n"gr\xc3\xb6\xc3\x9fe": Conv2d 4 3\nReLU\nFlatten\nLinear classes\n' >wide.net
"$REEL_BIN" summary --arch wide.net >out 2>err || fail "summary of a wide name: $(cat err)"
grep -q "^$(printf 'gr\xc3\xb6\xc3\x9fe') \{11\}Conv2d            (1, 4, 6, 6) " out || fail "columns: $(cat out)"

# A network as a text: what is printed reads back to itself, also a run's, whose layers stand below its tensors.
for name in squeezenet1_1 alexnet; do
    "$REEL_BIN" summary --arch $name --text >printed.net || fail "summary --text of $name"
    "$REEL_BIN" summary --arch printed.net --text >again.net 2>err || fail "the text of $name does not read: $(cat err)"
    cmp printed.net again.net || fail "the text of $name reads back to another one"
done
net() { printf 'input 3x16x16\nclasses 3\nConv2d 4 3 %s\nReLU\nFlatten\nfc: Linear classes\n%s' "$1" "$2" >net.net; }
net "" ""
"$REEL_BIN" train d -o named "${told[@]}" --max-steps 1 >out 2>err || fail "train: exit $?: $(cat err)"
if grep -q warning err; then fail "a warning for a plain network: $(cat err)"; fi
"$REEL_BIN" summary named >out 2>err && grep -q '^fc              Linear            (1, 3) ' out || fail "summary RUN lists no layers: $(cat out err)"
"$REEL_BIN" summary named --text >printed.net && "$REEL_BIN" summary --arch printed.net >out || fail "summary RUN --text"
grep -q "^fc: Linear classes" printed.net && grep -q '^fc              Linear            (1, 3) ' out || fail "the text of a run: $(cat printed.net)"
[ "$(exit_of summary named --text --json)" = 2 ] || fail "--text beside --json: $(cat err)"

# A text in the place of weights.
for command in "summary net.net" "convert net.net x.onnx" "eval d -w net.net"; do
    # shellcheck disable=SC2086
    [ "$(exit_of $command)" = 1 ] || fail "$command: expected exit 1: $(cat err)"
    grep -q "net.net: this is a network's text, expected weights: --arch net.net names the network" err || fail "$command: $(cat err)"
done

# Initialisers that a file names are obeyed, unless --init is typed; what may not be meant is said once.
value() { python3 -c '
import json, struct, sys
b = open(sys.argv[1] + "/model.safetensors", "rb").read()
n = struct.unpack("<Q", b[:8])[0]
at = 8 + n + json.loads(b[8:8 + n])["0.weight"]["data_offsets"][0]
print(struct.unpack("<f", b[at:at + 4])[0])' "$1"; }
net "weight_init=constant(0.5)" ""
"$REEL_BIN" train d -o own "${told[@]}" --max-steps 1 --lr 1e-30 >out 2>err || fail "train: exit $?: $(cat err)"
[ "$(value own)" = 0.5 ] || fail "the text's initialiser was not obeyed: $(value own)"
"$REEL_BIN" train d -o typed "${told[@]}" --max-steps 1 --lr 1e-30 --init data >out 2>err || fail "train: exit $?: $(cat err)"
[ "$(value typed)" != 0.5 ] || fail "--init data was not obeyed"
grep -q "warning: --init data: the initialisers that net.net names are left out; --init model obeys them" err || fail "no warning: $(cat err)"
net "" "Softmax
"
sed -i 's/Conv2d 4 3/Conv2d 3 8 3/' net.net
"$REEL_BIN" train d -o soft "${told[@]}" --max-steps 1 >out 2>err || fail "train: exit $?: $(cat err)"
grep -q "warning: the network ends with Softmax" err || fail "no warning of Softmax: $(cat err)"
grep -q "warning: net.net:3:1: Conv2d 3 8 3 means 3 output channels" err || fail "no warning of PyTorch's order: $(cat err)"

# Images of another size in validation than a text can take.
net "" ""
[ "$(exit_of train d --arch net.net -o none --val-crop-size 24)" = 2 ] || fail "--val-crop-size: expected exit 2: $(cat err)"
grep -q -- "--val-crop-size: expected 16, the size of the training images" err || fail "--val-crop-size: $(cat err)"

# A plan touches no memory of the weights, which are 553 MB here.
peak() { python3 -c 'import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' "$@"; }
megabytes=$(peak "$REEL_BIN" summary --arch vgg16 --threads 1)
[ "$megabytes" -lt 300 ] || fail "summary of vgg16 took $megabytes MB"
