#!/bin/bash
# The API reference is made from the public headers, without a warning.
set -eu
command -v doxygen >/dev/null || exit 77
grep -q '^DOXYGEN:FILEPATH=/' "$REEL_BUILD/CMakeCache.txt" || exit 77 # installed after the build was configured
cmake --build "$REEL_BUILD" --target reference >log 2>&1 || { cat log; exit 1; }
made=$REEL_BUILD/reference
if [ -s "$made/warnings.log" ]; then
    head -40 "$made/warnings.log"
    echo "doxygen warns"
    exit 1
fi
for name in reel_net_create reel_layer_gradcheck reel_conv2d_config reel_backward "Part 3: extend Reel"; do
    grep -rqF "$name" "$made/html" || { echo "not in the reference: $name"; exit 1; }
done
