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
