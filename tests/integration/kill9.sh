#!/bin/bash
# kill -9 at 10 random moments costs nothing but time, for a folder of JPEGs and for a table of other formats, with an average of
# the weights.
set -eu
bash "$REEL_SOURCE/tests/support/kill9.sh" 5 --epochs 4 --checkpoint-every 4
mkdir table
cd table
KILL9_SET=table exec bash "$REEL_SOURCE/tests/support/kill9.sh" 5 --epochs 4 --checkpoint-every 4 --opt adam --lr 1e-3 --model-ema --model-ema-steps 2 --model-ema-decay 0.9
