#!/bin/bash
# What a resumed run is told: nothing, and it goes on; something else than before, and each change is said; --verify, and data or
# arithmetic that give other bits are refused with 5.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
told=(--arch tiny --epochs 4 -b 8 --seed 3 --quiet --threads 1 --workers 1)
"$REEL_BIN" train d "${told[@]}" -o whole >/dev/null
"$REEL_BIN" train d "${told[@]}" -o run --max-steps 9 >/dev/null
cp -r run other

# No DATA, no options; verified by another number of threads.
"$REEL_BIN" train --resume auto -o run --verify --threads 2 --workers 3 >out 2>err || fail "without DATA: exit $?: $(cat err)"
grep -q "verified: a step of the checkpoint has the bits it had" err || fail "--verify says nothing: $(cat err)"
! grep -q warning err || fail "nothing has changed: $(cat err)"
cmp run/model.safetensors whole/model.safetensors || fail "resumed without DATA: other weights"

# Changes are said, one a line; those that do not alter the course are not.
"$REEL_BIN" train d --resume auto -o other --lr 0.010 --batch-size 8 --seed 4 --momentum 0.8 --keep 5 --log-every 3 --on-nan skip --max-steps 10 \
    --quiet >out 2>err
[ "$(wc -l <err)" -eq 2 ] && grep -q "warning: --seed was 3 and is 4 now" err && grep -q "warning: --momentum was 0.9 and is 0.8 now" err ||
    fail "expected a line each for --seed and --momentum: $(cat err)"

# Other images
"$REEL_BIN" train d "${told[@]}" -o third --max-steps 9 >/dev/null
cp -r d e
for f in e/train/*/*.jpg; do cp "$(find e/val -name '*.jpg' | sort | head -1)" "$f"; done
before=$(sha256sum third/*)
code=0
"$REEL_BIN" train e --resume auto -o third --verify --quiet >out 2>err || code=$?
[ "$code" -eq 5 ] && grep -q "other images than when it was saved" err || fail "--verify with other images: exit $code, expected 5: $(cat err)"
[ "$before" = "$(sha256sum third/*)" ] || fail "--verify refused and files changed: $before, now $(sha256sum third/*)"
rm "$(find e/train -name '*.jpg' | sort | tail -1)"
"$REEL_BIN" train e --resume third/checkpoint-00000009.safetensors -o fourth --quiet --max-steps 10 >out 2>err
grep -q "warning: there were 52 training images and are 51 now" err || fail "fewer images: $(cat err)"

# Other arithmetic: an instruction set that rounds differently, where this machine has one
code=0
isa=$(python3 -c 'import json,struct,sys; d=open("third/checkpoint-00000009.safetensors","rb").read(); n=struct.unpack("<Q",d[:8])[0]
print(json.loads(json.loads(d[8:8+n])["__metadata__"]["reel.probe"])["isa"])')
if [ "$isa" != portable ]; then
    REEL_ISA=portable "$REEL_BIN" train --resume auto -o third --verify --quiet >out 2>err || code=$?
    [ "$code" -eq 5 ] && grep -q "when it was saved ($isa) and give .* now (portable)" err ||
        fail "--verify with another instruction set: exit $code, expected 5: $(cat err)"
fi

refused() { # refused CODE WORDS OPTIONS...
    local code=0 want=$1 words=$2
    shift 2
    "$REEL_BIN" train "$@" >out 2>err || code=$?
    [ "$code" -eq "$want" ] && grep -q -- "$words" err || fail "reel train $*: exit $code, expected $want and '$words': $(cat err)"
}
refused 2 "expected DATA" -o new
refused 2 "^reel train: new: no run to resume: no such folder" -o new --resume auto
refused 2 "verify: expected --resume" d -o new --verify
mkdir empty
refused 2 "^reel train: empty: no run to resume: the folder holds none" -o empty --resume auto
[ -z "$(ls -A empty)" ] || fail "a refused --resume left $(ls -A empty)"

# What cannot be resumed as it is told
refused 1 "third/checkpoint-00000009.safetensors: .*expected --momentum as it was" d -o third --resume auto --momentum 0
for option in "arch alexnet" "head gap" "grayscale"; do
    # shellcheck disable=SC2086
    refused 1 "^reel train: --${option%% *}: a resumed run keeps its network, [a-z]*, got [a-z]*; leave --${option%% *} out" d -o third --resume auto --$option
    [ "$(wc -l <err)" -eq 1 ] || fail "--$option: expected the refusal alone: $(cat err)"
done
refused 1 "the training images or --batch-size have changed" d -o third --resume auto --batch-size 50
[ "$(wc -l <err)" -eq 1 ] || fail "--batch-size 50: expected the refusal alone: $(cat err)"
code=0
"$REEL_BIN" finetune d -o third --resume auto >out 2>err || code=$?
[ "$code" -eq 2 ] && grep -q "was begun by .reel train., and is continued by that" err || fail "finetune on a run of train: exit $code: $(cat err)"
cp -r d here
"$REEL_BIN" train here "${told[@]}" -o moved --max-steps 2 >/dev/null
mv here there
refused 1 "here.*(DATA as the run was told it; give it anew where it has moved)" -o moved --resume auto
"$REEL_BIN" train there -o moved --resume auto --quiet >out 2>err || fail "DATA given anew: $(cat err)"
cmp moved/model.safetensors whole/model.safetensors || fail "DATA given anew: other weights"

# Damaged, a link to nowhere, a copy under another name: passed over, and nothing is renamed before --verify has agreed.
cp -r third odd
echo x >odd/checkpoint-00000098.safetensors
ln -s nowhere odd/checkpoint-00000099.safetensors
cp odd/checkpoint-00000009.safetensors odd/checkpoint-12.safetensors
before=$(ls odd)
refused 5 "other images than when it was saved" e -o odd --resume auto --verify
[ "$(ls odd)" = "$before" ] || fail "--verify refused and files changed: $before, now $(ls odd)"
"$REEL_BIN" train d -o odd --resume auto --verify --quiet >out 2>err || fail "a damaged checkpoint and a link: exit $?: $(cat err)"
grep -q "set aside as \*.damaged: 2; going on from odd/checkpoint-00000009" err || fail "a damaged checkpoint and a link: $(cat err)"
cmp odd/model.safetensors whole/model.safetensors || fail "a damaged checkpoint and a link: other weights"

# DATA of any bytes is found again.
cp -r d $'\xe9t\xe9' || exit 0 # not on this file system
"$REEL_BIN" train $'\xe9t\xe9' "${told[@]}" -o bytes --max-steps 2 >/dev/null
"$REEL_BIN" train -o bytes --resume auto --quiet >out 2>err || fail "DATA that is no UTF-8: $(cat err)"
cmp bytes/model.safetensors whole/model.safetensors || fail "DATA that is no UTF-8: other weights"

# Options given anew are named, also those that nobody gave when the run was begun; what changes nothing is not.
"$REEL_BIN" synth named --train 13 --val 4 --classes 4 --size 48 --quiet
"$REEL_BIN" train named --arch tiny --epochs 2 -b 8 --seed 3 --quiet -o begun --max-steps 7 >out 2>err
for option in "--dropout 0.1" "--freeze features.*" "--val-crop-size 40" "--lr 0.002" "--early-stop 1"; do
    rm -rf again
    cp -r begun again
    # shellcheck disable=SC2086
    "$REEL_BIN" train --resume auto -o again --quiet $option >out 2>err || fail "$option on a resume: exit $?: $(cat err)"
    grep -q -- "warning: ${option% *} was .* now: from here the run .* another one than was begun" err || fail "$option on a resume is not named: $(cat err)"
done
rm -rf again
cp -r begun again
"$REEL_BIN" train --resume auto -o again --quiet --keep 3 --init xavier --num-classes 4 >out 2>err || fail "options that change nothing: exit $?: $(cat err)"
! grep -q -- "--keep\|--init\|--num-classes" err || fail "options that change nothing are named: $(cat err)"

# A checkpoint that may not be read is not damaged: nobody is sent back to an older one.
[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || exit 0
"$REEL_BIN" train d "${told[@]}" -o closed --checkpoint-every 2 --max-steps 4 >/dev/null
chmod -R a+rwX . && chmod 000 closed/checkpoint-00000004.safetensors
code=0
setpriv --reuid=65534 --clear-groups "$REEL_BIN" train d --resume auto -o closed --quiet >out 2>err || code=$?
[ -s err ] || exit 0
! grep -q "$REEL_BIN" err || exit 0 # the program itself lies where nobody may go
[ "$code" -eq 1 ] && grep -q "checkpoint-00000004.safetensors: .*Permission denied" err || fail "a checkpoint that may not be read: exit $code, expected 1: $(cat err)"
[ "$(find closed -name 'checkpoint-*' | wc -l)" -eq 2 ] || fail "a checkpoint that may not be read: $(ls closed)"
