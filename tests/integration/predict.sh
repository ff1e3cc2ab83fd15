#!/bin/bash
# reel predict: names and images on stdin, answered as they come; copies into class folders.
set -eu
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 6 --val 3 --classes 3 --size 48 --quiet
"$REEL_BIN" train d --arch tiny --epochs 2 -b 6 --no-report --quiet -o run >/dev/null
find d/val -name '*.jpg' | sort >list
one=$(head -1 list)
predict() { # predict ARGUMENTS...: exit code 0; out, err
    "$REEL_BIN" predict -w run "$@" >out 2>err || fail "predict $*: exit $?: $(cat err)"
}
fields() { awk -F'\t' -v n="$1" 'NF != n { print NF " fields: " $0; exit 1 }' out || fail "expected $1 fields a line"; }

# ---- blocks: no more rows than classes ----------------------------------------------------------
predict "$one"
[ "$(wc -l <out)" -eq 4 ] || fail "three classes, --top 5: $(cat out)"
cp out block

# ---- a list on stdin: a line each, the same answers ---------------------------------------------
predict - <list
[ "$(wc -l <out)" -eq 9 ] || fail "a list of 9: $(cat out)"
fields 7 # the file, and percentage and class three times
cut -f1 out | cmp - list || fail "a list: other names, or in another order"
sed -n 1p out | tr '\t' '\n' | sed 1d | paste - - >got
sed '1d; s/^ *//; s/ %  / %\t/' block | cmp - got || fail "a list: other answers than for the file: $(cat got block)"
cp out by_line
tr '\n' '\0' <list >zeros
predict - <zeros
cmp out by_line || fail "names that end with zero bytes: $(diff out by_line)"
sed 's/$/\r/; 1s/$/\n/' list >windows
predict - <windows
cmp out by_line || fail "names that end as on Windows: $(diff out by_line)"
printf %s "$(cat list)" | "$REEL_BIN" predict -w run - >out || fail "a list without its last line end: exit $?"
cmp out by_line || fail "a list without its last line end: $(diff out by_line)"

predict --json -k 1 - <list
[ "$(grep -c '^{"file":"d/val/.*","predictions":\[{"class":".*","index":[0-2],"probability":0\.[0-9]*}\]}$' out)" -eq 9 ] || fail "--json: $(cat out)"
code=0
{ echo nothing.jpg; echo d; cat list; } | "$REEL_BIN" predict -w run --json - >out 2>err || code=$?
[ "$code" -eq 1 ] && [ "$(wc -l <out)" -eq 11 ] && [ "$(grep -vc "^time: " err)" -eq 2 ] || fail "unreadable names: exit $code: $(cat out err)"
grep -q '^{"file":"nothing.jpg","error":"cannot be opened: No such file or directory"}$' out || fail "unreadable names: $(cat out)"
grep -q 'd: expected a file, found a folder' err || fail "unreadable names: $(cat err)"
mkfifo pipe
code=0
echo pipe | timeout 20 "$REEL_BIN" predict -w run - >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "pipe: expected a file, found a device or pipe" err || fail "a pipe in the list: exit $code: $(cat err)"

# Each name is answered while stdin stays open.
mkfifo names answers
"$REEL_BIN" predict -w run -k 1 - <names >answers 2>err &
predictor=$!
exec 3>names 4<answers
for name in $(head -3 list); do
    echo "$name" >&3
    read -r -t 60 file _ <&4 || fail "$name: no answer while stdin is open: $(cat err)"
    [ "$file" = "$name" ] || fail "$name: the answer is for $file"
done
exec 3>&-
wait "$predictor" || fail "a list that comes slowly: exit $?: $(cat err)"
exec 4<&-

# ---- the bytes of an image ----------------------------------------------------------------------
for file in "$one" "$(sed -n 5p list)"; do
    predict - <"$file"
    [ "$(cut -f2- out)" = "$(grep -F "$file" by_line | cut -f2-)" ] && [ "$(cut -f1 out)" = - ] || fail "bytes of $file: $(cat out)"
done
printf 'P6\n40 40\n255\n%04800d' 0 >grey.ppm # a picture whose bytes are all text
predict grey.ppm
cp out want
cat grey.ppm | "$REEL_BIN" predict -w run - >out || fail "bytes of a PPM: exit $?"
[ "$(wc -l <out)" -eq 1 ] || fail "bytes of a PPM: $(cat out)"
for bytes in "\\xff\\xd8\\xff\\xe0\\x00\\x10JFIF" "\\x00\\x00\\x00\\x18ftypheic\\x00\\x00"; do
    code=0
    printf "$bytes" | "$REEL_BIN" predict -w run - >out 2>err || code=$?
    [ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || fail "bytes of no image: exit $code: $(cat out err)"
done

# ---- copies -------------------------------------------------------------------------------------
mkdir -p photos/a photos/b
cp "$one" photos/a/x.jpg
cp "$(sed -n 5p list)" photos/b/x.jpg
cp "$one" photos/b/y.jpg
cp "$one" photos/b/.z.jpg
echo broken >photos/a/bad.jpg
touch -d '2020-02-02 02:02:02' photos/a/x.jpg
find photos -type f | sort | xargs sha256sum >before
code=0
"$REEL_BIN" predict -w run photos --copy-into sorted --json >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "photos/a/bad.jpg" err || fail "copies with a broken image: exit $code: $(cat err)"
sha256sum --quiet -c before || fail "copies: a source has changed"
[ "$(find sorted -name '*.jpg' | wc -l)" -eq 3 ] || fail "copies: expected 3, got $(find sorted)"
for source in photos/a/x.jpg photos/b/x.jpg photos/b/y.jpg; do
    copy=$(tr '{' '\n' <out | awk -F'"' -v f=$source '$4 == f { on = 1 } on && /"copy"/ { for (i = 1; i < NF; i++) if ($i == "copy") { print $(i + 2); exit } }')
    cmp "$source" "$copy" || fail "the copy of $source is '$copy': $(cat out)"
    "$REEL_BIN" predict -w run -k 1 "$source" | grep -qF "  $(basename "$(dirname "$copy")")" || fail "$copy is in another class's folder"
done
[ "$(find sorted -name 'x*.jpg' -newermt 2020-02-01 ! -newermt 2020-02-03 | wc -l)" -eq 1 ] || fail "copies: the time of the picture is lost"

# Again: nothing is copied twice, nothing is replaced. A copy that was moved to another class is still Reel's.
find sorted -type f | sort | xargs sha256sum >before
"$REEL_BIN" predict -w run photos --copy-into sorted >out 2>err || true
[ "$(grep -c '^photos/' out)" -eq 3 ] || fail "again: $(cat out)"
find sorted -type f | sort | xargs sha256sum | cmp - before || fail "again: $(find sorted -type f)"
grep -q "0 pictures copied into .*; 3 were there already" err || fail "again: $(cat err)"

mkdir -p sorted/other
mv "$(find sorted -name y.jpg)" sorted/other
"$REEL_BIN" predict -w run photos --copy-into sorted >out 2>err || true
grep -q "1 picture copied into .*; 2 were there already" err && [ -e sorted/other/y.jpg ] || fail "a copy that was moved: $(cat err)"

# Two of one name and one content both survive; a foreign file stays, a foreign image is refused.
mkdir -p same/a same/b
cp "$one" same/a/x.jpg
cp "$one" same/b/x.jpg
class=$("$REEL_BIN" predict -w run -k 1 --json "$one" | sed 's/.*"class":"\([^"]*\)".*/\1/')
mkdir -p "into/$class"
echo mine >"into/$class/x.jpg"
code=0
"$REEL_BIN" predict -w run same --copy-into into >out 2>err || code=$?
[ "$code" -eq 1 ] && tr '\n' ' ' <err | grep -q "it holds $class/x.jpg, which Reel did not write" && [ "$(ls "into/$class")" = x.jpg ] ||
    fail "a foreign image: exit $code: $(cat err)"
mv "into/$class/x.jpg" "into/$class/x.txt"
predict same --copy-into into -q
[ "$(ls "into/$class")" = "$(printf '%s\n' x-2.jpg x.jpg x.txt)" ] && [ "$(cat "into/$class/x.txt")" = mine ] || fail "one name: $(ls -l "into/$class")"
[ ! -s err ] || fail "--quiet: $(cat err)"

predict same --copy-into never --min-probability 1
[ -z "$(find never -type f)" ] && grep -q "0 pictures copied.*; 2 below --min-probability 1 stay out" err || fail "--min-probability: $(cat err)"
cat "$one" | "$REEL_BIN" predict -w run --copy-into bytes - >out 2>err || fail "copy of bytes: exit $?: $(cat err)"
cmp "$one" "bytes/$class/stdin.jpg" || fail "copy of bytes: $(find bytes)"
refused() { # refused CODE WORDS ARGUMENTS...
    local expected=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" predict -w run "$@" >out 2>err || code=$?
    [ "$code" -eq "$expected" ] && grep -qF -- "$words" err || fail "predict $*: exit $code, expected $expected and \"$words\": $(cat err)"
}
refused 2 "--min-probability: expected --copy-into" "$one" --min-probability 0.5
refused 1 "list: the folder cannot be created: File exists" "$one" --copy-into list
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    mkdir small
    unshare -m bash -c 'mount -t tmpfs -o size=8k none small || exit 0
        code=0
        "$REEL_BIN" predict -w run d/val --copy-into small >out 2>err || code=$?
        [ "$code" -eq 1 ] && grep -q "small/.*: the copy cannot be written: No space left on device" err || { echo "a full disk: exit $code: $(cat err)"; exit 1; }
        [ -z "$(find small -name ".reel*tmp")" ] || { echo "a full disk: left $(find small)"; exit 1; }'
fi

# ---- links to folders are followed, as in training; a loop ends; copies among the images are refused -------------------------
mkdir -p linked/some && cp "$one" linked/some && ln -s ../../d/train linked/some/more && ln -s .. linked/some/loop
predict linked --top 1
[ "$(grep -c jpg out)" -eq 19 ] || fail "18 images behind a link, and one beside it: $(cat out)"
refused 1 "--copy-into linked/sorted: it lies in linked, whose images are read" linked --copy-into linked/sorted
[ ! -e linked/sorted ] || fail "copies among the images: $(find linked/sorted)"
