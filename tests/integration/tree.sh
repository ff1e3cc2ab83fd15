#!/bin/bash
# The rules of the source tree hold, and the checker sees each kind of breach.
set -eu
check=$REEL_SOURCE/tests/support/check_tree.py
objects=()
# Sanitizers add symbols of their own.
if grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=\(Release\|Debug\)$' "$REEL_BUILD/CMakeCache.txt"; then objects=("$REEL_BUILD"); fi
if [ ${#objects[@]} -gt 0 ] && ! [ -e "$REEL_BUILD/libreel.so" ]; then
    echo "the library is not built, whose symbols are checked: cmake --build $REEL_BUILD --target libreel.so"
    exit 1
fi
python3 "$check" "$REEL_SOURCE" ${objects[@]+"${objects[@]}"} || {
    echo "the source tree breaks its rules"
    exit 1
}

tree=${REEL_SCRATCH:-$(mktemp -d)}/tree
failed=0
refused() { # refused WORDS: the tree as it lies is refused, with these words
    if said=$(python3 "$check" "$tree"); then
        echo "not refused: $1"
        failed=1
    elif ! grep -qF -- "$1" <<<"$said"; then
        echo "refused, but not with \"$1\": $said"
        failed=1
    fi
}
try() { # try WORDS FILE TEXT: the tree with this one file is refused, with these words
    rm -rf "$tree"
    mkdir -p "$tree/core" "$tree/layers" "$tree/$(dirname "$2")"
    for header in core/a.h layers/net.h layers/x_internal.h core/op_impl.h; do
        mkdir -p "$tree/$(dirname "$header")"
        echo '/* A header. */' >"$tree/$header"
    done
    printf '%b' "$3" >"$tree/$2"
    refused "$1"
}
try "forbidden edge: core includes layers/net.h" core/b.c '/* b */\n#include "layers/net.h"\n'
try "forbidden edge: data includes layers/net.h" data/b.c '/* b */\n#include "layers/net.h"\n'
try "forbidden edge: optim includes layers/net.h" optim/b.c '/* b */\n  #  include "layers/net.h"\n'
try "not a path from the root" core/b.c '/* b */\n#include "a.h"\n'
try "not a path from the root" core/b.c '/* b */\n#include "../core/a.h"\n'
try "use quotes" layers/b.c '/* b */\n#include <core/a.h>\n'
try "is private to layers/" train/b.c '/* b */\n#include "layers/x_internal.h"\n'
try "compiled for both dtypes" layers/b.c '/* b */\n#include "core/op_impl.h"\n'
try "belongs below core/kernels/ISA/" core/kernels/b.c '/* b */\n#include <immintrin.h>\n'
try "belongs below core/kernels/ISA/" core/kernels/b.c '/* b */\n#include <arm_neon.h>\n'
try "operators do not allocate: malloc" core/ops/op_b.c '/* b */\nvoid *f(void) { return malloc(3); }\n'
try "neither prints nor ends the process: printf" layers/b.c '/* b */\nvoid f(void) { printf("x"); }\n'
try "neither prints nor ends the process: exit" core/ops/op_b.c '/* b */\nvoid f(void) { exit(1); }\n'
try "files are replaced by reel_atomic_write" train/b.c '/* b */\nvoid f(void) { rename("a", "b"); }\n'
try "the bits of libm's exp vary" core/ops/op_b.c '/* b */\nfloat f(float x) { return expf(x); }\n'
try "the bits of libm's pow vary" optim/b.c '/* b */\ndouble f(double x) { return pow (x, 2); }\n'
try "the bits of libm's atan2 vary" data/b.c '/* b */\ndouble f(double x) { return 1 + atan2(x, 2); }\n'
try "main belongs to train/" data/b.c '/* b */\nint main(void)\n{\n}\n'
try "does not open with a comment" core/b.c 'int x;\n'
try "not one of the entries agreed for the root" notes.txt 'x\n'
try "501 lines" core/b.c "/* b */\n$(printf '\\n%.0s' $(seq 500))"
try "includes a .c file: core/b.c" core/b.c '/* b */\n#include "core/b.c"\n'
# plant FILE TEXT: one more file beside those of the last try
plant() {
    mkdir -p "$tree/$(dirname "$1")"
    printf '%b' "$2" >"$tree/$1"
}
rm -rf "$tree"
plant core/x.h '/* x */\n'
plant core/x.c '/* x */\n#include "core/x.h"\n#include "core/y_internal.h"\n'
plant core/y_internal.h '/* y */\n'
plant core/y.c '/* y */\n#include "core/z.h"\n'
plant core/z.h '/* z */\n'
plant core/z.c '/* z */\n#include "core/x.h"\n'
refused "include circle: core/x, core/y, core/z"
rm -rf "$tree"
plant core/x.c '/* x */\nstatic int twice(int a)\n{\n    return 2 * a;\n}\n'
plant train/run/y.c '/* y */\nstatic reel_status twice(const char *a,\n                         reel_error *err)\n{\n}\n'
refused "shares the name twice with train/run/y.c"
rm -rf "$tree"
plant layers/soft_sign.c '/* s */\nconst reel_layer reel_layer_soft_sign = {\n    .name = "soft-sign",\n};\n'
refused 'layers/soft_sign.c:3: the table says .name = "soft-sign", the file soft_sign'
rm -rf "$tree"
plant train/cli/cmd_greet.c '/* g */\nconst reel_command reel_command_greet = REEL_COMMAND(\n    rows, .name = "hello", .run = greet_run);\n'
refused 'train/cli/cmd_greet.c:3: the table says .name = "hello", the file greet'
rm -rf "$tree"
plant optim/schedules/b.c '/* b */\nstatic const reel_optim_option o[] = {\n    REEL_OPTIM_OPTION(REAL, .name = "steps"),\n};\nconst reel_schedule_kind reel_schedule_b = {\n    .name = "b",\n};\n'
refused 'the option "steps" of a schedule does not begin with lr-'
rm -rf "$tree"
for i in $(seq 13); do plant "train/f$i.c" '/* f */\n'; done
refused "13 files lie directly in it"
rm -rf "$tree"
mkdir -p "$tree/train" "$tree/core"
echo '/* A header. */' >"$tree/core/a.h"
printf '/* fine: exit() and malloc() in a comment */\n#include "core/a.h"\nint main(void)\n{\n}\n' >"$tree/train/b.c"
printf '/* fine: exp(x) */\nconst char *f = "printf(exit)"; // exit\n' >"$tree/core/b.c"
printf '/* fine */\nvoid f(c *x) { x->log(1), reel_math_exp(2), sqrt(3), my_log(4); }\n' >"$tree/core/c.c"
python3 "$check" "$tree" || failed=1
exit $failed
