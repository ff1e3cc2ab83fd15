#!/bin/bash
# packages.sh [tests [PRESET]]: makes sure that everything is there to build Reel.
# With "tests" it adds what the tests need, with PRESET what that preset of CMakePresets.json needs.
#
# Each need is tried (a program is found, a header compiles), so it does not matter where it comes
# from. On Debian, Ubuntu and their derivatives apt installs what is missing, as root or through
# sudo, and each need is tried again. On other systems the script prints the command that installs
# the packages there, and exits with 1. It names a compiler or a CMake that is too old.
#
# Some needs are optional: Reel builds without them, and then cannot read certain image formats,
# download weights by name, or train on several machines. Open MPI is installed for tests only, because
# it is large; whoever wants to use it installs it before building Reel.
# What is missing of these is installed or named too, but never fails the script.
#
# Tests set REEL_OS_RELEASE to a file that is read instead of /etc/os-release. macOS ships bash 3.2,
# so this script uses no feature of later versions.
set -eu

cmake_needed=3.25
gcc_needed=12
clang_needed=14

# Package names by package manager. A comma joins packages; "-" means that there is no package.
package_table="
need       apt              dnf                  pacman         zypper                apk               brew
compiler   build-essential  gcc,make             base-devel     gcc,make              build-base        -
c++        build-essential  gcc-c++              base-devel     gcc-c++               build-base        -
cmake      cmake            cmake                cmake          cmake                 cmake             cmake
pkg-config pkgconf          pkgconf-pkg-config   pkgconf        pkgconf-pkg-config    pkgconf           pkgconf
openmp     libomp-dev       libomp-devel         openmp         libomp-devel          openmp-dev        libomp
jpeg       libjpeg-dev      libjpeg-turbo-devel  libjpeg-turbo  libjpeg8-devel        libjpeg-turbo-dev jpeg-turbo
png        libpng-dev       libpng-devel         libpng         libpng16-compat-devel libpng-dev        libpng
zlib       zlib1g-dev       zlib-devel           zlib           zlib-devel            zlib-dev          zlib
jansson    libjansson-dev   jansson-devel        jansson        libjansson-devel      jansson-dev       jansson
random123  librandom123-dev Random123-devel      -              -                     -                 -
criterion  libcriterion-dev -                    criterion      criterion-devel       -                 criterion
python3    python3          python3              python         python3               python3           python
webp       libwebp-dev      libwebp-devel        libwebp        libwebp-devel         libwebp-dev       webp
tiff       libtiff-dev      libtiff-devel        libtiff        libtiff-devel         tiff-dev          libtiff
gif        libgif-dev       giflib-devel         giflib         giflib-devel          giflib-dev        giflib
curl       libcurl4-openssl-dev libcurl-devel    curl           libcurl-devel         curl-dev          curl
mpi        libopenmpi-dev,openmpi-bin openmpi-devel openmpi     openmpi4-devel        openmpi-dev       open-mpi
strace     strace           strace               strace         strace                strace            -
clang      clang            clang                clang          clang                 clang             llvm
"

preset=${2:-}
needs="compiler cmake pkg-config openmp jpeg png zlib jansson random123"
optional="webp tiff gif curl" # image formats; downloads of weights
[ "${1:-}" != tests ] || optional="$optional mpi" # several machines: it brings a Fortran compiler along
[ "${1:-}" != tests ] || needs="$needs c++ criterion python3"
[ "${1:-}" != tests ] || [ "$(uname -s)" != Linux ] || needs="$needs strace" # makes disks fail

case $preset in # the compilers that CMakePresets.json names
tsan)
    cc=clang
    needs="clang $needs"
    ;;
coverage) cc=gcc ;;
*) cc=${CC:-cc} ;;
esac

# ---- what is there? -----------------------------------------------------------------------------

program() {
    command -v "$1" >/dev/null 2>&1
}

header_paths=()
if program brew; then # Homebrew's folders are none that a compiler looks into by itself
    brew=$(brew --prefix)
    header_paths=(-I"$brew/include" -I"$brew/opt/libomp/include")
fi

compile() { # compile FLAG...: can the compiler read what stands on stdin?
    # shellcheck disable=SC2086 # CC may hold a launcher and flags
    $cc "$@" ${header_paths[@]+"${header_paths[@]}"} -E -x c - >/dev/null 2>&1
}

header() {
    printf '#include <stddef.h>\n#include <stdio.h>\n#include <%s>\n' "$1" | compile
}

has_openmp() {
    if ! program "${cc%% *}"; then
        [ "$cc" != clang ] # the compiler that is installed is gcc, which brings OpenMP
    elif [ "$(uname -s)" = Darwin ]; then
        header omp.h # Apple's clang knows no -fopenmp, but CMake knows what it takes
    else
        echo '#include <omp.h>' | compile -fopenmp
    fi
}

cmake_version() {
    cmake --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p'
}

comparable() { # comparable 3.25.1: 3025
    local major=${1%%.*} minor=${1#*.}
    minor=${minor%%.*}
    echo $((${major:-0} * 1000 + ${minor:-0}))
}

new_cmake() {
    program cmake || return 1
    [ "$(comparable "$(cmake_version)")" -ge "$(comparable "$cmake_needed")" ]
}

has() { # has NEED
    case $1 in
    compiler) program "${cc%% *}" && header stdlib.h && { program make || program ninja; } ;;
    c++) program c++ ;;
    cmake) new_cmake ;;
    openmp) has_openmp ;;
    jpeg) header jpeglib.h ;;
    png) header png.h ;;
    zlib) header zlib.h ;;
    jansson) header jansson.h ;;
    random123) header Random123/philox.h ;;
    criterion) header criterion/criterion.h ;;
    webp) header webp/decode.h ;;
    tiff) header tiffio.h ;;
    gif) header gif_lib.h ;;
    curl) header curl/curl.h ;;
    mpi) program mpicc && program mpirun ;;
    *) program "$1" ;;
    esac
}

missing_of() { # missing_of NEED...
    local need list=""
    for need in "$@"; do
        has "$need" || list="$list $need"
    done
    echo "$list"
}

old_compiler() { # prints "gcc 11" when the compiler is older than Reel needs
    program "${cc%% *}" || return 0
    local macros clang gcc
    # shellcheck disable=SC2086
    macros=$($cc -dM -E -x c /dev/null 2>/dev/null) || return 0
    clang=$(echo "$macros" | sed -n 's/^#define __clang_major__ //p')
    gcc=$(echo "$macros" | sed -n 's/^#define __GNUC__ //p')
    if [ -n "$clang" ]; then
        [ "$clang" -ge "$clang_needed" ] || echo "clang $clang"
    elif [ -n "$gcc" ]; then
        [ "$gcc" -ge "$gcc_needed" ] || echo "gcc $gcc"
    fi
}

# ---- which system is this? ----------------------------------------------------------------------

os_field() { # os_field NAME: a field of os-release
    local file=${REEL_OS_RELEASE:-/etc/os-release}
    # shellcheck disable=SC1090
    [ ! -r "$file" ] || (unset "$1"; . "$file" && eval "echo \"\${$1:-}\"")
}

find_manager() { # the package manager of this system: apt, dnf, ..., or nothing when it is unknown
    [ "$(uname -s)" != Darwin ] || { echo brew; return; }
    local id
    for id in $(os_field ID) $(os_field ID_LIKE); do
        case $id in
        debian | ubuntu) ! program apt-get || { echo apt; return; } ;;
        fedora | rhel | centos) echo dnf; return ;;
        arch) echo pacman; return ;;
        suse | opensuse*) echo zypper; return ;;
        alpine) echo apk; return ;;
        esac
    done
}

packages_of() { # packages_of MANAGER NEED...: names of packages, each once; nothing for "-"
    local manager=$1 column=0 i need row names list=""
    shift
    for i in $package_table; do # the first row holds the managers
        [ "$i" != "$manager" ] || break
        column=$((column + 1))
    done
    for need in "$@"; do
        row=$(echo "$package_table" | sed -n "s/^$need  *//p")
        # shellcheck disable=SC2086
        set -- $row
        shift $((column - 1))
        [ "$1" != - ] || continue
        for names in ${1//,/ }; do
            case " $list " in *" $names "*) ;; *) list="$list $names" ;; esac
        done
    done
    echo "${list# }"
}

unpackaged() { # unpackaged NEED: how to get what the system has no package of
    case $1 in
    compiler | c++) echo "a C and C++ compiler: xcode-select --install" ;;
    random123) echo "Random123: copy include/Random123 from its sources to /usr/local/include" ;;
    criterion) echo "Criterion (for the tests only): build it from its sources" ;;
    strace) ;;
    *) echo "$1" ;;
    esac
}

# ---- what to do about it ------------------------------------------------------------------------

name_old_tools() { # exit code 1 when it named one
    local old code=0
    old=$(old_compiler)
    if [ -n "$old" ]; then
        echo "The C compiler ($cc) is $old; Reel needs gcc $gcc_needed or clang $clang_needed, or" \
            "later. Choose another with CC=, for example CC=gcc-$gcc_needed, and remove build/." >&2
        code=1
    fi
    if program cmake && ! new_cmake; then
        echo "CMake ($(command -v cmake)) is $(cmake_version); Reel needs $cmake_needed or later." \
            "\"pip install cmake\" brings a new one." >&2
        code=1
    fi
    return $code
}

install_command() { # install_command MANAGER PACKAGE...: a line to paste
    local manager=$1 sudo="sudo "
    shift
    [ "$(id -u)" != 0 ] || sudo=""
    case $manager in
    apt) echo "${sudo}apt-get install $*" ;;
    dnf | zypper) echo "${sudo}$manager install $*" ;;
    pacman) echo "${sudo}pacman -S --needed $*" ;;
    apk) echo "${sudo}apk add $*" ;;
    brew) echo "brew install $*" ;;
    esac
}

name_packages() { # name_packages MANAGER NEED...: what to install by hand
    local manager=$1 need list
    shift
    echo "Missing on this system ($system): $*" >&2
    if [ -z "$manager" ]; then
        echo "Debian's names of the packages: $(packages_of apt "$@")" >&2
    else
        list=$(packages_of "$manager" "$@")
        if [ -n "$list" ]; then
            echo "To install the packages:" >&2
            # shellcheck disable=SC2086
            echo "    $(install_command "$manager" $list)" >&2
        fi
        for need in "$@"; do
            [ -n "$(packages_of "$manager" "$need")" ] || [ -z "$(unpackaged "$need")" ] ||
                echo "Not packaged there: $(unpackaged "$need")" >&2
        done
    fi
    echo "Then start again." >&2
}

name_optional() { # name_optional MANAGER NEED...: what else can be installed, in a line or two
    local manager=$1 list
    shift
    [ $# -gt 0 ] || return 0
    list=$(packages_of "${manager:-apt}" "$@")
    echo "Optional, for more image formats, downloads or several machines ($*):" >&2
    # shellcheck disable=SC2086
    if [ -n "$manager" ]; then
        echo "    $(install_command "$manager" $list)" >&2
    else
        echo "    Debian's names of the packages: $list" >&2
    fi
}

apt_get() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        "$@" </dev/null >/dev/null
}

install_optional_with_apt() { # install_optional_with_apt NEED...
    local list
    [ $# -gt 0 ] || return 0
    list=$(packages_of apt "$@")
    echo "Installing (optional): $list" >&2
    [ -n "$missing" ] || apt_get update || true
    # shellcheck disable=SC2086
    apt_get install -y --no-install-recommends $list ||
        echo "Could not install $list; building without them." >&2
}

install_with_apt() { # install_with_apt NEED...
    local list
    list=$(packages_of apt "$@")
    program ninja || list="$list ninja-build" # builds sooner than make; Reel does not depend on it
    echo "Installing: $list" >&2

    apt_get update || echo "apt-get update failed; using the package lists that are there." >&2
    # shellcheck disable=SC2086
    apt_get install -y --no-install-recommends $list || {
        echo "Could not install: $list" >&2
        exit 1
    }
    hash -r
}

# shellcheck disable=SC2086
missing=$(missing_of $needs)
# shellcheck disable=SC2086
missing_optional=$(missing_of $optional)
if [ -z "$missing$missing_optional" ]; then
    name_old_tools
    exit
fi

system=$(os_field PRETTY_NAME)
system=${system:-$(uname -s)}
manager=$(find_manager)
as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n) # nobody is there to type a password
fi

# shellcheck disable=SC2086
if [ "$manager" != apt ] || { [ ${#as_root[@]} -gt 0 ] && ! program sudo; }; then
    name_optional "$manager" $missing_optional
    if [ -z "$missing" ]; then
        name_old_tools
        exit
    fi
    name_old_tools || true
    name_packages "$manager" $missing
    exit 1
fi

# shellcheck disable=SC2086
[ -z "$missing" ] || install_with_apt $missing
# shellcheck disable=SC2086
install_optional_with_apt $missing_optional

name_old_tools
# shellcheck disable=SC2086
missing=$(missing_of $needs)
if [ -n "$missing" ]; then
    echo "apt-get reports success, but these are still not found:$missing" >&2
    exit 1
fi
