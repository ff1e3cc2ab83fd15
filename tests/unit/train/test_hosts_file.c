/* The list of hosts: what its lines may hold, and how ranks are shared out. */
#include "train/launch/hosts_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static reel_error err;
static char path[64];

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "/tmp/reel-hosts-XXXXXX");
    const int handle = mkstemp(path);
    cr_assert(handle >= 0);
    cr_assert_eq(write(handle, text, strlen(text)), (ssize_t)strlen(text));
    close(handle);
}

static reel_status read_text(reel_hosts_file *hosts, const char *text)
{
    write_file(text);
    const reel_status status = reel_hosts_file_read(hosts, path, &err);
    unlink(path);
    return status;
}

/* The ranks of each host, as "2 1 0". */
static const char *shared(const char *text, int64_t wanted)
{
    static char ranks[200];
    reel_hosts_file hosts;
    int64_t total = 0, sum = 0;
    cr_assert_eq(read_text(&hosts, text), REEL_OK, "%s", err.message);
    if (reel_hosts_file_share(&hosts, "hosts", wanted, &total, &err) != REEL_OK) {
        reel_hosts_file_free(&hosts);
        return err.message;
    }
    ranks[0] = '\0';
    for (int64_t i = 0; i < hosts.count; i++) {
        const size_t used = strlen(ranks);
        snprintf(ranks + used, sizeof ranks - used, "%s%lld", i ? " " : "",
                 (long long)hosts.list[i].ranks);
        sum += hosts.list[i].ranks;
    }
    cr_expect_eq(sum, total, "%s: %lld ranks of %lld", text, (long long)sum, (long long)total);
    reel_hosts_file_free(&hosts);
    return ranks;
}

Test(hosts_file, lines_hold_names_slots_and_comments)
{
    reel_hosts_file hosts;
    const char *text = "\xef\xbb\xbf# two machines\r\n\n  node1.lab slots=4 # the large one\r\n"
                       "10.0.0.7\nfe80::1 slots=1";
    cr_assert_eq(read_text(&hosts, text), REEL_OK, "%s", err.message);
    cr_assert_eq(hosts.count, 3);
    cr_expect_str_eq(hosts.list[0].name, "node1.lab");
    cr_expect_eq(hosts.list[0].slots, 4);
    cr_expect_eq(hosts.list[0].line, 3);
    cr_expect_str_eq(hosts.list[1].name, "10.0.0.7");
    cr_expect_eq(hosts.list[1].slots, 0);
    cr_expect_str_eq(hosts.list[2].name, "fe80::1");
    reel_hosts_file_free(&hosts);
}

Test(hosts_file, a_wrong_line_is_named_with_what_it_holds)
{
    static const char *const cases[][2] = {
        {"a\nb slots=0\n", ":2: expected NAME or NAME slots=N (1 to 4096), found 'b slots=0'"},
        {"a slots=\n", ":1: expected"},
        {"a slots=4x\n", "found 'a slots=4x'"},
        {"a slots=99999999999999999999\n", ":1: expected"},
        {"a slots=-2\n", ":1: expected"},
        {"a 4\n", "found 'a 4'"},
        {"a slots=1 b\n", ":1: expected"},
        {"-oProxyCommand=x\n", "found '-oProxyCommand=x'"},
        {"me@node1\n", "found 'me@node1'"},
        {"a\n\nb\na slots=2\n", ":4: host a stands in line 1 already"},
        {"# nothing\n \n", "found none"},
        {"", "found none"},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_hosts_file hosts;
        cr_expect_eq(read_text(&hosts, cases[i][0]), REEL_ERR_INVALID, "%s", cases[i][0]);
        cr_expect_not_null(strstr(err.message, cases[i][1]), "%s: %s", cases[i][0], err.message);
        cr_expect_null(hosts.list);
    }
}

Test(hosts_file, what_is_no_regular_file_is_refused_at_once)
{
    reel_hosts_file hosts;
    cr_expect_eq(reel_hosts_file_read(&hosts, "/nowhere/hosts", &err), REEL_ERR_IO);
    cr_expect_eq(reel_hosts_file_read(&hosts, "/tmp", &err), REEL_ERR_IO);
    cr_expect_not_null(strstr(err.message, "/tmp: expected a regular file"), "%s", err.message);
    write_file("");
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(reel_hosts_file_read(&hosts, path, &err), REEL_ERR_IO);
    unlink(path);
}

Test(hosts_file, ranks_fill_the_slots_in_order_or_spread_evenly)
{
    cr_expect_str_eq(shared("a slots=2\nb slots=3\n", 0), "2 3");
    cr_expect_str_eq(shared("a slots=2\nb slots=3\n", 4), "2 2");
    cr_expect_str_eq(shared("a slots=2\nb slots=3\n", 1), "1 0");
    cr_expect_str_eq(shared("a slots=2\nb\n", 0), "2 1");
    cr_expect_str_eq(shared("a\nb\nc\n", 0), "1 1 1");
    cr_expect_str_eq(shared("a\nb\nc\n", 8), "3 3 2");
    cr_expect_str_eq(shared("a\nb\nc\n", 2), "1 1 0");
    cr_expect_str_eq(shared("a slots=2\nb\n", 4), "--ranks 4: hosts has slots for 3");
}
