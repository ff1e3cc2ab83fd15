/* What the parts of the pickle reader share: the machine, and the names it knows. Private. */
#ifndef REEL_CORE_PICKLE_INTERNAL_H
#define REEL_CORE_PICKLE_INTERNAL_H

#include "core/files/pickle.h"

/* ---- the machine (pickle_machine.c) ---- */
/* Some 10,000 tensors: 25 values each, the stack never deeper than a batch of 1000 items and some
 * nesting. */
enum { MOST_VALUES = 1 << 18, MOST_CELLS = 1 << 20, MOST_STACK = 1 << 16, MOST_MARKS = 1000 };

typedef struct reel_pickle_machine {
    reel_pickle *p;
    const unsigned char *bytes, *at, *end;
    const char *path, *part;
    reel_error *err;
    uint32_t *stack, *memo;
    uint32_t depth, memo_size, mark[MOST_MARKS], marks, value_room, cell_room, stack_room;
} reel_pickle_machine;

/* Fails with REEL_ERR_FORMAT, the file, the part and the byte. */
reel_status reel_pickle_refuse(reel_pickle_machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__ /* see core/base.h */
#define reel_pickle_refuse(...) reel_failed(reel_pickle_refuse(__VA_ARGS__))
#endif

/* The stack. Values above the last mark are available; an instruction cannot reach below. */
reel_status reel_pickle_push(reel_pickle_machine *m, uint32_t value);
reel_status reel_pickle_push_new(reel_pickle_machine *m, reel_pickle_value value);
reel_status reel_pickle_push_integer(reel_pickle_machine *m, reel_pickle_kind kind,
                                     int64_t integer);
reel_status reel_pickle_need(reel_pickle_machine *m, uint32_t values, const char *opcode);
reel_pickle_value *reel_pickle_top(const reel_pickle_machine *m, uint32_t below);
reel_status reel_pickle_pop_mark(reel_pickle_machine *m, const char *opcode, uint32_t *above);

/* Appends a value, or the topmost n, which are taken off, to a container. */
reel_status reel_pickle_append(reel_pickle_machine *m, reel_pickle_value *to, uint32_t value);
reel_status reel_pickle_append_top(reel_pickle_machine *m, reel_pickle_value *to, uint32_t n);

/* The next bytes of the input, or a little-endian number of 1 to 4 bytes. */
reel_status reel_pickle_take(reel_pickle_machine *m, size_t bytes, const unsigned char **at);
reel_status reel_pickle_take_number(reel_pickle_machine *m, size_t bytes, uint32_t *value);

/* ---- names (pickle_names.c) ---- */
/* Index of an accepted global (reel_pickle_global), or -1. */
int reel_pickle_global_find(const char *module, size_t module_length, const char *name,
                            size_t name_length);
/* Of an opcode that is not read here; its number in text where Python knows none either. */
const char *reel_pickle_opcode_name(unsigned char code, char text[8]);

#endif
