/* Runs the tests of one program without Criterion, each in a process of its own, so that a crash is
 * one failed test. --filter SUITE/TEST (with wildcards) selects tests, --part I/N every Nth of
 * them, beginning with the Ith (from 0), where they take long. Exit status 1: a test failed. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST_PASSED, TEST_FAILED, TEST_SKIPPED, TEST_CRASHED, TEST_RESULTS };

static plain_test *first_test, **last_test = &first_test;
static jmp_buf leave_test;
static int test_result; /* of the test that this process runs */
static FILE *told;      /* what went to stderr */

void plain_register(plain_test *test)
{
    *last_test = test;
    last_test = &test->next;
}

/* ---- what a check calls ---- */

static void tell_failure(const char *file, int line, const char *what, const char *format,
                         va_list words)
{
    test_result = TEST_FAILED;
    printf("[----] %s:%d: Assertion Failed: expected %s:", file, line, what);
    vprintf(format, words);
    putchar('\n');
}

void plain_expect_failed(const char *file, int line, const char *what, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    tell_failure(file, line, what, format, words);
    va_end(words);
}

void plain_assert_failed(const char *file, int line, const char *what, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    tell_failure(file, line, what, format, words);
    va_end(words);
    longjmp(leave_test, 1);
}

void plain_skip(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    printf("[SKIP]");
    vprintf(format, words);
    putchar('\n');
    va_end(words);
    if (test_result == TEST_PASSED)
        test_result = TEST_SKIPPED;
    longjmp(leave_test, 1);
}

bool plain_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

void cr_redirect_stderr(void)
{
    told = tmpfile();
    if (!told || dup2(fileno(told), STDERR_FILENO) < 0)
        plain_assert_failed(__FILE__, __LINE__, "a file for stderr", " ");
}

bool plain_stderr_is(const char *text)
{
    char got[4096];
    fflush(stderr);
    const ssize_t count = pread(fileno(told), got, sizeof got, 0);
    return count == (ssize_t)strlen(text) && memcmp(got, text, (size_t)count) == 0;
}

/* ---- running ---- */

static const plain_hooks *hooks_of_suite(const char *suite)
{
    static const plain_hooks none;
    for (const plain_test *t = first_test; t; t = t->next)
        if (!t->name && strcmp(t->suite, suite) == 0)
            return &t->hooks;
    return &none;
}

static void begin_test(const plain_test *test, void *param)
{
    void (*const of_suite)(void) = hooks_of_suite(test->suite)->init;
    if (test->hooks.init)
        test->hooks.init();
    else if (of_suite)
        of_suite();

    if (test->body)
        test->body();
    else
        test->body_of(param);
}

static void end_test(const plain_test *test)
{
    void (*const of_suite)(void) = hooks_of_suite(test->suite)->fini;
    if (test->hooks.fini)
        test->hooks.fini();
    else if (of_suite)
        of_suite();
}

/* A failed assertion leaves init and the body together, or fini: so there are two places to return
 * to. */
static void run_guarded(const plain_test *test, void *param)
{
    if (setjmp(leave_test) == 0)
        begin_test(test, param);
    if (setjmp(leave_test) == 0)
        end_test(test);
}

static int result_of(const plain_test *test, void *param)
{
    fflush(NULL); /* or the child would write it again */
    const pid_t child = fork();
    if (child == 0) {
        run_guarded(test, param);
        exit(test_result);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return TEST_CRASHED;

    if (WIFSIGNALED(status))
        printf("[----] %s::%s: signal %d\n", test->suite, test->name, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) < TEST_CRASHED ? WEXITSTATUS(status)
                                                                   : TEST_CRASHED;
}

/* Which tests are to run. */
typedef struct selection {
    const char *filter;
    int part, parts; /* --part */
    int seen;        /* tests that the filter lets through */
} selection;

/* Once, or once for each of its parameters. */
static void run_test(const plain_test *test, selection *chosen, int counts[TEST_RESULTS])
{
    static const char *const words[] = {"PASS", "FAIL", "SKIP", "CRASH"};
    struct criterion_test_params params = {.length = 1};
    if (test->params)
        params = test->params();

    for (size_t i = 0; i < params.length; i++) {
        if (chosen->seen++ % chosen->parts != chosen->part)
            continue;
        const int result = result_of(test, (char *)params.params + i * params.size);
        counts[result]++;
        if (result != TEST_PASSED)
            printf("[%s] %s::%s (%zu)\n", words[result], test->suite, test->name, i);
    }
    if (params.cleanup)
        params.cleanup(&params);
}

int main(int argc, char **argv)
{
    selection chosen = {.filter = "*", .parts = 1};
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--filter") == 0)
            chosen.filter = argv[i + 1];
        if (strcmp(argv[i], "--part") == 0 &&
            (sscanf(argv[i + 1], "%d/%d", &chosen.part, &chosen.parts) != 2 || chosen.parts < 1)) {
            fprintf(stderr, "--part: expected I/N, got \"%s\"\n", argv[i + 1]);
            return 2;
        }
    }

    int counts[TEST_RESULTS] = {0};
    for (const plain_test *t = first_test; t; t = t->next) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", t->suite, t->name ? t->name : "");
        if (t->name && fnmatch(chosen.filter, name, 0) == 0)
            run_test(t, &chosen, counts);
    }

    const int failed = counts[TEST_FAILED] + counts[TEST_CRASHED];
    printf("[====] Tested: %d | Passing: %d | Failing: %d | Crashing: %d | Skipped: %d\n",
           counts[TEST_PASSED] + failed, counts[TEST_PASSED], counts[TEST_FAILED],
           counts[TEST_CRASHED], counts[TEST_SKIPPED]);
    return failed > 0;
}
