# `reel check`: planted faults of every kind are found, the result is the same for any number of threads, and exit codes hold.
set -eu
fail() { echo "check: $*" >&2; exit 1; }
"$REEL_BIN" synth D --train 4 --val 3 --classes 3 --size 64 -q
"$REEL_BIN" check D -q > clean.txt || fail "a sound dataset gave $?"
grep -qx "nothing is wrong" clean.txt || fail "a sound dataset: $(cat clean.txt)"

set -- D/train/*; a=$1; b=$2; c=$3
set -- "$a"/*.jpg; one=$1; two=$2; three=$3
set -- D/val/*; v=$1
cp "$one" "$b/copy.jpg"
cp "$one" "$v/leak.jpg"
cp "$two" "$b/name.png"
truncate -s 300 "$three"
printf 'not an image at all' > "$b/zz-text.jpg"
: > "$b/zz-empty.jpg"
mkdir D/train/only D/train/Only D/train/none
set -- "$c"/*.jpg
# An EXIF segment of orientation 6, between SOI and what follows it.
{ dd if="$1" bs=1 count=2; printf '\377\341\000\044Exif\000\000MM\000\052\000\000\000\010\000\001\001\022\000\003\000\000\000\001\000\006\000\000\000\000\000\000'
  printf '\000\000'; dd if="$1" bs=1 skip=2; } > D/train/only/turned.jpg 2> dd.txt
{ printf 'P6 8 8 255\n'; head -c 192 /dev/zero; } > "$c/tiny.png" # tiny, and no PNG
{ cat "$2"; head -c 20000001 /dev/zero; } > D/train/Only/huge.jpg

code=0; "$REEL_BIN" check D -q -j 1 > one.txt || code=$?
[ $code = 3 ] || fail "corrupt images: expected exit code 3, got $code"
"$REEL_BIN" check D -q -j 1 --max-bad 1 --json > one.json || fail "--max-bad 1 gave $?"
for n in 2 5; do
    "$REEL_BIN" check D -q -j $n --max-bad 1 --json > more.json
    cmp one.json more.json || fail "$n threads find something else than one"
done
expect() { grep -q "^$1: $2\$" one.txt || fail "$1: expected $2, got: $(cat one.txt)"; }
expect corrupt 3
expect misnamed 3
expect rotated 1
expect tiny 1
expect huge 1
expect duplicate 2
expect duplicate_across_sets 1
expect class_missing 2
grep -q "^left out: 1 folder without images: none" one.txt || fail "a folder without images: $(cat one.txt)"
expect class_case 1
grep -q "turned.jpg: orientation 6" one.txt || fail "orientation 6 is not named"
"$REEL_BIN" check D -q --examples 1 --max-bad 1 > short.txt
[ "$(grep -A2 '^corrupt: 3' short.txt | grep -c '^  ')" = 1 ] || fail "--examples 1 names more than one"
