/* .pth files that lie, one lie at a time, in either container; and what refusing costs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights.h"
#include "tests/support/build_pth.h"
#include "tests/support/cheap.h"

static reel_status read_exact(const void *bytes, size_t size, reel_error *err)
{
    reel_weights *weights = NULL;
    char *exact =
        malloc(size ? size : 1); /* of the exact size, so that a sanitizer sees a read beyond it */
    memcpy(exact, bytes, size);
    const reel_status status = reel_weights_read_memory(&weights, exact, size, "file", err);
    cr_assert(status == REEL_OK || weights == NULL);
    reel_weights_destroy(weights);
    free(exact);
    return status;
}

static void expect_refused(const built *file, const char *label, const char *word)
{
    reel_error err = {0};
    cr_assert_eq(read_exact(file->bytes, file->size, &err), REEL_ERR_FORMAT,
                 "%s was not refused (%s): %s", label, word, err.message);
    cr_assert(strstr(err.message, word), "%s: expected \"%s\" in: %s", label, word, err.message);
    cr_assert(strncmp(err.message, "file: ", 6) == 0,
              "%s: the message does not begin with the file: %s", label, err.message);
    for (const char *c = err.message; *c; c++)
        cr_assert((unsigned char)*c >= 32, "%s: a control character in the message", label);
}

static const float four[] = {1, 2, 3, 4};

static void expect_pickle_refused(const char *pickle, size_t size, const char *word)
{
    const built zip = build_pth_zip(pickle, size, four, sizeof four, 0);
    const built deflated = build_pth_zip(pickle, size, four, sizeof four, 1);
    const built legacy = build_pth_legacy(pickle, size, 4, four, sizeof four);
    expect_refused(&zip, "zip", word);
    expect_refused(&deflated, "deflated", word);
    expect_refused(&legacy, "legacy", word);
    free(zip.bytes);
    free(deflated.bytes);
    free(legacy.bytes);
}

#define A(numel, offset, size, stride)                                                             \
    PTH_NAMED("a", PTH_TENSOR("FloatStorage", "0", numel, offset, size, stride))
#define GOOD A("\x04", "\0", "\x04", "\x01")
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n(" PTH_STORAGE("FloatStorage", "0", "\x04")

static const struct {
    const char *pickle;
    size_t size;
    const char *word;
} pickles[] = {
#define CASE(text, word) {text, sizeof text - 1, word}
    /* calls */
    CASE("\x80\x02"
         "cos\nsystem\nX\x09\0\0\0touch /xyt\x85R.",
         "os.system"),
    CASE("\x80\x02"
         "cposix\nsystem\n(X\x02\0\0\0lstR.",
         "posix.system"),
    CASE("\x80\x02"
         "c__builtin__\neval\n(X\x02\0\0\0"
         "42tR.",
         "__builtin__.eval"),
    CASE("\x80\x02"
         "cos.path\njoin\n)R.",
         "os.path.join"),
    CASE("\x80\x02"
         "csubprocess\nPopen\n)R.",
         "subprocess.Popen"),
    CASE("\x80\x02"
         "cbuiltins\ngetattr\n)R.",
         "builtins.getattr"),
    CASE("\x80\x02"
         "cbuiltins\n__import__\n)R.",
         "builtins.__import__"),
    CASE("\x80\x02"
         "crunpy\nrun_path\n)R.",
         "runpy.run_path"),
    CASE("\x80\x02"
         "csys\nexit\n)R.",
         "sys.exit"),
    CASE("\x80\x04\x8c\x05torch\x8c\x09os.system\x93)R.", "torch.os.system"),
    CASE("\x80\x04\x8c\x08"
         "builtins\x8c\x0d"
         "eval.__call__\x93)R.",
         "builtins.eval.__call__"),
    CASE("\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
    CASE("\x80\x04K\x01\x8c\x06system\x93.", "two strings"),
    CASE("\x80\x02"
         "ctorch\nFloatStorage\n)R.",
         "a function or a class"),
    CASE("\x80\x02"
         "cos",
         "two lines"),
    CASE("\x80\x02K\x01)R.", "a function or a class"),
    CASE("\x80\x02"
         "ccollections\nOrderedDict\nK\x01R.",
         "tuple of arguments"),
    CASE("\x80\x02"
         "ccollections\nOrderedDict\nK\x01\x85R.",
         "list of pairs"),
    CASE("\x80\x02"
         "ccollections\nOrderedDict\n](K\x01"
         "e\x85R.",
         "expected pairs"),
    CASE("\x80\x02"
         "ctorch._utils\n_rebuild_tensor_v2\n)R.",
         "storage, offset, size, stride"),
    CASE("\x80\x02"
         "ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x01K\x01K\x01tR.",
         "storage, offset, size, stride"),
    CASE("\x80\x02"
         "ctorch._utils\n_rebuild_parameter\n(K\x01\x89NtR.",
         "expected a tensor"),
    CASE("\x80\x02"
         "ctorch\nSize\nK\x01\x85R.",
         "torch.Size"),
    /* opcodes that torch.save does not write */
    CASE("\x80\x04\x95\2\0\0\0\0\0\0\x01.", "FRAME"),
    CASE("\x80\x05\x97.", "NEXT_BUFFER"),
    CASE("\x80\x02(S'ls'\nios\nsystem\n.", "STRING"),
    CASE("\x80\x02\x82\x01.", "EXT1"),
    CASE("\x80\x02\xff.", "0xff"),
    CASE("\x80\x06.", "PROTO"),
    /* the stack and the memo */
    CASE("\x80\x02.", "expected one value"),
    CASE("\x80\x02K\x01K\x01.", "expected one value"),
    CASE("\x80\x02(K\x01.", "expected one value"),
    CASE("\x80\x02t.", "a mark"),
    CASE("\x80\x02K\x01(\x85.", "on the stack"),
    CASE("\x80\x02"
         "a.",
         "on the stack"),
    CASE("\x80\x02](s.", "on the stack"),
    CASE("\x80\x02}(K\x01u.", "pairs"),
    CASE("\x80\x02K\x01(K\x01"
         "e.",
         "expected a list"),
    CASE("\x80\x02q\0.", "on the stack"),
    CASE("\x80\x02h\0.", "memo"),
    CASE("\x80\x02Nq\0h\x01.", "memo"),
    CASE("\x80\x02Nr\xff\xff\xff\xff.", "memo"),
    CASE("\x80\x02Nj\xff\xff\xff\xff.", "memo"),
    CASE("\x80\x02]}"
         "b.",
         "BUILD"),
    CASE("\x80\x02K\x01Q.", "BINPERSID"),
    CASE("\x80\x02X\x05\0\0\0abcdeQ.", "got a string"),
    CASE("\x80\x02(X\x05\0\0\0otherK\x01K\x01K\x01K\x01tQ.", "BINPERSID"),
    /* lengths */
    CASE("\x80\x02X\xff\xff\xff\xff"
         "abc.",
         "4294967295 bytes"),
    CASE("\x80\x02X\0\0\0\x80"
         "abc.",
         "2147483648 bytes"),
    CASE("\x80\x02\x8a\xff"
         "abc.",
         "255 bytes"),
    CASE("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
         "abc.",
         "18446744073709551615 bytes"),
    CASE("\x80\x04\x96\0\0\0\0\1\0\0\0"
         "abc.",
         "4294967296 bytes"),
    CASE("\x80\x04\x8b\xff\xff\xff\xff"
         "abc.",
         "4294967295 bytes"),
    CASE("\x80\x02U\xff"
         "abc.",
         "255 bytes"),
    CASE("\x80\x02}", "expected"), /* in the stream the next pickle follows */
    CASE("\x80\x02}" GOOD GOOD ".", "got it twice"),
    /* tensors */
    CASE("\x80\x02}" A("\x04", "\0", "\x05", "\x01") ".", "inside a storage of 4"),
    CASE("\x80\x02}" A("\x04", "\x01", "\x04", "\x01") ".", "inside a storage of 4"),
    CASE("\x80\x02}" A("\x04", "\0", "\x03", "\x02") ".", "inside a storage of 4"),
    CASE("\x80\x02}" A("\x04", "\x05", "\0", "\x01") ".", "inside a storage of 4"),
    CASE("\x80\x02}" A("\x05", "\0", "\x05", "\x01") ".", "5 elements"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0K\x02\x85J\xff\xff\xff\xff\x85tRs.", "stride"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0J\xff\xff\xff\xff\x85K\x01\x85tRs.", "size"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "J\xff\xff\xff\xffK\x04\x85K\x01\x85tRs.", "offset -1"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD
         "K\0\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85K\x04\x85tRs.",
         "inside"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD
         "K\0\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85K\0\x85tRs.",
         "inside"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0J\0\0\0\x7f\x85K\0\x85tRs.", "in a file of this size"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD
         "K\0\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x01\x85K\0\x85tRs.",
         "whole numbers"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD
         "K\0J\0\0\0\x7fJ\0\0\0\x7fJ\0\0\0\x7f\x87K\0K\0K\0\x87tRs.",
         "inside"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0K\x04\x85K\x01K\x01\x86tRs.", "equally many"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD
         "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1ttRs.",
         "at most 8"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0K\x04K\x01tRs.", "two tuples"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0N\x85K\x01\x85tRs.", "whole numbers"),
    CASE("\x80\x02}X\x01\0\0\0a" REBUILD "K\0K\x04\x85K\x01\x85\x89N}X\x03\0\0\0neg\x88stRs.",
         "negated"),
    CASE(
        "\x80\x02}" PTH_NAMED("a", PTH_TENSOR("IntStorage", "0", "\x04", "\0", "\x04", "\x01")) ".",
        "got only a (IntStorage)"),
    CASE("\x80\x02}" PTH_NAMED("a", PTH_TENSOR("NoStorage", "0", "\x04", "\0", "\x04", "\x01")) ".",
         "torch.NoStorage"),
};

/* Objects without a storage: in the legacy stream the list of storages would disagree first. */
static const struct {
    const char *pickle;
    size_t size;
    const char *word;
} objects[] = {
    CASE("\x80\x02N.", "got None"),
    CASE("\x80\x02"
         "ctorchvision.models.alexnet\nAlexNet\n)\x81.",
         "torchvision.models.alexnet.AlexNet"),
    CASE("\x80\x02"
         "ccollections\nCounter\n)R.",
         "collections.Counter"),
    CASE("\x80\x02"
         "ctorch\nload\n)R.",
         "torch.load"),
    CASE("\x80\x02"
         "c\x1b[2J\nbell\x07\n)R.",
         "?[2J.bell?"),
    /* a whole model: an object of a class, whose state has parameters */
    CASE("\x80\x02"
         "c__main__\nNet\n)\x81}X\x0b\0\0\0_parameters}sb.",
         "holds a whole pickled model (__main__.Net), not a state_dict"),
    CASE("\x80\x02}X\x05\0\0\0model"
         "c__main__\nNet\n)\x81}X\x08\0\0\0_modules}sbs.",
         "torch.save(torch.load(\"file\", weights_only=False)[\"model\"].state_dict(), "),
    CASE("\x80\x02"
         "c__torch__\nNet\n)\x81}b.",
         "TorchScript model (__torch__.Net)"),
    /* weights that hang on an object of a class that is not known */
    CASE("\x80\x02}X\x05\0\0\0model"
         "cmine\nDict\n)\x81" GOOD "s.",
         "below model, got an object of mine.Dict"),
    CASE("\x80\x02}" PTH_NAMED("a", "ctorch._utils\n_rebuild_qtensor\n)R") ".", "with the keys a"),
    CASE("\x80\x02}(X\x01\0\0\0"
         "A}" GOOD "X\x01\0\0\0"
         "B}" GOOD "u.",
         "several dictionaries that could be the weights: \"A\", \"B\""),
    CASE("\x80\x02}X\x0d\0\0\0"
         "best_accuracy"
         "ctorch._utils\n_rebuild_tensor_v2\n(" PTH_STORAGE("FloatStorage", "0",
                                                            "\x04") "K\0))\x89NtRs.",
         "with the keys best_accuracy"),
    CASE("\x80\x02}.", "got a dictionary"),
    CASE("\x80\x02}X\x05\0\0\0epochK\x03s.", "keys epoch"),
    CASE("\x80\x02}q\0X\x05\0\0\0modelh\0s.", "keys model"), /* a dictionary that holds itself */
    CASE("\x80\x02}X\x05\0\0\0modelK\x01s.", "keys model"),
};

Test(weights_pth_hostile, objects_without_weights_are_named)
{
    for (int i = 0; i < REEL_COUNT(objects); i++) {
        const built zip = build_pth_zip(objects[i].pickle, objects[i].size, four, sizeof four, 0);
        expect_refused(&zip, objects[i].word, objects[i].word);
        free(zip.bytes);
    }
}

Test(weights_pth_hostile, pickles_that_lie_are_refused_one_by_one)
{
    for (int i = 0; i < REEL_COUNT(pickles); i++)
        expect_pickle_refused(pickles[i].pickle, pickles[i].size, pickles[i].word);
}

static const char good[] = PTH_DICT(GOOD);

Test(weights_pth_hostile, the_same_files_without_a_lie_are_accepted_and_cut_anywhere_are_not)
{
    const built files[] = {build_pth_zip(good, sizeof good - 1, four, sizeof four, 0),
                           build_pth_zip(good, sizeof good - 1, four, sizeof four, 1),
                           build_pth_legacy(good, sizeof good - 1, 4, four, sizeof four)};
    for (int i = 0; i < REEL_COUNT(files); i++) {
        reel_error err = {0};
        cr_assert_eq(read_exact(files[i].bytes, files[i].size, &err), REEL_OK, "file %d: %s", i,
                     err.message);
        for (size_t size = 0; size < files[i].size; size++)
            cr_assert_eq(read_exact(files[i].bytes, size, &err), REEL_ERR_FORMAT,
                         "file %d cut at byte %zu was accepted", i, size);
        free(files[i].bytes);
    }
}

/* Accepted or refused, but never a crash; what the sanitizers see is theirs. */
Test(weights_pth_hostile, a_flipped_bit_anywhere_does_no_harm)
{
    const built files[] = {build_pth_zip(good, sizeof good - 1, four, sizeof four, 0),
                           build_pth_zip(good, sizeof good - 1, four, sizeof four, 1),
                           build_pth_legacy(good, sizeof good - 1, 4, four, sizeof four)};
    for (int i = 0; i < REEL_COUNT(files); i++) {
        int refused = 0;
        for (size_t bit = 0; bit < files[i].size * 8; bit++) {
            files[i].bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            refused += read_exact(files[i].bytes, files[i].size, NULL) != REEL_OK;
            files[i].bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        cr_expect(refused > (int)files[i].size * 3,
                  "file %d: only %d of %zu flipped bits were noticed", i, refused,
                  files[i].size * 8);
        free(files[i].bytes);
    }
}

static void expect_members_refused(const built_member *members, int n, const char *word)
{
    const built b = build_zip(members, n, 0, 1);
    expect_refused(&b, word, word);
    free(b.bytes);
}

Test(weights_pth_hostile, archives_without_what_they_need_are_refused)
{
    const built_member pickle = {"a/data.pkl", good, sizeof good - 1},
                       storage = {"a/data/0", four, sizeof four};
    expect_members_refused((const built_member[]){pickle}, 1,
                           "storage 0: expected its bytes in the file, got none");
    expect_members_refused((const built_member[]){pickle, {"b/data/0", four, sizeof four}}, 2,
                           "got none");
    expect_members_refused((const built_member[]){pickle, {"a/data/0", four, 12}}, 2,
                           "expected 16 bytes for 4 elements, got 12");
    expect_members_refused((const built_member[]){pickle, storage, {"a/byteorder", "big", 3}}, 3,
                           "byteorder");
    expect_members_refused(
        (const built_member[]){pickle, storage, {"a/byteorder", "little, or so it seems", 22}}, 3,
        "byteorder");
    expect_members_refused((const built_member[]){pickle, storage, storage}, 3,
                           "data/0: expected each name once");
    expect_members_refused((const built_member[]){pickle, storage, {"b/data.pkl", "", 0}}, 3,
                           "one member data.pkl");
    expect_members_refused((const built_member[]){storage}, 1, "no data.pkl");
    expect_members_refused((const built_member[]){{"weight.npy", four, 16}}, 1, ".npz");
    expect_members_refused(NULL, 0, "something else"); /* begins with its end record */
}

/* Writes bytes over a good zip at `at` and expects a refusal. */
static void expect_patch_refused(size_t at, const void *bytes, size_t n, const char *label,
                                 const char *word)
{
    built b = build_pth_zip(good, sizeof good - 1, four, sizeof four, 0);
    memcpy(b.bytes + at, bytes, n);
    expect_refused(&b, label, word);
    free(b.bytes);
}

Test(weights_pth_hostile, zip64_records_that_lie_are_refused)
{
    built b = build_pth_zip(good, sizeof good - 1, four, sizeof four, 0);
    const size_t end = b.size - 22, locator = end - 20, record = locator - 56;
    uint64_t directory;
    memcpy(&directory, b.bytes + record + 48, 8);
    free(b.bytes);
    static const uint64_t wild[] = {
        0,         1, 5, 0xffff, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
        UINT64_MAX};
    for (int i = 0; i < REEL_COUNT(wild); i++) {
        expect_patch_refused(locator + 8, &wild[i], 8, "position of the record", "zip64");
        expect_patch_refused(record + 4, &wild[i], 8, "size of the record",
                             "zip64 end record: its size");
        expect_patch_refused(record + 24, &wild[i], 8, "entries of this volume", "entries");
        expect_patch_refused(record + 32, &wild[i], 8, "entries", "entries");
        expect_patch_refused(record + 40, &wild[i], 8, "size of the directory",
                             "size of the directory");
        expect_patch_refused(record + 48, &wild[i], 8, "position of the directory",
                             "position of the directory");
        uint64_t twice[2] = {wild[i],
                             wild[i]}; /* both faces agree, through the end record's "look there" */
        b = build_pth_zip(good, sizeof good - 1, four, sizeof four, 0);
        memset(b.bytes + end + 8, 0xff, 12);
        memcpy(b.bytes + record + 24, twice, 16);
        expect_refused(&b, "entries, both", "zip");
        memcpy(b.bytes + record + 40, twice, 16);
        expect_refused(&b, "directory, both", "zip");
        free(b.bytes);
    }
    static const char all_ones[] = "\xff\xff\xff\xff";
    for (int field = 16; field <= 42;
         field += field == 16   ? 4
                  : field == 20 ? 4
                                : 18) { /* crc, sizes, place, of the first entry */
        if (field == 16)
            continue;
        expect_patch_refused((size_t)directory + (size_t)field, all_ones, 4,
                             "zip64 field that is not there", "zip64 field");
    }
    expect_patch_refused((size_t)directory + 10, "\x63", 1, "method 99", "method");
    expect_patch_refused((size_t)directory + 8, "\x01", 1, "encrypted", "encrypted");
    expect_patch_refused((size_t)directory + 24, "\xff\xff\xff\x7f", 4, "size",
                         "two different ones");
    expect_patch_refused((size_t)directory + 42, "\xf0\xff\xff\x7f", 4, "place",
                         "before the directory");
    expect_patch_refused((size_t)directory + 16, "\x01", 1, "CRC", "CRC-32");
}

/* ---- what refusing costs ---- */
/* A pickle of 11 MB: `unit` over and over. One container is enough, both hand it to the same
 * machine. */
static void expect_flood_cheap(const char *head, size_t head_size, const char *unit,
                               size_t unit_size, const char *word)
{
    const size_t times = 11000000 / unit_size, size = head_size + times * unit_size;
    char *pickle = malloc(size);
    memcpy(pickle, head, head_size);
    for (size_t i = 0; i < times; i++)
        memcpy(pickle + head_size + i * unit_size, unit, unit_size);
    const built file = build_pth_legacy(pickle, size, 4, four, sizeof four);
    free(pickle);
    expect_cheap(file.bytes, file.size, word, word);
}
#define FLOOD_TEST(name, head, unit, word)                                                         \
    Test(weights_pth_hostile, name)                                                                \
    {                                                                                              \
        expect_flood_cheap(head, sizeof head - 1, unit, sizeof unit - 1, word);                    \
    }
FLOOD_TEST(a_flood_of_marks_is_cheap, "\x80\x02", "(", "nested too deep")
FLOOD_TEST(a_flood_of_values_is_cheap, "\x80\x02", "]", "on the stack")
FLOOD_TEST(a_tower_of_tuples_is_cheap, "\x80\x02N", "\x85", "values")
FLOOD_TEST(a_flood_of_items_is_cheap, "\x80\x02]q\0", "h\0a", "items in containers")
FLOOD_TEST(a_flood_of_memo_entries_is_cheap, "\x80\x02N", "r\xff\xff\x03\0", "STOP")
FLOOD_TEST(a_flood_of_calls_is_cheap,
           "\x80\x02"
           "ccollections\nOrderedDict\nq\0)q\1]",
           "h\0h\1Ra", "values")

Test(weights_pth_hostile, a_deflated_bomb_is_cheap)
{
    const size_t size = (size_t)64 << 20;
    char *zeros = calloc(1, size);
    static const char object[] =
        "\x80\x02}X\x01\0\0\0a"
        "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
        "X\x01\0\0\0"
        "0X\x03\0\0\0cpuJ\0\0\0\x01tQK\0J\0\0\0\x01\x85K\x01\x85\x89NtRs.";
    const built pickle = build_pth_zip(zeros, size, four, sizeof four, 1);
    const built storage = build_pth_zip(object, sizeof object - 1, zeros, size, 1);
    free(zeros);
    expect_cheap(pickle.bytes, pickle.size, "a pickle of zeros", "at most");
    expect_cheap(storage.bytes, storage.size, "a storage of zeros", "in a file of this size");
}

Test(weights_pth_hostile, a_flood_of_members_is_cheap)
{
    built b = {0};
    built_put(&b, "PK\3\4", 4);
    for (int i = 0; i < 89000; i++) {
        built_put(&b, "PK\1\2", 4);
        built_number(&b, 0, 24);
        built_number(&b, 1, 2); /* a name of one letter, always the same */
        built_number(&b, 0, 16);
        built_put(&b, "x", 1);
    }
    const size_t directory = b.size - 4;
    built_put(&b, "PK\5\6\0\0\0\0\xff\xff\xff\xff", 12);
    built_number(&b, directory, 4);
    built_number(&b, 4, 4);
    built_number(&b, 0, 2);
    expect_cheap(b.bytes, b.size, "members", "zip archive");
}
