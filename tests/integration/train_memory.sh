#!/bin/bash
# A run that cannot fit into memory is refused before it starts, with the largest batch that does; nothing is written.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 40 --val 2 --classes 2 --size 48 --quiet
code=0
"$REEL_BIN" train d --train-crop-size 8000 --val-crop-size 63 -b 64 --quiet -o x >out 2>err || code=$?
[ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] || fail "a batch of 64 images of 8000 x 8000: exit $code, expected 1 and one line: $(cat err)"
grep -qE "a batch of 64 takes [0-9.]+ GB of memory, .* [0-9.]+ GB: (--batch-size [0-9]+ is the largest that fits|not even one image fits)" err ||
    fail "a batch of 64 images of 8000 x 8000: $(cat err)"
[ ! -e x ] || fail "a run that was refused made its folder"

# Under ulimit -v: what is said to fit does, within what it leaves.
if ! grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN"; then
    limited() { (ulimit -v 2500000 && "$REEL_BIN" train d --threads 1 --workers 1 --max-steps 2 --quiet "$@" >out 2>err); }
    limited -b 64 --train-crop-size 500 -o over && fail "2.5 GB of address space and a batch of 64 of 500 x 500 was not refused"
    grep -qE 'half of what `ulimit -v` leaves, .* is [01]\.[0-9] GB: --batch-size [0-9]+ is the largest that fits' err || fail "ulimit -v: $(cat err)"
    largest=$(grep -oE 'batch-size [0-9]+' err | cut -d' ' -f2)
    limited -b "$largest" --train-crop-size 500 -o fitted && fail "ulimit -v: fitting to 64 images of 500 x 500 was not refused"
    grep -q 'fitting the initial weights to 64 images takes [0-9.]* GB' err || fail "ulimit -v, --init data: $(cat err)"
    limited -b 64 --train-crop-size 3000 -o over && fail "ulimit -v: a batch of 64 of 3000 x 3000 was not refused"
    grep -qE 'a batch of 64 takes .*memory.*, half of what `ulimit -v` leaves, .* is [01]\.[0-9] GB: (--batch-size [0-9]+ is the largest that fits|not even one)' err ||
        fail "ulimit -v, 3000 x 3000: $(cat err)"
    limited -b "$largest" --train-crop-size 500 --init kaiming -o within || fail "ulimit -v: a batch of $largest was said to fit: exit $?: $(cat err)"
    # In an evaluation two loaders hold batches, and eight workers many.
    "$REEL_BIN" synth m --train 60 --val 100 --classes 2 --size 48 --quiet
    eight() { (ulimit -v 2500000 && "$REEL_BIN" train m --arch tiny --train-crop-size 400 --threads 1 --workers 8 --epochs 2 --quiet "$@" >out 2>err); }
    eight -b 100 -o many && fail "ulimit -v: a batch of 100 of 400 x 400 with 8 workers was not refused"
    most=$(grep -oE 'batch-size [0-9]+' err | cut -d' ' -f2)
    eight -b "$most" -o eight || fail "ulimit -v, 8 workers: a batch of $most was said to fit: exit $?: $(cat err)"
    # What the C library reserves for each thread comes and goes: a small net runs under any limit above the smallest that it needs.
    for kilobytes in 200000 250000 300000 400000; do
        rm -rf small
        (ulimit -v $kilobytes && "$REEL_BIN" train d --arch tiny -b 8 --threads 1 --workers 1 --max-steps 2 --quiet -o small >out 2>err) ||
            fail "ulimit -v $kilobytes, a small net: exit $?: $(cat err)"
    done
fi

# In a control group of its own, where one can be made: the batch that is said to fit does, one more is refused.
group=/sys/fs/cgroup/reel-test-$$
v1=/sys/fs/cgroup/memory
if [ -e $v1/memory.limit_in_bytes ]; then
    group=$v1/reel-test-$$
    mkdir "$group" 2>/dev/null || exit 0
    trap 'rmdir "$group"' EXIT
    echo 1200M >"$group/memory.limit_in_bytes" 2>/dev/null || exit 0
else
    mkdir "$group" 2>/dev/null || exit 0
    trap 'rmdir "$group"' EXIT
    echo 1200M >"$group/memory.max" 2>/dev/null || exit 0
    echo 0 >"$group/memory.swap.max" 2>/dev/null || true
fi
grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN" && exit 0 # sanitizers take memory of their own
inside() { bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' _ "$group" "$REEL_BIN" train d --threads 1 --workers 1 --max-steps 2 --quiet "$@" >out 2>err; }
code=0
inside -b 64 --train-crop-size 320 -o big || code=$?
[ "$code" -eq 1 ] && grep -q "this control group has left 1.[0-9]" err || fail "1200 MB and a batch of 64: exit $code: $(cat err)"
largest=$(grep -oE 'batch-size [0-9]+' err | cut -d' ' -f2)
[ "${largest:-0}" -gt 0 ] || fail "1200 MB: no batch fits: $(cat err)"
echo "1200 MB, images of 320 x 320: the largest batch is $largest"
inside -b "$((largest + 2))" --train-crop-size 320 -o bigger && fail "a batch of $((largest + 2)) was not refused"
inside -b "$largest" --train-crop-size 320 -o fits || fail "a batch of $largest was said to fit: exit $?: $(cat err)"
