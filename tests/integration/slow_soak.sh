#!/bin/bash
# A long run keeps its size: memory, descriptors and threads of `reel train` are looked at twice a second, while it loads images
# (one in twenty damaged), evaluates and saves, for REEL_SOAK_MINUTES (2). After the first quarter they stay: no descriptor and no
# thread more, memory within 1 % and 2 MB of the most seen before. REEL_SOAK_OPTIONS replaces the small net and its steps.
set -eu
grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN" && { echo "sanitizers keep what was freed: memory grows"; exit 77; }
minutes=${REEL_SOAK_MINUTES:-2}
read -ra options <<<"${REEL_SOAK_OPTIONS:---arch tiny -b 8 --threads 1 --workers 3 --checkpoint-every 50}"
"$REEL_BIN" synth d --train 100 --val 40 --classes 4 --size 96 --quiet
for image in d/train/*/*[05]0.jpg; do head -c 700 "$image" >cut && mv cut "$image"; done
"$REEL_BIN" train d -o run --epochs 1000000 --max-time "${minutes}m" --max-bad 0.2 --jitter 0.2 --keep 2 --no-report \
    "${options[@]}" --quiet >out 2>err &
pid=$!
trap 'kill -KILL $pid 2>/dev/null || true' EXIT
began=$SECONDS
while kill -0 "$pid" 2>/dev/null && [ -r "/proc/$pid/status" ]; do
    memory=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
    threads=$(awk '/^Threads/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
    # Files that come and go (images, checkpoints) are open for a moment: what stays open is what counts.
    files=$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)
    [ -z "$memory" ] || echo "$((SECONDS - began)) $memory $files $threads" >>seen
    sleep 0.5
done
code=0
wait "$pid" || code=$?
steps=$(tail -1 run/metrics.jsonl | grep -oE '"step":[0-9]+' | cut -d: -f2)
[ "$code" -eq 0 ] || { echo "the run ended with $code: $(cat err)"; exit 1; }
awk -v end=$((minutes * 60)) -v steps="$steps" '
    $1 < 3 { next }                             # opening
    { early = $1 < end / 4; late = $1 >= end * 3 / 4 && $1 < end - 3 }
    early { early_n++; if ($2 > memory) memory = $2; if ($3 > files) files = $3; if ($4 > threads) threads = $4 }
    late { late_n++; if ($2 > memory_late) memory_late = $2; if ($4 > threads_late) threads_late = $4
           if ($3 > files_late) files_late = $3 }
    END {
        printf "%d steps, %d looks; first quarter and last: memory %.1f and %.1f MB, descriptors %d and %d, threads %d and %d\n",
               steps, NR, memory / 1024, memory_late / 1024, files, files_late, threads, threads_late
        if (early_n < 20 || late_n < 20) { print "too few looks: " early_n ", " late_n; exit 1 }
        exit memory_late > memory * 1.01 + 2048 || files_late > files || threads_late > threads
    }' seen
