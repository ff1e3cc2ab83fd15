/* The settings are those of Open MPI 4.1; each has its reason beside it. */
#include "train/launch/mpirun.h"

#include "core/system_error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* ---- is it there? ---- */

static bool stands_in_path(const char *program)
{
    char path[PATH_MAX];
    const char *folders = getenv("PATH");
    while (folders && *folders) {
        const size_t length = strcspn(folders, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)length, folders, program);
        if (length > 0 && access(path, X_OK) == 0)
            return true;
        folders += length + (folders[length] == ':');
    }
    return false;
}

static const char *command_that_installs(void)
{
    static const char *const commands[][2] = {
        {"apt-get", "apt-get install openmpi-bin"},
        {"dnf", "dnf install openmpi, then module load mpi"},
        {"pacman", "pacman -S openmpi"},
        {"zypper", "zypper install openmpi4"},
        {"apk", "apk add openmpi"},
        {"brew", "brew install open-mpi"},
    };
    for (int i = 0; i < REEL_COUNT(commands); i++)
        if (stands_in_path(commands[i][0]))
            return commands[i][1];
    return "the package openmpi-bin or openmpi";
}

reel_status reel_mpirun_check(reel_error *err)
{
    if (!stands_in_path("mpirun"))
        return reel_fail(err, REEL_ERR_IO,
                         "mpirun is missing, which starts several ranks: install Open MPI (%s)",
                         command_that_installs());

    char line[200] = "";
    FILE *said = popen("mpirun --version 2>&1", "re");
    if (!said)
        return reel_fail_system(err, errno, "mpirun: cannot be started");
    if (!fgets(line, sizeof line, said))
        line[0] = '\0';
    pclose(said);
    line[strcspn(line, "\r\n")] = '\0';
    if (!strstr(line, "Open MPI"))
        return reel_fail(err, REEL_ERR_IO,
                         "mpirun: expected Open MPI's, found '%s'; put Open MPI's first in PATH "
                         "(%s)",
                         line, command_that_installs());
    return REEL_OK;
}

/* ---- the command line ---- */

typedef struct word_list {
    char **words; /* NULL at the end */
    size_t count, room;
    bool full; /* out of memory */
} word_list;

static void add_word(word_list *list, const char *word)
{
    if (list->full)
        return;
    if (list->count + 2 > list->room) {
        const size_t room = 2 * list->room + 16;
        char **words = realloc(list->words, room * sizeof *words);
        list->full = !words;
        list->words = words ? words : list->words;
        list->room = words ? room : list->room;
    }
    char *copy = list->full ? NULL : strdup(word);
    list->full = !copy;
    if (!copy)
        return;
    list->words[list->count++] = copy;
    list->words[list->count] = NULL;
}

static void add_setting(word_list *list, const char *option, const char *value)
{
    add_word(list, option);
    add_word(list, value);
}

/* On other hosts a rank gets the variables that are named with -x, and OMPI_*; on this host it
 * inherits them all. */
static void add_variables(word_list *list)
{
    static const char *const prefixes[] = {"REEL_", "OMP_", "GOMP_", "KMP_", "MALLOC_", "LC_"};
    static const char *const names[] = {"LANG", "LD_LIBRARY_PATH", "XDG_CACHE_HOME"};
    for (char **variable = environ; *variable; variable++) {
        char name[200];
        const size_t length = strcspn(*variable, "=");
        bool wanted = false;
        for (int i = 0; i < REEL_COUNT(prefixes); i++)
            wanted = wanted || !strncmp(*variable, prefixes[i], strlen(prefixes[i]));
        for (int i = 0; i < REEL_COUNT(names); i++)
            wanted =
                wanted || (length == strlen(names[i]) && !strncmp(*variable, names[i], length));
        if (!wanted || length >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)length, *variable);
        add_setting(list, "-x", name);
    }
}

static reel_status write_hosts(const reel_mpirun_config *config, const char *path, reel_error *err)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return reel_fail_system(err, errno, "%s: cannot be written", path);
    for (int64_t i = 0; i < config->hosts->count; i++) {
        const reel_run_host *host = &config->hosts->list[i];
        if (host->ranks > 0)
            fprintf(file, "%s slots=%lld\n", host->name, (long long)host->ranks);
    }
    const bool whole = !ferror(file);
    const int reason = errno;
    if (fclose(file) != 0 || !whole)
        return reel_fail_system(err, whole ? errno : reason, "%s: cannot be written", path);
    return REEL_OK;
}

reel_status reel_mpirun_words(char ***words, const reel_mpirun_config *config, reel_error *err)
{
    word_list list = {0};
    char ranks[24], hosts[PATH_MAX], folder[PATH_MAX];
    *words = NULL;
    snprintf(hosts, sizeof hosts, "%s/hosts", config->folder);
    if (config->hosts)
        REEL_TRY(write_hosts(config, hosts, err));

    snprintf(ranks, sizeof ranks, "%lld", (long long)config->ranks);
    add_word(&list, "mpirun");
    add_setting(&list, "-n", ranks);
    /* Consecutive ranks lie on one host, and there may be more ranks than cores. */
    add_setting(&list, "--map-by", "slot:OVERSUBSCRIBE");
    /* Open MPI binds a rank to one core by default, and with it all of the rank's threads. Unbound,
     * the ranks of a host divide its CPUs by number (reel_available_cpus), and the kernel places
     * them. */
    if (!getenv("OMPI_MCA_hwloc_base_binding_policy"))
        add_setting(&list, "--bind-to", "none");
    if (config->hosts) {
        add_setting(&list, "--hostfile", hosts);
        add_variables(&list);
    }
    /* Said explicitly, a host that lacks the folder is an error. Otherwise its ranks would begin in
     * the home folder, and look for DATA there. */
    if (getcwd(folder, sizeof folder))
        add_setting(&list, "--wdir", folder);
    add_setting(&list, config->program, config->command);
    for (int i = 0; i < config->count; i++)
        add_word(&list, config->arguments[i]);

    if (list.full) {
        reel_mpirun_free_words(list.words);
        return reel_fail(err, REEL_ERR_MEMORY, "mpirun: out of memory");
    }
    *words = list.words;
    return REEL_OK;
}

void reel_mpirun_free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

/* ---- the environment ---- */

void reel_mpirun_set_environment(const reel_mpirun_config *config)
{
    static const char *const settings[][2] = {
        /* Containers often run as root. */
        {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
        {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
        /* Networks that are not there are no reason for a warning. */
        {"OMPI_MCA_btl_base_warn_component_unused", "0"},
        /* More ranks than cores, also where a queue system counts slots. */
        {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
        /* A rank that waits within MPI leaves its core to those that compute. */
        {"OMPI_MCA_mpi_yield_when_idle", "1"},
        /* mpirun notices a link that is down after 2 + 3 x 1 s. By default it takes minutes. */
        {"OMPI_MCA_oob_tcp_keepalive_time", "2"},
        {"OMPI_MCA_oob_tcp_keepalive_intvl", "1"},
        {"OMPI_MCA_oob_tcp_keepalive_probes", "3"},
        /* A rank that fails before it has found the others must not leave them waiting. */
        {"OMPI_MCA_orte_abort_on_non_zero_status", "1"},
        /* Hosts are called as in the file: node1.lab is not shortened to node1. */
        {"OMPI_MCA_orte_keep_fqdn_hostnames", "1"},
    };
    for (int i = 0; i < REEL_COUNT(settings); i++)
        setenv(settings[i][0], settings[i][1], 0);

    /* Session folders of this host lie in the run's folder, which goes with the run. Those of other
     * hosts are removed by Open MPI's own daemon there. */
    setenv("TMPDIR", config->folder, 1);
    if (config->shared)
        setenv("OMPI_MCA_btl_vader_backing_directory", config->shared, 1);

    /* Instead of ssh. It is called for each host from here: the hosts may not know it. */
    const char *agent = getenv("REEL_LAUNCH_AGENT");
    if (agent && *agent) {
        setenv("OMPI_MCA_plm_rsh_agent", agent, 1);
        setenv("OMPI_MCA_plm_rsh_no_tree_spawn", "1", 0);
    }
}
