#!/bin/bash
# packages.sh [tests [PRESET]]: makes sure that everything needed to build Reel (with "tests": and to test it, with that preset)
# is there.
#
# What is missing is found by trying it (a program, a header), not by asking the package manager, so that other sources of the
# same thing count. Debian 12 gets what is missing from apt, as root or through sudo; elsewhere the missing packages are named
# under their Debian names, and the exit code is 1.
set -eu

header() { # can the compiler find this header?
    printf '#include <stddef.h>\n#include <stdio.h>\n#include <%s>\n' "$1" | cc -E -x c - >/dev/null 2>&1
}

program() {
    command -v "$1" >/dev/null 2>&1
}

new_cmake() { # 3.25 or later
    program cmake || return 1
    local version
    version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    # shellcheck disable=SC2086
    set -- $version
    [ "${1:-0}" -gt 3 ] || { [ "${1:-0}" -eq 3 ] && [ "${2:-0}" -ge 25 ]; }
}

missing=()
program cc && header stdlib.h && { program make || program ninja; } || missing+=(build-essential)
[ "${1:-}" != tests ] || program c++ || [ "${missing[*]:-}" = build-essential ] || missing+=(build-essential)
new_cmake || missing+=(cmake)
program pkg-config || missing+=(pkg-config)
header jpeglib.h || missing+=(libjpeg-dev)
header png.h || missing+=(libpng-dev)
header zlib.h || missing+=(zlib1g-dev)
header jansson.h || missing+=(libjansson-dev)
header Random123/philox.h || missing+=(librandom123-dev)
if [ "${1:-}" = tests ]; then
    header criterion/criterion.h || missing+=(libcriterion-dev)
    program python3 || missing+=(python3)
    program strace || missing+=(strace) # lets the disk fail
fi
if [ "${2:-}" = tsan ]; then
    program clang || missing+=(clang)
    clang -fopenmp -E -x c - <<<'#include <omp.h>' >/dev/null 2>&1 || missing+=(libomp-dev)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

system=unknown
if [ -r /etc/os-release ]; then system=$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}"); fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n) # nobody there to type a password
fi
if [ "$system" != "debian 12" ] || ! program apt-get || { [ ${#as_root[@]} -gt 0 ] && ! program sudo; }; then
    echo "These packages are missing (Debian's names): ${missing[*]}" >&2
    echo "On Debian 12, as root or a user with sudo, this script installs them. Here ($system, $(id -un)), please install them and" \
         "start again." >&2
    exit 1
fi
program ninja || missing+=(ninja-build) # quicker builds; nothing depends on it
echo "Installing: ${missing[*]}" >&2
apt() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null
}
apt update || echo "apt-get update failed; trying with the package lists that are there." >&2
apt install -y --no-install-recommends "${missing[@]}" || {
    echo "Could not install: ${missing[*]}" >&2
    exit 1
}
