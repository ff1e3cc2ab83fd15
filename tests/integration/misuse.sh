#!/bin/bash
# Every public function with wrong arguments: none ends by a signal, hangs, or fails without a message (tests/misuse/README.md).
set -eu
program=$REEL_BUILD/tests/misuse
[ -x "$program" ] || { echo "this build has no misuse: it needs Python 3"; exit 77; }
export ASAN_OPTIONS=allocator_may_return_null=1:${ASAN_OPTIONS:-}
code=0
"$program" 2>err || code=$?
# Some calls ask for a size that no machine has. The sanitizer's warning about it is not a fault.
grep -v 'WARNING: AddressSanitizer failed to allocate' err >&2 || true
exit $code
