/* Lines of a run's log. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "train/json_util.c"

Test(json_util, a_full_disk_is_named_where_a_line_is_appended)
{
    reel_error err = {0};
    errno = 0;
    cr_assert(access("/dev/full", W_OK) == 0, "no /dev/full here");
    const reel_status status = reel_json_append(json_pack("{s:i}", "step", 1), "/dev/full", &err);
    cr_expect(status == REEL_ERR_IO && strstr(err.message, strerror(ENOSPC)), "expected '%s', got %d: %s", strerror(ENOSPC),
              (int)status, err.message);
}
