/* Weight files: round trips, conversions, loading into a store, CRCs, and disks that fail. Hostile
 * files have a test of their own: test_weights_hostile.c. */
#include "tests/unit/core/weights_util.h"

TestSuite(weights, .init = make_folder, .fini = remove_folder);

Test(weights, every_rank_and_dtype_comes_back_bit_for_bit)
{
    enum { RANKS = 6, MOST = 3 * 5 * 2 * 7 * 4 };
    static double memory[REEL_DTYPES][RANKS][MOST], again[MOST];
    char path[128];
    in_folder(path, "all.safetensors");
    reel_weights_writer *writer = new_writer();
    reel_tensor tensors[REEL_DTYPES][RANKS];
    for (int d = 0; d < REEL_DTYPES; d++)
        for (int r = 0; r < RANKS; r++) {
            char name[32];
            snprintf(name, sizeof name, "%s.rank%d", d ? "double" : "float", r);
            tensors[d][r] = reel_tensor_of(memory[d][r], (reel_dtype)d, r, sizes);
            number(&tensors[d][r], 0.1 + d);
            add(writer, name, &tensors[d][r]);
        }
    /* Bits that arithmetic would lose: a signalling NaN, a negative zero, a subnormal. */
    const uint32_t odd[3] = {0x7f800001u, 0x80000000u, 1u};
    memcpy(memory[0][1], odd, sizeof odd);
    save(writer, path);
    reel_weights_writer_destroy(writer);

    reel_weights *weights = read_back(path);
    cr_assert_eq(reel_weights_count(weights), REEL_DTYPES * RANKS);
    for (int d = 0; d < REEL_DTYPES; d++)
        for (int r = 0; r < RANKS; r++) {
            char name[32];
            snprintf(name, sizeof name, "%s.rank%d", d ? "double" : "float", r);
            const reel_weight *w = reel_weights_find(weights, name);
            cr_assert_not_null(w, "%s", name);
            const reel_tensor t = reel_tensor_of(again, (reel_dtype)d, r, sizes);
            memset(again, 0xab, sizeof again);
            reel_error err = {0};
            cr_assert_eq(reel_weight_to_tensor(w, &t, &err), REEL_OK, "%s", err.message);
            cr_assert_eq(memcmp(again, memory[d][r], reel_tensor_bytes(&t)), 0,
                         "%s came back with other bits", name);
        }
    reel_error err = {0};
    cr_assert_eq(reel_weights_verify(weights, &err), REEL_OK, "%s", err.message);
    reel_weights_destroy(weights);
}

/* Shape (2, 3, 1, 2), channels-last in memory, n c h w in the file. */
Test(weights, convolution_weights_are_stored_row_major)
{
    float memory[12];
    const int64_t shape[4] = {2, 3, 1, 2};
    char path[128];
    in_folder(path, "conv.safetensors");
    const reel_tensor t = reel_tensor_of(memory, REEL_F32, 4, shape);
    number(&t, 1);
    cr_assert_eq(memory[1], 2.0f, "memory is expected to be channels-last");
    reel_weights_writer *writer = new_writer();
    add(writer, "w", &t);
    save(writer, path);
    reel_weights_writer_destroy(writer);
    reel_weights *weights = read_back(path);
    const float *stored = reel_weights_at(weights, 0)->data;
    for (int i = 0; i < 12; i++)
        cr_assert_eq(stored[i], (float)i, "element %d: %g, expected %d", i, (double)stored[i], i);
    reel_weights_destroy(weights);
}

/* More than a megabyte, so that it goes out in several slabs, and a view that is in no layout at
 * all. */
Test(weights, large_channels_last_tensors_and_views_are_written_in_slabs)
{
    const int64_t shape[4] = {40, 130, 9, 11};
    const size_t bytes = (size_t)(40 * 130 * 9 * 11) * sizeof(float);
    float *memory = malloc(bytes), *again = malloc(bytes);
    char path[128];
    in_folder(path, "large.safetensors");
    const reel_tensor t = reel_tensor_of(memory, REEL_F32, 4, shape);
    number(&t, 0.5);
    const reel_tensor view =
        reel_tensor_permute(reel_tensor_slice(t, 1, 3, 100), (int[]){1, 3, 0, 2});
    reel_weights_writer *writer = new_writer();
    add(writer, "whole", &t);
    add(writer, "view", &view);
    save(writer, path);
    reel_weights_writer_destroy(writer);
    reel_weights *weights = read_back(path);
    const reel_tensor back = reel_tensor_of(again, REEL_F32, 4, shape);
    cr_assert_eq(reel_weight_to_tensor(reel_weights_find(weights, "whole"), &back, NULL), REEL_OK);
    cr_assert_eq(memcmp(memory, again, bytes), 0);
    const reel_tensor target =
        reel_tensor_permute(reel_tensor_slice(back, 1, 3, 100), (int[]){1, 3, 0, 2});
    memset(again, 0, bytes);
    cr_assert_eq(reel_weight_to_tensor(reel_weights_find(weights, "view"), &target, NULL), REEL_OK);
    for (int64_t c = 0; c < 130; c++) {
        const int64_t index[4] = {39, c, 8, 10};
        const double want = c >= 3 && c < 103 ? reel_tensor_get(&t, index) : 0,
                     got = reel_tensor_get(&back, index);
        cr_assert_eq(got, want, "channel %lld: %g, expected %g", (long long)c, got, want);
    }
    reel_weights_destroy(weights);
    free(memory);
    free(again);
}

/* A file put together by hand: data may begin at any offset, so also misaligned. */
static reel_weights *from_parts(const char *header, const void *data, size_t size)
{
    char bytes[1024];
    const uint64_t length = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    memcpy(bytes + 8 + length, data, size);
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read_memory(&weights, bytes, 8 + length + size, "parts", &err),
                 REEL_OK, "%s", err.message);
    return weights;
}

static void expect_converted(const reel_weights *weights, const char *name, const double *want)
{
    double room[8];
    const reel_weight *w = reel_weights_find(weights, name);
    cr_assert_not_null(w, "%s", name);
    for (int d = 0; d < REEL_DTYPES; d++) {
        const reel_tensor t = reel_tensor_of(room, (reel_dtype)d, w->ndim, w->shape);
        reel_error err = {0};
        cr_assert_eq(reel_weight_to_tensor(w, &t, &err), REEL_OK, "%s", err.message);
        for (int64_t i = 0; i < w->shape[0]; i++) {
            const double got = reel_tensor_get(&t, &i);
            cr_assert((isnan(got) && isnan(want[i])) ||
                          (got == want[i] && !signbit(got) == !signbit(want[i])),
                      "%s[%lld] as %s: %.17g, expected %.17g", name, (long long)i,
                      reel_dtype_name((reel_dtype)d), got, want[i]);
        }
    }
}

/* numpy: np.array([...], np.float16).view(np.uint16); bfloat16 is the upper half of float32. */
Test(weights, half_bfloat_and_integers_are_converted)
{
    const uint16_t half[8] = {0x3c00, 0xc500, 0x0001, 0x8000, 0x7bff, 0x03ff, 0x7c00, 0x7e00};
    const double half_values[8] = {1, -5, 0x1p-24, -0.0, 65504, 1023 * 0x1p-24, INFINITY, NAN};
    const uint16_t bfloat[4] = {0x3f80, 0xc0a0, 0x4049, 0x0001};
    const double bfloat_values[4] = {1, -5, 3.140625, 0x1p-133};
    const int64_t whole[2] = {-3, 1 << 20};
    const double whole_values[2] = {-3, 1048576};
    char data[16 + 8 + 16];
    memcpy(data, half, 16);
    memcpy(data + 16, bfloat, 8);
    memcpy(data + 24, whole, 16);
    reel_weights *weights =
        from_parts("{\"half\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[0,16]},"
                   "\"bfloat\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[16,24]},"
                   "\"whole\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[24,40]}}",
                   data, sizeof data);
    expect_converted(weights, "half", half_values);
    expect_converted(weights, "bfloat", bfloat_values);
    expect_converted(weights, "whole", whole_values);
    cr_assert_eq(((const int64_t *)reel_weights_find(weights, "whole")->data)[1], 1 << 20);
    reel_weights_destroy(weights);
}

Test(weights, tensors_that_begin_at_an_odd_byte_are_read)
{
    const uint16_t half = 0x3c00;
    const float single[2] = {1.5f, -0.25f};
    const double both[2] = {7.125, -2};
    char data[2 + 8 + 16];
    memcpy(data, &half, 2);
    memcpy(data + 2, single, 8);
    memcpy(data + 10, both, 16);
    reel_weights *weights =
        from_parts("{\"c\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[10,26]},"
                   "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[2,10]},"
                   "\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
                   data, sizeof data);
    expect_converted(weights, "b", (double[]){1.5, -0.25});
    expect_converted(weights, "c", both);
    cr_assert_str_eq(reel_weights_at(weights, 0)->name, "a", "tensors come in file order");
    cr_assert_str_eq(reel_weights_at(weights, 2)->name, "c", "tensors come in file order");
    reel_weights_destroy(weights);
}

Test(weights, metadata_comes_back_and_reserved_names_are_refused)
{
    char path[128];
    in_folder(path, "meta.safetensors");
    float x = 1;
    const reel_tensor t = reel_tensor_of(&x, REEL_F32, 0, NULL);
    reel_weights_writer *writer = new_writer();
    reel_error err = {0};
    cr_assert_eq(
        reel_weights_writer_metadata(writer, "arch", "alexnet \"quoted\" \xc3\xa4\n", &err),
        REEL_OK);
    cr_assert_eq(reel_weights_writer_metadata(writer, "crc32.x", "0", &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_weights_writer_metadata(writer, "bad", "\xff", &err), REEL_ERR_INVALID);
    add(writer, "a", &t);
    cr_assert_eq(reel_weights_writer_tensor(writer, "a", &t, &err), REEL_ERR_INVALID,
                 "a name twice");
    cr_assert_eq(reel_weights_writer_tensor(writer, "__metadata__", &t, &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_weights_writer_tensor(writer, "header", &t, &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_weights_writer_tensor(writer, "\xff", &t, &err), REEL_ERR_INVALID);
    save(writer, path);
    reel_weights_writer_destroy(writer);
    reel_weights *weights = read_back(path);
    cr_assert_str_eq(reel_weights_metadata(weights, "arch"), "alexnet \"quoted\" \xc3\xa4\n");
    cr_assert_null(reel_weights_metadata(weights, "no such key"));
    cr_assert_null(reel_weights_find(weights, "no such tensor"));
    reel_weights_destroy(weights);
}

typedef struct {
    int64_t given, fail_at;
} number_source;

static reel_status give_numbers(void *user, float *values, int64_t count, reel_error *err)
{
    number_source *n = user;
    if (n->fail_at && n->given + count > n->fail_at)
        return reel_fail(err, REEL_ERR_IO, "no more numbers");
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)n->given++;
    return REEL_OK;
}

/* Longer than what comes at a time, and not a multiple of it. */
Test(weights, a_streamed_tensor_reads_back_and_its_failure_is_that_of_the_file)
{
    char path[128];
    in_folder(path, "stream.safetensors");
    const int64_t shape[] = {3, 100, 1001}, all = 3 * 100 * 1001;
    number_source n = {0};
    reel_error err = {0};
    reel_weights_writer *writer = new_writer();
    cr_assert_eq(reel_weights_writer_stream(writer, "a", 3, shape, give_numbers, &n, &err),
                 REEL_OK);
    cr_assert_eq(reel_weights_writer_stream(writer, "b", 2, (const int64_t[]){-1, 2}, give_numbers,
                                            &n, &err),
                 REEL_ERR_INVALID);
    save(writer, path);
    cr_expect_eq(n.given, all);
    reel_weights *weights = read_back(path);
    cr_assert_eq(reel_weights_verify(weights, &err), REEL_OK, "%s", err.message);
    const reel_weight *w = reel_weights_find(weights, "a");
    cr_assert(w && w->ndim == 3 && w->shape[2] == 1001 && w->dtype == REEL_STORED_F32);
    for (int64_t i = 0; i < all; i++)
        cr_assert_eq(((const float *)w->data)[i], (float)i);
    reel_weights_destroy(weights);

    unlink(path);
    n = (number_source){.fail_at = all - 1};
    cr_expect_eq(reel_weights_writer_save(writer, path, &err), REEL_ERR_IO);
    cr_expect_str_eq(err.message, "no more numbers");
    cr_expect_eq(entries_in_folder(), 0, "half a file is there");
    reel_weights_writer_destroy(writer);
}

Test(weights, a_file_without_tensors_or_with_empty_ones_is_fine)
{
    char path[128];
    in_folder(path, "empty.safetensors");
    reel_weights_writer *writer = new_writer();
    save(writer, path);
    const reel_tensor t = reel_tensor_of(NULL, REEL_F32, 4, (int64_t[]){0, 3, 2, 2});
    reel_weights *weights = read_back(path);
    cr_assert_eq(reel_weights_count(weights), 0);
    reel_weights_destroy(weights);
    add(writer, "nothing", &t);
    add(writer, "again nothing", &t);
    save(writer, path);
    weights = read_back(path);
    cr_assert_eq(reel_weights_count(weights), 2);
    cr_assert_eq(reel_weight_to_tensor(reel_weights_at(weights, 0), &t, NULL), REEL_OK);
    cr_assert_eq(reel_weights_verify(weights, NULL), REEL_OK);
    reel_weights_destroy(weights);
    reel_weights_writer_destroy(writer);
}

/* Every byte of a small file flipped in turn: reading or verifying must notice, wherever it lies.
 */
Test(weights, verify_finds_every_flipped_byte)
{
    char path[128];
    in_folder(path, "flip.safetensors");
    float memory[24];
    const reel_tensor a = reel_tensor_of(memory, REEL_F32, 4, (int64_t[]){2, 3, 2, 2});
    number(&a, 1);
    reel_weights_writer *writer = new_writer();
    cr_assert_eq(reel_weights_writer_metadata(writer, "epoch", "7", NULL), REEL_OK);
    add(writer, "a", &a);
    save(writer, path);
    reel_weights_writer_destroy(writer);
    char bytes[1024];
    FILE *file = fopen(path, "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    cr_assert(size > 96 && size < sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        reel_weights *weights = NULL;
        reel_error err = {0};
        bytes[i] ^= 4;
        reel_status status = reel_weights_read_memory(&weights, bytes, size, "flipped", &err);
        if (status == REEL_OK)
            status = reel_weights_verify(weights, &err);
        cr_assert_eq(status, REEL_ERR_FORMAT, "byte %zu of %zu was flipped unnoticed", i, size);
        if (i >= size - 96)
            cr_assert(strstr(err.message, "tensor a"), "byte %zu: %s", i, err.message);
        reel_weights_destroy(weights);
        bytes[i] ^= 4;
    }
}

/* ---- into a parameter store ---- */

static reel_params *make_params(reel_dtype dtype)
{
    reel_params *params = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_params_create(&params, dtype, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "conv.weight", 4, (int64_t[]){2, 3, 2, 2}, 0, NULL, &err),
                 REEL_OK);
    cr_assert_eq(
        reel_params_add(params, "conv.bias", 1, (int64_t[]){2}, REEL_PARAM_BIAS, NULL, &err),
        REEL_OK);
    cr_assert_eq(reel_params_add(params, "bn.running_mean", 1, (int64_t[]){2}, REEL_PARAM_BUFFER,
                                 NULL, &err),
                 REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    return params;
}

Test(weights, a_store_is_saved_and_loaded_buffers_included)
{
    char path[128];
    in_folder(path, "store.safetensors");
    for (int d = 0; d < REEL_DTYPES; d++) {
        reel_params *from = make_params(REEL_F32), *to = make_params((reel_dtype)d);
        for (int i = 0; i < reel_params_count(from); i++)
            number(&reel_params_at(from, i)->value, 0.1 * (i + 1));
        reel_weights_writer *writer = new_writer();
        cr_assert_eq(reel_params_add_to(from, writer, NULL), REEL_OK);
        save(writer, path);
        reel_weights_writer_destroy(writer);
        reel_weights *weights = read_back(path);
        reel_error err = {0};
        cr_assert_eq(reel_params_load(to, weights, &err), REEL_OK, "%s", err.message);
        reel_weights_destroy(weights);
        for (int i = 0; i < reel_params_count(from); i++) {
            const reel_tensor x = reel_params_at(from, i)->value, y = reel_params_at(to, i)->value;
            const int64_t last[4] = {x.shape[0] - 1, x.shape[1] - 1, x.shape[2] - 1,
                                     x.shape[3] - 1};
            cr_assert_eq(reel_tensor_get(&x, last), reel_tensor_get(&y, last), "%s: %.9g and %.9g",
                         reel_params_at(from, i)->name, reel_tensor_get(&x, last),
                         reel_tensor_get(&y, last));
        }
        reel_params_destroy(from);
        reel_params_destroy(to);
    }
}

static void expect_refusal(const char *header, const void *data, size_t size, reel_status want,
                           const char *const *words)
{
    reel_params *params = make_params(REEL_F32);
    for (int i = 0; i < 3; i++)
        number(&reel_params_at(params, i)->value, 3);
    reel_weights *weights = from_parts(header, data, size);
    reel_error err = {0};
    cr_assert_eq(reel_params_load(params, weights, &err), want, "%s", err.message);
    for (; *words; words++)
        cr_assert(strstr(err.message, *words), "expected \"%s\" in: %s", *words, err.message);
    const int64_t last[4] = {1, 2, 1, 1};
    cr_assert_eq(reel_tensor_get(&reel_params_at(params, 0)->value, last), 69.0,
                 "the store has been changed");
    cr_assert_eq(reel_tensor_get(&reel_params_at(params, 1)->value, (int64_t[]){1}), 3.0,
                 "the store has been changed");
    reel_weights_destroy(weights);
    reel_params_destroy(params);
}

Test(weights, missing_extra_and_mis_shaped_tensors_are_listed_and_nothing_is_loaded)
{
    const float zeros[64] = {0};
    expect_refusal(
        "{\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[2,3,2,1],\"data_offsets\":[0,48]},"
        "\"conv.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[48,56]},"
        "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[56,60]},"
        "\"bn.num_batches_tracked\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[60,64]}}",
        zeros, 64, REEL_ERR_FORMAT,
        (const char *[]){"conv.weight: expected (2, 3, 2, 2), got (2, 3, 2, 1)",
                         "bn.running_mean: missing", "fc.weight: not in the model", NULL});
}

Test(weights, not_a_number_and_infinity_are_refused_by_name)
{
    static const char header[] =
        "{\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[2,3,2,2],\"data_offsets\":[0,96]},"
        "\"conv.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[96,104]},"
        "\"bn.running_mean\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[104,120]}}";
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        float data[30] = {0};
        data[25] = (float)bad[i];
        expect_refusal(header, data, sizeof data, REEL_ERR_NONFINITE,
                       (const char *[]){"conv.bias", NULL});
    }
    float data[30] = {0};
    const double large = 1e300; /* finite in the file, but not in a float32 store */
    memcpy(data + 28, &large, 8);
    expect_refusal(header, data, sizeof data, REEL_ERR_NONFINITE,
                   (const char *[]){"bn.running_mean", NULL});
}

/* What is large for a float32 store is not for one of float64; infinity is refused by both. */
Test(weights, a_double_is_finite_or_not_for_the_store_that_takes_it)
{
    static const char header[] =
        "{\"w\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}";
    const double numbers[] = {1e300, INFINITY};
    for (int i = 0; i < 2; i++)
        for (int dtype = 0; dtype < REEL_DTYPES; dtype++) {
            char bytes[8 + sizeof header - 1 + 16];
            const uint64_t length = sizeof header - 1;
            memcpy(bytes, &length, 8);
            memcpy(bytes + 8, header, length);
            memcpy(bytes + 8 + length, (const double[]){-2, numbers[i]}, 16);
            reel_weights *weights = NULL;
            reel_params *params = NULL;
            reel_error err = {0};
            cr_assert_eq(reel_weights_read_memory(&weights, bytes, sizeof bytes, "file", &err),
                         REEL_OK, "%s", err.message);
            cr_assert_eq(reel_params_create(&params, (reel_dtype)dtype, &err), REEL_OK);
            cr_assert_eq(reel_params_add(params, "w", 1, (int64_t[]){2}, 0, NULL, &err), REEL_OK);
            cr_assert_eq(reel_params_commit(params, &err), REEL_OK);

            const bool fits = i == 0 && dtype == REEL_F64;
            cr_expect_eq(reel_params_load(params, weights, &err),
                         fits ? REEL_OK : REEL_ERR_NONFINITE, "%g in %s: %s", numbers[i],
                         reel_dtype_name((reel_dtype)dtype), err.message);
            if (fits)
                cr_expect_eq(((double *)reel_params_at(params, 0)->value.data)[1], 1e300);
            reel_weights_destroy(weights);
            reel_params_destroy(params);
        }
}

Test(weights, a_long_list_of_complaints_is_cut_and_counted)
{
    static char header[64 * 1024];
    size_t used = (size_t)sprintf(header, "{");
    for (int i = 0; i < 200; i++)
        used += (size_t)sprintf(header + used,
                                "%s\"some.long.name.of.a.layer.%d\":{\"dtype\":\"F32\",\"shape\":["
                                "0],\"data_offsets\":[0,0]}",
                                i ? "," : "", i);
    sprintf(header + used, "}");
    static char bytes[64 * 1024 + 8];
    const uint64_t length = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read_memory(&weights, bytes, 8 + length, "long", &err), REEL_OK, "%s",
                 err.message);
    reel_params *params = make_params(REEL_F32);
    cr_assert_eq(reel_params_load(params, weights, &err), REEL_ERR_FORMAT);
    cr_assert(strstr(err.message, "conv.weight: missing") && strstr(err.message, " more"), "%s",
              err.message);
    reel_weights_destroy(weights);
    reel_params_destroy(params);
}
