#!/bin/bash
# In PATH as mpirun: the one of $REAL_MPIRUN, which starts $STAND_IN in the place of $REEL_BIN.
[ "$1" != --version ] || exec "$REAL_MPIRUN" --version
words=()
for word; do
    [ "$word" != "$REEL_BIN" ] || word=$STAND_IN
    words+=("$word")
done
exec "$REAL_MPIRUN" "${words[@]}"
