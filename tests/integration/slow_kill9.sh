#!/bin/bash
# kill -9 at 200 random moments costs nothing but time: 150 with a folder of JPEGs, 50 with a table of other formats. Under
# ThreadSanitizer, ten times as slow, at 30.
set -eu
kills=150 more=50
if grep -qa __tsan_init "$REEL_BIN"; then kills=20 more=10; fi
bash "$REEL_SOURCE/tests/support/kill9.sh" $kills
mkdir table
cd table
KILL9_SET=table exec bash "$REEL_SOURCE/tests/support/kill9.sh" $more
