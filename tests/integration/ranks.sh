#!/bin/bash
# Exchanges between ranks, on one host and on several, give what their definitions say, for any
# number of ranks.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/ranks_program.sh"

"$ranks" exchanges | grep -q "exchanges: 1 ranks on 1 hosts" || fail "alone"
for case in "2 1" "3 1" "5 -2" "8 3"; do
    # shellcheck disable=SC2086
    expect_run $case exchanges ""
done
# Where memory cannot be shared, each rank is a host, and the comm says so.
expect_run 3 0 exchanges "ranks on $(hostname) cannot share memory (Permission denied)"

# A launcher, but no module; a module that is none; a launcher of which MPI knows nothing.
refused() { # refused WORDS VARIABLE=VALUE...
    local words=$1 code=0
    shift
    env "$@" "$ranks" exchanges >said 2>&1 || code=$?
    [ "$code" = 4 ] || fail "$*: exit code $code"
    grep -q "$words" said || fail "$*: expected '$words'"
}
launched="OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0"
echo "no shared object" >broken.so
# shellcheck disable=SC2086
{
    refused "cannot load the module: .*nowhere.so.*install Open MPI" $launched REEL_MPI_MODULE=/nowhere.so
    refused "cannot load the module: .*broken.so" $launched REEL_MPI_MODULE="$PWD/broken.so"
}
refused "the launcher started 2 processes, but Open MPI .* connects none of them" \
    PMI_SIZE=2 PMI_RANK=0
# What srun without PMIx sets. MPI_Init would say it in 20 lines, and end the process.
refused "the launcher started 2 processes, but Open MPI .* connects none of them" \
    SLURM_JOBID=1 SLURM_NODELIST=localhost SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0
[ "$(wc -l <said)" = 1 ] || fail "srun without PMIx: expected one line: $(cat said)"
