#!/usr/bin/env -S --default-signal=USR1,USR2 bash
# Stands in for mpirun, which starts with SIGUSR1 and SIGUSR2 ignored: a shell could not trap them then.
# It writes what it was given to $FAKE/argv, $FAKE/environment and $FAKE/process, then acts as the words of FAKE_ACTS say:
#
#     say FILE      FILE on stdout     warn FILE     FILE on stderr       leave N       exit with N
#     wait          until a signal     deaf          signals are ignored  orphan        a process that stays
#     stop N        SIGUSR2 ends it with N
[ "$1" != --version ] || {
    echo "${FAKE_VERSION-mpirun (Open MPI) 4.1.4}"
    exit
}
printf '%s\n' "$@" >"$FAKE/argv"
env >"$FAKE/environment"
trap 'echo USR1 >>"$FAKE/signals"' USR1
echo $$ >"$FAKE/process"
find "$TMPDIR" "$OMPI_MCA_btl_vader_backing_directory" -type d >"$FAKE/folders"
[ ! -e "$TMPDIR/hosts" ] || cp "$TMPDIR/hosts" "$FAKE"
touch "$TMPDIR/session" "$OMPI_MCA_btl_vader_backing_directory/segment"
set -- $FAKE_ACTS
while [ $# -gt 0 ]; do
    case $1 in
    say) cat "$2"; shift ;;
    warn) cat "$2" >&2; shift ;;
    leave) exit "$2" ;;
    stop) trap "echo USR2 >>\"$FAKE/signals\"; exit $2" USR2; shift ;;
    deaf) trap '' USR2 TERM ;;
    orphan)
        setsid sleep 300 &
        echo $! >"$FAKE/orphan"
        ;;
    wait)
        touch "$FAKE/ready"
        for _ in $(seq 1500); do sleep 0.02; done
        ;;
    esac
    shift
done
