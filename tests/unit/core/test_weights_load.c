/* Weights from a file straight into a store, in several threads: the values of reel_params_load,
 * and its failures. CRC-32 by carry-less multiplication: zlib's. */
#include "tests/unit/core/weights_util.h"

#include <zlib.h>

#include "core/files/crc32.h"
#include "core/files/weights_load.h"
#include "core/rng.h"

TestSuite(weights_load, .init = make_folder, .fini = remove_folder);

/* A store of every way into it: as the file has it, taps and channels exchanged, from other
 * dtypes, in blocks that end inside a row. */
static const struct {
    const char *name;
    int ndim;
    int64_t shape[REEL_MAX_DIMS];
    reel_stored_dtype stored;
} entries[] = {
    {"conv.weight", 4, {70, 37, 5, 3}, REEL_STORED_F32},
    {"conv.bias", 1, {70}, REEL_STORED_F32},
    {"pointwise", 4, {20, 300, 1, 1}, REEL_STORED_F32},
    {"one", 4, {9, 1, 3, 3}, REEL_STORED_F32},
    {"large", 2, {1031, 1500}, REEL_STORED_F32}, /* 6.2 MB: two blocks */
    {"long", 4, {2, 2063, 17, 18}, REEL_STORED_F32},
    {"half", 2, {1033, 67}, REEL_STORED_F16},
    {"half.conv", 4, {67, 41, 7, 1}, REEL_STORED_F16},
    {"bfloat", 3, {13, 17, 311}, REEL_STORED_BF16},
    {"double", 2, {1201, 39}, REEL_STORED_F64},
    {"double.conv", 4, {33, 29, 2, 3}, REEL_STORED_F64},
    {"single", 1, {1}, REEL_STORED_F32},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static reel_params *new_store(reel_dtype dtype)
{
    reel_params *params;
    reel_error err = {0};
    cr_assert_eq(reel_params_create(&params, dtype, &err), REEL_OK);
    for (int i = 0; i < ENTRIES; i++)
        cr_assert_eq(reel_params_add(params, entries[i].name, entries[i].ndim, entries[i].shape, 0,
                                     NULL, &err),
                     REEL_OK, "%s", err.message);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK, "%s", err.message);
    return params;
}

/* Random values of the stored dtype; every half and bfloat here is finite. */
static void *random_values(reel_stored_dtype stored, int64_t n, uint32_t stream)
{
    reel_rng rng = reel_rng_at(7, REEL_STREAM_CHECK, 0, stream);
    char *bytes = malloc((size_t)n * 8);
    for (int64_t i = 0; i < n; i++) {
        const double value = reel_rng_normal(&rng);
        const float single = (float)value;
        const uint16_t half = (uint16_t)((int64_t)(value * 4096) & 0xbbff);
        if (stored == REEL_STORED_F64)
            memcpy(bytes + 8 * i, &value, 8);
        else if (stored == REEL_STORED_F32)
            memcpy(bytes + 4 * i, &single, 4);
        else
            memcpy(bytes + 2 * i, &half, 2);
    }
    return bytes;
}

/* A file of all entries, and of one tensor that no parameter takes. spoil: called before it is
 * saved, with the values of each entry. */
static void write_file(const char *path, void (*spoil)(int entry, void *values))
{
    static const size_t size_of[] = {4, 8, 2, 2, 8};
    void *values[ENTRIES];
    int64_t counter = 42;
    reel_error err = {0};
    reel_weights_writer *writer = new_writer();
    for (int i = 0; i < ENTRIES; i++) {
        const int64_t n = reel_shape_numel(entries[i].ndim, entries[i].shape);
        reel_weight w = {.name = entries[i].name,
                         .dtype = entries[i].stored,
                         .ndim = entries[i].ndim,
                         .bytes = (size_t)n * size_of[entries[i].stored]};
        for (int d = 0; d < REEL_MAX_DIMS; d++)
            w.shape[d] = d < w.ndim ? entries[i].shape[d] : 1;
        w.data = values[i] = random_values(w.dtype, n, (uint32_t)i);
        if (spoil)
            spoil(i, values[i]);
        cr_assert_eq(reel_weights_writer_weight(writer, &w, &err), REEL_OK, "%s", err.message);
    }
    const reel_weight left = {.name = "norm.num_batches_tracked",
                              .dtype = REEL_STORED_I64,
                              .shape = {1, 1, 1, 1, 1, 1, 1, 1},
                              .data = &counter,
                              .bytes = sizeof counter};
    cr_assert_eq(reel_weights_writer_weight(writer, &left, &err), REEL_OK, "%s", err.message);
    save(writer, path);
    reel_weights_writer_destroy(writer);
    for (int i = 0; i < ENTRIES; i++)
        free(values[i]);
}

/* Opens and fills; *out gets the store where that succeeds. */
static reel_status open_and_fill(const char *path, int threads, reel_params **out, reel_error *err)
{
    reel_weights *weights;
    REEL_TRY(reel_weights_open(&weights, path, err));
    reel_params *params = new_store(REEL_F32);
    const reel_status status = reel_params_fill(params, weights, threads, err);
    reel_weights_destroy(weights);
    if (status == REEL_OK && out)
        *out = params;
    else
        reel_params_destroy(params);
    return status;
}

static void expect_equal(const reel_params *a, const reel_params *b, const char *what)
{
    for (int i = 0; i < ENTRIES; i++) {
        const reel_tensor *t = &reel_params_at(a, i)->value;
        cr_expect_eq(memcmp(t->data, reel_params_at(b, i)->value.data, reel_tensor_bytes(t)), 0,
                     "%s: %s has other bits", what, entries[i].name);
    }
}

Test(weights_load, a_store_gets_the_bits_of_an_ordinary_load)
{
    char path[128];
    in_folder(path, "all.safetensors");
    write_file(path, NULL);
    for (int dtype = 0; dtype < REEL_DTYPES; dtype++) {
        reel_error err = {0};
        reel_params *expected = new_store((reel_dtype)dtype);
        reel_weights *read = read_back(path), *opened;
        cr_assert_eq(reel_params_load(expected, read, &err), REEL_OK, "%s", err.message);
        for (int threads = 1; threads <= 3; threads++) {
            char what[64];
            snprintf(what, sizeof what, "dtype %d, %d threads", dtype, threads);
            reel_params *got = new_store((reel_dtype)dtype), *again = new_store((reel_dtype)dtype);
            cr_assert_eq(reel_weights_open(&opened, path, &err), REEL_OK, "%s", err.message);
            cr_assert_null(reel_weights_at(opened, 0)->data, "the data was read");
            cr_assert_eq(reel_params_fill(got, opened, threads, &err), REEL_OK, "%s: %s", what,
                         err.message);
            expect_equal(got, expected, what);
            /* Weights in memory fill as well. */
            cr_assert_eq(reel_params_fill(again, read, threads, &err), REEL_OK, "%s", err.message);
            expect_equal(again, expected, what);
            reel_weights_destroy(opened);
            reel_params_destroy(got);
            reel_params_destroy(again);
        }
        reel_weights_destroy(read);
        reel_params_destroy(expected);
    }
}

Test(weights_load, bytes_in_memory_are_opened_and_borrowed)
{
    char path[128];
    in_folder(path, "all.safetensors");
    write_file(path, NULL);
    FILE *f = fopen(path, "rb");
    static char bytes[1 << 25];
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    cr_assert(size > 0 && size < sizeof bytes);

    reel_error err = {0};
    reel_weights *weights;
    reel_params *expected = NULL, *got = new_store(REEL_F32);
    cr_assert_eq(open_and_fill(path, 2, &expected, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_weights_open_memory(&weights, bytes, size, "bytes", &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_params_fill(got, weights, 2, &err), REEL_OK, "%s", err.message);
    expect_equal(got, expected, "from memory");
    reel_weights_destroy(weights);
    reel_params_destroy(expected);
    reel_params_destroy(got);
}

/* Turns one bit of the file; behind: bytes before its end. */
static void flip(const char *path, long behind)
{
    FILE *f = fopen(path, "r+b");
    cr_assert_eq(fseek(f, -behind, SEEK_END), 0);
    const int byte = fgetc(f);
    fseek(f, -behind, SEEK_END);
    fputc(byte ^ 16, f);
    fclose(f);
}

Test(weights_load, a_flipped_bit_is_found_wherever_it_is)
{
    char path[128];
    reel_error err = {0};
    in_folder(path, "all.safetensors");
    write_file(path, NULL);
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    for (long behind = 1; behind < info.st_size - 4096; behind += 700001) {
        flip(path, behind);
        for (int threads = 1; threads <= 3; threads++) {
            cr_assert_eq(open_and_fill(path, threads, NULL, &err), REEL_ERR_FORMAT,
                         "%ld bytes before the end", behind);
            cr_assert(strstr(err.message, "the file is damaged") && strstr(err.message, path), "%s",
                      err.message);
        }
        flip(path, behind);
    }
    cr_assert_eq(open_and_fill(path, 2, NULL, &err), REEL_OK, "%s", err.message);
}

/* I64 comes first in a file: the tensor that no parameter takes is the first. */
Test(weights_load, a_tensor_that_no_parameter_takes_is_compared_too)
{
    char path[128], *header;
    reel_error err = {0};
    in_folder(path, "all.safetensors");
    write_file(path, NULL);
    reel_weights *weights = read_back(path);
    const reel_weight *left = reel_weights_find(weights, "norm.num_batches_tracked");
    const reel_weight *last = reel_weights_at(weights, reel_weights_count(weights) - 1);
    header = (char *)last->data + last->bytes;
    flip(path, (long)(header - (const char *)left->data));
    reel_weights_destroy(weights);
    cr_assert_eq(open_and_fill(path, 2, NULL, &err), REEL_ERR_FORMAT);
    cr_assert(strstr(err.message, "tensor norm.num_batches_tracked: expected CRC-32"), "%s",
              err.message);
}

static void put_infinities(int entry, void *values)
{
    const float infinity = INFINITY;
    const uint16_t half = 0x7e00;
    if (!strcmp(entries[entry].name, "large"))
        memcpy((char *)values + 4 * 1500000, &infinity, 4);
    if (!strcmp(entries[entry].name, "half.conv"))
        memcpy((char *)values + 2 * 777, &half, 2);
}

Test(weights_load, not_a_number_is_refused_by_the_first_parameters_name)
{
    char path[128];
    in_folder(path, "nan.safetensors");
    write_file(path, put_infinities);
    for (int threads = 1; threads <= 3; threads++) {
        reel_error err = {0};
        cr_assert_eq(open_and_fill(path, threads, NULL, &err), REEL_ERR_NONFINITE);
        cr_assert(strstr(err.message, "tensor large: expected finite numbers"), "%s", err.message);
    }
}

Test(weights_load, a_file_that_shrinks_after_it_was_opened_is_an_error)
{
    char path[128];
    reel_error err = {0};
    reel_weights *weights;
    reel_params *params = new_store(REEL_F32);
    in_folder(path, "all.safetensors");
    write_file(path, NULL);
    cr_assert_eq(reel_weights_open(&weights, path, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(truncate(path, 3000000), 0);
    cr_assert_eq(reel_params_fill(params, weights, 2, &err), REEL_ERR_FORMAT);
    cr_assert(strstr(err.message, "it shrank while it was being read"), "%s", err.message);
    reel_weights_destroy(weights);
    reel_params_destroy(params);
}

Test(weights_load, crc32_has_zlibs_value_for_every_size_and_place)
{
    static unsigned char bytes[5000];
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(256 * reel_rng_uniform(&rng));
    for (size_t size = 0; size < 1500; size++)
        for (size_t at = 0; at < 20; at += 3) {
            const uint32_t before = (uint32_t)size * 2654435761u;
            cr_assert_eq(reel_crc32(before, bytes + at, size),
                         (uint32_t)crc32_z(before, bytes + at, size), "%zu bytes at %zu", size, at);
        }
    cr_assert_eq(reel_crc32(0, bytes, sizeof bytes), (uint32_t)crc32_z(0, bytes, sizeof bytes));
}
