/* Looks for the module, and for signs of a launcher in the environment. */
#include "core/comm/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/comm/comm.h"

#define MODULE_FILE "reel_mpi.so"
#define INSTALL_OPEN_MPI "install Open MPI (Debian and Ubuntu: apt-get install openmpi-bin)"

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

int64_t reel_launched_count(void)
{
    /* Each row: a count that a launcher sets for the processes that it starts, and another variable
     * that only such a process has. SLURM_NTASKS alone also stands in batch scripts. */
    static const char *const counts[][2] = {
        {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, /* mpirun of Open MPI */
        {"PMI_SIZE", "PMI_RANK"},                         /* Hydra: MPICH, Intel MPI; Slurm pmi2 */
        {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},         /* srun */
    };
    for (int64_t i = 0; i < REEL_COUNT(counts); i++)
        if (is_set(counts[i][0]) && is_set(counts[i][1]))
            return strtol(getenv(counts[i][0]), NULL, 10);
    return is_set("PMIX_RANK") && is_set("PMIX_NAMESPACE") ? 0 : 1;
}

bool reel_comm_is_launched(void)
{
    return reel_launched_count() != 1;
}

/* The folder of a file, links followed; false if there is none. */
static bool find_folder(const char *file, char folder[PATH_MAX])
{
    if (!file || !realpath(file, folder))
        return false;
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* The first of the usual places that holds the module. */
static bool find_module(char path[PATH_MAX])
{
    static const char *const below[] = {"", "/reel", "/../" REEL_LIBDIR "/reel"};
    Dl_info own = {0};
    dladdr((void *)(uintptr_t)reel_launched_count, &own);
    /* In a program dli_fname is what its starter called it, perhaps no path. */
    const char *const holders[] = {own.dli_fname, "/proc/self/exe"};

    char folder[PATH_MAX];
    for (int64_t h = 0; h < REEL_COUNT(holders); h++) {
        if (!find_folder(holders[h], folder))
            continue;
        for (int64_t i = 0; i < REEL_COUNT(below); i++)
            if (snprintf(path, PATH_MAX, "%s%s/" MODULE_FILE, folder, below[i]) < PATH_MAX &&
                access(path, R_OK) == 0)
                return true;
    }
    snprintf(path, PATH_MAX, "%s/" MODULE_FILE, REEL_MODULE_FOLDER);
    return access(path, R_OK) == 0;
}

reel_status reel_link_load(const reel_link **out, reel_error *err)
{
    char path[PATH_MAX];
    *out = NULL;
    if (is_set("REEL_MPI_MODULE"))
        snprintf(path, sizeof path, "%s", getenv("REEL_MPI_MODULE"));
    else if (!find_module(path))
        return reel_fail(err, REEL_ERR_IO,
                         MODULE_FILE
                         " is not built: `cmake -B build && cmake --build build "
                         "--target reel_mpi` builds it; it needs Open MPI with its headers (Debian "
                         "and Ubuntu: apt-get install openmpi-bin libopenmpi-dev)");

    /* It stays: MPI leaves threads and handlers behind. */
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!module) {
        const char *reason = dlerror();
        return reel_fail(err, REEL_ERR_IO, "cannot load the module: %.600s; " INSTALL_OPEN_MPI,
                         reason ? reason : path);
    }
    const reel_link *(*table)(void) = NULL;
    *(void **)&table = dlsym(module, REEL_LINK_SYMBOL);
    const reel_link *link = table ? table() : NULL;
    if (!link || link->version != REEL_LINK_VERSION) {
        dlclose(module);
        return reel_fail(err, REEL_ERR_IO,
                         "%.600s: expected a module of version %d, this one is of another build",
                         path, REEL_LINK_VERSION);
    }
    *out = link;
    return REEL_OK;
}

bool reel_comm_module_version(char *text, size_t size)
{
    if (!text || size == 0)
        return false;
    reel_error err;
    const reel_link *link;
    if (reel_link_load(&link, &err) != REEL_OK) {
        snprintf(text, size, "%s", err.message);
        return false;
    }
    link->name(text, size);
    return true;
}
