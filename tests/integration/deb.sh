#!/bin/bash
# `cpack` makes a .deb with the program, library, headers, man page, completion and license, which runs when it is unpacked. With
# REEL_TEST_TREE, a bare Debian tree (root and its mirror are needed), it is installed in a copy of that tree and runs there.
set -eu
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
for tool in cpack dpkg-deb dpkg-shlibdeps; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release$' "$REEL_BUILD/CMakeCache.txt" || exit 77

cpack -G DEB --config "$REEL_BUILD/CPackConfig.cmake" -B "$PWD/out" >log 2>&1 || fail "cpack: $(cat log)"
version=$("$REEL_BIN" --version | sed -n '1s/reel //p')
deb=$(echo out/reel_"$version"_*.deb)
[ -e "$deb" ] || fail "cpack made $(ls out), expected reel_${version}_ARCH.deb"
field() { dpkg-deb --field "$deb" "$1"; }
[ "$(field Package) $(field Version)" = "reel $version" ] || fail "the package calls itself $(field Package) $(field Version)"
for library in libc6 libgomp1 libjansson4 zlib1g; do
    field Depends | grep -q "$library" || fail "it does not depend on $library: $(field Depends)"
done

if field Depends | grep -q mpi; then fail "it depends on MPI: $(field Depends)"; fi

dpkg-deb -x "$deb" root
for file in bin/reel lib/libreel.so lib/libreel.a include/reel/reel.h lib/pkgconfig/reel.pc lib/cmake/reel/reelConfig.cmake \
    share/man/man1/reel.1 share/bash-completion/completions/reel share/zsh/site-functions/_reel share/doc/reel/LICENSE; do
    find root/usr -path "root/usr/*" | sed 's!/lib/[a-z0-9_]*-linux-gnu[a-z0-9]*/!/lib/!' | grep -qx "root/usr/$file" || fail "the package lacks /usr/$file"
done
if [ -e "$REEL_BUILD/reel_mpi.so" ]; then
    [ -n "$(find root/usr/lib -path '*/reel/reel_mpi.so')" ] || fail "the package lacks the module for MPI"
    [ "$(field Suggests)" = openmpi-bin ] || fail "it does not suggest Open MPI: $(field Suggests)"
fi
[ -z "$(find root -maxdepth 1 -mindepth 1 ! -name usr)" ] || fail "the package has files outside of /usr: $(ls root)"
[ -z "$(find root -perm -o+w ! -type l)" ] || fail "files that everybody may write: $(find root -perm -o+w ! -type l)"
if dpkg-deb -c "$deb" | grep -v ' root/root '; then fail "files that do not belong to root"; fi
[ "$(root/usr/bin/reel --version)" = "$("$REEL_BIN" --version)" ] || fail "the unpacked program does not run"

[ -n "${REEL_TEST_TREE:-}" ] || exit 0
[ "$(id -u)" -eq 0 ] || { echo "skipped: installing needs root"; exit 0; }
cp -a "$REEL_TEST_TREE" tree
cp "$deb" tree/root/reel.deb
cp /etc/resolv.conf tree/etc/resolv.conf
inside() { # inside COMMAND: in the tree, with /proc
    unshare --mount --pid --fork bash -eu -c 'mount -t proc proc tree/proc; exec chroot tree /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -euc "$1"' - "$1" \
        </dev/null >log 2>&1 || fail "in the tree: $1: $(tail -20 log)"
}
inside 'apt-get -qq -o Acquire::Check-Valid-Until=false update && apt-get -qq install -y --no-install-recommends /root/reel.deb'
inside 'cd /root && reel synth d --train 4 --val 2 --classes 2 --size 48 --quiet && reel train d -o run --arch tiny --epochs 1 -b 4 && reel predict -w run d/val'
grep -q ' %  ' log || fail "in the tree, predict: $(cat log)"
inside 'ldconfig -p | grep libreel.so'
inside 'dpkg -r reel && ! command -v reel'
echo "installed, run and removed in $(sed -n 's/^PRETTY_NAME=//p' tree/etc/os-release)"
