/* Tensor descriptions: layouts, views, and the copy between any two of them. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/tensor.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

Test(tensor, four_dimensions_are_channels_last_and_others_row_major)
{
    float data[120];
    for (int i = 0; i < 120; i++)
        data[i] = (float)i;
    const reel_tensor image = reel_tensor_of(data, REEL_F32, 4, SHAPE(2, 3, 4, 5));
    cr_expect_eq(image.layout, REEL_CHANNELS_LAST);
    for (int64_t n = 0; n < 2; n++)
        for (int64_t c = 0; c < 3; c++)
            for (int64_t h = 0; h < 4; h++)
                for (int64_t w = 0; w < 5; w++) {
                    const double expected = (double)(((n * 4 + h) * 5 + w) * 3 + c),
                                 got = reel_tensor_get(&image, SHAPE(n, c, h, w));
                    cr_assert_eq(got, expected, "(%d, %d, %d, %d): %g, expected %g", (int)n, (int)c,
                                 (int)h, (int)w, got, expected);
                }
    const reel_tensor cube = reel_tensor_of(data, REEL_F32, 3, SHAPE(4, 5, 6));
    cr_expect_eq(reel_tensor_get(&cube, SHAPE(3, 4, 5)), 119);
    cr_expect_eq(reel_tensor_get(&cube, SHAPE(1, 2, 3)), 45);
}

Test(tensor, a_scalar_has_one_element)
{
    double x = 3.5;
    const reel_tensor t = reel_tensor_of(&x, REEL_F64, 0, NULL);
    cr_expect_eq(reel_tensor_numel(&t), 1);
    cr_expect_eq(reel_tensor_bytes(&t), sizeof x);
    cr_expect_eq(reel_tensor_get(&t, NULL), 3.5);
    cr_expect(reel_tensor_is_canonical(&t));
}

Test(tensor, a_size_that_overflows_or_is_negative_is_minus_one)
{
    cr_expect_eq(reel_shape_numel(3, SHAPE(2, 3, 4)), 24);
    cr_expect_eq(reel_shape_numel(2, SHAPE(2, 0)), 0);
    cr_expect_eq(reel_shape_numel(2, SHAPE(2, -1)), -1);
    cr_expect_eq(reel_shape_numel(3, SHAPE(INT64_C(1) << 31, INT64_C(1) << 31, 4)), -1);
    cr_expect_eq(reel_shape_numel(1, SHAPE((INT64_C(1) << 60) - 1)), (INT64_C(1) << 60) - 1);
    cr_expect_eq(reel_shape_numel(2, SHAPE(INT64_C(1) << 31, INT64_C(1) << 31)), -1,
                 "2^62 floats have 0 bytes in 64 bits");
}

Test(tensor, copying_between_layouts_and_dtypes_keeps_every_element)
{
    float last[120];
    double row[120];
    memset(row, 0, sizeof row);
    for (int i = 0; i < 120; i++)
        last[i] = (float)i * 0.25F;
    const reel_tensor from = reel_tensor_of(last, REEL_F32, 4, SHAPE(2, 3, 4, 5));
    const reel_tensor to =
        reel_tensor_with_layout(row, REEL_F64, REEL_ROW_MAJOR, 4, SHAPE(2, 3, 4, 5));
    reel_tensor_copy(&to, &from);
    for (int64_t i = 0; i < 120; i++) {
        const int64_t at[4] = {i / 60, i / 20 % 3, i / 5 % 4, i % 5};
        cr_assert_eq(row[i], reel_tensor_get(&from, at), "element %d: %g, expected %g", (int)i,
                     row[i], reel_tensor_get(&from, at));
    }
}

Test(tensor, views_share_memory_and_become_dense_by_a_copy)
{
    double data[24], dense[24];
    for (int i = 0; i < 24; i++)
        data[i] = i;
    const reel_tensor t = reel_tensor_of(data, REEL_F64, 3, SHAPE(2, 3, 4));
    const reel_tensor p = reel_tensor_permute(t, (const int[]){2, 0, 1});
    cr_expect_eq(p.shape[0], 4);
    cr_expect_eq(p.shape[2], 3);
    cr_expect_not(reel_tensor_is_canonical(&p));
    const reel_tensor s = reel_tensor_slice(p, 0, 1, 2);
    const reel_tensor d = reel_tensor_of(dense, REEL_F64, 3, SHAPE(2, 2, 3));
    reel_tensor_copy(&d, &s);
    for (int64_t i = 0; i < 12; i++) {
        const int64_t c = i / 6 + 1, a = i / 3 % 2, b = i % 3;
        cr_assert_eq(dense[i], data[(a * 3 + b) * 4 + c], "element %d: %g, expected %g", (int)i,
                     dense[i], data[(a * 3 + b) * 4 + c]);
    }
    reel_tensor_set(&s, SHAPE(0, 1, 2), -7);
    cr_expect_eq(data[(1 * 3 + 2) * 4 + 1], -7, "a view must write through");
}

Test(tensor, copying_nothing_is_fine)
{
    const reel_tensor none = reel_tensor_of(NULL, REEL_F32, 2, SHAPE(3, 0));
    reel_tensor_copy(&none, &none);
    cr_expect_eq(reel_tensor_bytes(&none), 0);
}

Test(tensor, a_shape_reads_as_text_and_is_cut_to_size)
{
    char text[64], small[6];
    cr_expect_str_eq(reel_shape_text(text, sizeof text, 4, SHAPE(2, 3, 5, 5)), "(2, 3, 5, 5)");
    cr_expect_str_eq(reel_shape_text(text, sizeof text, 0, NULL), "()");
    cr_expect_lt(strlen(reel_shape_text(small, sizeof small, 4, SHAPE(1000, 1000, 1000, 1000))),
                 sizeof small);
}
