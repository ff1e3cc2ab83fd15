/* A steady training step allocates nothing and touches no new page: every malloc of the process is
 * counted, and the system's own count of page faults is read before and after. */
#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "layers/models.h"
#include "optim/optim.h"
#include "tests/support/built_as.h"

#if BUILT_WITH_SANITIZER
#define COUNTING 0 /* a sanitizer brings an allocator of its own */
#else
#define COUNTING 1
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static long allocations;

/* The C library lets a program define these; the dynamic linker then uses them everywhere. */
void *malloc(size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = aligned_alloc(alignment, size);
    return *block ? 0 : ENOMEM;
}

static long page_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}
#endif

/* Steps 3 to 20, counted from 1. */
enum { FIRST = 3, LAST = 20 };

static void try_model(const reel_model *model, int64_t size, int64_t batch)
{
#if COUNTING
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_optimizer *opt;
    reel_error err = {0};
    const reel_model_config config = {.classes = 5, .dropout = 0.5, .image_size = size};
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_model_create(&net, model, &config, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK, "%s", err.message);
    const reel_sgd_config sgd = {.momentum = 0.9, .weight_decay = 1e-4};
    cr_assert_eq(reel_sgd_create(&opt, reel_net_params(net), ctx, &sgd, &err), REEL_OK, "%s",
                 err.message);
    float *pixels = calloc((size_t)(batch * 3 * size * size), sizeof *pixels);
    int64_t *labels = calloc((size_t)batch, sizeof *labels);
    const reel_tensor images =
        reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){batch, 3, size, size});
    long allocations_before = 0, faults_before = 0;
    for (int step = 1; step <= LAST; step++) {
        if (step == FIRST) {
            allocations_before = allocations;
            faults_before = page_faults();
        }
        reel_tape_set_step(tape, step);
        const reel_var logits = reel_net_forward(net, tape, reel_input(tape, &images));
        cr_assert_eq(reel_backward(reel_cross_entropy(logits, labels, batch, NULL), &err), REEL_OK,
                     "%s", err.message);
        reel_clip_grad_norm(reel_net_params(net), ctx, 10);
        cr_assert_eq(reel_optimizer_step(opt, 0.01, &err), REEL_OK, "%s", err.message);
        reel_params_zero_grad(reel_net_params(net));
        reel_tape_reset(tape);
    }
    const long faults = page_faults() - faults_before, calls = allocations - allocations_before;
    cr_expect_eq(calls, 0, "%s at %d: steps %d to %d allocate %ld times", model->name, (int)size,
                 FIRST, LAST, calls);
    /* A new page in 10 steps may be the system's own doing: it looks after its huge pages. */
    cr_expect_leq(faults, 2 * (LAST - FIRST + 1) / 10,
                  "%s at %d: %ld page faults in steps %d to %d", model->name, (int)size, faults,
                  FIRST, LAST);
    free(pixels);
    free(labels);
    reel_optimizer_destroy(opt);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
#else
    (void)model, (void)size, (void)batch;
#endif
}

Test(steady_step, allocates_nothing_and_touches_no_new_page_in_tiny)
{
    try_model(reel_model_find("tiny"), 32, 8);
}

Test(steady_step, allocates_nothing_and_touches_no_new_page_in_alexnet_on_small_images)
{
    try_model(reel_model_find("alexnet"), 67, 4);
}

Test(steady_step, allocates_nothing_and_touches_no_new_page_in_alexnet)
{
    try_model(reel_model_find("alexnet"), 224, 8);
}

Test(steady_step, allocates_nothing_and_touches_no_new_page_in_alexnet2012)
{
    try_model(reel_model_find("alexnet2012"), 99, 4);
}
