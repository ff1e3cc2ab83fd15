#!/bin/bash
# Each of the program's allocations fails in turn: an error each time, no crash, no leak.
exec bash "$REEL_SOURCE/tests/support/allocations.sh" 1
