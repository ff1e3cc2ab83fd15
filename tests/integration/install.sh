#!/bin/bash
# An outside program, in C and in C++, is built from an installed Reel by pkg-config and by find_package, shared and static.
set -eu
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=\(Release\|Debug\)$' "$REEL_BUILD/CMakeCache.txt" || exit 77 # sanitizers must be linked too
cmake --install "$REEL_BUILD" --prefix "$PWD/first" >/dev/null
mv first prefix # an installed tree may be moved
prefix=$PWD/prefix
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name reel.pc)")
lib=$(dirname "$PKG_CONFIG_PATH")

fail() {
    echo "$1"
    exit 1
}
[ ! -e "$REEL_BIN" ] || "$prefix/bin/reel" --version >/dev/null || fail "the installed program does not run"
for file in man/man1/reel.1 bash-completion/completions/reel zsh/site-functions/_reel; do
    [ ! -e "$REEL_BIN" ] || [ -s "$prefix/share/$file" ] || fail "not installed: share/$file"
done
readelf -d "$lib/libreel.so" | grep -q 'SONAME.*libreel\.so\.[0-9]' || fail "libreel.so has no soname"
for private in core/op_impl.h core/tape_internal.h core/kernels/gemm.h layers/net_internal.h; do
    [ ! -e "$prefix/include/reel/$private" ] || fail "private header installed: $private"
done
[ "$(ls "$prefix/include")" = reel ] || fail "more than include/reel/ is installed: $(ls "$prefix/include")"

# reel.h includes every header that exports something, and a header includes none by a path from inside the tree.
(cd "$REEL_SOURCE" && grep -rl REEL_API --include='*.h' core layers optim data) | while read -r header; do
    [ -e "$prefix/include/reel/$header" ] || fail "$header exports functions, but core/install/reel.h does not reach it"
done
if grep -rn '#include "' "$prefix/include"; then fail "an installed header includes by a path from the source tree"; fi

# Every header stands by itself, in C and in C++.
compile=(-fsyntax-only -Wall -Wextra -Werror -I "$prefix/include")
(cd "$prefix/include" && find reel -name '*.h') | while read -r header; do
    echo "#include <$header>" >one.c
    cp one.c one.cpp
    cc -std=c11 -pedantic "${compile[@]}" one.c || fail "$header does not compile alone in C11"
    c++ -std=c++17 "${compile[@]}" one.cpp || fail "$header does not compile alone in C++17"
done

# The programs that reel.h tells its tour with.
{
    printf '#include <reel/reel.h>\n#include <stdio.h>\n#include <stdlib.h>\n'
    sed -n '/^#ifndef REEL_REEL_H/,$ s|^ \*     ||p' "$prefix/include/reel/reel.h"
    echo 'void *used[] = {(void *)classify, (void *)train_folder, (void *)check_swish};'
} >tour.c
cc -std=gnu11 "${compile[@]}" tour.c || fail "the programs in reel.h do not compile"

# A build folder without the target reel installs nothing, and says what to build. The target holds all that is installed.
if command -v ninja >/dev/null; then
    cmake -G Ninja -S "$REEL_SOURCE" -B fresh -DREEL_BUILD_TESTS=OFF >log 2>&1 || fail "cmake: $(tail -5 log)"
    cmake --install fresh --prefix "$PWD/nothing" >log 2>&1 && fail "installed, though nothing is built"
    tr -s ' \n' ' ' <log | grep -q 'nothing is installed, for .* --target reel' || fail "nothing is built: $(cat log)"
    [ ! -e nothing ] || fail "installed, though nothing is built: $(find nothing | head -3)"
    ninja -C fresh -t commands reel >log || fail "ninja -t commands: $(tail -5 log)"
    installed="libreel.a libreel.so generated/shell/reel.1"
    [ ! -e "$REEL_BUILD/reel_mpi.so" ] || installed="$installed reel_mpi.so"
    for file in $installed; do
        grep -q "$file" log || fail "the target reel does not build $file"
    done
fi

cat >main.c <<'END'
#include <reel/reel.h>
#include <stdio.h>

int main(void)
{
    reel_ctx *ctx = NULL;
    reel_tape *tape = NULL;
    reel_error err;
    float x = 3;
    const int64_t shape[1] = {1};
    const reel_tensor input = reel_tensor_of(&x, REEL_F32, 1, shape);
    if (reel_ctx_create(&ctx, NULL, &err) != REEL_OK || reel_tape_create(&tape, ctx, NULL, &err) != REEL_OK) return 1;
    const reel_var v = reel_input_grad(tape, &input), y = reel_relu(v);
    if (reel_backward(y, &err) != REEL_OK) return 2;
    printf("%s %g %g\n", reel_version(), (double)*(const float *)reel_value(y).data, (double)*(const float *)reel_grad(v).data);
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
    return 0;
}
END
cp main.c main.cpp
expected="$(pkg-config --modversion reel) 3 1"
answers() { # answers WHAT COMMAND...: the program prints what it should
    local what=$1 said
    shift
    said=$("$@") || fail "$what: exit $?"
    [ "$said" = "$expected" ] || fail "$what: expected \"$expected\", got \"$said\""
}

read -ra cflags <<<"$(pkg-config --cflags reel)"
read -ra libs <<<"$(pkg-config --libs reel)"
read -ra static <<<"$(pkg-config --libs --static reel)"
cc -Wall -Werror "${cflags[@]}" main.c "${libs[@]}" -o shared_c
c++ -Wall -Werror "${cflags[@]}" main.cpp "${libs[@]}" -o shared_cpp
answers "pkg-config, C" env LD_LIBRARY_PATH="$lib" ./shared_c
answers "pkg-config, C++" env LD_LIBRARY_PATH="$lib" ./shared_cpp
readelf -d shared_c | grep -q 'NEEDED.*libreel\.so\.' || fail "the shared program does not need libreel.so"

mkdir only_static
cp "$lib/libreel.a" only_static
cc "${cflags[@]}" main.c -L"$PWD/only_static" "${static[@]/#-L$lib/-L$PWD/only_static}" -o static_c
answers "pkg-config --static, C" ./static_c

# The example of train/examples, in C and in C++, against what is installed: the weights file is all it needs.
if [ -e "$REEL_BIN" ]; then
    python3 "$REEL_SOURCE/tests/support/make_images.py" data
    "$REEL_BIN" train data -o run -q --arch tiny --epochs 1 --batch-size 8 --val-resize-size 50 -j 1 >/dev/null
    example=$REEL_SOURCE/train/examples/classify_rgb.c
    cc -std=c11 -Wall -Wextra -Werror "${cflags[@]}" "$example" "${libs[@]}" -o classify_c
    c++ -x c++ -std=c++17 -Wall -Wextra -Werror "${cflags[@]}" "$example" "${libs[@]}" -o classify_cpp
    for program in classify_c classify_cpp; do
        "$REEL_SOURCE/tests/support/same_prediction.sh" run/best.safetensors data/red.ppm \
            env LD_LIBRARY_PATH="$lib" ./$program || fail "$program"
    done
fi

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25...4.1)
project(outside C CXX)
find_package(reel 0.1 REQUIRED)
foreach(language c cpp)
  add_executable(cmake_shared_${language} main.${language})
  target_link_libraries(cmake_shared_${language} PRIVATE reel::reel)
  add_executable(cmake_static_${language} main.${language})
  target_link_libraries(cmake_static_${language} PRIVATE reel::reel_static)
endforeach()
END
cmake -S . -B out -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release >cmake.log 2>&1 || { cat cmake.log; fail "find_package"; }
cmake --build out >cmake.log 2>&1 || { cat cmake.log; fail "build with find_package"; }
for kind in shared_c shared_cpp static_c static_cpp; do answers "find_package, $kind" "./out/cmake_$kind"; done
if readelf -d out/cmake_static_c | grep -q 'NEEDED.*libreel'; then fail "the static program needs libreel.so"; fi
