#!/bin/bash
# A disk that becomes full, or fails, while `reel pack` writes: the message names the file and what is missing, no folder looks like a
# whole pack, and the same command completes it to the same bytes.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 12 --val 4 --classes 3 --size 64 --quiet
told=(--raw --per-shard 9 --threads 1 --quiet)
"$REEL_BIN" pack d whole "${told[@]}"

incomplete() { # incomplete FOLDER WHERE: it is no pack yet, and no command takes it for one
    [ ! -e "$1/pack.json" ] || fail "$2: pack.json is there: $(ls "$1")"
    [ -z "$(find "$1" -name '*.tar.part' -o -name '*.idx.part' -o -name '*.tmp')" ] || fail "$2: left behind: $(ls -A "$1")"
    [ -e "$1/pack.json.part" ] || return 0
    local command code
    for command in "check $1" "train $1 -o run"; do
        code=0
        # shellcheck disable=SC2086
        "$REEL_BIN" $command --quiet >seen 2>&1 || code=$?
        [ $code -eq 1 ] || fail "$2: reel $command: exit $code: $(cat seen)"
        grep -q "this pack is not complete (.reel pack. with the same arguments completes it)" seen ||
            fail "$2: reel $command: $(cat seen)"
    done
}
same() { # same FOLDER WHERE: the files of the pack that met no fault
    diff -r whole "$1" >differs || fail "$2: completed, and differs: $(cat differs)"
}

# A disk of few kilobytes, a little larger each time.
fill() {
    mount -t tmpfs -o size="$1k" none disk || exit 77
    local code=0
    "$REEL_BIN" pack d disk/out "${told[@]}" >out 2>err || code=$?
    [ $code -eq 1 ] || fail "a disk of $1 kB: exit $code: $(cat err)"
    grep -qE "^reel pack: (cannot write )?disk/out/[a-z0-9.-]+: (cannot be written: )?No space left on device" err || fail "a disk of $1 kB: $(cat err)"
    if grep -q "tar" err; then
        grep -qE "expected about [0-9.]+ MB of free disk space for the rest of (train|val), got [0-9.]+ MB" err || fail "a disk of $1 kB: $(cat err)"
        # What is missing: more than there is, and about what the tars of the split take (in MB), which every image here does alike.
        sed -E 's/.*expected about ([0-9.]+) MB .* rest of (train|val), got ([0-9.]+) MB.*/\1 \2 \3/' err >room
        read -r needs part got <room
        awk -v needs="$needs" -v got="$got" -v disk="$1" -v tars="$(cat whole/"$part"-*.tar | wc -c)" '
            BEGIN { exit !(needs >= got && got <= disk / 1000 && needs <= 1.2 * tars / 1e6 + 0.1) }' || fail "a disk of $1 kB: $(cat err)"
    fi
    incomplete disk/out "a disk of $1 kB"
    mount -o remount,size=20m disk
    "$REEL_BIN" pack d disk/out "${told[@]}" >out 2>err || fail "a disk of $1 kB, with room: exit $?: $(cat err)"
    same disk/out "a disk of $1 kB"
    umount disk
}
mkdir disk
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    code=0
    unshare -m bash -c '. "$REEL_SOURCE/tests/support/runs.sh"; '"$(declare -f fill incomplete same)"'
        told=(--raw --per-shard 9 --threads 1 --quiet)
        for size in 8 60 140 260 480 700; do fill $size; done' || code=$?
    [ $code -eq 0 ] || [ $code -eq 77 ] || exit $code
fi

# A whole pack that is packed again stays one; a shard that is gone makes it incomplete until it is written again.
cp -r whole again
"$REEL_BIN" pack d again "${told[@]}" || fail "a whole pack, packed again: exit $?"
same again "packed again"
printf 'x' | dd of=again/train-00001.tar bs=1 seek=3000 conv=notrunc status=none
code=0
"$REEL_BIN" pack d again "${told[@]}" >out 2>err || code=$?
[ $code -eq 1 ] && grep -q "again/train-00001.tar: .*damaged" err || fail "a damaged pack: exit $code: $(cat err)"
incomplete again "a damaged pack"
rm again/train-00001.*
"$REEL_BIN" pack d again "${told[@]}" || fail "a shard that was gone: exit $?"
same again "a shard that was gone"

# A failure that is none of the pack leaves a whole pack as it is.
rm again/classes.txt && mkdir again/classes.txt
code=0
"$REEL_BIN" pack d again "${told[@]}" >out 2>err || code=$?
[ $code -eq 1 ] && grep -q "again/classes.txt: expected the name of a file, found a folder" err || fail "classes.txt cannot be written: exit $code: $(cat err)"
[ -e again/pack.json ] && [ ! -e again/pack.json.part ] || fail "classes.txt cannot be written: the pack is no longer whole: $(ls again)"
rmdir again/classes.txt
"$REEL_BIN" pack d again "${told[@]}" || fail "classes.txt written again: exit $?"
same again "classes.txt written again"

# Files that no pack has written are not written over.
for foreign in classes.txt train-00000.tar train-00001.idx val-00000.tar; do
    rm -rf mine && mkdir mine && echo mine >mine/$foreign
    code=0
    "$REEL_BIN" pack d mine "${told[@]}" >out 2>err || code=$?
    [ $code -eq 1 ] && grep -q "^reel pack: mine/$foreign: expected no such file in a new pack's folder, got one" err || fail "$foreign is there: exit $code: $(cat err)"
    [ "$(ls -A mine)" = $foreign ] && [ "$(cat mine/$foreign)" = mine ] || fail "$foreign is there: it was changed: $(ls -A mine)"
done

# The folder is flushed between the name of a shard and that of its index; a file system that cannot flush a folder is no failure.
shim=$REEL_BUILD/tests/libreel_folder_sync.so
if [ -e "$shim" ]; then
    for error in "" 22; do # EINVAL
        rm -rf synced calls
        env LD_PRELOAD="$shim" REEL_SYNC_LOG=calls ${error:+"REEL_SYNC_ERROR=$error"} "$REEL_BIN" pack d synced "${told[@]}" >out 2>err || fail "flushing a folder fails with ${error:-nothing}: exit $?: $(cat err)"
        same synced "flushing a folder"
        awk '/\.tar$/ { tar = 1; tars++ } /^flush/ { tar = 0 } /\.idx$/ && tar { early++ } END { exit !(tars == 6 && !early) }' calls ||
            fail "an index has its name before its shard is sure of its own: $(cat calls)"
    done
fi

# Any write, fsync or rename fails, once.
command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || exit 0
if grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN"; then exit 0; fi
for call in write fsync rename; do
    rm -rf out_$call
    strace -f -o calls -e "trace=$call" "$REEL_BIN" pack d out_$call "${told[@]}" >out 2>err
    n=$(grep -c "$call(" calls)
    [ "$n" -ge 5 ] || fail "expected at least 5 calls of $call, got $n"
    step=$(((n + 7) / 8))
    for ((at = 1; at <= n; at += step)); do
        rm -rf faulty
        code=0
        strace -f -o calls -e "trace=$call" -e "inject=$call:error=EIO:when=$at" "$REEL_BIN" pack d faulty "${told[@]}" >out 2>err || code=$?
        here="$call $at of $n"
        [ $code -eq 1 ] || fail "$here: exit $code: $(cat err)"
        grep -q "^reel pack: .*faulty.*: Input/output error" err || fail "$here: $(cat err)"
        [ ! -e faulty ] || [ -e faulty/pack.json ] || incomplete faulty "$here"
        [ ! -e faulty/pack.json ] || same faulty "$here: whole by its pack.json"
        "$REEL_BIN" pack d faulty "${told[@]}" >out 2>err || fail "$here, again: exit $?: $(cat err)"
        same faulty "$here"
    done
done
