#!/bin/bash
# A disk that fails at some write, fsync or rename: no crash, no checkpoint lost.
exec bash "$REEL_SOURCE/tests/support/faults.sh" 29
