#!/bin/bash
# AlexNet with dropout and augmentation has the same weights, bit for bit, after 20 steps with 1, 2, 3, 4 and 8 compute threads and
# 1, 4 and 16 loader workers, under each instruction set that this machine has. Arguments: the instruction sets to try.
# Under a sanitizer, where a run takes minutes, 1, 3 and 8 threads with 4 workers.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 10 --val 1 --classes 4 --size 96 --quiet
many_threads="1 2 3 4 8" many_workers="1 4 16"
if grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN"; then many_threads="1 3 8" many_workers=4; fi
for isa in "${@:-portable avx2 avx512 amx neon}"; do
    for isa in $isa; do
        want=
        runs=0
        if ! REEL_ISA=$isa "$REEL_BIN" summary >/dev/null 2>&1; then
            echo "$isa: not on this machine"
            continue
        fi
        for threads in $many_threads; do
            for workers in $many_workers; do
                rm -rf run
                REEL_ISA=$isa "$REEL_BIN" train d --recipe torchvision --arch alexnet -b 2 --epochs 2 --max-steps 20 --jitter 0.2 --lighting 0.1 \
                    --seed 5 --threads $threads --workers $workers --checkpoint-every 1000 --quiet -o run >out 2>err || fail "$isa, $threads threads, $workers workers: exit $?: $(cat err)"
                sum=$(sha256sum <run/model.safetensors)
                [ "$sum" = "${want:=$sum}" ] || fail "$isa: $threads threads and $workers workers gave other weights than 1 and 1"
                runs=$((runs + 1))
            done
        done
        echo "$isa: $runs runs of 20 steps, the same bits: ${want%% *}"
    done
done
