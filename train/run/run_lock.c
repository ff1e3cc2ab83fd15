/* A record lock (fcntl) and not flock: the system itself tells who holds it, so that no process id
 * has to be written into a file, where it would outlive its process. The file stays: removing it
 * could take it from under a process that has just opened it. */
#include "train/run/run_lock.h"

#include "train/run/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

reel_status reel_run_lock(int *fd, const char *folder, reel_error *err)
{
    char path[4300];
    snprintf(path, sizeof path, "%s/.lock", folder);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return reel_fail(err, REEL_ERR_IO, "--output-dir %s: cannot be written: %s", folder,
                         strerror(errno));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(*fd, F_SETLK, &lock) == 0)
        return REEL_OK;
    const int why = errno;
    struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const bool known =
        fcntl(*fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0;
    if (why == EACCES || why == EAGAIN) {
        close(*fd);
        *fd = -1;
        char pid[40] =
            "another process"; /* on another host, or in another container: without a number here */
        if (known)
            snprintf(pid, sizeof pid, "process %ld", (long)holder.l_pid);
        return reel_fail(
            err, REEL_ERR_INVALID,
            "--output-dir %s: %s is training in it; wait for its end or choose another folder",
            folder, pid);
    }
    reel_say("reel train: warning: %s: the file system has no locks (%s): see that no other run "
             "uses the folder",
             folder, strerror(why));
    return REEL_OK;
}

void reel_run_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}
