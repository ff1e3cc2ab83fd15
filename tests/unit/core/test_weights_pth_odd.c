/* .pth files with what torch.save has written in some version or for some model, but seldom:
 * storages that are windows of others, strides of every element size, keys that are no text,
 * objects of unknown classes in place of tensors. And files that get such things wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights.h"
#include "tests/support/build_pth.h"

/* Pieces of pickles. Numbers are given with their opcode: "K\x04" is 4. */
#define STORAGE(type, numel, view)                                                                 \
    "(X\x07\0\0\0storage" type "X\x01\0\0\0"                                                       \
    "0X\x03\0\0\0cpu" numel view "tQ"
#define FLOATS "ctorch\nFloatStorage\n"
#define REBUILD(storage, offset, size, stride)                                                     \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset size stride "\x89NtR"
#define FOUR REBUILD(STORAGE(FLOATS, "K\x04", ""), "K\0", "K\x04\x85", "K\x01\x85")
#define NAME(letter, value) "X\x01\0\0\0" letter value "s"
#define UNKNOWN "cmine\nThing\n)R" /* an object of a class that is not known */

typedef struct pickle_bytes {
    const char *bytes;
    size_t size;
} pickle_bytes;

#define DICT(entries) (pickle_bytes){"\x80\x02}" entries ".", sizeof("\x80\x02}" entries ".") - 1}

static const float four[] = {1, 2, 3, 4};

static reel_weights *read_zip(pickle_bytes pickle, const void *storage, size_t size)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    const built zip = build_pth_zip(pickle.bytes, pickle.size, storage, size, 0);
    cr_assert_eq(reel_weights_read_memory(&weights, zip.bytes, zip.size, "file", &err), REEL_OK,
                 "%s", err.message);
    free(zip.bytes);
    return weights;
}

/* The one tensor of the file has these bytes. */
static void expect_tensor(reel_weights *weights, const void *bytes, size_t size, const char *what)
{
    cr_assert_eq(reel_weights_count(weights), 1, "%s: %d tensors", what,
                 reel_weights_count(weights));
    const reel_weight *w = reel_weights_at(weights, 0);
    cr_expect_str_eq(w->name, "a");
    cr_assert_eq(w->bytes, size, "%s: %zu bytes, expected %zu", what, w->bytes, size);
    cr_expect(memcmp(w->data, bytes, size) == 0, "%s: other elements", what);
    reel_weights_destroy(weights);
}

static void expect_refused(const built *file, const char *word)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_expect_eq(reel_weights_read_memory(&weights, file->bytes, file->size, "file", &err),
                 REEL_ERR_FORMAT, "accepted, expected a refusal that says \"%s\"", word);
    cr_expect_null(weights);
    cr_expect(strncmp(err.message, "file: ", 6) == 0 && strstr(err.message, word),
              "expected \"%s\" in: %s", word, err.message);
    free(file->bytes);
}

static void expect_zip_refused(pickle_bytes pickle, const char *word)
{
    const built zip = build_pth_zip(pickle.bytes, pickle.size, four, sizeof four, 0);
    expect_refused(&zip, word);
}

/* ---- storages ---- */

/* (key, offset, size) behind the number of elements. */
#define VIEW(offset, size) "X\x01\0\0\0v" offset size "\x87"

Test(weights_pth_odd, a_storage_may_be_a_window_of_another)
{
    const pickle_bytes window =
        DICT(NAME("a", REBUILD(STORAGE(FLOATS, "K\x04", VIEW("K\x01", "K\x02")), "K\0", "K\x02\x85",
                               "K\x01\x85")));
    expect_tensor(read_zip(window, four, sizeof four), four + 1, 8, "elements 1 and 2");

    static const char word[] = "expected a view (key, offset, size) inside its 4 elements";
    expect_zip_refused(DICT(NAME("a", REBUILD(STORAGE(FLOATS, "K\x04", VIEW("K\x02", "K\x03")),
                                              "K\0", "K\x02\x85", "K\x01\x85"))),
                       word);
    expect_zip_refused(DICT(NAME("a", REBUILD(STORAGE(FLOATS, "K\x04", "K\x07"), "K\0", "K\x02\x85",
                                              "K\x01\x85"))),
                       word);
}

Test(weights_pth_odd, transposed_tensors_of_every_element_size_arrive_row_by_row)
{
    static const uint16_t halves[4] = {0x3c00, 0x4000, 0x4200, 0x4400};
    static const uint16_t halves_by_row[4] = {0x3c00, 0x4200, 0x4000, 0x4400};
    static const double doubles[4] = {1, 2, 3, 4}, doubles_by_row[4] = {1, 3, 2, 4};
    expect_tensor(read_zip(DICT(NAME("a", REBUILD(STORAGE("ctorch\nHalfStorage\n", "K\x04", ""),
                                                  "K\0", "K\x02K\x02\x86", "K\x01K\x02\x86"))),
                           halves, sizeof halves),
                  halves_by_row, sizeof halves_by_row, "float16");
    expect_tensor(read_zip(DICT(NAME("a", REBUILD(STORAGE("ctorch\nDoubleStorage\n", "K\x04", ""),
                                                  "K\0", "K\x02K\x02\x86", "K\x01K\x02\x86"))),
                           doubles, sizeof doubles),
                  doubles_by_row, sizeof doubles_by_row, "float64");
}

Test(weights_pth_odd, a_storage_type_that_is_no_class_is_refused)
{
    expect_zip_refused(
        DICT(NAME("a", REBUILD(STORAGE("K\x05", "K\x04", ""), "K\0", "K\x04\x85", "K\x01\x85"))),
        "got a whole number");
}

/* 2^62 floats are 2^64 bytes: 0 of them, where nobody looks. */
Test(weights_pth_odd, storages_and_tensors_too_large_for_their_file_are_refused)
{
    expect_zip_refused(DICT(NAME("a", REBUILD(STORAGE(FLOATS, "\x8a\x08\0\0\0\0\0\0\0\x40", ""),
                                              "K\0", "K\x04\x85", "K\x01\x85"))),
                       "expected fewer elements than 4611686018427387904");

    /* A storage of 0x7f000000 floats beside a tensor of one. */
    built zip = build_pth_zip(DICT(NAME("a", REBUILD(STORAGE(FLOATS, "J\0\0\0\x7f", ""), "K\0",
                                                     "K\x01\x85", "K\x01\x85")))
                                  .bytes,
                              DICT(NAME("a", REBUILD(STORAGE(FLOATS, "J\0\0\0\x7f", ""), "K\0",
                                                     "K\x01\x85", "K\x01\x85")))
                                  .size,
                              four, sizeof four, 0);
    expect_refused(&zip, "expected 8522825728 bytes for 2130706432 elements, got 16");

    /* Each of three tensors repeats one float 0x3c0000 times: 15 MB. */
#define REPEATED REBUILD(STORAGE(FLOATS, "K\x04", ""), "K\0", "J\0\0\x3c\0\x85", "K\0\x85")
    expect_zip_refused(DICT(NAME("a", REPEATED) NAME("b", REPEATED) NAME("c", REPEATED)),
                       "expected all tensors to have at most");
}

/* ---- what is no tensor ---- */

Test(weights_pth_odd, keys_that_are_no_text_are_passed_over)
{
    expect_tensor(read_zip(DICT("K\x07K\x08s" NAME("a", FOUR) "N" FOUR "s"), four, sizeof four),
                  four, sizeof four, "beside the keys 7 and None");
}

/* torch.nn.Parameter of an unknown object, and a tensor on an unknown storage. */
Test(weights_pth_odd, tensors_on_objects_that_are_not_known_are_passed_over_by_name)
{
    reel_weights *weights = read_zip(
        DICT(NAME("a", FOUR) NAME("b", "ctorch._utils\n_rebuild_parameter\n(" UNKNOWN "\x89NtR")
                 NAME("c", REBUILD(UNKNOWN, "K\0", "K\x04\x85", "K\x01\x85"))),
        four, sizeof four);
    const char *note = reel_weights_note(weights, 0);
    cr_assert_not_null(note);
    cr_expect(strncmp(note, "passed over: b (mine.Thing), c (", 32) == 0, "%s", note);
    expect_tensor(weights, four, sizeof four, "beside objects");

    expect_zip_refused(DICT(NAME("a", "ctorch._tensor\n_rebuild_from_type_v2\n(K\x01K\x02K\x03tR")),
                       "_rebuild_from_type_v2: expected (function, class, arguments, ...)");
}

/* Not every name fits into the note; the others are counted. */
Test(weights_pth_odd, many_tensors_of_integers_are_passed_over_and_counted)
{
#define INTEGERS                                                                                   \
    REBUILD(STORAGE("ctorch\nIntStorage\n", "K\x04", ""), "K\0", "K\x04\x85", "K\x01\x85")
#define SIX(a, b, c, d, e, f)                                                                      \
    NAME(a, INTEGERS)                                                                              \
    NAME(b, INTEGERS) NAME(c, INTEGERS) NAME(d, INTEGERS) NAME(e, INTEGERS) NAME(f, INTEGERS)
    reel_weights *weights =
        read_zip(DICT(NAME("a", FOUR) SIX("g", "h", "i", "j", "k", "l")
                          SIX("m", "n", "o", "p", "q", "r") SIX("s", "t", "u", "v", "w", "x")
                              SIX("y", "z", "A", "B", "C", "D") SIX("E", "F", "G", "H", "I", "J")),
                 four, sizeof four);
    const char *note = reel_weights_note(weights, 0);
    cr_assert_not_null(note);
    int listed = 0, more = 0;
    for (const char *c = note; (c = strstr(c, "), ")); c++)
        listed++;
    cr_assert(strncmp(note, "passed over: g (IntStorage), h (IntStorage), ", 45) == 0, "%s", note);
    cr_assert_eq(sscanf(strstr(note, ", and "), ", and %d more", &more), 1, "%s", note);
    cr_expect_eq(listed + more, 30, "%d named and %d more: %s", listed, more, note);
    expect_tensor(weights, four, sizeof four, "beside integers");
}

Test(weights_pth_odd, a_missing_parameter_that_was_passed_over_is_told_with_the_reason)
{
    reel_weights *weights = read_zip(DICT(NAME("a", FOUR) NAME("b", INTEGERS)), four, sizeof four);
    reel_params *params = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(reel_params_add(params, i ? "b" : "a", 1, (const int64_t[]){4}, 0, NULL, &err),
                     REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    cr_expect_eq(reel_params_check(params, weights, &err), REEL_ERR_FORMAT);
    cr_expect_str_eq(err.message, "file: weights do not fit the model: b: missing; "
                                  "passed over: b (IntStorage)");
    reel_params_destroy(params);
    reel_weights_destroy(weights);
}

/* ---- the legacy stream ---- */

/* Its object and what follows it: the list of keys, then storages with their numbers of elements.
 */
static built legacy(pickle_bytes object, const char *keys, size_t keys_size)
{
    built b = {0};
    built_put(&b, PTH_LEGACY_HEAD, sizeof PTH_LEGACY_HEAD - 1);
    built_put(&b, object.bytes, object.size);
    built_put(&b, keys, keys_size);
    built_number(&b, 4, 8);
    built_put(&b, four, sizeof four);
    return b;
}

#define KEYS(text) text, sizeof text - 1

Test(weights_pth_odd, a_legacy_stream_whose_parts_disagree_is_refused)
{
    const pickle_bytes good = DICT(NAME("a", FOUR));
    built b = legacy(good, KEYS("\x80\x02]K\x07"
                                "a."));
    expect_refused(&b, "a key it does not have: a whole number");
    b = legacy(good, KEYS("\x80\x02K\x07."));
    expect_refused(&b, "storage keys: expected a list, got a whole number");

    b = build_pth_legacy(good.bytes, good.size, 4, four, sizeof four);
    built_put(&b, "more", 4);
    expect_refused(&b, "expected its end after the last storage");
    const pickle_bytes twice =
        DICT(NAME("a", FOUR) NAME("b", REBUILD(STORAGE("ctorch\nIntStorage\n", "K\x04", ""), "K\0",
                                               "K\x04\x85", "K\x01\x85")));
    b = build_pth_legacy(twice.bytes, twice.size, 4, four, sizeof four);
    expect_refused(&b, "storage 0: expected one type and size, got two");
}

/* Such a stream names the class of a whole model with its source text. */
Test(weights_pth_odd, a_whole_model_of_a_legacy_stream_is_named)
{
    static const char object[] = "\x80\x02(X\x06\0\0\0module"
                                 "c__main__\nNet\nX\x06\0\0\0net.pyX\x04\0\0\0passtQ)\x81"
                                 "}X\x0b\0\0\0_parameters}sb.";
    built b = {0};
    built_put(&b, PTH_LEGACY_HEAD, sizeof PTH_LEGACY_HEAD - 1);
    built_put(&b, object, sizeof object - 1);
    built_put(&b, "\x80\x02].", 4); /* no storages */
    expect_refused(&b, "holds a whole pickled model (__main__.Net), not a state_dict");
}
