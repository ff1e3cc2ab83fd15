#!/bin/bash
# Some of the program's allocations fail: an error each time, no crash, no leak.
exec bash "$REEL_SOURCE/tests/support/allocations.sh" 61
