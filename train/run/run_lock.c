/* A record lock (fcntl) and not flock: the system itself tells who holds it, so that no process id
 * has to be written into a file, where it would outlive its process. The file stays: removing it
 * could take it from under a process that has just opened it. */
#include "train/run/run_lock.h"
#include "core/system_error.h"

#include "train/run/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Refuses: another process holds the lock. The system knows its id, unless it runs on another host
 * or in another container. */
static reel_status refuse_locked(int fd, const char *folder, reel_error *err)
{
    struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char who[40] = "another process";
    if (fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0)
        snprintf(who, sizeof who, "process %ld", (long)holder.l_pid);
    return reel_fail(
        err, REEL_ERR_INVALID,
        "--output-dir %s: %s is training in it; wait for its end or choose another folder", folder,
        who);
}

reel_status reel_run_lock(int *fd, const char *folder, reel_error *err)
{
    char path[4300];
    snprintf(path, sizeof path, "%s/.lock", folder);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd < 0)
        return reel_fail_system(err, errno, "--output-dir %s: cannot be written", folder);

    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(*fd, F_SETLK, &lock) == 0)
        return REEL_OK;
    const int why = errno;
    /* Another run holds it. Any other reason: there are no locks here, as on some network disks. */
    if (why == EACCES || why == EAGAIN) {
        refuse_locked(*fd, folder, err);
        close(*fd);
        *fd = -1;
        return REEL_ERR_INVALID;
    }
    reel_say("reel: warning: %s: the file system has no locks (%s): see that no other run "
             "uses the folder",
             folder, strerror(why));
    return REEL_OK;
}

void reel_run_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}

bool reel_run_locked(const char *folder)
{
    char path[4300];
    snprintf(path, sizeof path, "%s/.lock", folder);
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;

    struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const bool locked = fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK;
    close(fd);
    return locked;
}
