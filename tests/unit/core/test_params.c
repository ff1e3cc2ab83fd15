/* The parameter store: names, places, flags, gradients that count as none. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/bf16.h"
#include "core/params.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static reel_error err;

static reel_params *store(reel_dtype dtype)
{
    reel_params *params;
    cr_assert_eq(reel_params_create(&params, dtype, &err), REEL_OK, "%s", err.message);
    return params;
}

Test(params, ranges_do_not_overlap_and_begin_at_multiples_of_16)
{
    reel_params *params = store(REEL_F32);
    const int64_t sizes[] = {1, 17, 16, 100, 3};
    const char *const names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++) {
        int index = -1;
        cr_assert_eq(reel_params_add(params, names[i], 1, &sizes[i], 0, &index, &err), REEL_OK,
                     "%s", err.message);
        cr_expect_eq(index, i);
    }
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK, "%s", err.message);
    int64_t end = 0;
    for (int i = 0; i < 5; i++) {
        const reel_param *p = reel_params_at(params, i);
        cr_expect_eq(p->offset % 16, 0, "%s begins at %d", p->name, (int)p->offset);
        cr_expect_geq(p->offset, end, "%s begins at %d, the one before ends at %d", p->name,
                      (int)p->offset, (int)end);
        cr_expect_eq((uintptr_t)p->value.data % 64, 0, "%s is not aligned", p->name);
        end = p->offset + sizes[i];
        for (int64_t e = 0; e < sizes[i]; e++)
            cr_expect_eq(((float *)p->value.data)[e], 0, "%s[%d] is not zero", p->name, (int)e);
    }
    cr_expect_geq(reel_params_flat_size(params), end);
    cr_expect_eq(reel_params_trainable(params), 137);
    reel_params_destroy(params);
}

Test(params, a_name_is_found_and_taken_only_once)
{
    reel_params *params = store(REEL_F64);
    cr_assert_eq(reel_params_add(params, "conv.weight", 4, SHAPE(2, 3, 3, 3), 0, NULL, &err),
                 REEL_OK, "%s", err.message);
    cr_expect_eq(reel_params_add(params, "conv.weight", 1, SHAPE(2), 0, NULL, &err),
                 REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "conv.weight"), "%s", err.message);
    cr_expect_eq(reel_params_add(params, "bad", 2, SHAPE(2, 0), 0, NULL, &err), REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "bad"), "%s", err.message);
    cr_expect_eq(reel_params_add(params, "huge", 2, SHAPE(INT64_MAX, 2), 0, NULL, &err),
                 REEL_ERR_INVALID);
    cr_expect_eq(reel_params_count(params), 1);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK, "%s", err.message);
    const reel_param *p = reel_params_find(params, "conv.weight");
    cr_assert_not_null(p);
    cr_expect_eq(p->value.layout, REEL_CHANNELS_LAST);
    cr_expect_eq(p->value.dtype, REEL_F64);
    cr_expect_null(reel_params_find(params, "conv.bias"));
    reel_params_destroy(params);
}

Test(params, more_elements_than_numbers_go_are_refused)
{
    reel_params *params = store(REEL_F64);
    char name[16];
    int added = 0;
    while (added < 100) {
        snprintf(name, sizeof name, "p%d", added);
        if (reel_params_add(params, name, 1, SHAPE(INT64_MAX / 64), 0, NULL, &err) != REEL_OK)
            break;
        added++;
    }
    cr_expect_leq(added, 1, "%d ranges of 2^57 elements fit", added);
    reel_params_destroy(params);
}

Test(params, buffers_are_no_trainable_parameters)
{
    reel_params *params = store(REEL_F32);
    cr_assert_eq(reel_params_add(params, "gamma", 1, SHAPE(5), 0, NULL, &err), REEL_OK);
    cr_assert_eq(
        reel_params_add(params, "running_mean", 1, SHAPE(5), REEL_PARAM_BUFFER, NULL, &err),
        REEL_OK);
    cr_assert_eq(reel_params_add(params, "frozen", 1, SHAPE(7), REEL_PARAM_FROZEN, NULL, &err),
                 REEL_OK);
    cr_expect_eq(reel_params_trainable(params), 12);
    reel_params_destroy(params); /* before commit: nothing leaks */
}

/* Matrices of at least 65,536 values become bf16 where they lie; all else keeps its bits. */
Test(params, narrowing_rounds_large_matrices)
{
    enum { ROWS = 1031, COLUMNS = 1100, SMALL = 50 };
    reel_params *params = store(REEL_F32);
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK);
    reel_params_add(params, "small", 2, SHAPE(SMALL, SMALL), 0, NULL, &err);
    reel_params_add(params, "large", 2, SHAPE(ROWS, COLUMNS), 0, NULL, &err);
    reel_params_add(params, "kernel", 4, SHAPE(16, 64, 10, 10), 0, NULL, &err);
    cr_expect_eq(reel_params_narrow(params, ctx, &err), REEL_ERR_INVALID, "not committed");
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    for (int i = 0; i < 3; i++) {
        const reel_tensor value = reel_params_at(params, i)->value;
        for (int64_t k = 0; k < reel_tensor_numel(&value); k++)
            ((float *)value.data)[k] = (float)(k % 9973) * 0.37F - 100;
    }

    for (int again = 0; again < 2; again++) {
        cr_assert_eq(reel_params_narrow(params, ctx, &err), REEL_OK, "%s", err.message);
        for (int i = 0; i < 3; i++) {
            const reel_param *p = reel_params_at(params, i);
            cr_expect_eq(p->value.dtype, i == 1 ? REEL_BF16 : REEL_F32, "%s", p->name);
            for (int64_t k = 0; k < reel_tensor_numel(&p->value); k++) {
                const float was = (float)(k % 9973) * 0.37F - 100;
                if (i == 1)
                    cr_assert_eq(((const reel_bf16 *)p->value.data)[k], reel_bf16_from_float(was));
                else
                    cr_assert_eq(((const float *)p->value.data)[k], was, "%s", p->name);
            }
        }
    }
    reel_params_destroy(params);

    params = store(REEL_F64);
    reel_params_add(params, "large", 2, SHAPE(300, 300), 0, NULL, &err);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    cr_expect_eq(reel_params_narrow(params, ctx, &err), REEL_ERR_INVALID, "float64");
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}
