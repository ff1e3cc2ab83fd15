#!/bin/bash
# report.html in a browser at the widths of a phone, a tablet and a desk: nothing is cut, covered or too small to read
# (tests/support/check_layout.py). Short and long class names; 3, 40 and 60 classes. Skips where there is no Chromium.
set -eu
support=$REEL_SOURCE/tests/support
command -v python3 >/dev/null || { echo "skipped: no python3 to drive a browser with"; exit 77; }
python3 "$support/check_layout.py" || exit $?

long="a name of many words that goes on and on, as the folders of people have them"
unbroken=$(printf 'Supercalifragilisticexpialidocious_%.0s' 1 2 3 4)
pages=()
for classes in 3 40 60; do
    "$REEL_BIN" synth "d$classes" --train 4 --val 6 --classes 3 --size 48 --quiet
    for split in train val; do
        for ((i = 3; i < classes; i++)); do
            cp -r "d$classes/$split/$(ls "d$classes/$split" | head -1)" "d$classes/$split/copy $i"
        done
    done
    if [ "$classes" -lt 60 ]; then
        "$REEL_BIN" train "d$classes" --arch tiny --epochs 2 -b 16 --lr 0.02 --log-every 1 --quiet -o "short$classes" >log
        pages+=("short$classes/report.html")
    fi

    i=0
    for class in "d$classes"/train/*; do
        class=${class##*/}
        if [ $((i++ % 2)) -eq 0 ]; then name="$long $i"; else name=$unbroken$i; fi
        mv "d$classes/train/$class" "d$classes/train/$name"
        mv "d$classes/val/$class" "d$classes/val/$name"
    done
    "$REEL_BIN" train "d$classes" --arch tiny --epochs 2 -b 16 --lr 0.02 --log-every 1 --quiet -o "long$classes" >log
    pages+=("long$classes/report.html")
done
python3 "$support/check_layout.py" "${pages[@]}"
