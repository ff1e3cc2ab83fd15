#!/bin/bash
# in_scratch.sh SCRIPT FOLDER: runs SCRIPT in FOLDER, which is made anew and goes away again when the script succeeds.
set -eu
script=$1
scratch=$2
rm -rf -- "$scratch"
mkdir -p -- "$scratch"
cd -- "$scratch"
export REEL_SCRATCH=$scratch
status=0
bash "$script" </dev/null || status=$?
cd /
if [ "$status" = 0 ] || [ "$status" = 77 ]; then rm -rf -- "$scratch"; fi
exit "$status"
