#!/bin/bash
# Each seventh of the library's allocations fails, scenario by scenario: an error each time, no crash, no leak.
exec bash "$REEL_SOURCE/tests/support/library_walk.sh" 7
