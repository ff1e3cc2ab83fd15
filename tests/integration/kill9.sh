#!/bin/bash
# kill -9 at 10 random moments costs nothing but time.
exec bash "$REEL_SOURCE/tests/support/kill9.sh" 10 --epochs 4 --checkpoint-every 4
