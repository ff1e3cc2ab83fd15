/* Downloads: the SHA-256, the unfinished file, where the whole one is looked for. What a network
 * can do wrong is in tests/integration/weights_by_name.sh. */
#include "tests/unit/train/run_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "train/cli/weights_name.h"
#include "train/fetch/part_file.h"
#include "train/fetch/weights_cache.h"

/* ---- SHA-256 ---- */
static void expect_digest(const char *text, size_t repeats, size_t at_once, const char *expected)
{
    char hex[REEL_SHA256_HEX];
    reel_sha256 sum;
    reel_sha256_begin(&sum);
    for (size_t r = 0; r < repeats; r++)
        for (size_t at = 0, length = strlen(text); at < length; at += at_once)
            reel_sha256_add(&sum, text + at, length - at < at_once ? length - at : at_once);
    reel_sha256_hex(&sum, hex);
    cr_expect_str_eq(hex, expected, "'%.20s' x %zu, %zu at once: %s", text, repeats, at_once, hex);
    cr_expect(reel_sha256_begins(&sum, "") && reel_sha256_begins(&sum, expected));
}

/* The examples of FIPS 180-2 and NIST's; every way to cut them gives the same. */
Test(sha256, has_the_published_digests)
{
    static const struct {
        const char *text, *digest;
        size_t repeats;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
         "lmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1", 1},
        {"aaaaaaaaaa", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 100000},
    };
    for (int i = 0; i < REEL_COUNT(known); i++)
        for (size_t at_once = 1; at_once < 130; at_once += 1 + at_once / 3)
            expect_digest(known[i].text, known[i].repeats, at_once, known[i].digest);
}

/* ---- the unfinished file ---- */
static bool never(void *user)
{
    (void)user;
    return false;
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

static void count_waits(void *user)
{
    ++*(int *)user;
}

static void put_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
}

static void expect_text(const char *path, const char *text)
{
    char bytes[100] = "";
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s is not there", path);
    const size_t n = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    bytes[n] = '\0';
    cr_expect_str_eq(bytes, text, "%s: '%s', expected '%s'", path, bytes, text);
}

TestSuite(part_file, .init = enter_scratch, .fini = leave_scratch);

Test(part_file, continues_and_gets_its_name_when_it_is_whole)
{
    int waits = 0;
    const reel_part_wait wait = {.waiting = count_waits, .stop = never, .user = &waits};
    reel_part part;
    reel_error err;
    MUST(reel_part_open(&part, "file", 100, &wait, &err), err);
    MUST(reel_part_append(&part, "ab", 2, &err), err);
    reel_part_close(&part, true);
    expect_text("file.part", "ab");

    MUST(reel_part_open(&part, "file", 100, &wait, &err), err);
    cr_expect_eq(part.size, 2);
    MUST(reel_part_append(&part, "c", 1, &err), err);
    cr_expect(reel_sha256_begins(&part.sum, "ba7816bf") && waits == 0);
    MUST(reel_part_finish(&part, "file", &err), err);
    reel_part_close(&part, true);
    expect_text("file", "abc");
    cr_expect(access("file.part", F_OK) != 0);
}

Test(part_file, is_emptied_if_too_long_and_removed_if_not_kept)
{
    int waits = 0;
    const reel_part_wait wait = {.waiting = count_waits, .stop = never, .user = &waits};
    reel_part part;
    reel_error err;
    put_text("file.part", "much too long");
    MUST(reel_part_open(&part, "file", 5, &wait, &err), err);
    cr_expect_eq(part.size, 0);
    MUST(reel_part_append(&part, "x", 1, &err), err);
    reel_part_close(&part, false);
    cr_expect(access("file.part", F_OK) != 0);

    MUST(reel_part_open(&part, "file", 5, &wait, &err), err);
    reel_part_close(&part, true); /* nothing is in it */
    cr_expect(access("file.part", F_OK) != 0);
}

Test(part_file, is_a_file_and_nothing_else)
{
    int waits = 0;
    const reel_part_wait wait = {.waiting = count_waits, .stop = never, .user = &waits};
    reel_part part;
    reel_error err;
    put_text("other", "precious");
    cr_assert(symlink("other", "link.part") == 0 && mkfifo("pipe.part", 0600) == 0 &&
              mkdir("folder.part", 0700) == 0);
    cr_expect_eq(reel_part_open(&part, "link", 100, &wait, &err), REEL_ERR_IO);
    cr_expect_eq(reel_part_open(&part, "pipe", 100, &wait, &err), REEL_ERR_IO);
    cr_expect_eq(reel_part_open(&part, "folder", 100, &wait, &err), REEL_ERR_IO);
    expect_text("other", "precious");
}

Test(part_file, belongs_to_one_process_at_a_time)
{
    int waits = 0, ready[2];
    const reel_part_wait wait = {.waiting = count_waits, .stop = at_once, .user = &waits};
    reel_part part;
    reel_error err;
    char byte;
    cr_assert(pipe(ready) == 0);
    const pid_t other = fork();
    if (other == 0) {
        reel_part theirs;
        const bool opened = reel_part_open(&theirs, "file", 100, &wait, &err) == REEL_OK;
        if (opened && write(ready[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    cr_assert(other > 0 && read(ready[0], &byte, 1) == 1);
    cr_expect_eq(reel_part_open(&part, "file", 100, &wait, &err), REEL_ERR_STOPPED);
    cr_expect_eq(waits, 1);

    cr_assert(kill(other, SIGKILL) == 0 && waitpid(other, NULL, 0) == other);
    MUST(reel_part_open(&part, "file", 100, &wait, &err), err);
    reel_part_close(&part, true);
}

/* ---- where the whole file is looked for ---- */
static bool never_stop(void)
{
    return false;
}

static const reel_public_weights abc = {
    .name = "nobody/abc", .url = "https://127.0.0.1:1/abc-ba7816bf.pth", .megabytes = 1};
static const reel_weights_request quietly = {.quiet = true, .stop = never_stop};

static void enter_home(void)
{
    char here[1000];
    enter_scratch();
    cr_assert(getcwd(here, sizeof here) && setenv("HOME", here, 1) == 0);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TORCH_HOME");
    unsetenv("REEL_WEIGHTS_URL");
    unsetenv("REEL_WEIGHTS_TIMEOUT");
    setenv("no_proxy", "*", 1);
}

TestSuite(weights_cache, .init = enter_home, .fini = leave_scratch);

static void make_all(const char *path)
{
    char folder[200];
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        mkdir(folder, 0700);
    }
}

static void expect_found(const char *expected)
{
    char path[4400];
    reel_error err = {0};
    const reel_status status = reel_weights_fetch(&abc, &quietly, path, sizeof path, &err);
    cr_expect(status == REEL_OK && strstr(path, expected), "expected %s, got %d, %s%s", expected,
              (int)status, status ? "" : path, err.message);
}

Test(weights_cache, is_looked_through_before_torch_hubs)
{
    static const char *const places[] = {
        "torch/hub/checkpoints/abc-ba7816bf.pth",
        ".cache/torch/hub/checkpoints/abc-ba7816bf.pth",
        ".cache/reel/weights/abc-ba7816bf.pth",
    };
    for (int i = 0; i < REEL_COUNT(places); i++) {
        make_all(places[i]);
        put_text(places[i], "abc");
        if (i == 0)
            setenv("TORCH_HOME", "torch", 1);
        else
            unsetenv("TORCH_HOME");
        expect_found(places[i]);
    }

    /* XDG: an absolute path wins over ~/.cache, a relative one does not. */
    char elsewhere[1100];
    setenv("XDG_CACHE_HOME", "cache", 1);
    expect_found("/.cache/reel/weights/");
    cr_assert(getcwd(elsewhere, sizeof elsewhere - 100));
    strcat(elsewhere, "/cache");
    setenv("XDG_CACHE_HOME", elsewhere, 1);
    make_all("cache/reel/weights/x");
    put_text("cache/reel/weights/abc-ba7816bf.pth", "abc");
    expect_found("/cache/reel/weights/");
}

Test(weights_cache, holds_no_file_with_other_bytes)
{
    char path[4400];
    reel_error err;
    make_all(".cache/reel/weights/x");
    put_text(".cache/reel/weights/abc-ba7816bf.pth", "abd");
    cr_expect_neq(reel_weights_fetch(&abc, &quietly, path, sizeof path, &err), REEL_OK);
    cr_expect(strstr(err.message, "https://127.0.0.1:1/abc-ba7816bf.pth"), "%s", err.message);
    cr_expect(strstr(err.message, "/.cache/reel/weights/abc-ba7816bf.pth"), "%s", err.message);
    cr_expect(access(".cache/reel/weights/abc-ba7816bf.pth.part", F_OK) != 0);
}

Test(weights_cache, takes_the_digits_from_the_files_name)
{
    char digits[72];
    cr_expect(reel_weights_digits("https://a.b/c-d/alexnet-owt-7be5be79.pth", digits));
    cr_expect_str_eq(digits, "7be5be79");
    cr_expect_not(reel_weights_digits("https://a.b/c/alexnet-owt-7be5be7.pth", digits));
    cr_expect_not(reel_weights_digits("https://a.b/c/alexnet-owt-7be5be79g.pth", digits));
    cr_expect_not(reel_weights_digits("https://a.b/c-7be5be79.pth/alexnet.pth", digits));
}

/* ---- names ---- */
Test(weights_cache, has_a_row_for_each_name_that_can_be_checked)
{
    int count = 0;
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_public_weights *w = reel_model_at(i)->public_weights;
        for (; w && w->name; w++) {
            char digits[72];
            cr_expect_str_eq(reel_weights_name(count++), w->name);
            cr_expect(strchr(w->name, '/') && w->megabytes > 0, "%s", w->name);
            cr_expect(!strncmp(w->url, "https://", 8), "%s", w->url);
            cr_expect(reel_weights_digits(w->url, digits), "%s", w->url);
        }
    }
    cr_expect(count > 0 && !reel_weights_name(count));
}

Test(weights_cache, does_not_hide_files_and_runs)
{
    char path[REEL_WEIGHTS_PATH];
    reel_error err;
    make_all("torchvision/alexnet/x");
    put_text("torchvision/alexnet/best.safetensors", "");
    MUST(reel_weights_path("torchvision/alexnet", true, path, &err), err);
    cr_expect_str_eq(path, "torchvision/alexnet/best.safetensors");
    MUST(reel_weights_path("no/such.pth", true, path, &err), err);
    cr_expect_str_eq(path, "no/such.pth");
    cr_expect_eq(reel_weights_path("torchvision/alexnt", true, path, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "did you mean torchvision/alexnet?"), "%s", err.message);
}
