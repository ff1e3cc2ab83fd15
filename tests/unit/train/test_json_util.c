/* Lines of a run's log. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/run/json_util.h"

Test(json_util, a_full_disk_is_named_where_a_line_is_appended)
{
    reel_error err = {0};
    errno = 0;
    cr_assert(access("/dev/full", W_OK) == 0, "no /dev/full here");
    const reel_status status = reel_json_append(json_pack("{s:i}", "step", 1), "/dev/full", &err);
    cr_expect(status == REEL_ERR_IO && strstr(err.message, strerror(ENOSPC)),
              "expected '%s', got %d: %s", strerror(ENOSPC), (int)status, err.message);
}

Test(json_util, a_line_that_was_cut_is_ended_before_another_is_appended)
{
    char path[] = "/tmp/reel-lines-XXXXXX", text[100] = "";
    const int fd = mkstemp(path);
    reel_error err = {0};
    cr_assert(fd >= 0 && write(fd, "{\"step\":1", 9) == 9); /* as a full disk leaves it */
    for (int step = 2; step < 4; step++)
        cr_expect_eq(reel_json_append(json_pack("{s:i}", "step", step), path, &err), REEL_OK, "%s",
                     err.message);
    cr_expect_gt(pread(fd, text, sizeof text - 1, 0), 0);
    cr_expect_str_eq(text, "{\"step\":1\n{\"step\":2}\n{\"step\":3}\n");
    close(fd);
    unlink(path);
}
