/* Weight files that lie, one lie at a time, and files of other kinds, which are named. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights.h"
#include "tests/support/cheap.h"

static reel_status read_bytes(const void *bytes, size_t size, reel_error *err)
{
    reel_weights *weights = NULL;
    /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
    char *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    char *exact = realloc(copy, size ? size : 1);
    const reel_status status = reel_weights_read_memory(&weights, exact, size, "file", err);
    cr_assert(status == REEL_OK || weights == NULL);
    reel_weights_destroy(weights);
    free(exact);
    return status;
}

static void expect_refused(const void *bytes, size_t size, const char *label, const char *word)
{
    reel_error err = {0};
    cr_assert_eq(read_bytes(bytes, size, &err), REEL_ERR_FORMAT, "%s was not refused: %s", label,
                 err.message);
    cr_assert(strstr(err.message, word), "%s: expected \"%s\" in: %s", label, word, err.message);
    cr_assert(strncmp(err.message, "file: ", 6) == 0,
              "%s: the message does not begin with the file: %s", label, err.message);
    for (const char *c = err.message; *c; c++)
        cr_assert((unsigned char)*c >= 32, "%s: a control character in the message", label);
}

#define T(shape, begin, end)                                                                       \
    "{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" begin "," end "]}"

/* Headers in front of 16 bytes of data. */
static const struct {
    const char *header, *word;
} headers[] = {
    {"{\"a\":" T("4", "0", "16"), "JSON"},
    {"{\"a\":" T("4", "0", "16") "} x", "JSON"},
    {"{\"a\":" T("4", "0", "16") ",}", "JSON"},
    {"{'a':" T("4", "0", "16") "}", "JSON"},
    {"{\"a\":" T("2", "0", "8") ",\"a\":" T("2", "8", "16") "}", "duplicate"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
     "duplicate"},
    {"{\"a\":" T("2", "0", "8") "}", "got 16"},
    {"{\"a\":" T("2", "8", "16") "}", "hole"},
    {"{\"a\":" T("1", "0", "4") ",\"b\":" T("2", "8", "16") "}", "hole"},
    {"{\"a\":" T("3", "0", "12") ",\"b\":" T("2", "8", "16") "}", "overlap"},
    {"{\"a\":" T("4", "0", "16") ",\"b\":" T("4", "0", "16") "}", "overlap"},
    {"{\"a\":" T("0", "8", "8") ",\"b\":" T("4", "0", "16") "}", "overlap"},
    {"{\"a\":" T("4", "16", "0") "}", "begin <= end"},
    {"{\"a\":" T("4", "-16", "0") "}", "begin <= end"},
    {"{\"a\":" T("5", "0", "20") "}", "begin <= end"},
    {"{\"a\":" T("4", "0", "9223372036854775807") "}", "begin <= end"},
    {"{\"a\":" T("4", "0", "9223372036854775808") "}", "JSON"},
    {"{\"a\":" T("3", "0", "16") "}", "(3) in F32"},
    {"{\"a\":" T("-4", "0", "16") "}", "shape"},
    {"{\"a\":" T("-1,-4", "0", "16") "}", "shape"},
    {"{\"a\":" T("4.0", "0", "16") "}", "shape"},
    {"{\"a\":" T("\\\"4\\\"", "0", "16") "}", "JSON"},
    {"{\"a\":" T("\"4\"", "0", "16") "}", "shape"},
    {"{\"a\":" T("4294967296,4294967296,4", "0", "16") "}", "data_offsets"},
    {"{\"a\":" T("4611686018427387908", "0", "16") "}", "data_offsets"},
    {"{\"a\":" T("4,1,1,1,1,1,1,1,1", "0", "16") "}", "at most 8 dimensions"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[4],\"data_offsets\":[0,16]}}", "got F31"},
    {"{\"a\":{\"dtype\":\"I32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "got only a (I32)"},
    {"{\"a\":{\"dtype\":7,\"shape\":[4],\"data_offsets\":[0,16]}}", "no string"},
    {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", "dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"more\":1}}",
     "nothing else"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}",
     "dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}", "two whole numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8,16]}}", "two whole numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16.0]}}", "two whole numbers"},
    {"{\"a\":[]}", "dtype, shape and data_offsets"},
    {"{\"a\":null}", "dtype, shape and data_offsets"},
    {"{\"__metadata__\":{\"k\":1},\"a\":" T("4", "0", "16") "}", "expected a string"},
    {"{\"__metadata__\":[],\"a\":" T("4", "0", "16") "}", "object of strings"},
    {"{\"\\u0000\":" T("4", "0", "16") "}", "JSON"},
    {"{\"\xff\":" T("4", "0", "16") "}", "JSON"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[[4]],\"data_offsets\":[0,16]}}", "deep"},
    {"{\"bell\\u0007\\n\":" T("3", "0", "16") "}", "bell??"},
    {"{}", "0 bytes"},
};

Test(weights_hostile, headers_that_lie_are_refused_one_by_one)
{
    for (int i = 0; i < REEL_COUNT(headers); i++) {
        char bytes[512] = {0};
        const uint64_t length = strlen(headers[i].header);
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, headers[i].header, length);
        expect_refused(bytes, 8 + length + 16, headers[i].header, headers[i].word);
    }
}

Test(weights_hostile, the_same_header_without_a_lie_is_accepted)
{
    static const char header[] = "{\"a\":" T("4", "0", "16") "}  ";
    char bytes[128] = {0};
    const uint64_t length = sizeof header - 1;
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    reel_error err = {0};
    cr_assert_eq(read_bytes(bytes, 8 + length + 16, &err), REEL_OK, "%s", err.message);
    for (size_t size = 0; size < 8 + length + 16; size++)
        cr_assert_eq(read_bytes(bytes, size, &err), REEL_ERR_FORMAT,
                     "cut at byte %zu it was accepted", size);
    cr_assert_eq(read_bytes(bytes, 8 + length + 17, &err), REEL_ERR_FORMAT,
                 "a byte more was accepted");
}

Test(weights_hostile, header_lengths_that_cannot_be_are_refused)
{
    static const uint64_t lengths[] = {0,
                                       1,
                                       100000001,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       0xffffffffffffffff,
                                       0xfffffff8,
                                       0x100000000,
                                       1000000,
                                       57};
    for (int i = 0; i < REEL_COUNT(lengths); i++) {
        char bytes[64] = {0};
        memcpy(bytes, &lengths[i], 8);
        bytes[8] = '{';
        bytes[9] = '}';
        expect_refused(bytes, sizeof bytes, "a header length", "header length");
    }
}

static void expect_large_header_refused(const char *head, const char *unit, int64_t times,
                                        const char *tail, const char *word)
{
    const size_t size = strlen(head) + strlen(unit) * (size_t)times + strlen(tail);
    char *bytes = malloc(8 + size + 1), *at = bytes + 8;
    const uint64_t length = size;
    memcpy(bytes, &length, 8);
    at = stpcpy(at, head);
    for (int64_t i = 0; i < times; i++)
        at = stpcpy(at, unit);
    stpcpy(at, tail);
    expect_refused(bytes, 8 + size, unit, word);
    free(bytes);
}

Test(weights_hostile, nesting_and_floods_of_values_are_refused_before_they_are_parsed)
{
    expect_large_header_refused("{\"a\":", "[", 1000000, "", "deep");
    expect_large_header_refused("{\"a\":", "{\"a\":", 400000, "", "deep");
    expect_large_header_refused("{\"a\":[", "0,", 1000000, "0]}", "too many");
    expect_large_header_refused("{", "\"\":{},", 300000, "\"\":{}}", "too many");
}

/* Headers of 2 MB as files: head, unit over and over, tail. */
static void expect_large_header_cheap(const char *head, const char *unit, size_t size,
                                      const char *tail, const char *word)
{
    const size_t times = size / strlen(unit);
    char *bytes = malloc(8 + strlen(head) + times * strlen(unit) + strlen(tail) + 1),
         *at = stpcpy(bytes + 8, head);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, unit);
    at = stpcpy(at, tail);
    const uint64_t length = (uint64_t)(at - bytes - 8);
    memcpy(bytes, &length, 8);
    expect_cheap(bytes, (size_t)(at - bytes), unit, word);
}

enum { LARGE = 2090000 };

/* No constant limits a header: this one is refused for what it says. */
Test(weights_hostile, a_long_header_is_read_to_its_end)
{
    expect_large_header_refused("{\"", "a name of any length ", 400000, "\":1}", "dtype");
}

Test(weights_hostile, a_header_of_one_long_name_is_cheap)
{
    expect_large_header_cheap("{\"", "x", LARGE, "\":1}", "dtype");
    expect_large_header_cheap("{\"", "\\u1234", LARGE, "\":1}", "dtype");
    expect_large_header_cheap("{\"", "\xf0\x9f\x98\x80", LARGE, "\":1}", "dtype");
}

Test(weights_hostile, a_header_full_of_values_is_cheap)
{
    expect_large_header_cheap("{\"a\":[", "0,", LARGE, "0]}", "too many");
    expect_large_header_cheap("{\"a\":[", "1.2345678901,", LARGE, "0]}", "dtype");
    expect_large_header_cheap("{\"__metadata__\":{", "\"k\":\"v\",", LARGE, "\"k\":1}}",
                              "too many");
}

Test(weights_hostile, as_many_tensors_as_are_read_are_cheap)
{
    char *bytes = malloc(8 + LARGE), *at = bytes + 8;
    at = stpcpy(at, "{");
    for (int i = 0; i < 9990; i++)
        at += sprintf(at,
                      "\"features.%d.a.rather.long.name.of.a.parameter.weight\":{\"dtype\":\"F32\","
                      "\"shape\":[0,3,3,3],\"data_"
                      "offsets\":[0,0]},",
                      i);
    at = stpcpy(at, "\"last\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}");
    const uint64_t length = (uint64_t)(at - bytes - 8);
    memcpy(bytes, &length, 8);
    memset(at, 0, 8);
    expect_cheap(bytes, 8 + length + 8, "tensors", "a hole before it");
}

static const struct {
    const char *label, *bytes;
    size_t size;
    const char *word;
} others[] = {
#define KIND(label, text, word) {label, text, sizeof text - 1, word}
    KIND("nothing", "", "empty"),
    KIND("one byte", "x", "something else"),
    KIND("npz", "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0weight.npy", ".npz"),
    KIND("zip", "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0readme.txt",
         "zip archive"),
    KIND("pickle", "\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}", "pickle"),
    KIND("ONNX", "\x08\x07\x12\x07pytorch\x1a\x05", "ONNX"),
    KIND("HTML", "\n <!DOCTYPE html><html><head><title>404", "HTML"),
    KIND("HTML", "<HTML><body>Sign in", "HTML"),
    KIND("lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 244408911\n",
         "git-lfs pointer"),
    KIND("JSON", "{\"weights\": [1, 2, 3]}", "JSON"),
    KIND("HDF5", "\x89HDF\r\n\x1a\n\0\0\0\0", "HDF5"),
    KIND("npy", "\x93NUMPY\1\0v\0{'descr': '<f4'", ".npy"),
    KIND("PNG", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
    KIND("JPEG", "\xff\xd8\xff\xe0\0\x10JFIF\0", "JPEG"),
    KIND("gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3", "gzip"),
    KIND("words", "These are not the weights you look for.", "something else"),
};

Test(weights_hostile, files_of_another_kind_are_named)
{
    for (int i = 0; i < REEL_COUNT(others); i++) {
        expect_refused(others[i].bytes, others[i].size, others[i].label, others[i].word);
        expect_refused(others[i].bytes, others[i].size, others[i].label,
                       "expected a safetensors or .pth file");
    }
    char tar[512] = "sys_info";
    memcpy(tar + 257, "ustar", 5);
    expect_refused(tar, sizeof tar, "tar", "tar archive");
}
