/* Files that torch.save wrote, and wrappers around them: every value arrives, whatever its dtype,
 * strides and container. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files/weights.h"
#include "tests/support/build_pth.h"

/* tests/support/make_pth.py */
static const struct {
    const char *name;
    reel_stored_dtype dtype;
    int ndim;
    int64_t shape[4];
} variety[] = {
    {"float", REEL_STORED_F32, 2, {2, 3}},      {"double", REEL_STORED_F64, 1, {3}},
    {"half", REEL_STORED_F16, 2, {2, 5}},       {"bfloat", REEL_STORED_BF16, 1, {4}},
    {"rows", REEL_STORED_F32, 2, {2, 8}},       {"window", REEL_STORED_F32, 2, {2, 4}},
    {"transposed", REEL_STORED_F32, 2, {3, 4}}, {"channels_last", REEL_STORED_F32, 4, {2, 3, 4, 5}},
    {"long", REEL_STORED_I64, 1, {6}},          {"scalar", REEL_STORED_F32, 0, {0}},
    {"empty", REEL_STORED_F32, 2, {0, 3}},      {"expanded", REEL_STORED_F32, 2, {4, 3}},
    {"parameter", REEL_STORED_F32, 2, {2, 2}},  {"every_second", REEL_STORED_F32, 1, {5}},
};

static double expected(int tensor, int64_t i)
{
    if (strcmp(variety[tensor].name, "expanded") == 0)
        i %= 3;
    const double value = (double)((7 * i + 3 * tensor) % 61 - 30) / 4;
    return variety[tensor].dtype == REEL_STORED_I64 ? (double)(int64_t)value : value;
}

static const char *fixture(const char *name, char *path, size_t size)
{
    const char *source = getenv("REEL_SOURCE");
    snprintf(path, size, "%s/tests/support/pth/%s", source ? source : ".", name);
    return path;
}

static void expect_variety(const reel_weights *weights, const char *label)
{
    cr_assert_eq(reel_weights_count(weights), REEL_COUNT(variety), "%s: %d tensors", label,
                 reel_weights_count(weights));
    for (int t = 0; t < REEL_COUNT(variety); t++) {
        const reel_weight *w = reel_weights_at(weights, t);
        cr_assert_str_eq(w->name, variety[t].name, "%s: tensor %d is called %s, expected %s", label,
                         t, w->name, variety[t].name);
        cr_assert_eq(w->dtype, variety[t].dtype, "%s: %s: dtype %d", label, w->name, w->dtype);
        cr_assert_eq(w->ndim, variety[t].ndim, "%s: %s: %d dimensions", label, w->name, w->ndim);
        for (int d = 0; d < w->ndim; d++)
            cr_assert_eq(w->shape[d], variety[t].shape[d], "%s: %s: size %lld at %d", label,
                         w->name, (long long)w->shape[d], d);
        const int64_t n = reel_shape_numel(w->ndim, w->shape);
        double *values = malloc(((size_t)n + 1) * sizeof *values);
        const reel_tensor into =
            reel_tensor_with_layout(values, REEL_F64, REEL_ROW_MAJOR, w->ndim, w->shape);
        reel_error err = {0};
        cr_assert_eq(reel_weight_to_tensor(w, &into, &err), REEL_OK, "%s", err.message);
        for (int64_t i = 0; i < n; i++)
            cr_assert_eq(values[i], expected(t, i), "%s: %s: element %lld is %g, expected %g",
                         label, w->name, (long long)i, values[i], expected(t, i));
        free(values);
    }
}

static reel_weights *read_fixture(const char *name)
{
    char path[1024];
    reel_error err = {0};
    reel_weights *weights = NULL;
    cr_assert_eq(reel_weights_read(&weights, fixture(name, path, sizeof path), &err), REEL_OK, "%s",
                 err.message);
    return weights;
}

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    unsigned char *bytes = malloc(1 << 16);
    *size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return realloc(bytes, *size);
}

Test(weights_pth, every_dtype_and_stride_arrives_from_either_container_of_either_pytorch)
{
    static const char *const names[] = {"t113-zip.pth", "t113-legacy.pth", "t113-deflated.pth",
                                        "t213-zip.pth", "t213-legacy.pth", "t213-deflated.pth"};
    for (int i = 0; i < REEL_COUNT(names); i++) {
        reel_weights *weights = read_fixture(names[i]);
        expect_variety(weights, names[i]);
        cr_assert_str_eq(reel_weights_format(weights),
                         strstr(names[i], "legacy") ? "pth, legacy" : "pth");
        cr_assert_null(reel_weights_metadata(weights, "arch"));
        cr_assert_null(reel_weights_metadata_key(weights, 0));
        reel_error err = {0};
        cr_assert_eq(reel_weights_verify(weights, &err), REEL_OK, "%s", err.message);
        reel_weights_destroy(weights);
    }
}

Test(weights_pth, memory_reads_as_the_file_does)
{
    static const char *const names[] = {"t113-zip.pth", "t113-legacy.pth", "t213-deflated.pth"};
    for (int i = 0; i < REEL_COUNT(names); i++) {
        char path[1024];
        size_t size;
        void *bytes = read_file(fixture(names[i], path, sizeof path), &size);
        reel_weights *weights = NULL;
        reel_error err = {0};
        cr_assert_eq(reel_weights_read_memory(&weights, bytes, size, "memory", &err), REEL_OK, "%s",
                     err.message);
        free(bytes); /* they were copied */
        expect_variety(weights, names[i]);
        reel_weights_destroy(weights);
    }
}

Test(weights_pth, training_checkpoints_of_torchvision_give_their_model_without_the_prefix)
{
    static const char *const names[] = {"t113-training-zip.pth", "t113-training-legacy.pth",
                                        "t213-training-zip.pth", "t213-training-legacy.pth"};
    static const char *const tensors[] = {"0.weight",
                                          "0.bias",
                                          "1.weight",
                                          "1.bias",
                                          "1.running_mean",
                                          "1.running_var",
                                          "1.num_batches_tracked"};
    for (int i = 0; i < REEL_COUNT(names); i++) {
        reel_weights *weights = read_fixture(names[i]);
        cr_assert_eq(reel_weights_count(weights), REEL_COUNT(tensors), "%s: %d tensors", names[i],
                     reel_weights_count(weights));
        for (int t = 0; t < REEL_COUNT(tensors); t++) {
            const reel_weight *w = reel_weights_at(weights, t);
            cr_assert_str_eq(w->name, tensors[t]);
            for (int64_t k = 0; t < 4 && k < reel_shape_numel(w->ndim, w->shape); k++) {
                const float value = ((const float *)w->data)[k],
                            want = (float)((7 * k + 3 * t) % 61 - 30) / 4;
                cr_assert_eq(value, want, "%s: %s: element %lld is %g, expected %g", names[i],
                             w->name, (long long)k, value, want);
            }
        }
        cr_assert_eq(*(const int64_t *)reel_weights_at(weights, 6)->data, 1, "num_batches_tracked");
        reel_weights_destroy(weights);
    }
}

/* One tensor "a" of four floats 1, 2, 3, 4 below what stands before it. */
static reel_weights *read_pickle(const char *pickle, size_t size, const char *label)
{
    static const float values[] = {1, 2, 3, 4};
    const built zip = build_pth_zip(pickle, size, values, sizeof values, 0);
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read_memory(&weights, zip.bytes, zip.size, label, &err), REEL_OK,
                 "%s", err.message);
    free(zip.bytes);
    cr_assert_eq(reel_weights_count(weights), 1, "%s: %d tensors", label,
                 reel_weights_count(weights));
    const reel_weight *w = reel_weights_find(weights, "a");
    cr_assert(w, "%s: the tensor is called %s", label, reel_weights_at(weights, 0)->name);
    cr_assert_eq(memcmp(w->data, values, sizeof values), 0, "%s: other values", label);
    return weights;
}

#define A PTH_TENSOR("FloatStorage", "0", "\x04", "\0", "\x04", "\x01")

Test(weights_pth, wrappers_and_prefixes_are_seen_through)
{
    static const struct {
        const char *label, *pickle;
        size_t size;
    } cases[] = {
#define CASE(label, text) {label, text, sizeof text - 1}
        CASE("plain", "\x80\x02}X\x01\0\0\0a" A "s."),
        CASE("model", "\x80\x02}X\x05\0\0\0model}X\x01\0\0\0a" A "ss."),
        CASE("state_dict", "\x80\x02}X\x0a\0\0\0state_dict}X\x01\0\0\0a" A "ss."),
        CASE("state_dict in model",
             "\x80\x02}X\x05\0\0\0model}X\x0a\0\0\0state_dict}X\x01\0\0\0a" A "sss."),
        CASE("beside a number",
             "\x80\x02}(X\x05\0\0\0epochK\x03X\x05\0\0\0model}X\x01\0\0\0a" A "su."),
        CASE("numbers among tensors", "\x80\x02}(X\x05\0\0\0epochK\x03X\x01\0\0\0a" A "u."),
        CASE("module.", "\x80\x02}X\x08\0\0\0module.a" A "s."),
        CASE("_orig_mod.module.", "\x80\x02}X\x12\0\0\0_orig_mod.module.a" A "s."),
        CASE("module._orig_mod.", "\x80\x02}X\x12\0\0\0module._orig_mod.a" A "s."),
        CASE("Python 2", "\x80\x02"
                         "ccollections\nOrderedDict\n(]](U\x01"
                         "a" A "eatR."),
        CASE("_rebuild_tensor", "\x80\x02}X\x01\0\0\0a"
                                "ctorch._utils\n_rebuild_tensor\n(" PTH_STORAGE(
                                    "FloatStorage", "0", "\x04") "K\0K\x04\x85K\x01\x85tRs."),
        CASE("torch.Size",
             "\x80\x02}X\x01\0\0\0a"
             "ctorch._utils\n_rebuild_tensor_v2\n(" PTH_STORAGE(
                 "FloatStorage", "0", "\x04") "K\0ctorch\nSize\n(K\x04\x85tRK\x01\x85\x89NtRs."),
        CASE("set, floats and wide numbers",
             "\x80\x02}(X\x01\0\0\0b\x8fX\x01\0\0\0cG\0\0\0\0\0\0\0\0X\x01\0\0\0d\x8a\x09"
             "123456789X\x01\0\0\0e\x8a\0X\x01\0\0\0fJ\xff\xff\xff\xffX\x01\0\0\0gM\x01\x02X\x01\0"
             "\0\0a" A "u."),
    };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        reel_weights_destroy(read_pickle(cases[i].pickle, cases[i].size, cases[i].label));
}

#define KEY(letter) "X\x01\0\0\0" letter
#define BESIDE(value) "\x80\x02}(" KEY("x") value "X\x05\0\0\0model}" KEY("a") A "su."

Test(weights_pth, what_is_not_weights_is_passed_over_and_said)
{
    static const struct {
        const char *label, *pickle;
        size_t size;
        const char *note;
    } cases[] = {
#define NOTED(label, text, note) {label, text, sizeof text - 1, note}
        NOTED("dtype", BESIDE("ctorch\nfloat32\n"), "weights below \"model\"; not used: x"),
        NOTED("device", BESIDE("ctorch\ndevice\n" KEY("c") "\x85R"), "not used: x"),
        NOTED("set", BESIDE("c__builtin__\nset\n](" KEY("b") "e\x85R"), "not used: x"),
        NOTED("Counter", BESIDE("ccollections\nCounter\n}" KEY("b") "K\x01s\x85R"), "x"),
        NOTED("bytes", BESIDE("c_codecs\nencode\n" KEY("b") KEY("l") "\x86R"), "not used: x"),
        NOTED("numpy's scalar",
              BESIDE(
                  "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" KEY("f") "\x89\x88\x87R(K\x03"
                                                                             "tb" KEY("v") "\x86R"),
              "not used: x"),
        NOTED("enum member", BESIDE("cmine\nColour\nK\x01\x85R"), "not used: x"),
        NOTED("class with a state", BESIDE("cmine\nConfig\n)\x81}" KEY("k") "K\x01sb"), "x"),
        NOTED("subclass of dict", BESIDE("cmine\nDict\n)\x81" KEY("k") "K\x01s"), "x"),
        NOTED("subclass of list",
              BESIDE("cmine\nList\n)\x81(K\x01K\x02"
                     "e"),
              "x"),
        NOTED("defaultdict",
              BESIDE("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R" KEY("k") "]s"), "x"),
        NOTED("what an object returns", BESIDE("cmine\nf\n)R)R"), "not used: x"),
        NOTED("an accuracy of no dimension",
              "\x80\x02}(" KEY("x") "ctorch._utils\n_rebuild_tensor_v2\n(" PTH_STORAGE(
                  "FloatStorage", "0", "\x04") "K\0))\x89NtR"
                                               "X\x0a\0\0\0state_dict}" KEY("a") A "su.",
              "weights below \"state_dict\"; not used: x"),
        NOTED("another name", "\x80\x02}(" KEY("x") "NX\x04\0\0\0mine}" KEY("a") A "su.",
              "weights below \"mine\"; not used: x"),
        NOTED("other dtypes",
              "\x80\x02}(" KEY("i") PTH_TENSOR("IntStorage", "0", "\x04", "\0", "\x04", "\x01")
                  KEY("q") "ctorch._utils\n_rebuild_qtensor\n)R" KEY("a") A "u.",
              "passed over: q (torch._utils._rebuild_qtensor), i (IntStorage)"),
        NOTED("wrapped", "\x80\x02}X\x08\0\0\0module.a" A "s.",
              "all names begin with \"module.\", which is left out"),
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_weights *weights = read_pickle(cases[i].pickle, cases[i].size, cases[i].label);
        bool found = false;
        for (int n = 0; reel_weights_note(weights, n); n++)
            found |= strstr(reel_weights_note(weights, n), cases[i].note) != NULL;
        cr_assert(found, "%s: expected the note \"%s\", got \"%s\"", cases[i].label, cases[i].note,
                  reel_weights_note(weights, 0) ? reel_weights_note(weights, 0) : "none");
        reel_weights_destroy(weights);
    }
}

/* The same tensor in the words of protocols 3 to 5. */
Test(weights_pth, pickle_protocols_up_to_5_are_read)
{
#define TEXT4(letters, length) "\x8c" length letters "\x94"
#define GLOBAL4(module, m, name, n) TEXT4(module, m) TEXT4(name, n) "\x93\x94"
#define TENSOR4                                                                                    \
    GLOBAL4("torch._utils", "\x0c", "_rebuild_tensor_v2", "\x12")                                  \
    "((" TEXT4("storage", "\x07") GLOBAL4("torch", "\x05", "FloatStorage", "\x0c")                 \
        TEXT4("0", "\x01")                                                                         \
            TEXT4("cpu", "\x03") "K\x04t\x94QK\0K\x04\x85\x94K\x01\x85\x94\x89Nt\x94R\x94"
    static const struct {
        const char *label, *pickle;
        size_t size;
    } cases[] =
        {
            CASE("3", "\x80\x03}(" KEY("x") "C\x02hi" KEY("y") "B\x01\0\0\0z" KEY("a") A "u."),
            CASE("4", "\x80\x04\x95\0\0\0\0\0\0\0\0}\x94" TEXT4("a", "\x01") TENSOR4 "s."),
            CASE("sets, long texts and wide numbers",
                 "\x80\x04}\x94(" TEXT4("s", "\x01") "\x8f\x94(K\x01K\x02\x90" TEXT4("f", "\x01") "(K\x01\x91\x94" TEXT4(
                     "l",
                     "\x01") "\x8b\x02\0\0\0\xff\x7f" TEXT4("u",
                                                            "\x01") "\x8d\x02\0\0\0\0\0\0\0h"
                                                                    "i" TEXT4(
                                                                        "b",
                                                                        "\x01") "\x8e\x02\0\0"
                                                                                "\0\0\0\0\0h"
                                                                                "i" TEXT4(
                                                                                    "o",
                                                                                    "\x01") TEXT4("min"
                                                                                                  "e",
                                                                                                  "\x04")
                                                                                    TEXT4("F", "\x01") "\x93)}\x92" TEXT4(
                                                                                        "a", "\x01")
                                                                                        TENSOR4
                 "u."),
            CASE("5", "\x80\x05}\x94(" TEXT4("x", "\x01") "\x96\x02\0\0\0\0\0\0\0hi\x94" TEXT4(
                          "a", "\x01") TENSOR4 "u."),
        };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        reel_weights_destroy(read_pickle(cases[i].pickle, cases[i].size, cases[i].label));
}

Test(weights_pth, tensors_with_attributes_are_read)
{
    static const struct {
        const char *label, *pickle;
        size_t size;
    } cases[] = {
        CASE("parameter", "\x80\x02}" KEY("a") "ctorch._utils\n_rebuild_parameter_with_state\n(" A
                                               "\x88}}" KEY("t") "K\x01stRs."),
        CASE("tensor",
             "\x80\x02}" KEY(
                 "a") "ctorch._tensor\n_rebuild_from_type_v2\n("
                      "ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n(" PTH_STORAGE(
                          "FloatStorage", "0", "\x04") "K\0K\x04\x85K\x01\x85\x89Nt}tRs."),
    };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        reel_weights_destroy(read_pickle(cases[i].pickle, cases[i].size, cases[i].label));
}

Test(weights_pth, names_that_are_not_utf8_are_escaped)
{
    static const char pickle[] = "\x80\x02}(" KEY("\xff") A "X\x04\0\0\0a\0\xc3\xa4" A "u.";
    static const float values[] = {1, 2, 3, 4};
    const built zip = build_pth_zip(pickle, sizeof pickle - 1, values, sizeof values, 0);
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read_memory(&weights, zip.bytes, zip.size, "names", &err), REEL_OK,
                 "%s", err.message);
    cr_assert_not_null(reel_weights_find(weights, "\\xff"));
    cr_assert_not_null(reel_weights_find(weights, "a\\x00\xc3\xa4"));
    reel_weights_destroy(weights);
    free(zip.bytes);
}

Test(weights_pth, windows_of_storages_as_old_files_have_them_are_cut_out)
{
    static const float values[] = {9, 9, 1, 2, 3, 4, 9};
    static const char object[] =
        "\x80\x02}X\x01\0\0\0a"
        "ctorch._utils\n_rebuild_tensor\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
        "0X\x03\0\0\0cpu"
        "K\x07(X\x01\0\0\0vK\x01K\x05ttQK\x01K\x04\x85K\x01\x85tRs.";
    const built file = build_pth_legacy(object, sizeof object - 1, 7, values, sizeof values);
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read_memory(&weights, file.bytes, file.size, "view", &err), REEL_OK,
                 "%s", err.message);
    cr_assert_eq(memcmp(reel_weights_at(weights, 0)->data, values + 2, 16), 0,
                 "offset 1 of a view at 1 is element 2");
    reel_weights_destroy(weights);
    free(file.bytes);
}

Test(weights_pth, a_store_loads_from_it_and_what_is_written_again_has_the_same_bits)
{
    char path[] = "/tmp/reel-pth-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert(fd >= 0);
    reel_error err = {0};
    reel_weights *weights = read_fixture("t213-zip.pth"), *again = NULL;
    reel_weights_writer *writer;
    cr_assert_eq(reel_weights_writer_create(&writer, &err), REEL_OK, "%s", err.message);
    for (int i = 0; i < reel_weights_count(weights); i++)
        cr_assert_eq(reel_weights_writer_weight(writer, reel_weights_at(weights, i), &err), REEL_OK,
                     "%s", err.message);
    cr_assert_eq(reel_weights_writer_weight(writer, reel_weights_at(weights, 0), &err),
                 REEL_ERR_INVALID, "a name twice");
    cr_assert_eq(reel_weights_writer_save(writer, path, &err), REEL_OK, "%s", err.message);
    reel_weights_writer_destroy(writer);
    cr_assert_eq(reel_weights_read(&again, path, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_weights_verify(again, &err), REEL_OK, "%s", err.message);
    cr_assert_str_eq(reel_weights_format(again), "safetensors");
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *a = reel_weights_at(weights, i), *b = reel_weights_find(again, a->name);
        cr_assert(b && a->dtype == b->dtype && a->bytes == b->bytes && a->ndim == b->ndim, "%s",
                  a->name);
        cr_assert_eq(memcmp(a->data, b->data, a->bytes), 0, "%s: other bits", a->name);
        cr_assert_eq((uintptr_t)b->data %
                         (a->dtype == REEL_STORED_F64 || a->dtype == REEL_STORED_I64 ? 8 : 2),
                     0, "%s", a->name);
    }
    reel_weights_destroy(again);
    reel_weights_destroy(weights);

    reel_params *params;
    const float want[] = {1, 2, 3, 4};
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "a", 1, (const int64_t[]){4}, 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    static const char pickle[] = PTH_DICT(PTH_NAMED("a", A));
    weights = read_pickle(pickle, sizeof pickle - 1, "load");
    cr_assert_eq(reel_params_load(params, weights, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(memcmp(reel_params_find(params, "a")->value.data, want, sizeof want), 0);
    reel_weights_destroy(weights);
    reel_params_destroy(params);
    close(fd);
    remove(path);
}
