#!/bin/bash
# train/packages.sh on systems that are not here: it runs with a faked os-release and a PATH of
# faked programs. What apt-get "installs" appears in that PATH, so that the check afterwards is
# tested too.
set -eu
real_path=$PATH
script=$REEL_SOURCE/train/packages.sh
unset CC

# ---- faked systems ------------------------------------------------------------------------------

fake() { # fake NAME: a program of the faked system, from stdin
    { echo "#!$(PATH=$real_path command -v bash)"; cat; } >"fake/bin/$1"
    chmod +x "fake/bin/$1"
}

tools=()
for tool in bash sed env cat grep mkdir touch chmod dirname; do
    tools+=("$(command -v "$tool")")
done

bare_system() { # bare_system UID KERNEL: no compiler, no library; os-release from stdin
    rm -rf fake
    mkdir -p fake/bin fake/headers
    cat >fake/os-release
    ln -s "${tools[@]}" fake/bin
    echo "$1" >fake/uid
    echo "$2" >fake/kernel
    echo 3.31.6 >fake/cmake_version
    printf '#define __GNUC__ 14\n#define __GNUC_MINOR__ 2\n' >fake/macros
    : >fake/log
    : >fake/never_installed
    fake id <<<'if [ "$1" = -u ]; then cat "$FAKE/uid"; else echo somebody; fi'
    fake uname <<<'cat "$FAKE/kernel"'
    export FAKE=$PWD/fake
}

add_apt() {
    fake apt-get <<'END'
echo "apt-get $*" >>"$FAKE/log"
case " $* " in *" install "*) ;; *) exit 0 ;; esac
for package in "$@"; do
    ! grep -qx -- "$package" "$FAKE/never_installed" || continue
    bash "$FAKE/installs" "$package"
done
END
    cat >fake/installs <<'END'
headers() {
    local name
    for name in "$@"; do
        mkdir -p "$FAKE/headers/$(dirname "$name")"
        touch "$FAKE/headers/$name"
    done
}
program() { # program NAME COMMAND
    printf '#!%s\n%s\n' "$FAKE/bin/bash" "$2" >"$FAKE/bin/$1"
    chmod +x "$FAKE/bin/$1"
}
case $1 in
build-essential)
    program make :
    program c++ :
    program cc "$(cat "$FAKE/cc")"
    headers stddef.h stdio.h stdlib.h omp.h
    ;;
cmake) program cmake 'echo "cmake version $(cat "$FAKE/cmake_version")"' ;;
pkgconf) program pkg-config : ;;
libjpeg-dev) headers jpeglib.h ;;
libpng-dev) headers png.h ;;
zlib1g-dev) headers zlib.h ;;
libjansson-dev) headers jansson.h ;;
librandom123-dev) headers Random123/philox.h ;;
libcriterion-dev) headers criterion/criterion.h ;;
libwebp-dev) headers webp/decode.h ;;
libtiff-dev) headers tiffio.h ;;
libgif-dev) headers gif_lib.h ;;
libcurl4-openssl-dev) headers curl/curl.h ;;
libopenmpi-dev) program mpicc : ;;
openmpi-bin) program mpirun : ;;
python3 | strace) program "$1" : ;;
ninja-build) program ninja : ;;
esac
END
    cat >fake/cc <<'END'
case " $* " in *" -dM "*) cat "$FAKE/macros"; exit 0 ;; esac
while read -r word header; do # "#include" "<name>"
    header=${header#<}
    [ "$word" != "#include" ] || [ -e "$FAKE/headers/${header%>}" ] || exit 1
done
END
}

add_sudo() {
    fake sudo <<'END'
echo "sudo" >>"$FAKE/log"
[ "$1" != -n ] || shift
exec "$@"
END
}

# ---- checks -------------------------------------------------------------------------------------

# run EXIT_CODE [ARGUMENT...]: runs packages.sh on the faked system; its output is in the file said.
run() {
    local expected=$1 code=0
    shift
    REEL_OS_RELEASE=$PWD/fake/os-release PATH=$PWD/fake/bin \
        bash "$script" "$@" >said 2>&1 </dev/null || code=$?
    [ "$code" = "$expected" ] || fail "exit code $code instead of $expected"
}

fail() {
    echo "$system: $1. packages.sh said:"
    cat said
    echo "apt-get and sudo were called:"
    cat fake/log
    exit 1
}

expect_said() {
    grep -qF -- "$1" said || fail "\"$1\" was not said"
}

expect_log() {
    grep -q -- "$1" fake/log || fail "no call like \"$1\""
}

expect_no_log() {
    ! grep -q -- "$1" fake/log || fail "a call like \"$1\""
}

all="build-essential cmake pkgconf libjpeg-dev libpng-dev zlib1g-dev libjansson-dev"
all="$all librandom123-dev"
test_packages="libcriterion-dev python3 strace"
optional="libwebp-dev libtiff-dev libgif-dev libcurl4-openssl-dev"
mpi="libopenmpi-dev openmpi-bin"

# ---- Debian, Ubuntu, derivatives: whatever the version ------------------------------------------

while IFS='|' read -r system release; do
    bare_system 0 Linux <<<"$(printf '%b' "$release")"
    add_apt
    run 0
    expect_log "install -y --no-install-recommends $all ninja-build"
    expect_log "install -y --no-install-recommends $optional\$"
    expect_no_log sudo
done <<'END'
Debian 12|ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
Debian 13|ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"
Ubuntu 24.04|ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.3 LTS"
Linux Mint|ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nPRETTY_NAME="Linux Mint 22"
Raspbian|ID=raspbian\nID_LIKE=debian\nVERSION_ID="12"\nPRETTY_NAME="Raspbian GNU/Linux 12"
A derivative of Ubuntu|ID=other\nID_LIKE=ubuntu\nPRETTY_NAME="Other 1"
END

# ---- a user without sudo, with sudo, and a further run -------------------------------------------

system="Debian testing" # has no version
bare_system 1000 Linux <<<$'ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"'
add_apt
run 1
expect_said "apt-get install $all"
expect_said "apt-get install $optional"
[ ! -s fake/log ] || fail "a user without sudo calls apt-get"

add_sudo
run 0
expect_log sudo
expect_log "install -y --no-install-recommends $all ninja-build"
run 0 tests
expect_log "install -y --no-install-recommends $test_packages\$"
expect_log "install -y --no-install-recommends $mpi\$"

: >fake/log
run 0 tests
[ ! -s fake/log ] || fail "a further run installs again"
[ ! -s said ] || fail "a further run is not silent"

# ---- what is optional ------------------------------------------------------------------

system="Debian without the optional packages"
echo 0 >fake/uid
rm fake/headers/gif_lib.h fake/headers/webp/decode.h
echo libwebp-dev >fake/never_installed
run 0
expect_log "install -y --no-install-recommends libwebp-dev libgif-dev\$"
fake apt-get <<<'exit 100'
run 0
expect_said "Could not install libwebp-dev; building without them."
mv fake/bin/sudo fake/sudo
echo 1000 >fake/uid
run 0
expect_said "Optional, for more image formats, downloads or several machines (webp):"
expect_said "apt-get install libwebp-dev"
mv fake/sudo fake/bin/sudo
add_apt
mkdir -p fake/headers/webp
touch fake/headers/webp/decode.h
: >fake/log

# ---- compilers and CMake, on that system, which has everything now -------------------------------

while IFS='|' read -r system code macros said; do
    printf '%b' "$macros" >fake/macros
    run "$code" tests
    [ ! -s fake/log ] || fail "something was installed"
    [ -z "$said" ] || expect_said "$said"
    [ -n "$said" ] || [ ! -s said ] || fail "nothing is to be said"
done <<'END'
gcc 11|1|#define __GNUC__ 11\n|is gcc 11; Reel needs gcc 12 or clang 14
gcc 12|0|#define __GNUC__ 12\n|
gcc 17|0|#define __GNUC__ 17\n|
clang 13|1|#define __clang_major__ 13\n#define __GNUC__ 4\n|is clang 13; Reel needs gcc 12
clang 14|0|#define __GNUC__ 4\n#define __clang_major__ 14\n|
another compiler|0||
END

while IFS='|' read -r version code; do
    system="CMake $version"
    echo "$version" >fake/cmake_version
    run "$code"
    [ "$code" = 0 ] || expect_said "is $version; Reel needs 3.25 or later"
done <<'END'
3.24.4|1
3.25.0|0
4.0-rc1|0
2.8.12|1
END

# ---- what apt cannot mend is named --------------------------------------------------------------

system="Ubuntu with an old CMake"
bare_system 0 Linux <<<$'ID=ubuntu\nVERSION_ID="22.04"'
add_apt
echo 3.22.1 >fake/cmake_version
run 1
expect_said "is 3.22.1; Reel needs 3.25 or later"

system="apt-get that installs nothing"
bare_system 0 Linux <<<$'ID=debian\nVERSION_ID="13"'
add_apt
echo librandom123-dev >fake/never_installed
run 1
expect_said "these are still not found: random123"

system="apt-get that fails"
bare_system 0 Linux <<<$'ID=debian\nVERSION_ID="13"'
fake apt-get <<<'exit 100'
run 1
expect_said "Could not install: $all"

# ---- other systems: one command in their own names ----------------------------------------------

# expect_named SYSTEM KERNEL UID OS_RELEASE LINE...: nothing is installed, each LINE is printed.
expect_named() {
    system=$1
    bare_system "$3" "$2" <<<"$4"
    shift 4
    run 1 tests
    for line in "$@"; do
        expect_said "$line"
    done
    [ ! -s fake/log ] || fail "something was installed"
}

libraries="pkgconf-pkg-config libjpeg-turbo-devel libpng-devel zlib-devel jansson-devel"
expect_named Fedora Linux 1000 $'ID=fedora\nVERSION_ID=42' \
    "    sudo dnf install libwebp-devel libtiff-devel giflib-devel libcurl-devel openmpi-devel" \
    "    sudo dnf install gcc make cmake $libraries Random123-devel gcc-c++ python3 strace" \
    "Not packaged there: Criterion"
expect_named Rocky Linux 0 $'ID=rocky\nID_LIKE="rhel centos fedora"' \
    "    dnf install gcc make cmake $libraries"

libraries="pkgconf libjpeg-turbo libpng zlib jansson"
expect_named Arch Linux 0 "ID=arch" \
    "    pacman -S --needed libwebp libtiff giflib curl openmpi" \
    "    pacman -S --needed base-devel cmake $libraries criterion python strace" \
    "Not packaged there: Random123"
expect_named Manjaro Linux 1000 $'ID=manjaro\nID_LIKE=arch' \
    "    sudo pacman -S --needed base-devel cmake $libraries"

libraries="pkgconf-pkg-config libjpeg8-devel libpng16-compat-devel zlib-devel libjansson-devel"
expect_named openSUSE Linux 1000 $'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"' \
    "    sudo zypper install libwebp-devel libtiff-devel giflib-devel libcurl-devel openmpi4-devel" \
    "    sudo zypper install gcc make cmake $libraries gcc-c++ criterion-devel python3 strace" \
    "Not packaged there: Random123"

libraries="pkgconf libjpeg-turbo-dev libpng-dev zlib-dev jansson-dev"
expect_named Alpine Linux 0 $'ID=alpine\nVERSION_ID=3.22.0' \
    "    apk add libwebp-dev tiff-dev giflib-dev curl-dev openmpi-dev" \
    "    apk add build-base cmake $libraries python3 strace" \
    "Not packaged there: Random123" "Not packaged there: Criterion"

expect_named macOS Darwin 501 "" \
    "    brew install webp libtiff giflib curl open-mpi" \
    "    brew install cmake pkgconf jpeg-turbo libpng zlib jansson criterion python" \
    "Not packaged there: a C and C++ compiler: xcode-select --install"

expect_named "a system unknown to Reel" Linux 0 "ID=plan9" \
    "Debian's names of the packages: $optional $mpi" \
    "Debian's names of the packages: $all $test_packages"
expect_named "Debian without apt-get" Linux 0 "ID=debian" \
    "Debian's names of the packages: $all $test_packages"
