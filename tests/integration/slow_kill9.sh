#!/bin/bash
# kill -9 at 200 random moments costs nothing but time. Under ThreadSanitizer, ten times as slow, at 30.
kills=200
if grep -qa __tsan_init "$REEL_BIN"; then kills=30; fi
exec bash "$REEL_SOURCE/tests/support/kill9.sh" $kills
