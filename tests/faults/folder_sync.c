/* Preloaded into a program, writes down in which order files get their names and folders are
 * flushed.
 *
 *     LD_PRELOAD=libreel_folder_sync.so REEL_SYNC_LOG=log REEL_SYNC_ERROR=22 reel pack ...
 *
 * The log receives a line "rename PATH" for each file that gets its name, and "flush" for each
 * fsync of a folder. REEL_SYNC_ERROR: the errno with which these fail, as on file systems that
 * cannot flush a folder (EINVAL).
 * REEL_SYNC_MOVE=NAME,FROM,TO: FROM becomes TO just before a file is to be called NAME. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note_line(const char *what, const char *path)
{
    const char *log = getenv("REEL_SYNC_LOG");
    char line[5000];
    const int length = snprintf(line, sizeof line, "%s %s\n", what, path);
    const int file = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (file < 0)
        return;
    if (length < 0 || write(file, line, (size_t)length) != length)
        abort();
    close(file);
}

static void move_away(const char *to, int (*real)(const char *, const char *))
{
    char name[200], before[1000], after[1000];
    const char *asked = getenv("REEL_SYNC_MOVE"), *last = strrchr(to, '/');
    if (asked && sscanf(asked, "%199[^,],%999[^,],%999s", name, before, after) == 3 &&
        strcmp(last ? last + 1 : to, name) == 0)
        real(before, after); /* succeeds once */
}

__attribute__((visibility("default"))) int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "rename");
    move_away(to, real);
    const int result = real(from, to);
    if (result == 0)
        note_line("rename", to);
    return result;
}

__attribute__((visibility("default"))) int fsync(int file)
{
    struct stat st;
    const char *error = getenv("REEL_SYNC_ERROR");
    int (*real)(int) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    if (fstat(file, &st) != 0 || !S_ISDIR(st.st_mode))
        return real(file);
    note_line("flush", "");
    if (error) {
        errno = atoi(error);
        return -1;
    }
    return real(file);
}
