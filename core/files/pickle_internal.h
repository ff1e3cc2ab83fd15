/* What the parts of the pickle reader share: the machine, and the names it knows. Private. */
#ifndef REEL_CORE_PICKLE_INTERNAL_H
#define REEL_CORE_PICKLE_INTERNAL_H

#include "core/files/pickle.h"

/* ---- the machine (pickle_machine.c) ---- */
/* Some 10,000 tensors with 25 values each, and a training log of as many numbers again; the stack
 * is never deeper than a batch of 1000 items and some nesting. */
enum { MOST_VALUES = 1 << 19, MOST_CELLS = 1 << 20, MOST_STACK = 1 << 16, MOST_MARKS = 1000 };

typedef struct reel_pickle_machine {
    reel_pickle *p;
    const unsigned char *bytes, *at, *end;
    const char *path, *part;
    reel_error *err;
    uint32_t *stack, *memo;
    uint32_t depth, memo_size, memo_count, mark[MOST_MARKS], marks, value_room, cell_room,
        stack_room;
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
/* Stores a value without pushing it. */
reel_status reel_pickle_keep(reel_pickle_machine *m, reel_pickle_value value, uint32_t *index);
reel_status reel_pickle_push_integer(reel_pickle_machine *m, reel_pickle_kind kind,
                                     int64_t integer);
reel_status reel_pickle_need(reel_pickle_machine *m, uint32_t values, const char *opcode);
reel_pickle_value *reel_pickle_top(const reel_pickle_machine *m, uint32_t below);
reel_status reel_pickle_pop_mark(reel_pickle_machine *m, const char *opcode, uint32_t *above);

/* Appends a value, or the topmost n, which are taken off, to a container. */
reel_status reel_pickle_append(reel_pickle_machine *m, reel_pickle_value *to, uint32_t value);
reel_status reel_pickle_append_top(reel_pickle_machine *m, reel_pickle_value *to, uint32_t n);

/* The next bytes of the input, or a little-endian number of 1 to 4 (a length: to 8) bytes. */
reel_status reel_pickle_take(reel_pickle_machine *m, size_t bytes, const unsigned char **at);
reel_status reel_pickle_take_number(reel_pickle_machine *m, size_t bytes, uint32_t *value);
reel_status reel_pickle_take_length(reel_pickle_machine *m, size_t bytes, uint64_t *value);

/* ---- names and what they would make (pickle_call.c) ---- */
reel_status reel_pickle_take_global(reel_pickle_machine *m);  /* GLOBAL: two lines of the input */
reel_status reel_pickle_stack_global(reel_pickle_machine *m); /* STACK_GLOBAL: two texts */
/* REDUCE and NEWOBJ: what the callable would return stands in place of callable and arguments. */
reel_status reel_pickle_call(reel_pickle_machine *m, const char *opcode);
reel_status reel_pickle_call_extended(reel_pickle_machine *m); /* NEWOBJ_EX */
reel_status reel_pickle_build(reel_pickle_machine *m);
reel_status reel_pickle_persistent_id(reel_pickle_machine *m);

/* ---- names (pickle_names.c) ---- */
/* Index of a known global (reel_pickle_global); REEL_GLOBAL_OTHER for all others. */
int reel_pickle_global_find(const char *module, size_t module_length, const char *name,
                            size_t name_length);
/* Whether the name exists to run code: os.system, builtins.eval, torch's os.system. */
bool reel_pickle_global_runs_code(const char *module, size_t module_length, const char *name,
                                  size_t name_length);
/* Of an opcode that is not read here; its number in text where Python knows none either. */
const char *reel_pickle_opcode_name(unsigned char code, char text[8]);

#endif
