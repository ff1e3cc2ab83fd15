# For scripts that start several ranks: `. "$REEL_SOURCE/tests/support/mpi.sh"`. Where the module or
# mpirun is missing, the script ends with 77.
if [ ! -e "$REEL_BUILD/reel_mpi.so" ] || ! command -v mpirun >/dev/null; then
    echo "skipped: this build has no module for MPI, or mpirun is missing (openmpi-bin, libopenmpi-dev)"
    exit 77
fi
export REEL_MPI_MODULE=$REEL_BUILD/reel_mpi.so
# In a container the tests may be root, and have fewer cores than ranks.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_base_warn_component_unused=0
export OMP_NUM_THREADS=1
# Open MPI leaves memory behind, and unloads its parts, so that no suppression could name them.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

mpi() { # mpi RANKS COMMAND...: a minute at most
    local ranks=$1
    shift
    timeout -k 5 60 mpirun -n "$ranks" "$@"
}
