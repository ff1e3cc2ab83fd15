#!/bin/bash
# train/quickstart.sh leaves the run alone: its data is in a cache that it names, drawn once. Here it "builds" a program that
# draws and trains less.
set -eu
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
mkdir -p tree/train tree/build fake home
cp "$REEL_SOURCE/train/quickstart.sh" tree/train/
echo : >tree/train/packages.sh
touch tree/build/CMakeCache.txt
printf '#!/bin/bash\n' >fake/cmake
cat >tree/build/reel <<'END'
#!/bin/bash
case $1 in
synth) exec "$REEL_BIN" synth "$2" --train 3 --val 4 --size 32 --quiet "${@:7}" ;;
train) exec "$REEL_BIN" "$@" --arch tiny --epochs 1 --no-report --quiet ;;
*) exec "$REEL_BIN" "$@" ;;
esac
END
chmod +x fake/cmake tree/build/reel
export PATH=$PWD/fake:$PATH HOME=$PWD/home
unset XDG_CACHE_HOME
quickstart() { bash tree/train/quickstart.sh "$@" >out 2>err || fail "quickstart.sh $*: exit $?: $(cat err)"; }

quickstart --threads 1
[ "$(ls tree)" = "$(printf '%s\n' build quickstart train)" ] || fail "beside the run lies: $(ls tree)"
[ "$(ls tree/quickstart)" = run-0 ] || fail "beside the run lies: $(ls tree/quickstart)"
data=home/.cache/reel/quickstart/data-0
[ -e $data/complete ] || fail "no data in the cache: $(find home | head)"
grep -qF "The drawn images take $(du -sh $data | cut -f1)" out || fail "the size of the data is not told: $(cat out)"
grep -qF "rm -r '$PWD/$data'" out || fail "how to remove the data is not told: $(cat out)"

# The data is used again, and with another seed or cache it is drawn there.
quickstart --threads 1 --dir "$PWD/other"
! grep -q "^Drawing" out || fail "drawn again: $(cat out)"
export XDG_CACHE_HOME=$PWD/cache
quickstart --threads 1 --seed 3
[ "$(ls cache/reel/quickstart)" = data-3 ] || fail "XDG_CACHE_HOME: $(ls cache/reel/quickstart)"
bash tree/train/quickstart.sh --seed 3 >out 2>err && fail "a second run into the same folder"
grep -q "run-3 exists already" err || fail "a second run into the same folder: $(cat err)"

# Killed while drawing: what is left is no data.
sed -i 's/^synth) exec/synth) mkdir -p "$2"; kill $PPID; exec/' tree/build/reel
bash tree/train/quickstart.sh --seed 4 >out 2>err && fail "killed: exit 0"
[ "$(ls cache/reel/quickstart)" = data-3 ] || fail "killed while drawing: $(ls cache/reel/quickstart)"
