/* To open a named pipe without a writer waits for ever, unless it is opened with O_NONBLOCK. */
#include "train/cli/input_file.h"

#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is it a pipe without a name, as the shell makes it? Its other end is open already. Pipes without
 * names lie on a device of their own, which one more tells. */
static bool is_shell_pipe(const struct stat *info)
{
    int ends[2];
    struct stat other;
    if (!S_ISFIFO(info->st_mode) || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    const bool same = fstat(ends[0], &other) == 0 && other.st_dev == info->st_dev;
    close(ends[0]);
    close(ends[1]);
    return same;
}

static reel_status refuse_kind(const struct stat *info, reel_error *err)
{
    if (S_ISDIR(info->st_mode))
        return reel_fail(err, REEL_ERR_IO, "expected a file, found a folder");
    if (S_ISFIFO(info->st_mode))
        return reel_fail(err, REEL_ERR_IO, "expected a file, found a named pipe");
    return reel_fail(err, REEL_ERR_IO, "expected a file, found a device");
}

reel_status reel_input_open(FILE **out, const char *path, reel_error *err)
{
    struct stat info;
    *out = NULL;
    const int file =
        reel_open_patiently(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0 || fstat(file, &info) != 0) {
        const int reason = errno;
        if (file >= 0)
            close(file);
        return reel_fail_system(err, reason, "cannot be opened");
    }
    if (!S_ISREG(info.st_mode) && !is_shell_pipe(&info)) {
        close(file);
        return refuse_kind(&info, err);
    }

    /* Reading may wait for the writer. */
    fcntl(file, F_SETFL, 0);
    *out = fdopen(file, "rb");
    if (*out)
        return REEL_OK;
    const int reason = errno;
    close(file);
    return reel_fail_system(err, reason, "cannot be opened");
}
