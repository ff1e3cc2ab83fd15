/* The stack machine. Each instruction either builds a value or refuses; see core/files/pickle.h for
 * why this is safe. */
#include "core/files/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/pickle_internal.h"
#include "core/files/weights_internal.h"

static reel_status make_sequence(reel_pickle_machine *m, reel_pickle_kind kind, uint32_t n)
{
    reel_pickle_value value = {.kind = (uint8_t)kind};
    REEL_TRY(reel_pickle_append_top(m, &value, n));
    return reel_pickle_push_new(m, value);
}

static reel_status make_tuple(reel_pickle_machine *m, uint32_t n)
{
    return make_sequence(m, REEL_PICKLE_TUPLE, n);
}

static reel_status take_text(reel_pickle_machine *m, size_t length_bytes)
{
    uint64_t length = 0;
    const unsigned char *at = NULL;
    REEL_TRY(reel_pickle_take_length(m, length_bytes, &length));
    REEL_TRY(reel_pickle_take(m, length, &at));
    return reel_pickle_push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_TEXT,
                                                       .count = (uint32_t)length,
                                                       .text = (const char *)at});
}

static reel_status take_long(reel_pickle_machine *m, size_t length_bytes)
{
    uint32_t length = 0;
    const unsigned char *at = NULL;
    REEL_TRY(reel_pickle_take_number(m, length_bytes, &length));
    REEL_TRY(reel_pickle_take(m, length, &at));
    REEL_ASSERT(at);
    if (length > 8)
        return reel_pickle_push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_WIDE,
                                                           .count = length,
                                                           .text = (const char *)at});
    uint64_t bits = length && at[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint32_t i = length; i-- > 0;)
        bits = bits << 8 | at[i];
    return reel_pickle_push_integer(m, REEL_PICKLE_INT, (int64_t)bits);
}

static reel_status take_float(reel_pickle_machine *m)
{
    const unsigned char *at = NULL;
    REEL_TRY(reel_pickle_take(m, 8, &at));
    REEL_ASSERT(at);
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | at[i];
    reel_pickle_value value = {.kind = REEL_PICKLE_FLOAT};
    memcpy(&value.real, &bits, 8);
    return reel_pickle_push_new(m, value);
}

static reel_status memo_put(reel_pickle_machine *m, uint32_t index)
{
    REEL_TRY(reel_pickle_need(m, 1, "BINPUT"));
    if (index >= MOST_VALUES)
        return reel_pickle_refuse(m, "memo: expected an index below %d, got %u", MOST_VALUES,
                                  index);

    /* Places that were never put hold UINT32_MAX. */
    if (index >= m->memo_size) {
        uint32_t wanted = m->memo_size ? m->memo_size : 64;
        while (wanted <= index)
            wanted *= 2;
        uint32_t *larger = realloc(m->memo, wanted * sizeof *larger);
        if (!larger)
            return reel_fail(m->err, REEL_ERR_MEMORY, "%s: out of memory", m->path);
        memset(larger + m->memo_size, 0xff, (wanted - m->memo_size) * sizeof *larger);
        m->memo = larger;
        m->memo_size = wanted;
    }

    m->memo_count += m->memo[index] == UINT32_MAX;
    m->memo[index] = m->stack[m->depth - 1];
    return REEL_OK;
}

static reel_status memo_put_at(reel_pickle_machine *m, size_t bytes)
{
    uint32_t index = 0;
    REEL_TRY(reel_pickle_take_number(m, bytes, &index));
    return memo_put(m, index);
}

static reel_status memo_get(reel_pickle_machine *m, size_t bytes)
{
    uint32_t index = 0;
    REEL_TRY(reel_pickle_take_number(m, bytes, &index));
    if (index >= m->memo_size || m->memo[index] == UINT32_MAX)
        return reel_pickle_refuse(m, "memo: expected an index that was put before, got %u", index);
    return reel_pickle_push(m, m->memo[index]);
}

/* n values above the container go into it. */
static reel_status pickle_fill(reel_pickle_machine *m, const char *opcode, reel_pickle_kind kind,
                               uint32_t n)
{
    REEL_TRY(reel_pickle_need(m, n + 1, opcode));
    reel_pickle_value *to = reel_pickle_top(m, n);
    if (to->kind == REEL_PICKLE_OPAQUE) { /* a subclass of list, dict or set: holds nothing here */
        m->depth -= n;
        return REEL_OK;
    }
    if (to->kind != kind)
        return reel_pickle_refuse(
            m, "%s: expected %s to add to, got %s", opcode,
            reel_pickle_kind_name(&(reel_pickle_value){.kind = (uint8_t)kind}),
            reel_pickle_kind_name(to));
    if (kind == REEL_PICKLE_DICT && n % 2)
        return reel_pickle_refuse(m, "%s: expected pairs, got %u values", opcode, n);
    return reel_pickle_append_top(m, to, n);
}

static reel_status set_mark(reel_pickle_machine *m)
{
    if (m->marks == MOST_MARKS)
        return reel_pickle_refuse(
            m, "MARK: expected at most %d open, got more: it is nested too deep", MOST_MARKS);
    m->mark[m->marks++] = m->depth;
    return REEL_OK;
}

/* Instructions that push a number, a text or an empty container. *known: whether code is one. */
static reel_status step_literal(reel_pickle_machine *m, unsigned char code, bool *known)
{
    uint32_t n = 0;
    *known = true;
    switch (code) {
    case 'N':
        return reel_pickle_push_integer(m, REEL_PICKLE_NONE, 0);
    case 0x88: /* NEWTRUE */
        return reel_pickle_push_integer(m, REEL_PICKLE_BOOL, 1);
    case 0x89: /* NEWFALSE */
        return reel_pickle_push_integer(m, REEL_PICKLE_BOOL, 0);
    case 'J': /* BININT */
        REEL_TRY(reel_pickle_take_number(m, 4, &n));
        return reel_pickle_push_integer(m, REEL_PICKLE_INT, (int32_t)n);
    case 'K': /* BININT1 */
        REEL_TRY(reel_pickle_take_number(m, 1, &n));
        return reel_pickle_push_integer(m, REEL_PICKLE_INT, n);
    case 'M': /* BININT2 */
        REEL_TRY(reel_pickle_take_number(m, 2, &n));
        return reel_pickle_push_integer(m, REEL_PICKLE_INT, n);
    case 0x8a: /* LONG1 */
        return take_long(m, 1);
    case 0x8b: /* LONG4 */
        return take_long(m, 4);
    case 'G': /* BINFLOAT */
        return take_float(m);
    case 'U':  /* SHORT_BINSTRING */
    case 'C':  /* SHORT_BINBYTES */
    case 0x8c: /* SHORT_BINUNICODE */
        return take_text(m, 1);
    case 'X': /* BINUNICODE */
    case 'B': /* BINBYTES */
        return take_text(m, 4);
    case 0x8d: /* BINUNICODE8 */
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        return take_text(m, 8);
    case ')':
        return make_tuple(m, 0);
    case ']':
        return reel_pickle_push_integer(m, REEL_PICKLE_LIST, 0);
    case '}':
        return reel_pickle_push_integer(m, REEL_PICKLE_DICT, 0);
    case 0x8f: /* EMPTY_SET */
        return reel_pickle_push_integer(m, REEL_PICKLE_SET, 0);
    default:
        *known = false;
        return REEL_OK;
    }
}

/* Instructions that collect values from the stack into a container. */
static reel_status step_container(reel_pickle_machine *m, unsigned char code, bool *known)
{
    uint32_t n = 0;
    *known = true;
    switch (code) {
    case 0x85: /* TUPLE1 */
    case 0x86:
    case 0x87:
        REEL_TRY(reel_pickle_need(m, code - 0x84u, "TUPLE"));
        return make_tuple(m, code - 0x84u);
    case 't':
        REEL_TRY(reel_pickle_pop_mark(m, "TUPLE", &n));
        return make_tuple(m, n);
    case 'a':
        return pickle_fill(m, "APPEND", REEL_PICKLE_LIST, 1);
    case 'e':
        REEL_TRY(reel_pickle_pop_mark(m, "APPENDS", &n));
        return pickle_fill(m, "APPENDS", REEL_PICKLE_LIST, n);
    case 's':
        return pickle_fill(m, "SETITEM", REEL_PICKLE_DICT, 2);
    case 'u':
        REEL_TRY(reel_pickle_pop_mark(m, "SETITEMS", &n));
        return pickle_fill(m, "SETITEMS", REEL_PICKLE_DICT, n);
    case 0x90:
        REEL_TRY(reel_pickle_pop_mark(m, "ADDITEMS", &n));
        return pickle_fill(m, "ADDITEMS", REEL_PICKLE_SET, n);
    case 0x91:
        REEL_TRY(reel_pickle_pop_mark(m, "FROZENSET", &n));
        return make_sequence(m, REEL_PICKLE_SET, n);
    default:
        *known = false;
        return REEL_OK;
    }
}

/* Instructions about names, objects and storages. */
static reel_status step_object(reel_pickle_machine *m, unsigned char code, bool *known)
{
    *known = true;
    switch (code) {
    case 'c':
        return reel_pickle_take_global(m);
    case 0x93:
        return reel_pickle_stack_global(m);
    case 'R':
        return reel_pickle_call(m, "REDUCE");
    case 0x81:
        return reel_pickle_call(m, "NEWOBJ");
    case 0x92:
        return reel_pickle_call_extended(m);
    case 'b':
        return reel_pickle_build(m);
    case 'Q':
        return reel_pickle_persistent_id(m);
    default:
        *known = false;
        return REEL_OK;
    }
}

static reel_status step_memo(reel_pickle_machine *m, unsigned char code, bool *known)
{
    *known = true;
    switch (code) {
    case 'q': /* BINPUT */
        return memo_put_at(m, 1);
    case 'r': /* LONG_BINPUT */
        return memo_put_at(m, 4);
    case 0x94: /* MEMOIZE */
        return memo_put(m, m->memo_count);
    case 'h': /* BINGET */
        return memo_get(m, 1);
    case 'j': /* LONG_BINGET */
        return memo_get(m, 4);
    default:
        *known = false;
        return REEL_OK;
    }
}

/* Instructions about the input itself. */
static reel_status step_frame(reel_pickle_machine *m, unsigned char code)
{
    uint32_t n = 0;
    uint64_t length = 0;
    char text[8];
    switch (code) {
    case 0x80: /* PROTO */
        REEL_TRY(reel_pickle_take_number(m, 1, &n));
        return n <= 5 ? REEL_OK : reel_pickle_refuse(m, "PROTO: expected at most 5, got %u", n);
    case 0x95: /* FRAME: how much a reader may fetch at once */
        REEL_TRY(reel_pickle_take_length(m, 8, &length));
        if (length <= (uint64_t)(m->end - m->at))
            return REEL_OK;
        return reel_pickle_refuse(m, "FRAME: expected at most %zu bytes, got %llu: it is cut short",
                                  (size_t)(m->end - m->at), (unsigned long long)length);
    case '(':
        return set_mark(m);
    default:
        m->at--;
        return reel_pickle_refuse(m,
                                  "opcode %s is not one of those that torch.save writes: refused",
                                  reel_pickle_opcode_name(code, text));
    }
}

static reel_status pickle_step(reel_pickle_machine *m, unsigned char code)
{
    typedef reel_status step_fn(reel_pickle_machine *, unsigned char, bool *);
    static step_fn *const steps[] = {step_literal, step_container, step_memo, step_object};
    for (int i = 0; i < REEL_COUNT(steps); i++) {
        bool known;
        REEL_TRY(steps[i](m, code, &known));
        if (known)
            return REEL_OK;
    }
    return step_frame(m, code);
}

static reel_status pickle_run(reel_pickle_machine *m)
{
    for (;;) {
        const unsigned char *code = NULL;
        REEL_TRY(reel_pickle_take(m, 1, &code));
        if (*code == '.')
            break;
        REEL_TRY(pickle_step(m, *code));
    }
    if (m->depth != 1 || m->marks != 0)
        return reel_pickle_refuse(m, "STOP: expected one value on the stack, got %u", m->depth);
    m->p->root = m->stack[0];
    m->p->used = (size_t)(m->at - m->bytes);
    return REEL_OK;
}

reel_status reel_pickle_read(reel_pickle *pickle, const void *bytes, size_t size, const char *path,
                             const char *part, reel_error *err)
{
    *pickle = (reel_pickle){0};
    reel_pickle_machine m = {
        .p = pickle, .bytes = bytes, .at = bytes, .end = (const unsigned char *)bytes + size};
    m.path = path;
    m.part = part;
    m.err = err;
    const reel_status status = pickle_run(&m);
    free(m.stack);
    free(m.memo);
    if (status != REEL_OK)
        reel_pickle_free(pickle);
    return status;
}
