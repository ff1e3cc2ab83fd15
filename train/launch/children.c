/* Children are found in /proc by the number of their parent. */
#include "train/launch/children.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void reel_children_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* The parent of a process; 0 if there is no such process. */
static int parent_of(const char *process)
{
    char path[64], text[400];
    snprintf(path, sizeof path, "/proc/%.20s/stat", process);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';

    /* "12 (name) S 7 ...": the name may hold anything. */
    const char *end = strrchr(text, ')');
    return end && strlen(end) > 4 ? atoi(end + 4) : 0;
}

static void kill_children(void)
{
    DIR *processes = opendir("/proc");
    const int own = (int)getpid();
    struct dirent *entry;
    while (processes && (entry = readdir(processes)))
        if (isdigit((unsigned char)*entry->d_name) && parent_of(entry->d_name) == own)
            kill(atoi(entry->d_name), SIGKILL);
    if (processes)
        closedir(processes);
}

void reel_children_end(double patience)
{
    const long step = 20 * 1000 * 1000; /* ns */
    const double most = patience + 5;   /* a process in the kernel's hands may not end at all */
    double waited = 0;
    for (;;) {
        const pid_t ended = waitpid(-1, NULL, WNOHANG);
        if (ended > 0)
            continue;
        if ((ended < 0 && errno == ECHILD) || waited > most)
            return;
        if (waited >= patience)
            kill_children();
        nanosleep(&(struct timespec){.tv_nsec = step}, NULL);
        waited += 1e-9 * (double)step;
    }
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    remove(path);
    return 0;
}

void reel_remove_folder(const char *path)
{
    if (path && *path)
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
