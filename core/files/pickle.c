/* The stack machine. Each instruction either builds a value or refuses; see core/files/pickle.h for
 * why this is safe. */
#include "core/files/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/pickle_internal.h"
#include "core/files/weights_internal.h"

static reel_status make_tuple(reel_pickle_machine *m, uint32_t n)
{
    reel_pickle_value tuple = {.kind = REEL_PICKLE_TUPLE};
    REEL_TRY(reel_pickle_append_top(m, &tuple, n));
    return reel_pickle_push_new(m, tuple);
}

static reel_status take_text(reel_pickle_machine *m, size_t length_bytes, reel_pickle_kind kind)
{
    uint32_t length = 0;
    const unsigned char *at = NULL;
    REEL_TRY(reel_pickle_take_number(m, length_bytes, &length));
    REEL_TRY(reel_pickle_take(m, length, &at));
    return reel_pickle_push_new(
        m, (reel_pickle_value){.kind = (uint8_t)kind, .count = length, .text = (const char *)at});
}

static reel_status take_long(reel_pickle_machine *m)
{
    uint32_t length = 0;
    const unsigned char *at = NULL;
    REEL_TRY(reel_pickle_take_number(m, 1, &length));
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

static reel_status take_global(reel_pickle_machine *m)
{
    const unsigned char *at = m->at, *dot = memchr(at, '\n', (size_t)(m->end - at));
    const unsigned char *stop = dot ? memchr(dot + 1, '\n', (size_t)(m->end - dot - 1)) : NULL;
    if (!stop)
        return reel_pickle_refuse(m, "GLOBAL: expected two lines, got the end: it is cut short");

    const size_t module_length = (size_t)(dot - at), name_length = (size_t)(stop - dot - 1);
    const int found = reel_pickle_global_find((const char *)at, module_length,
                                              (const char *)dot + 1, name_length);
    if (found < 0) {
        char name[96];
        reel_printable room;
        snprintf(name, sizeof name, "%.*s.%.*s", module_length < 48 ? (int)module_length : 48,
                 (const char *)at, name_length < 40 ? (int)name_length : 40, (const char *)dot + 1);
        return reel_pickle_refuse(
            m,
            "it asks for %s, which tensors do not need: refused, nothing of it was run "
            "(a file with the weights alone: "
            "torch.save(model.state_dict(), ...))",
            reel_printable_name(&room, name));
    }

    m->at = stop + 1;
    return reel_pickle_push_new(
        m, (reel_pickle_value){.kind = REEL_PICKLE_GLOBAL, .global = (uint8_t)found});
}

static reel_status memo_put(reel_pickle_machine *m, size_t bytes)
{
    uint32_t index = 0;
    REEL_TRY(reel_pickle_take_number(m, bytes, &index));
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

    m->memo[index] = m->stack[m->depth - 1];
    return REEL_OK;
}

static reel_status memo_get(reel_pickle_machine *m, size_t bytes)
{
    uint32_t index = 0;
    REEL_TRY(reel_pickle_take_number(m, bytes, &index));
    if (index >= m->memo_size || m->memo[index] == UINT32_MAX)
        return reel_pickle_refuse(m, "memo: expected an index that was put before, got %u", index);
    return reel_pickle_push(m, m->memo[index]);
}

/* OrderedDict([(key, value), ...]): how Python 2 wrote one. */
static reel_status ordered_dict(reel_pickle_machine *m, const reel_pickle_value *args)
{
    const reel_pickle_value *pairs = reel_pickle_item(m->p, args, 0);
    reel_pickle_value dict = {.kind = REEL_PICKLE_DICT};
    if (args->count > 1 || (pairs && pairs->kind != REEL_PICKLE_LIST))
        return reel_pickle_refuse(m, "OrderedDict: expected no argument or a list of pairs, got %s",
                                  reel_pickle_kind_name(pairs));
    for (uint32_t cell = pairs && pairs->count ? pairs->first : 0; cell;
         cell = m->p->cells[cell].next) {
        const reel_pickle_value *pair = &m->p->values[m->p->cells[cell].value];
        if ((pair->kind != REEL_PICKLE_LIST && pair->kind != REEL_PICKLE_TUPLE) || pair->count != 2)
            return reel_pickle_refuse(m, "OrderedDict: expected pairs, got %s",
                                      reel_pickle_kind_name(pair));
        const uint32_t key = m->p->cells[pair->first].value, value = m->p->cells[pair->last].value;
        REEL_TRY(reel_pickle_append(m, &dict, key));
        REEL_TRY(reel_pickle_append(m, &dict, value));
    }
    return reel_pickle_push_new(m, dict);
}

/* Puts what the callable would return in place of callable and arguments; opcode is REDUCE or
 * NEWOBJ. */
static reel_status pickle_call(reel_pickle_machine *m, const char *opcode)
{
    REEL_TRY(reel_pickle_need(m, 2, opcode));
    const reel_pickle_value args = *reel_pickle_top(m, 0), callable = *reel_pickle_top(m, 1);
    if (callable.kind != REEL_PICKLE_GLOBAL || callable.global >= REEL_GLOBAL_STORAGE)
        return reel_pickle_refuse(m, "%s: expected one of the accepted functions, got %s", opcode,
                                  reel_pickle_kind_name(&callable));
    if (args.kind != REEL_PICKLE_TUPLE)
        return reel_pickle_refuse(m, "%s: expected a tuple of arguments, got %s", opcode,
                                  reel_pickle_kind_name(&args));
    const uint32_t first = args.count ? m->p->cells[args.first].value : 0;
    m->depth -= 2;

    switch ((reel_pickle_global)callable.global) {
    case REEL_GLOBAL_ORDERED_DICT:
        return ordered_dict(m, &args);
    case REEL_GLOBAL_NAMESPACE:
        return reel_pickle_push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_OPAQUE});
    case REEL_GLOBAL_SIZE:
        if (args.count != 1 || m->p->values[first].kind != REEL_PICKLE_TUPLE)
            return reel_pickle_refuse(m, "torch.Size: expected one tuple as its argument");
        return reel_pickle_push(m, first);
    case REEL_GLOBAL_PARAMETER:
        if (args.count < 1 || m->p->values[first].kind != REEL_PICKLE_TENSOR)
            return reel_pickle_refuse(
                m, "_rebuild_parameter: expected a tensor as its first argument");
        return reel_pickle_push(m, first);
    default: {
        reel_pickle_value tensor = args;
        tensor.kind = REEL_PICKLE_TENSOR;
        if (args.count < 4 || m->p->values[first].kind != REEL_PICKLE_STORAGE)
            return reel_pickle_refuse(
                m, "_rebuild_tensor: expected (storage, offset, size, stride, ...)");
        return reel_pickle_push_new(m, tensor);
    }
    }
}

static reel_status persistent_id(reel_pickle_machine *m)
{
    REEL_TRY(reel_pickle_need(m, 1, "BINPERSID"));
    reel_pickle_value id = *reel_pickle_top(m, 0);
    const reel_pickle_value *word = reel_pickle_item(m->p, &id, 0);
    if (id.kind != REEL_PICKLE_TUPLE || id.count < 5 || id.count > 6 ||
        !reel_pickle_text_is(word, "storage"))
        return reel_pickle_refuse(
            m, "BINPERSID: expected ('storage', type, key, location, numel), got %s",
            reel_pickle_kind_name(&id));
    m->depth--;
    id.kind = REEL_PICKLE_STORAGE;
    return reel_pickle_push_new(m, id);
}

/* BUILD sets attributes. OrderedDict has `_metadata`, a Namespace its options: neither is of use
 * here. */
static reel_status pickle_build(reel_pickle_machine *m)
{
    REEL_TRY(reel_pickle_need(m, 2, "BUILD"));
    const reel_pickle_value *object = reel_pickle_top(m, 1);
    if (object->kind != REEL_PICKLE_DICT && object->kind != REEL_PICKLE_OPAQUE)
        return reel_pickle_refuse(m, "BUILD: expected an OrderedDict or Namespace, got %s",
                                  reel_pickle_kind_name(object));
    m->depth--;
    return REEL_OK;
}

/* n values above the container go into it. */
static reel_status pickle_fill(reel_pickle_machine *m, const char *opcode, reel_pickle_kind kind,
                               uint32_t n)
{
    REEL_TRY(reel_pickle_need(m, n + 1, opcode));
    reel_pickle_value *to = reel_pickle_top(m, n);
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
        return take_long(m);
    case 'G': /* BINFLOAT */
        return take_float(m);
    case 'X': /* BINUNICODE */
        return take_text(m, 4, REEL_PICKLE_TEXT);
    case 'U': /* SHORT_BINSTRING */
        return take_text(m, 1, REEL_PICKLE_TEXT);
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
    default:
        *known = false;
        return REEL_OK;
    }
}

static reel_status pickle_step(reel_pickle_machine *m, unsigned char code)
{
    uint32_t n = 0;
    char text[8];
    bool known;
    REEL_TRY(step_literal(m, code, &known));
    if (known)
        return REEL_OK;
    REEL_TRY(step_container(m, code, &known));
    if (known)
        return REEL_OK;

    switch (code) {
    case 0x80: /* PROTO */
        REEL_TRY(reel_pickle_take_number(m, 1, &n));
        return n <= 5 ? REEL_OK : reel_pickle_refuse(m, "PROTO: expected at most 5, got %u", n);
    case '(':
        return set_mark(m);
    case 'c':
        return take_global(m);
    case 'R':
        return pickle_call(m, "REDUCE");
    case 0x81:
        return pickle_call(m, "NEWOBJ");
    case 'b':
        return pickle_build(m);
    case 'Q':
        return persistent_id(m);
    case 'q':
        return memo_put(m, 1);
    case 'r':
        return memo_put(m, 4);
    case 'h':
        return memo_get(m, 1);
    case 'j':
        return memo_get(m, 4);
    default:
        m->at--;
        return reel_pickle_refuse(
            m, "opcode %s is not one of those that torch.save writes for tensors: refused",
            reel_pickle_opcode_name(code, text));
    }
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
