/* A reader of Python pickles that executes nothing. Private to the readers of weight files.
 *
 * A pickle is a program for a stack machine, and Python's own machine calls whatever function the
 * file names. This one has nothing to call. It knows the names that torch.save writes for tensors
 * and builds plain values out of them; what any other name would make is an opaque value, which
 * holds nothing. Names that exist to run code (os.system, builtins.eval) are refused, because a
 * file with such a name is an attack. Opcodes: CPython's Lib/pickletools.py; what tensors look
 * like: torch/_utils.py.
 *
 * Values live in one array and refer to each other by index. No recursion, no ownership: a cycle or
 * a tower of a million tuples is as harmless as a flat list. Numbers of values, cells, marks and
 * memo entries are bounded, and with them memory. */
#ifndef REEL_CORE_PICKLE_H
#define REEL_CORE_PICKLE_H

#include "core/base.h"

typedef enum {
    REEL_PICKLE_NONE,
    REEL_PICKLE_BOOL,  /* integer: 0 or 1 */
    REEL_PICKLE_INT,   /* integer */
    REEL_PICKLE_WIDE,  /* a whole number beyond int64; text, little-endian two's complement */
    REEL_PICKLE_FLOAT, /* real */
    REEL_PICKLE_TEXT,  /* text, count bytes, not terminated, inside the pickle's bytes; Python's
                        * bytes  and bytearray too */
    REEL_PICKLE_TUPLE, /* first, count: cells */
    REEL_PICKLE_LIST,
    REEL_PICKLE_DICT, /* cells: key, value, key, value, ... */
    REEL_PICKLE_SET,
    REEL_PICKLE_GLOBAL, /* global: an entry of the list of known names; REEL_GLOBAL_OTHER: first and
                           last are the values of its module and its name */
    REEL_PICKLE_STORAGE, /* first: the cells of its persistent id ('storage', type, key, location,
                            numel, ...) */
    REEL_PICKLE_TENSOR,  /* first, count: the arguments (storage, offset, size, stride, ...) */
    REEL_PICKLE_OPAQUE   /* what a name that is not known would have made. first: the value of the
                            name, or of another opaque value; last: 1 + the value of its state, or 0
                          */
} reel_pickle_kind;

typedef enum {
    REEL_GLOBAL_ORDERED_DICT,
    REEL_GLOBAL_DEFAULT_DICT,
    REEL_GLOBAL_SIZE,
    REEL_GLOBAL_TENSOR_V2,
    REEL_GLOBAL_TENSOR,
    REEL_GLOBAL_PARAMETER,
    REEL_GLOBAL_PARAMETER_STATE, /* a parameter with attributes */
    REEL_GLOBAL_TYPED_TENSOR,    /* a tensor with attributes, or of a subclass */
    REEL_GLOBAL_TENSOR_CLASS,
    REEL_GLOBAL_PARAMETER_CLASS,
    REEL_GLOBAL_OTHER,
    REEL_GLOBAL_STORAGE /* this and all after it are torch's storage types: reel_pickle_storage_type
                         */
} reel_pickle_global;

typedef struct reel_pickle_value {
    uint8_t kind, global;
    uint32_t count, first, last; /* cells */
    union {
        int64_t integer;
        double real;
        const char *text;
    };
} reel_pickle_value;

typedef struct reel_pickle_cell {
    uint32_t value, next; /* next is 0 at the end: cell 0 is nobody's */
} reel_pickle_cell;

typedef struct reel_pickle {
    reel_pickle_value *values;
    reel_pickle_cell *cells;
    uint32_t n_values, n_cells, root;
    size_t used; /* bytes up to and with STOP */
} reel_pickle;

/* A torch storage type: name "FloatStorage", bytes of an element (0: not fixed), and the dtype as
 * reel_stored_dtype or -1. */
typedef struct reel_pickle_storage_type {
    const char *name;
    int bytes, dtype;
} reel_pickle_storage_type;
const reel_pickle_storage_type *
reel_pickle_storage_of(const reel_pickle_value *global); /* NULL: not a storage type */

/* Reads one pickle from the front of bytes, which must outlive the values. path and part
 * ("data.pkl") are for messages. REEL_ERR_FORMAT names the place and what was met; the pickle is
 * then empty. */
reel_status reel_pickle_read(reel_pickle *pickle, const void *bytes, size_t size, const char *path,
                             const char *part, reel_error *err);
void reel_pickle_free(reel_pickle *pickle);

/* The k-th cell's value of a container, or NULL where there are not that many or it is none. For
 * short ones: it walks. */
const reel_pickle_value *reel_pickle_item(const reel_pickle *pickle, const reel_pickle_value *of,
                                          uint32_t k);
bool reel_pickle_text_is(const reel_pickle_value *value, const char *text);
/* The value of a text key of a dictionary, or NULL; of several the last, as in Python. */
const reel_pickle_value *reel_pickle_get(const reel_pickle *pickle, const reel_pickle_value *dict,
                                         const char *key);
const char *reel_pickle_kind_name(
    const reel_pickle_value *value); /* "a tuple", as Python's user would call it */
/* "collections.Counter": the name of a global, or of what made an opaque value. Control characters
 * are kept, the length is cut to size. Returns text. */
const char *reel_pickle_name(const reel_pickle *pickle, const reel_pickle_value *value, char *text,
                             size_t size);

#endif
