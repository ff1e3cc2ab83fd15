/* Preloaded into a program, lets the n-th of its own allocations fail, and counts what it never
 * gives back.
 *
 *     LD_PRELOAD=libreel_fail_alloc.so REEL_FAIL_AT=17 REEL_FAIL_LOG=log reel summary
 *
 * "Own" are calls from the program's text: libreel is linked into it. What libraries allocate for
 * themselves does not fail. The log receives a line "calls N live L" when the process ends in an
 * orderly way, and a line "live ADDRESS" for each block that lives then, with the place that asked
 * for it, as an offset into the program. REEL_FAIL_AT=17+ lets all fail from the 17th on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/faults/fail_alloc.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

enum { SLOTS = 1 << 20 };
static struct {
    void *block;
    uintptr_t place;
} live[SLOTS];
static atomic_flag busy = ATOMIC_FLAG_INIT;
static uintptr_t begin, end, base;
static atomic_long calls, fail_at, alive, stones;
static int for_ever, ready;

static int own_text(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size, (void)user;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
            continue;
        begin = info->dlpi_addr + h->p_vaddr;
        end = begin + h->p_memsz;
    }
    base = info->dlpi_addr;
    return 1; /* the first object is the program */
}

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("REEL_FAIL_AT");
    dl_iterate_phdr(own_text, NULL);
    if (at)
        fail_at = atol(at);
    for_ever = at && strchr(at, '+');
    ready = 1;
}

/* ---- who ever asked ---- */
enum { PLACES = 4096 };
static _Atomic uintptr_t places[PLACES];

static void reached(uintptr_t place)
{
    for (size_t i = place * 2654435761u % PLACES, k = 0; k < PLACES; k++, i = (i + 1) % PLACES) {
        uintptr_t there = 0;
        if (places[i] == place || atomic_compare_exchange_strong(&places[i], &there, place) ||
            there == place)
            return;
    }
}

int fail_alloc_write_places(const char *path)
{
    FILE *to = fopen(path, "w");
    if (!to)
        return 0;
    for (int i = 0; i < PLACES; i++)
        if (places[i])
            fprintf(to, "%lx\n", (unsigned long)(places[i] - base));
    return fclose(to) == 0;
}

/* Whether this call fails. */
static int fails(const void *caller, int *own)
{
    *own = ready && (uintptr_t)caller >= begin && (uintptr_t)caller < end;
    if (!*own)
        return 0;
    reached((uintptr_t)caller);
    const long n = ++calls, at = fail_at;
    if (!at || (n != at && !(for_ever && n > at)))
        return 0;
    errno = ENOMEM;
    return 1;
}

static void lock(void)
{
    while (atomic_flag_test_and_set(&busy)) {
    }
}

static size_t slot_of(const void *p)
{
    return ((uintptr_t)p >> 4) * 2654435761u % SLOTS;
}

static void *keep(void *p, const void *caller, int own)
{
    if (!p || !own)
        return p;
    lock();
    size_t i = slot_of(p);
    while (live[i].block && live[i].block != (void *)1)
        i = (i + 1) % SLOTS;
    if (live[i].block)
        stones--;
    live[i].block = p;
    alive++;
    live[i].place = (uintptr_t)caller;
    atomic_flag_clear(&busy);
    return p;
}

static void forget(const void *p)
{
    if (!p || !ready)
        return;
    lock();
    for (size_t i = slot_of(p); live[i].block; i = (i + 1) % SLOTS)
        if (live[i].block == p) {
            live[i].block = (void *)1; /* a stone: others lie behind it */
            alive--;
            stones++;
            break;
        }
    atomic_flag_clear(&busy);
}

void *malloc(size_t size)
{
    int own;
    const void *caller = __builtin_return_address(0);
    return fails(caller, &own) ? NULL : keep(__libc_malloc(size), caller, own);
}

void *calloc(size_t n, size_t size)
{
    int own;
    const void *caller = __builtin_return_address(0);
    return fails(caller, &own) ? NULL : keep(__libc_calloc(n, size), caller, own);
}

void *realloc(void *p, size_t size)
{
    int own;
    const void *caller = __builtin_return_address(0);
    if (fails(caller, &own))
        return NULL;
    forget(p);
    return keep(__libc_realloc(p, size), caller, own || p);
}

void free(void *p)
{
    const int was = errno;
    forget(p);
    __libc_free(p);
    errno = was;
}

static char *copy(const char *text, size_t length, const void *caller)
{
    int own;
    if (fails(caller, &own))
        return NULL;
    char *p = __libc_malloc(length + 1);
    if (!p)
        return NULL;
    memcpy(p, text, length);
    p[length] = '\0';
    return keep(p, caller, own);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    int own;
    const void *caller = __builtin_return_address(0);
    return fails(caller, &own) ? NULL : keep(__libc_memalign(alignment, size), caller, own);
}

FILE *open_memstream(char **text, size_t *size)
{
    static FILE *(*real)(char **, size_t *);
    int own;
    if (fails(__builtin_return_address(0), &own))
        return NULL;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "open_memstream");
    return real(text, size);
}

char *strdup(const char *text)
{
    return copy(text, strlen(text), __builtin_return_address(0));
}

char *strndup(const char *text, size_t n)
{
    return copy(text, strnlen(text, n), __builtin_return_address(0));
}

int asprintf(char **out, const char *format, ...)
{
    int own;
    const void *caller = __builtin_return_address(0);
    if (fails(caller, &own))
        return -1;
    va_list args;
    va_start(args, format);
    const int n = vasprintf(out, format, args);
    va_end(args);
    if (n >= 0)
        keep(*out, caller, own);
    return n;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    int own;
    if (fails(__builtin_return_address(0), &own))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

void fail_alloc_begin(long at)
{
    lock();
    if (alive == 0 && stones > SLOTS / 64) {
        memset(live, 0, sizeof live);
        stones = 0;
    }
    atomic_flag_clear(&busy);
    calls = 0;
    fail_at = at;
}

long fail_alloc_calls(void)
{
    return calls;
}

long fail_alloc_live(void)
{
    return alive;
}

void *fail_alloc_place(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (live[i].block && live[i].block != (void *)1)
            return (void *)(live[i].place - base);
    return NULL;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("REEL_FAIL_LOG");
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    char line[100];
    long left = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!live[i].block || live[i].block == (void *)1)
            continue;
        left++;
        const int n =
            snprintf(line, sizeof line, "live %lx\n", (unsigned long)(live[i].place - base));
        if (write(fd, line, (size_t)n) < 0)
            break;
    }
    const int n = snprintf(line, sizeof line, "calls %ld live %ld\n", (long)calls, left);
    if (write(fd, line, (size_t)n) < 0)
        left = 0;
    close(fd);
}
