#!/bin/bash
# run.sh [--all]: installs what is missing (Debian 12), builds into build/, runs the tests and ends with ctest's summary.
# --all adds the slow ones. --preset NAME builds and tests another preset of CMakePresets.json, for example asan. Further
# arguments go to ctest: ./tests/run.sh -R unit/core
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
if [ ! -e "$folder/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then generator=(-G Ninja); fi
cpus=$(nproc)
cmake --preset "$preset" ${generator[@]+"${generator[@]}"} -DREEL_BUILD_TESTS=ON
cmake --build "$folder" --parallel "$cpus"
exec ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel "$cpus" ${selection[@]+"${selection[@]}"} "$@" </dev/null
