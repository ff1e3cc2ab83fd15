#!/bin/bash
# Each of the library's allocations fails in turn, scenario by scenario: an error each time, no crash, no leak.
exec bash "$REEL_SOURCE/tests/support/library_walk.sh" 1
