# A Slurm of one node for scripts: `. "$REEL_SOURCE/tests/support/slurm.sh"`. The script starts again in namespaces of
# its own. So all ports are its own, and every process ends with the script.
#
#     slurm_up                 starts munged, slurmctld and slurmd; ends with 77 where they do not start
#     slurm_job NAME           the number of the job of that name
#
# Configuration, sockets and logs lie in $slurm_folder, which goes away when the script exits. It is in /tmp, because
# the path of the build may be too long for a socket.

slurm_skip() {
    echo "skipped: $1"
    exit 77
}

[ "$(id -u)" = 0 ] || slurm_skip "a Slurm of its own needs root"
PATH=$PATH:/usr/sbin:/sbin
for slurm_program in munged slurmctld slurmd srun sbatch scancel ip unshare; do
    command -v $slurm_program >/dev/null ||
        slurm_skip "$slurm_program is missing (munge, slurmctld, slurmd, slurm-client, iproute2, util-linux)"
done
if [ "${SLURM_INSIDE:-}" != yes ]; then
    slurm_spaces="--net --mount --pid --fork --kill-child --mount-proc"
    # shellcheck disable=SC2086
    unshare $slurm_spaces true 2>/dev/null || slurm_skip "namespaces are not allowed here"
    # shellcheck disable=SC2086
    SLURM_INSIDE=yes exec unshare $slurm_spaces bash "$0"
fi
unset "${!SLURM_@}"

# Where 127.0.0.1 is the only address, Slurm looks up no names and mpirun does not start.
slurm_network() {
    ip link set lo up
    ip link add reel_a type veth peer name reel_b || slurm_skip "network links are not allowed here"
    ip link set reel_b up
    ip link set reel_a up
    ip address add 198.18.7.1/24 dev reel_a
}

slurm_config() {
    cat >"$slurm_folder/slurm.conf" <<END
ClusterName=reel
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm_folder/munge.socket
CredType=cred/munge
StateSaveLocation=$slurm_folder/state
SlurmdSpoolDir=$slurm_folder/spool
SlurmctldPidFile=$slurm_folder/slurmctld.pid
SlurmdPidFile=$slurm_folder/slurmd.pid
SlurmctldLogFile=$slurm_folder/slurmctld.log
SlurmdLogFile=$slurm_folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MailProg=/bin/true
NodeName=localhost CPUs=2
PartitionName=all Nodes=localhost Default=YES
END
}

slurm_is_idle() { [ "$(timeout 5 sinfo -h -o %T 2>/dev/null)" = idle ]; }

slurm_start_node() { # slurm_start_node PLUGIN: whether slurmd starts with it
    echo "CgroupPlugin=$1" >"$slurm_folder/cgroup.conf"
    slurmd -D -N localhost >/dev/null 2>"$slurm_folder/slurmd.err" &
    slurm_node=$!
    for _ in $(seq 100); do
        if slurm_is_idle; then return 0; fi
        kill -0 $slurm_node 2>/dev/null || return 1
        sleep 0.1
    done
    kill $slurm_node
    return 1
}

slurm_up() {
    slurm_folder=$(mktemp -d --tmpdir slurm.XXXXXX)
    trap 'rm -rf -- "$slurm_folder"' EXIT
    mkdir "$slurm_folder/state" "$slurm_folder/spool"
    chmod 755 "$slurm_folder" # munged's clients must reach its socket
    slurm_network
    head -c 128 /dev/urandom >"$slurm_folder/munge.key"
    chmod 600 "$slurm_folder/munge.key"
    munged --foreground --force --key-file="$slurm_folder/munge.key" --socket="$slurm_folder/munge.socket" \
        --pid-file="$slurm_folder/munge.pid" --seed-file="$slurm_folder/munge.seed" >"$slurm_folder/munged.err" 2>&1 &
    for _ in $(seq 100); do
        [ ! -S "$slurm_folder/munge.socket" ] || break
        sleep 0.05
    done

    slurm_config
    export SLURM_CONF=$slurm_folder/slurm.conf
    slurmctld -D -i >/dev/null 2>"$slurm_folder/slurmctld.err" &
    # Nothing uses cgroups here, but slurmd wants a plugin for them; `disabled` is known to newer versions.
    slurm_start_node cgroup/v1 || slurm_start_node disabled ||
        slurm_skip "slurmd does not start here: $(tail -n 2 "$slurm_folder/slurmd.err")"
}

slurm_job() { squeue -h -n "$1" -o %i; }
