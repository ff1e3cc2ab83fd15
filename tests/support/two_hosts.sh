# Two hosts on one machine, for scripts: `. "$REEL_SOURCE/tests/support/two_hosts.sh"`. Each is a network and a
# UTS namespace (an address and a name of its own); one link joins them. reelb numbers its processes by itself, too
# (a PID namespace): so ranks of the two hosts cannot share memory. reela sees the processes of both. Files and users
# are those of the machine.
#
#     two_hosts_up [RATE]      makes the hosts reela (198.18.7.1) and reelb (198.18.7.2), and the file two_hosts/hosts
#                              for --hosts; RATE limits the link, such as 1gbit. Ends with 77 where it may not.
#     on_host HOST COMMAND...  runs a command there; exec_on_host reela COMMAND... & makes $! the command itself
#     two_hosts_run ARGS...    mpirun ARGS on reela, with one rank on each host
#     two_hosts_cut            the link goes down; two_hosts_join: up again
#     two_hosts_down           ends what still runs there; also when the script exits
#
# $REEL_LAUNCH_AGENT is the script that reaches the hosts, in the place of ssh. Open MPI's folders of the other host
# lie in two_hosts/tmp.

reela=198.18.7.1 reelb=198.18.7.2

two_hosts_skip() {
    echo "skipped: $1"
    exit 77
}

# The namespaces of a host. For --pid nsenter starts a second process.
reela_spaces="--net --uts"
reelb_spaces="--net --uts --pid --mount"

exec_on_host() {
    local process=${1}_process spaces=${1}_spaces
    shift
    # shellcheck disable=SC2086
    exec nsenter -t "${!process}" ${!spaces} -- "$@"
}
on_host() { (exec_on_host "$@"); }

# two_hosts_start NAME OPTION...: NAME_process becomes the process that keeps the namespaces. The link goes with the
# namespaces, and these with the process, after 10 minutes at the latest.
two_hosts_start() {
    local name=$1 process
    shift
    unshare --net --uts "$@" -- sh -c "hostname $name && exec sleep 600" >/dev/null 2>&1 &
    two_hosts_keepers="${two_hosts_keepers:-} $!"
    for _ in $(seq 250); do
        process=$(pgrep -P "$!" -x sleep || true) # with --fork it is a child
        [ -n "$process" ] || [ "$(cat "/proc/$!/comm")" != sleep ] || process=$!
        [ -z "$process" ] || break
        sleep 0.02
    done
    [ -n "$process" ] || two_hosts_skip "namespaces take too long here"
    eval "${name}_process=$process"
}

two_hosts_up() {
    local host address
    [ "$(id -u)" = 0 ] || two_hosts_skip "two hosts need root"
    command -v ip nsenter unshare >/dev/null || two_hosts_skip "two hosts need ip, nsenter and unshare"
    unshare --net --uts --mount --pid --fork --mount-proc true 2>/dev/null || two_hosts_skip "namespaces are not allowed here"

    trap two_hosts_down EXIT
    two_hosts_start reela
    two_hosts_start reelb --mount --pid --fork --kill-child --mount-proc
    # shellcheck disable=SC2154 # two_hosts_start sets both
    ip link add reel_a netns "$reela_process" type veth peer name reel_b netns "$reelb_process" ||
        two_hosts_skip "links between namespaces are not allowed here"
    for host in reela reelb; do
        address=${!host}
        on_host $host ip link set lo up
        on_host $host ip address add "$address/24" dev "reel_${host#reel}"
        on_host $host ip link set "reel_${host#reel}" up
        [ -z "${1:-}" ] || on_host $host tc qdisc add dev "reel_${host#reel}" root tbf rate "$1" burst 512kb latency 20ms ||
            two_hosts_skip "links of a limited rate are not allowed here"
    done

    mkdir -p two_hosts/tmp
    printf '%s slots=1\n' "$reela" "$reelb" >two_hosts/hosts
    # mpirun calls it as: agent [OPTION...] HOST COMMAND...
    cat >two_hosts/agent <<END
#!/bin/bash
while [[ \$1 == -* ]]; do shift; done
case \$1 in
$reela | reela) spaces="-t $reela_process $reela_spaces" ;;
$reelb | reelb) spaces="-t $reelb_process $reelb_spaces" ;;
*)
    echo "agent: no host \$1" >&2
    exit 1
    ;;
esac
shift
export TMPDIR=$PWD/two_hosts/tmp
exec nsenter \$spaces --wd="$PWD" -- sh -c "\$*"
END
    chmod +x two_hosts/agent
    export REEL_LAUNCH_AGENT=$PWD/two_hosts/agent
}

two_hosts_run() {
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_base_warn_component_unused=0 \
        OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3 \
        on_host reela timeout -k 5 60 mpirun --mca plm_rsh_agent "$REEL_LAUNCH_AGENT" --mca plm_rsh_no_tree_spawn 1 \
        --mca orte_keep_fqdn_hostnames 1 --bind-to none --map-by slot --hostfile two_hosts/hosts "$@"
}

two_hosts_cut() { on_host reela ip link set reel_a down; }
two_hosts_join() { on_host reela ip link set reel_a up; }

# Processes in the namespaces, but those that keep them.
two_hosts_processes() {
    local net process
    for process in "${reela_process:-}" "${reelb_process:-}"; do
        net=$(readlink "/proc/${process:-0}/ns/net") || continue
        find /proc -mindepth 3 -maxdepth 3 -path '/proc/[0-9]*/ns/net' -lname "${net//[\[\]]/?}" 2>/dev/null |
            cut -d/ -f3 | grep -vxE "$process$(printf '|%s' ${two_hosts_keepers:-})" || true
    done
}

two_hosts_down() {
    local process
    for process in $(two_hosts_processes); do
        kill -s KILL "$process" 2>/dev/null || true
    done
    for process in ${two_hosts_keepers:-}; do
        kill -s KILL "$process" 2>/dev/null || true # unshare --fork heeds no other signal
    done
    # shellcheck disable=SC2086
    wait ${two_hosts_keepers:-} 2>/dev/null || true
    two_hosts_keepers='' reela_process='' reelb_process=''
}
