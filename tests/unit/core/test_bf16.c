/* bfloat16: every pattern to float and back, rounding against the two neighbours, and tensors and
 * files that hold it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bf16.h"
#include "core/files/weights.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "tests/support/must.h"

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

Test(bf16, every_pattern_goes_to_float_and_back)
{
    for (uint32_t h = 0; h <= 0xffff; h++) {
        const float value = reel_bf16_to_float((reel_bf16)h);
        const reel_bf16 back = reel_bf16_from_float(value);
        if (isnan(value))
            cr_assert(isnan(reel_bf16_to_float(back)) && back >> 15 == h >> 15, "%04x", h);
        else
            cr_assert_eq(back, h, "%04x became %04x", h, back);
    }
}

/* Between the finite numbers h and h + 1: below the middle down, above it up, in it to even. */
Test(bf16, rounds_to_the_nearest_and_ties_to_even)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        if ((h & 0x7fff) >= 0x7f80)
            continue; /* infinite or NaN */
        const uint32_t bits = h << 16, even = h + (h & 1);
        cr_assert_eq(reel_bf16_from_float(float_of_bits(bits + 0x7fff)), h, "%04x", h);
        cr_assert_eq(reel_bf16_from_float(float_of_bits(bits + 0x8000)), even, "%04x", h);
        cr_assert_eq(reel_bf16_from_float(float_of_bits(bits + 0x8001)), h + 1, "%04x", h);
        cr_assert_eq(reel_bf16_from_float(float_of_bits(bits + 0xffff)), h + 1, "%04x", h);
    }
}

Test(bf16, a_nan_stays_a_nan_and_infinity_infinite)
{
    for (uint32_t fraction = 1; fraction < 0x800000; fraction += 0x3fff)
        for (uint32_t sign = 0; sign < 2; sign++) {
            const float nan = float_of_bits(sign << 31 | 0x7f800000 | fraction);
            cr_assert(isnan(reel_bf16_to_float(reel_bf16_from_float(nan))), "%x", fraction);
        }
    cr_expect_eq(reel_bf16_from_float(INFINITY), 0x7f80);
    cr_expect_eq(reel_bf16_from_float(-INFINITY), 0xff80);
    cr_expect_eq(reel_bf16_from_float(3.4028234e38F), 0x7f80, "the largest float becomes infinite");
}

static const int64_t cube[4] = {2, 3, 4, 5};

Test(bf16, tensors_hold_it_and_convert)
{
    reel_bf16 half[120], other[120];
    float single[120];
    double twice[120];
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, 0);
    for (int i = 0; i < 120; i++)
        single[i] = (float)reel_rng_normal(&rng);

    const reel_tensor f = reel_tensor_of(single, REEL_F32, 4, cube),
                      h = reel_tensor_with_layout(half, REEL_BF16, REEL_ROW_MAJOR, 4, cube),
                      o = reel_tensor_of(other, REEL_BF16, 4, cube),
                      d = reel_tensor_of(twice, REEL_F64, 4, cube);
    cr_expect_eq(reel_tensor_bytes(&h), sizeof half);
    cr_expect_str_eq(reel_dtype_name(h.dtype), "bf16");
    cr_assert_eq(reel_tensor_copy(&h, &f), REEL_OK);
    cr_assert_eq(reel_tensor_copy(&o, &h), REEL_OK);
    cr_assert_eq(reel_tensor_copy(&d, &o), REEL_OK);
    for (int i = 0; i < 120; i++) {
        cr_assert_eq(other[i], reel_bf16_from_float(single[i]), "%d", i);
        cr_assert_eq(twice[i], (double)reel_bf16_to_float(other[i]), "%d", i);
    }

    const int64_t at[4] = {1, 2, 3, 4};
    reel_tensor_set(&h, at, 1.00390625); /* a tie: 1 + 2^-8 */
    cr_expect_eq(reel_tensor_get(&h, at), 1.0);
}

/* What is stored as bf16 comes back with the same bits; float64 and float32 are rounded. */
Test(bf16, weights_files_hold_it)
{
    char path[] = "/tmp/reel-bf16-XXXXXX";
    cr_assert(mkdtemp(path));
    char first[64], second[64];
    snprintf(first, sizeof first, "%s/first.safetensors", path);
    snprintf(second, sizeof second, "%s/second.safetensors", path);

    float single[120];
    double twice[120];
    reel_bf16 half[120];
    for (int i = 0; i < 120; i++) {
        twice[i] = 1.0 / (i + 1);
        single[i] = (float)twice[i];
        half[i] = (reel_bf16)(0x3f80 + i);
    }
    const reel_tensor of[3] = {reel_tensor_of(single, REEL_F32, 4, cube),
                               reel_tensor_with_layout(twice, REEL_F64, REEL_ROW_MAJOR, 4, cube),
                               reel_tensor_with_layout(half, REEL_BF16, REEL_ROW_MAJOR, 4, cube)};
    static const char *const names[3] = {"single", "twice", "half"};
    reel_error err;
    reel_weights_writer *writer;
    MUST(reel_weights_writer_create(&writer, &err), err);
    for (int i = 0; i < 3; i++)
        MUST(reel_weights_writer_tensor(writer, names[i], &of[i], &err), err);
    MUST(reel_weights_writer_save(writer, first, &err), err);
    reel_weights_writer_destroy(writer);

    reel_weights *read, *again;
    MUST(reel_weights_read(&read, first, &err), err);
    MUST(reel_weights_writer_create(&writer, &err), err);
    for (int i = 0; i < 3; i++)
        MUST(reel_weights_writer_bf16(writer, reel_weights_find(read, names[i]), &err), err);
    MUST(reel_weights_writer_save(writer, second, &err), err);
    reel_weights_writer_destroy(writer);

    MUST(reel_weights_read(&again, second, &err), err);
    MUST(reel_weights_verify(again, &err), err);
    for (int i = 0; i < 3; i++) {
        reel_bf16 got[120];
        const reel_tensor into = reel_tensor_with_layout(got, REEL_BF16, of[i].layout, 4, cube);
        const reel_weight *w = reel_weights_find(again, names[i]);
        cr_assert_eq(w->dtype, REEL_STORED_BF16);
        MUST(reel_weight_to_tensor(w, &into, &err), err);
        for (int k = 0; k < 120; k++) {
            const reel_bf16 rounded = reel_bf16_from_float(single[k]);
            cr_assert_eq(got[k], i == 2 ? half[k] : rounded, "%s %d: %04x", names[i], k, got[k]);
        }
    }
    reel_weights_destroy(read);
    reel_weights_destroy(again);
    unlink(first);
    unlink(second);
    rmdir(path);
}

Test(bf16, a_number_that_becomes_infinite_is_refused)
{
    float large[2] = {1, 3.4e38F};
    const int64_t two = 2;
    const reel_weight w = {.name = "large",
                           .dtype = REEL_STORED_F32,
                           .ndim = 1,
                           .shape = {two},
                           .data = large,
                           .bytes = sizeof large};
    reel_error err;
    reel_weights_writer *writer;
    MUST(reel_weights_writer_create(&writer, &err), err);
    MUST(reel_weights_writer_bf16(writer, &w, &err), err);
    cr_expect_eq(reel_weights_writer_save(writer, "/tmp/reel-bf16-never", &err),
                 REEL_ERR_NONFINITE);
    cr_expect(strstr(err.message, "tensor large"), "%s", err.message);
    reel_weights_writer_destroy(writer);
}
