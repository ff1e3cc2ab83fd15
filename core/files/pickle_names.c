/* What a pickle may hold, by name: the accepted globals, torch's storage types, and the names of
 * all opcodes for refusals. */
#include <stdio.h>
#include <string.h>

#include "core/files/pickle_internal.h"
#include "core/files/weights.h"

static const struct {
    const char *module, *name;
} globals[] = {
    [REEL_GLOBAL_ORDERED_DICT] = {"collections", "OrderedDict"},
    [REEL_GLOBAL_NAMESPACE] = {"argparse", "Namespace"},
    [REEL_GLOBAL_SIZE] = {"torch", "Size"},
    [REEL_GLOBAL_TENSOR_V2] = {"torch._utils", "_rebuild_tensor_v2"},
    [REEL_GLOBAL_TENSOR] = {"torch._utils", "_rebuild_tensor"},
    [REEL_GLOBAL_PARAMETER] = {"torch._utils", "_rebuild_parameter"},
};

static const reel_pickle_storage_type storages[] = {
    {"FloatStorage", 4, REEL_STORED_F32},
    {"DoubleStorage", 8, REEL_STORED_F64},
    {"HalfStorage", 2, REEL_STORED_F16},
    {"BFloat16Storage", 2, REEL_STORED_BF16},
    {"LongStorage", 8, REEL_STORED_I64},
    {"IntStorage", 4, -1},
    {"ShortStorage", 2, -1},
    {"CharStorage", 1, -1},
    {"ByteStorage", 1, -1},
    {"BoolStorage", 1, -1},
    {"ComplexFloatStorage", 8, -1},
    {"ComplexDoubleStorage", 16, -1},
    {"QInt8Storage", 1, -1},
    {"QUInt8Storage", 1, -1},
    {"QInt32Storage", 4, -1},
    {"QUInt4x2Storage", 1, -1},
    {"QUInt2x4Storage", 1, -1},
    {"UntypedStorage", 1, -1},
};

static bool is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

int reel_pickle_global_find(const char *module, size_t module_length, const char *name,
                            size_t name_length)
{
    for (int i = 0; i < REEL_COUNT(globals); i++)
        if (is(module, module_length, globals[i].module) && is(name, name_length, globals[i].name))
            return i;
    for (int i = 0; i < REEL_COUNT(storages) && is(module, module_length, "torch"); i++)
        if (is(name, name_length, storages[i].name))
            return REEL_GLOBAL_STORAGE + i;
    return -1;
}

const reel_pickle_storage_type *reel_pickle_storage_of(const reel_pickle_value *value)
{
    return value && value->kind == REEL_PICKLE_GLOBAL && value->global >= REEL_GLOBAL_STORAGE
               ? &storages[value->global - REEL_GLOBAL_STORAGE]
               : NULL;
}

const char *reel_pickle_kind_name(const reel_pickle_value *value)
{
    static const char *const names[] = {
        [REEL_PICKLE_NONE] = "None",          [REEL_PICKLE_BOOL] = "a bool",
        [REEL_PICKLE_INT] = "a whole number", [REEL_PICKLE_WIDE] = "a number beyond 64 bits",
        [REEL_PICKLE_FLOAT] = "a float",      [REEL_PICKLE_TEXT] = "a string",
        [REEL_PICKLE_TUPLE] = "a tuple",      [REEL_PICKLE_LIST] = "a list",
        [REEL_PICKLE_DICT] = "a dictionary",  [REEL_PICKLE_SET] = "a set",
        [REEL_PICKLE_GLOBAL] = "a type",      [REEL_PICKLE_STORAGE] = "a storage",
        [REEL_PICKLE_TENSOR] = "a tensor",    [REEL_PICKLE_OPAQUE] = "an object",
    };
    return value ? names[value->kind] : "nothing";
}

const char *reel_pickle_opcode_name(unsigned char code, char text[8])
{
    static const struct {
        unsigned char code;
        const char *name;
    } names[] = {
        {'0', "POP"},
        {'1', "POP_MARK"},
        {'2', "DUP"},
        {'F', "FLOAT"},
        {'I', "INT"},
        {'L', "LONG"},
        {'P', "PERSID"},
        {'S', "STRING"},
        {'T', "BINSTRING"},
        {'V', "UNICODE"},
        {'d', "DICT"},
        {'g', "GET"},
        {'i', "INST"},
        {'l', "LIST"},
        {'o', "OBJ"},
        {'p', "PUT"},
        {'B', "BINBYTES"},
        {'C', "SHORT_BINBYTES"},
        {0x82, "EXT1"},
        {0x83, "EXT2"},
        {0x84, "EXT4"},
        {0x8b, "LONG4"},
        {0x8c, "SHORT_BINUNICODE"},
        {0x8d, "BINUNICODE8"},
        {0x8e, "BINBYTES8"},
        {0x90, "ADDITEMS"},
        {0x91, "FROZENSET"},
        {0x92, "NEWOBJ_EX"},
        {0x93, "STACK_GLOBAL"},
        {0x94, "MEMOIZE"},
        {0x95, "FRAME"},
        {0x96, "BYTEARRAY8"},
        {0x97, "NEXT_BUFFER"},
        {0x98, "READONLY_BUFFER"},
    };

    for (int i = 0; i < REEL_COUNT(names); i++)
        if (names[i].code == code)
            return names[i].name;
    snprintf(text, 8, "0x%02x", code);
    return text;
}
