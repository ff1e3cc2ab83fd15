/* What a pickle may hold, by name: the globals that tensors need, torch's storage types, the names
 * that are refused, and the names of all opcodes for refusals. */
#include <stdio.h>
#include <string.h>

#include "core/files/pickle_internal.h"
#include "core/files/weights.h"

static const struct {
    const char *module, *name;
} globals[] = {
    [REEL_GLOBAL_ORDERED_DICT] = {"collections", "OrderedDict"},
    [REEL_GLOBAL_DEFAULT_DICT] = {"collections", "defaultdict"},
    [REEL_GLOBAL_SIZE] = {"torch", "Size"},
    [REEL_GLOBAL_TENSOR_V2] = {"torch._utils", "_rebuild_tensor_v2"},
    [REEL_GLOBAL_TENSOR] = {"torch._utils", "_rebuild_tensor"},
    [REEL_GLOBAL_PARAMETER] = {"torch._utils", "_rebuild_parameter"},
    [REEL_GLOBAL_PARAMETER_STATE] = {"torch._utils", "_rebuild_parameter_with_state"},
    [REEL_GLOBAL_TYPED_TENSOR] = {"torch._tensor", "_rebuild_from_type_v2"},
    [REEL_GLOBAL_TENSOR_CLASS] = {"torch", "Tensor"},
    [REEL_GLOBAL_PARAMETER_CLASS] = {"torch.nn.parameter", "Parameter"},
};

/* Modules and builtins whose purpose is to run code or to reach it. */
static const char *const code_modules[] = {
    "os",    "posix",  "nt",        "subprocess", "_posixsubprocess", "sys",
    "runpy", "ctypes", "importlib", "pty",        "commands",         "popen2",
};
static const char *const code_builtins[] = {
    "eval",    "exec",    "execfile", "compile",    "__import__", "getattr",
    "setattr", "delattr", "open",     "breakpoint", "input",      "apply",
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
    const bool torch =
        is(module, module_length, "torch") || is(module, module_length, "torch.storage");
    for (int i = 0; i < REEL_COUNT(storages) && torch; i++)
        if (is(name, name_length, storages[i].name))
            return REEL_GLOBAL_STORAGE + i;
    return REEL_GLOBAL_OTHER;
}

static bool listed(const char *text, size_t length, const char *const *list, int n)
{
    for (int i = 0; i < n; i++)
        if (is(text, length, list[i]))
            return true;
    return false;
}

bool reel_pickle_global_runs_code(const char *module, size_t module_length, const char *name,
                                  size_t name_length)
{
    const char *dot = memchr(module, '.', module_length);
    const size_t top = dot ? (size_t)(dot - module) : module_length;
    const bool builtins =
        is(module, module_length, "builtins") || is(module, module_length, "__builtin__");
    if (listed(module, top, code_modules, REEL_COUNT(code_modules)))
        return true;

    /* A name may have dots, and lead through one module to another: torch, "os.system". */
    for (size_t begin = 0; begin <= name_length;) {
        dot = memchr(name + begin, '.', name_length - begin);
        const size_t end = dot ? (size_t)(dot - name) : name_length;
        const char *part = name + begin;
        if (listed(part, end - begin, code_builtins, REEL_COUNT(code_builtins)) &&
            (builtins || begin > 0))
            return true;
        if (dot && listed(part, end - begin, code_modules, REEL_COUNT(code_modules)))
            return true;
        begin = end + 1;
    }
    return false;
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
        {'0', "POP"},     {'1', "POP_MARK"},     {'2', "DUP"},
        {'F', "FLOAT"},   {'I', "INT"},          {'L', "LONG"},
        {'P', "PERSID"},  {'S', "STRING"},       {'T', "BINSTRING"},
        {'V', "UNICODE"}, {'d', "DICT"},         {'g', "GET"},
        {'i', "INST"},    {'l', "LIST"},         {'o', "OBJ"},
        {'p', "PUT"},     {0x82, "EXT1"},        {0x83, "EXT2"},
        {0x84, "EXT4"},   {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
    };

    for (int i = 0; i < REEL_COUNT(names); i++)
        if (names[i].code == code)
            return names[i].name;
    snprintf(text, 8, "0x%02x", code);
    return text;
}
