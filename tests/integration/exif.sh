#!/bin/bash
# --exif: a folder of images that say how they were held trains, evaluates, predicts and packs as the same images upright do; what
# training was told is known to whoever uses the weights, and to a resumed run.
set -eu
fail() {
    echo "$1"
    exit 1
}
# upright/ and held/: the same noisy pictures, not square; those in held/ are stored in all eight ways with an eXIf chunk.
python3 - <<'PY'
import os, random, struct, zlib
source = random.Random(3)
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(path, rows, orientation):
    raw = b"".join(b"\0" + b"".join(bytes(p) for p in row) for row in rows)
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)) +
                           (chunk(b"eXIf", tiff) if orientation else b"") + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
mirror = lambda rows: [row[::-1] for row in rows]
turn = lambda rows: [list(column) for column in zip(*rows[::-1])]  # clockwise
def stored(rows, o):  # what orientation o makes upright again
    if o in (2, 4, 5, 7): rows = mirror(rows)
    for _ in range({1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[o]): rows = turn(rows)
    return rows
number = 0
for part, count in (("train", 16), ("val", 8)):
    for colour in range(3):
        for i in range(count):
            base = [source.randint(20, 100) for _ in range(3)]
            base[colour] += 100
            rows = [[tuple(min(255, b + source.randint(0, 30) + (x if colour else y)) for b in base) for x in range(44)] for y in range(60)]
            number += 1
            for folder, o in (("upright", 0), ("held", number % 8 + 1)):
                png(f"{folder}/{part}/c{colour}/{i:02}.png", stored(rows, o) if o else rows, o)
PY
train() { # DATA OUT OPTION...
    local data=$1 to=$2
    shift 2
    "$REEL_BIN" train "$data" -o "$to" --quiet --arch tiny --epochs 2 -b 8 --seed 3 --workers 2 --no-report "$@" >"$to.out" 2>"$to.err" ||
        fail "train $data $*: exit $?: $(cat "$to.err")"
}
train upright u --exif apply
train held h --exif apply
cmp u/model.safetensors h/model.safetensors || fail "training on held images gives other weights than on upright ones"
train held i
turned="warning: [0-9]* of the first [0-9]* images are photographs that are stored sideways: --exif apply turns them upright"
grep -q "$turned" i.err || fail "photographs that are stored sideways are not told: $(cat i.err)"
[ ! -s u.err ] && [ ! -s h.err ] || fail "told of images that are turned, or upright: $(cat u.err h.err)"
train held said --exif ignore
train upright straight
[ ! -s said.err ] && [ ! -s straight.err ] || fail "told though --exif is given, or of upright images: $(cat said.err straight.err)"
! cmp -s i/model.safetensors h/model.safetensors || fail "--exif apply changes nothing"
! head -c 20000 i/model.safetensors | grep -aq '"exif' || fail "the card of a model that ignores EXIF speaks of it"
head -c 20000 h/model.safetensors | grep -aq 'exif.*apply' || fail "the card does not say --exif apply"

# A resumed run is not told again; a change is said.
train held cut --exif apply --max-steps 4
cp -r cut other
"$REEL_BIN" train --resume auto -o cut --verify --quiet --no-report >out 2>err || fail "resume: $(cat err)"
cmp cut/model.safetensors h/model.safetensors || fail "resumed: other weights than in one go"
"$REEL_BIN" train --resume auto -o other --exif ignore --quiet --no-report >out 2>err
grep -q "warning: --exif was apply and is ignore now" err || fail "a changed --exif is not said: $(cat err)"
"$REEL_BIN" train held -o shown --arch tiny --epochs 1 --max-steps 1 --exif apply --no-report 2>err >out
grep -q -- "--exif apply (changed)" err out || fail "the recipe does not show --exif: $(cat err)"

# Evaluation and prediction go by the card, unless told otherwise.
eval_() { "$REEL_BIN" eval "$@" --json --quiet | sed 's/"folder":"[^"]*"//; s/"data":"[^"]*"//'; }
for crop in "" --ten-crop; do
    # shellcheck disable=SC2086
    eval_ upright --weights h $crop >want
    # shellcheck disable=SC2086
    eval_ held --weights h $crop >got
    cmp want got || fail "eval $crop of held images differs: $(diff want got)"
done
eval_ held --weights h --exif ignore >ignored
eval_ held --weights h >want
! cmp -s want ignored || fail "eval --exif ignore changes nothing"
eval_ held --weights i >got
eval_ held --weights i --exif apply >applied
! cmp -s got applied || fail "eval --exif apply changes nothing"
"$REEL_BIN" train held --weights h/model.safetensors --test-only --json --quiet >out
[ "$(grep -o '"loss": *[0-9.e-]*' out | head -1)" = "$(grep -o '"loss": *[0-9.e-]*' want | head -1)" ] || fail "--test-only differs: $(cat out)"
for w in h i; do
    (cd upright && "$REEL_BIN" predict --weights ../$w val/c0 --exif apply) >want
    (cd held && "$REEL_BIN" predict --weights ../$w val/c0 --exif apply) >got
    cmp want got || fail "predict differs: $(diff want got)"
done
(cd held && "$REEL_BIN" predict --weights ../h val/c0) >got
(cd upright && "$REEL_BIN" predict --weights ../h val/c0) >want
cmp want got || fail "predict does not go by the card"

# Packed: the same shards as of upright images.
for how in "--raw" "--raw --size 32" "--size 32"; do
    rm -rf pu ph
    # shellcheck disable=SC2086
    "$REEL_BIN" pack upright pu $how --quiet
    # shellcheck disable=SC2086
    "$REEL_BIN" pack held ph $how --exif apply --quiet
    cmp pu/train-00000.tar ph/train-00000.tar || fail "pack $how: other bytes than of upright images"
done
for exif in ignore apply; do
    rm -rf p
    "$REEL_BIN" pack held p --exif $exif --quiet
    [ $exif = ignore ] && now=apply || now=ignore
    code=0
    "$REEL_BIN" pack held p --exif $now --quiet 2>err || code=$?
    [ $code = 1 ] && grep -q "with other options" err || fail "a pack of --exif $exif was gone on with --exif $now: $code $(cat err)"
done

# A JPEG that needs no turning is kept byte for byte; one that does is not.
"$REEL_BIN" synth d --train 2 --val 1 --classes 2 --size 48 --quiet
mapfile -t files < <(find d/train -name '*.jpg' | LC_ALL=C sort)
python3 - "${files[1]}" <<'PY'
import struct, sys
bytes_ = open(sys.argv[1], "rb").read()
tiff = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
open(sys.argv[1], "wb").write(bytes_[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 2) + tiff + bytes_[2:])
PY
for exif in ignore apply; do
    "$REEL_BIN" pack d "jpeg_$exif" --exif $exif --quiet
    mkdir "un_$exif"
    tar -xf "jpeg_$exif/train-00000.tar" -C "un_$exif"
    cmp "${files[0]}" "un_$exif/000000000.jpg" || fail "--exif $exif: a JPEG without orientation was not kept"
done
cmp "${files[1]}" un_ignore/000000001.jpg || fail "--exif ignore: a JPEG was not kept"
! grep -aq Exif un_apply/000000001.jpg || fail "--exif apply: a JPEG was kept that has to be turned"
"$REEL_BIN" bench loader held --exif apply -n 20 -j 1 >/dev/null || fail "bench loader --exif apply"

# Weights bring their setting to a run that starts from them, which remembers it; what is typed goes before.
tune() { # OUT OPTION...
    local to=$1
    shift
    "$REEL_BIN" finetune held -o "$to" --epochs 1 --seed 3 --workers 1 --quiet --no-report "$@" >"$to.out" 2>"$to.err" || fail "finetune $*: $(cat "$to.err")"
}
tune t1 --weights h/model.safetensors
tune t2 --weights h/model.safetensors --exif apply
tune t3 --weights h/model.safetensors --exif ignore
tune t4 --weights i/model.safetensors
cmp t1/model.safetensors t2/model.safetensors || fail "finetune does not take --exif over from its weights"
! cmp -s t1/model.safetensors t3/model.safetensors || fail "finetune --exif ignore: the weights' setting won"
head -c 20000 t1/model.safetensors | grep -aq 'exif.*apply' || fail "the card of what was fine-tuned does not say --exif apply"
! head -c 20000 t4/model.safetensors | grep -aq '"exif' || fail "finetune turns images though its weights ignore EXIF"
tune t5 --weights h/model.safetensors --exif ignore --max-steps 2
"$REEL_BIN" finetune --resume auto -o t5 --verify --quiet --no-report >out 2>err || fail "resume of finetune: $(cat err)"
cmp t5/model.safetensors t3/model.safetensors || fail "a resumed run takes its weights' setting instead of its own"
