#!/bin/bash
# A checkpoint of another run that lies in a run's folder is passed over, with a line that says so; copies of a whole folder, other
# output folders and runs from before runs had an identity go on as they did.
set -eu
# shellcheck source-path=SCRIPTDIR source=../support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
train() { "$REEL_BIN" train d --arch tiny -b 8 --quiet "$@" >out 2>err || fail "$*: exit $?: $(cat err)"; }
told=(--epochs 2 --checkpoint-every 4 --keep 9)
train "${told[@]}" --seed 3 -o whole
train "${told[@]}" --seed 3 -o a --max-steps 8
train "${told[@]}" --seed 4 -o b --max-steps 4

# The other run's checkpoint is named, is not resumed, and is kept under another name.
cp a/checkpoint-00000008.safetensors b/checkpoint-00000009.safetensors
cp -r b copy
train "${told[@]}" --seed 4 -o clean
train --resume auto -o b
grep -q "passed over: b/checkpoint-00000009.safetensors: written by another run" err || fail "another run's checkpoint: not named: $(cat err)"
grep -q "set aside as \*.other-run: 1; going on from b/checkpoint-00000004" err || fail "another run's checkpoint: not set aside: $(cat err)"
cmp b/checkpoint-00000009.safetensors.other-run a/checkpoint-00000008.safetensors || fail "another run's checkpoint was not kept: $(ls b)"
[ "$(sum b)" = "$(sum clean)" ] || fail "another run's checkpoint: other weights"

# A copy of the whole folder is the same run; so is one that is told its checkpoint and another output folder.
cp -r a moved
train --resume auto -o moved
! grep -q "passed over" err || fail "a copied folder: $(cat err)"
[ "$(sum moved)" = "$(sum whole)" ] || fail "a copied folder: other weights"
train --resume a/checkpoint-00000004.safetensors -o elsewhere --max-steps 8
train --resume auto -o elsewhere
[ "$(sum elsewhere)" = "$(sum whole)" ] || fail "resumed in another folder: other weights"

# Told by name, another run's checkpoint is resumed: the folder is that run's from there on.
train --resume copy/checkpoint-00000009.safetensors -o copy
train --resume auto -o copy --epochs 3
! grep -q "passed over" err || fail "another run's checkpoint, told by name: $(cat err)"

# Without an identity in config.json nothing can be told apart: the newest checkpoint is taken, as before.
train "${told[@]}" --seed 4 -o old --max-steps 4
cp a/checkpoint-00000008.safetensors old/
python3 - old/config.json <<'P'
import json, sys
config = json.load(open(sys.argv[1]))
del config["run_id"]
json.dump(config, open(sys.argv[1], "w"))
P
train --resume auto -o old
! grep -q "passed over" err || fail "a run without an identity: $(cat err)"
[ "$(sum old)" = "$(sum whole)" ] || fail "a run without an identity: other weights"

# Where only checkpoints of another run lie in the folder, the run begins anew, and they are kept.
rm -rf alone && mkdir alone && cp "$(ls -d a)"/config.json alone/ && cp "$(ls b/checkpoint-* | head -1)" alone/checkpoint-00000999.safetensors
"$REEL_BIN" train --resume auto -o alone --max-steps 2 --quiet >out 2>err || fail "only another run's checkpoints: $(cat err)"
[ -e alone/checkpoint-00000999.safetensors.other-run ] || fail "another run's checkpoint is gone: $(ls alone) $(cat err)"
