#!/bin/bash
# systems.sh 12|13|testing [--user] [--mirror URL] [--tree DIR] [--keep]: tries the README's two
# commands on a bare Debian.
#
# Makes a minimal tree of that Debian with debootstrap, copies the committed state of this checkout
# into it, and runs ./train/quickstart.sh and ./tests/run.sh there: as root, or with --user as an
# ordinary user with sudo. Prints the time of each command, the accuracy of the quick start and the
# number of tests. The exit code is 0 when both commands end well.
#
#   --mirror URL  a Debian mirror; by default the first one in this machine's apt sources
#   --tree DIR    start with a copy of DIR, a tree that debootstrap made, instead of making one
#   --keep        leave the tree and the logs, and print where they are
#
# It needs root, unshare, git and debootstrap, 4 GB in $TMPDIR (default /var/tmp), and 15 to 40
# minutes on two cores. Everything happens below one new folder. The mounts live in a namespace
# of their own, the processes in another: both end with this script.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

fail() {
    echo "systems.sh: $1" >&2
    exit "${2:-1}"
}

first_mirror() { # of the lines "deb [...] URL ..." and "URIs: URL"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -n -e 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p' \
            -e 's/^deb .*\(http[^ ]*\/debian\)\/* .*/\1/p' | head -n 1
}

# ---- options ------------------------------------------------------------------------------------

system=""
user=root
mirror=""
tree=""
keep=false
while [ $# -gt 0 ]; do
    case $1 in
    12 | 13 | testing) system=$1 ;;
    --user) user=reel ;;
    --keep) keep=true ;;
    --mirror | --tree)
        [ $# -ge 2 ] || fail "$1 needs a value" 2
        if [ "$1" = --mirror ]; then mirror=$2; else tree=$2; fi
        shift
        ;;
    -h | --help)
        sed -n '2,18s/^# \{0,1\}//p' tests/systems.sh
        exit 0
        ;;
    *) fail "unknown argument '$1' (12|13|testing, --user, --mirror URL, --tree DIR, --keep)" 2 ;;
    esac
    shift
done
case $system in
12) suite=bookworm ;;
13) suite=trixie ;;
testing) suite=testing ;;
*) fail "expected 12, 13 or testing" 2 ;;
esac

[ "$(id -u)" = 0 ] || fail "only root can make a tree and change into it"
for program in unshare chroot git; do
    command -v "$program" >/dev/null || fail "$program is missing"
done
[ -n "$tree" ] || command -v debootstrap >/dev/null || fail "debootstrap is missing"
[ -n "$tree$mirror" ] || mirror=$(first_mirror)
[ -n "$tree$mirror" ] || fail "no Debian mirror in this machine's apt sources; use --mirror URL"

# ---- one folder for everything ------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/var/tmp}/reel-systems.XXXXXX")
root=$work/root

inside="" # the process that runs in the tree
clean_up() { # the tree's mounts are in another namespace, so rm cannot reach through them
    if [ -n "$inside" ]; then
        # The child of unshare is process 1 of the PID namespace. When it is killed, unshare returns
        # after every process in the namespace has ended.
        # shellcheck disable=SC2046
        kill -KILL $(cat "/proc/$inside/task/$inside/children") 2>/dev/null || true
        wait "$inside" 2>/dev/null || true
    fi
    if $keep; then
        echo "Kept: $root and the logs beside it"
    else
        rm -rf --one-file-system -- "$work"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- the tree -----------------------------------------------------------------------------------

# run_inside NAME COMMAND...: COMMAND in the tree, with its own mounts and processes. Output goes to
# the log NAME, the duration in seconds to the file NAME.seconds.
run_inside() {
    local name=$1 begin=$SECONDS code=0
    shift
    unshare --mount --propagation private --pid --fork --kill-child bash -eu -c '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
        exec chroot "$@"
    ' - "$root" "$@" </dev/null >"$work/$name.log" 2>&1 &
    inside=$!
    wait "$inside" || code=$?
    inside=""
    echo $((SECONDS - begin)) >"$work/$name.seconds"
    return $code
}

as_root() {
    run_inside "$1" "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"
}

as_user() {
    [ "$user" != root ] || { as_root "$@"; return; }
    run_inside "$1" --userspec=reel:reel --groups=reel "$root" \
        /usr/bin/env -i HOME=/home/reel USER=reel PATH=/usr/bin:/bin "${@:2}"
}

prepare() {
    if [ -n "$tree" ]; then
        cp -a -- "$tree" "$root"
    else
        # This machine's debootstrap may be older than the suite. One script serves all of them.
        debootstrap --variant=minbase "$suite" "$root" "$mirror" \
            /usr/share/debootstrap/scripts/sid >"$work/debootstrap.log" 2>&1 ||
            { tail -n 20 "$work/debootstrap.log"; return 1; }
    fi
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # A mirror may be a snapshot, whose lists count as expired.
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90snapshot"

    home=/root
    if [ "$user" != root ]; then
        home=/home/reel
        as_root sudo sh -c 'apt-get -qq update &&
            apt-get -qq install -y --no-install-recommends sudo &&
            useradd --create-home --shell /bin/bash reel &&
            echo "reel ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/reel' ||
            { tail -n 20 "$work/sudo.log"; return 1; }
    fi

    mkdir "$root$home/source"
    git archive HEAD | tar -x -C "$root$home/source"
    chroot "$root" chown -R "$user:" "$home/source"
}

echo "Debian $system, as $user, commit $(git rev-parse --short HEAD)"
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "Changes that are not committed are left out."
fi
prepare || fail "cannot make the tree"
sed -n 's/^PRETTY_NAME=/System: /p' "$root/etc/os-release"
grep -m 1 'model name' /proc/cpuinfo || true

# ---- the two commands ---------------------------------------------------------------------------

failed=0
report() { # report NAME EXIT_CODE COMMAND
    local seconds
    seconds=$(cat "$work/$1.seconds")
    printf '%-24s exit code %d after %d:%02d\n' "$3" "$2" $((seconds / 60)) $((seconds % 60))
    [ "$2" = 0 ] || { failed=1; tail -n 60 "$work/$1.log"; }
}

code=0
as_user quickstart bash -c "cd $home/source && ./train/quickstart.sh" || code=$?
report quickstart "$code" ./train/quickstart.sh
chroot "$root" sh -c 'cc --version | head -n 1; cmake --version | head -n 1' || true
grep 'images, loss.*top-1' "$work/quickstart.log" | tail -n 1 || true # the evaluation at its end

code=0
as_user tests bash -c "cd $home/source && ./tests/run.sh" || code=$?
report tests "$code" ./tests/run.sh
grep -E 'tests passed|\*\*\*(Failed|Timeout|Skipped|Exception)|\((Failed|Timeout)\)' \
    "$work/tests.log" || true
exit $failed
