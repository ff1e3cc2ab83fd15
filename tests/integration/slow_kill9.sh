#!/bin/bash
# kill -9 at 200 random moments costs nothing but time.
exec bash "$REEL_SOURCE/tests/support/kill9.sh" 200
