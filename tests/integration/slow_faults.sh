#!/bin/bash
# A disk that fails at any write, fsync or rename, each in turn: no crash, no checkpoint lost.
exec bash "$REEL_SOURCE/tests/support/faults.sh" 1
