/* A resource that ran out is told from damage; a descriptor that comes back soon is waited for. */
#include "core/system_error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

Test(system_error, what_ran_out_has_a_status_of_its_own_and_advice)
{
    static const struct {
        int reason;
        reel_status status;
        const char *words;
    } cases[] = {{EMFILE, REEL_ERR_MEMORY, "ulimit -n"},   {ENFILE, REEL_ERR_MEMORY, "fs.file-max"},
                 {ENOMEM, REEL_ERR_MEMORY, "memory"},      {ENOENT, REEL_ERR_IO, "No such file"},
                 {EACCES, REEL_ERR_IO, "Permission"},      {EIO, REEL_ERR_IO, "error"},
                 {ENOSPC, REEL_ERR_IO, "No space left on"}};
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_error err;
        cr_expect_eq(reel_fail_system(&err, cases[i].reason, "%s: cannot be opened", "x.jpg"),
                     cases[i].status, "%d: %s", cases[i].reason, err.message);
        cr_expect_eq(err.status, cases[i].status);
        cr_expect(strstr(err.message, "x.jpg: cannot be opened: ") == err.message, "%s",
                  err.message);
        cr_expect(strstr(err.message, cases[i].words), "%s", err.message);
    }
    cr_expect_eq(reel_fail_system(NULL, EMFILE, "x"), REEL_ERR_MEMORY);
}

static void *give_back(void *descriptor)
{
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    close(*(int *)descriptor);
    return NULL;
}

Test(system_error, a_descriptor_that_another_thread_gives_back_is_waited_for)
{
    const int last = open("/dev/null", O_RDONLY);
    struct rlimit most;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &most), 0);
    most.rlim_cur = (rlim_t)last + 1;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &most), 0);
    cr_assert_lt(open("/dev/null", O_RDONLY), 0);

    int held = last;
    pthread_t other;
    cr_assert_eq(pthread_create(&other, NULL, give_back, &held), 0);
    cr_expect_geq(reel_open_patiently(AT_FDCWD, "/dev/null", O_RDONLY), 0);
    pthread_join(other, NULL);

    /* One that does not come back is an error, soon. */
    cr_expect_lt(reel_open_patiently(AT_FDCWD, "/dev/null", O_RDONLY), 0);
    cr_expect_eq(errno, EMFILE);
}
