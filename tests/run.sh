#!/bin/bash
# run.sh [--all]: installs what is missing, builds into build/, runs the tests.
# --all adds the slow tests. --preset NAME builds and tests another preset of CMakePresets.json, for
# example asan. Further arguments go to ctest: ./tests/run.sh -R unit/core
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

selection=(-LE '^slow$')
preset=release
while [ $# -gt 0 ]; do
    case $1 in
    --all) selection=() ;;
    --preset)
        [ $# -ge 2 ] || { echo "run.sh: --preset needs a name" >&2; exit 2; }
        preset=$2
        shift
        ;;
    -h | --help)
        sed -n '2,4s/^# //p' "tests/run.sh"
        exit 0
        ;;
    *) break ;;
    esac
    shift
done

bash train/packages.sh tests "$preset"
folder=build
[ "$preset" = release ] || folder=build-$preset
generator=()
if [ ! -e "$folder/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then
    generator=(-G Ninja)
fi
cpus=$(nproc)
# CI builds the preset that users build, with one difference: a warning is an error. A user's
# compiler may be newer than any that was tried, and its warnings must not stop the user.
werror=()
case ${CI:-false} in
false | 0) ;;
*) werror=(-DREEL_WERROR=ON) ;;
esac
cmake --preset "$preset" -DREEL_BUILD_TESTS=ON ${generator[@]+"${generator[@]}"} \
    ${werror[@]+"${werror[@]}"}
cmake --build "$folder" --parallel "$cpus"
exec ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel "$cpus" \
    ${selection[@]+"${selection[@]}"} "$@" </dev/null
