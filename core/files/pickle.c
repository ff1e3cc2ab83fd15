/* The stack machine. Each instruction either builds a value or refuses; see core/files/pickle.h for
 * why this is safe. */
#include "core/files/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/pickle_internal.h"
#include "core/files/weights_internal.h"

/* Some 10,000 tensors: 25 values each, the stack never deeper than a batch of 1000 items and some
 * nesting. */
enum { MOST_VALUES = 1 << 18, MOST_CELLS = 1 << 20, MOST_STACK = 1 << 16, MOST_MARKS = 1000 };

typedef struct machine {
    reel_pickle *p;
    const unsigned char *bytes, *at, *end;
    const char *path, *part;
    reel_error *err;
    uint32_t *stack, *memo;
    uint32_t depth, memo_size, mark[MOST_MARKS], marks, value_room, cell_room, stack_room;
} machine;

static reel_status refuse(machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static reel_status refuse(machine *m, const char *format, ...)
{
    char what[320];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return reel_fail(m->err, REEL_ERR_FORMAT, "%s: %s: byte %zu: %s", m->path, m->part,
                     (size_t)(m->at - m->bytes), what);
}

#ifdef __clang_analyzer__ /* see core/base.h */
#define refuse(...) reel_failed(refuse(__VA_ARGS__))
#endif

/* Makes room for one more of n elements; most is the bound, what its name in the message. */
static reel_status grow(machine *m, void **list, uint32_t n, uint32_t *room, size_t element,
                        uint32_t most, const char *what)
{
    if (n < *room)
        return REEL_OK;
    if (n >= most)
        return refuse(m, "expected at most %u %s, got more", most, what);
    const uint32_t wanted = *room ? *room * 2 : 64;
    void *larger = realloc(*list, wanted * element);
    if (!larger)
        return reel_fail(m->err, REEL_ERR_MEMORY, "%s: out of memory", m->path);
    *list = larger;
    *room = wanted;
    return REEL_OK;
}

static reel_status push(machine *m, uint32_t value)
{
    REEL_TRY(grow(m, (void **)&m->stack, m->depth, &m->stack_room, sizeof *m->stack, MOST_STACK,
                  "values on the stack"));
    m->stack[m->depth++] = value;
    return REEL_OK;
}

static reel_status push_new(machine *m, reel_pickle_value value)
{
    reel_pickle *p = m->p;
    REEL_TRY(grow(m, (void **)&p->values, p->n_values, &m->value_room, sizeof *p->values,
                  MOST_VALUES, "values"));
    p->values[p->n_values] = value;
    return push(m, p->n_values++);
}

static reel_status push_integer(machine *m, reel_pickle_kind kind, int64_t integer)
{
    return push_new(m, (reel_pickle_value){.kind = (uint8_t)kind, .integer = integer});
}

/* Values above the last mark, which an instruction cannot reach below. */
static uint32_t available(const machine *m)
{
    return m->depth - (m->marks ? m->mark[m->marks - 1] : 0);
}

static reel_status need(machine *m, uint32_t values, const char *opcode)
{
    if (available(m) >= values)
        return REEL_OK;
    return refuse(m, "%s: expected %u values on the stack, got %u", opcode, values, available(m));
}

static reel_pickle_value *top(const machine *m, uint32_t below)
{
    REEL_ASSERT(below < m->depth && m->stack);
    return &m->p->values[m->stack[m->depth - 1 - below]];
}

static reel_status append(machine *m, reel_pickle_value *to, uint32_t value)
{
    reel_pickle *p = m->p;
    if (p->n_cells == 0)
        p->n_cells = 1; /* cell 0 means "none" */
    REEL_TRY(grow(m, (void **)&p->cells, p->n_cells, &m->cell_room, sizeof *p->cells, MOST_CELLS,
                  "items in containers"));
    const uint32_t cell = p->n_cells++;
    p->cells[cell] = (reel_pickle_cell){value, 0};
    if (to->count++)
        p->cells[to->last].next = cell;
    else
        to->first = cell;
    to->last = cell;
    return REEL_OK;
}

/* Appends the topmost n values to a container and takes them off. */
static reel_status append_top(machine *m, reel_pickle_value *to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        REEL_TRY(append(m, to, m->stack[m->depth - n + i]));
    m->depth -= n;
    return REEL_OK;
}

static reel_status make_tuple(machine *m, uint32_t n)
{
    reel_pickle_value tuple = {.kind = REEL_PICKLE_TUPLE};
    REEL_TRY(append_top(m, &tuple, n));
    return push_new(m, tuple);
}

static reel_status pop_mark(machine *m, const char *opcode, uint32_t *above)
{
    if (m->marks == 0)
        return refuse(m, "%s: expected a mark, got none", opcode);
    *above = available(m);
    m->marks--;
    return REEL_OK;
}

static reel_status take(machine *m, size_t bytes, const unsigned char **at)
{
    if ((size_t)(m->end - m->at) < bytes)
        return refuse(m, "expected %zu bytes more, got %zu: it is cut short", bytes,
                      (size_t)(m->end - m->at));
    *at = m->at;
    m->at += bytes;
    return REEL_OK;
}

static reel_status take_number(machine *m, size_t bytes, uint32_t *value)
{
    const unsigned char *at = NULL;
    REEL_TRY(take(m, bytes, &at));
    REEL_ASSERT(at);
    *value = 0;
    for (size_t i = bytes; i-- > 0;)
        *value = *value << 8 | at[i];
    return REEL_OK;
}

static reel_status take_text(machine *m, size_t length_bytes, reel_pickle_kind kind)
{
    uint32_t length = 0;
    const unsigned char *at = NULL;
    REEL_TRY(take_number(m, length_bytes, &length));
    REEL_TRY(take(m, length, &at));
    return push_new(
        m, (reel_pickle_value){.kind = (uint8_t)kind, .count = length, .text = (const char *)at});
}

static reel_status take_long(machine *m)
{
    uint32_t length = 0;
    const unsigned char *at = NULL;
    REEL_TRY(take_number(m, 1, &length));
    REEL_TRY(take(m, length, &at));
    REEL_ASSERT(at);
    if (length > 8)
        return push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_WIDE,
                                               .count = length,
                                               .text = (const char *)at});
    uint64_t bits = length && at[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint32_t i = length; i-- > 0;)
        bits = bits << 8 | at[i];
    return push_integer(m, REEL_PICKLE_INT, (int64_t)bits);
}

static reel_status take_float(machine *m)
{
    const unsigned char *at = NULL;
    REEL_TRY(take(m, 8, &at));
    REEL_ASSERT(at);
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | at[i];
    reel_pickle_value value = {.kind = REEL_PICKLE_FLOAT};
    memcpy(&value.real, &bits, 8);
    return push_new(m, value);
}

static reel_status take_global(machine *m)
{
    const unsigned char *at = m->at, *dot = memchr(at, '\n', (size_t)(m->end - at));
    const unsigned char *stop = dot ? memchr(dot + 1, '\n', (size_t)(m->end - dot - 1)) : NULL;
    if (!stop)
        return refuse(m, "GLOBAL: expected two lines, got the end: it is cut short");
    const size_t module_length = (size_t)(dot - at), name_length = (size_t)(stop - dot - 1);
    const int found = reel_pickle_global_find((const char *)at, module_length,
                                              (const char *)dot + 1, name_length);
    if (found < 0) {
        char name[96];
        reel_printable room;
        snprintf(name, sizeof name, "%.*s.%.*s", module_length < 48 ? (int)module_length : 48,
                 (const char *)at, name_length < 40 ? (int)name_length : 40, (const char *)dot + 1);
        return refuse(m,
                      "it asks for %s, which tensors do not need: refused, nothing of it was run "
                      "(a file with the weights alone: "
                      "torch.save(model.state_dict(), ...))",
                      reel_printable_name(&room, name));
    }
    m->at = stop + 1;
    return push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_GLOBAL, .global = (uint8_t)found});
}

static reel_status memo_put(machine *m, size_t bytes)
{
    uint32_t index = 0;
    REEL_TRY(take_number(m, bytes, &index));
    REEL_TRY(need(m, 1, "BINPUT"));
    if (index >= MOST_VALUES)
        return refuse(m, "memo: expected an index below %d, got %u", MOST_VALUES, index);
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

static reel_status memo_get(machine *m, size_t bytes)
{
    uint32_t index = 0;
    REEL_TRY(take_number(m, bytes, &index));
    if (index >= m->memo_size || m->memo[index] == UINT32_MAX)
        return refuse(m, "memo: expected an index that was put before, got %u", index);
    return push(m, m->memo[index]);
}

/* OrderedDict([(key, value), ...]): how Python 2 wrote one. */
static reel_status ordered_dict(machine *m, const reel_pickle_value *args)
{
    const reel_pickle_value *pairs = reel_pickle_item(m->p, args, 0);
    reel_pickle_value dict = {.kind = REEL_PICKLE_DICT};
    if (args->count > 1 || (pairs && pairs->kind != REEL_PICKLE_LIST))
        return refuse(m, "OrderedDict: expected no argument or a list of pairs, got %s",
                      reel_pickle_kind_name(pairs));
    for (uint32_t cell = pairs && pairs->count ? pairs->first : 0; cell;
         cell = m->p->cells[cell].next) {
        const reel_pickle_value *pair = &m->p->values[m->p->cells[cell].value];
        if ((pair->kind != REEL_PICKLE_LIST && pair->kind != REEL_PICKLE_TUPLE) || pair->count != 2)
            return refuse(m, "OrderedDict: expected pairs, got %s", reel_pickle_kind_name(pair));
        const uint32_t key = m->p->cells[pair->first].value, value = m->p->cells[pair->last].value;
        REEL_TRY(append(m, &dict, key));
        REEL_TRY(append(m, &dict, value));
    }
    return push_new(m, dict);
}

/* Puts what the callable would return in place of callable and arguments; opcode is REDUCE or
 * NEWOBJ. */
static reel_status call(machine *m, const char *opcode)
{
    REEL_TRY(need(m, 2, opcode));
    const reel_pickle_value args = *top(m, 0), callable = *top(m, 1);
    if (callable.kind != REEL_PICKLE_GLOBAL || callable.global >= REEL_GLOBAL_STORAGE)
        return refuse(m, "%s: expected one of the accepted functions, got %s", opcode,
                      reel_pickle_kind_name(&callable));
    if (args.kind != REEL_PICKLE_TUPLE)
        return refuse(m, "%s: expected a tuple of arguments, got %s", opcode,
                      reel_pickle_kind_name(&args));
    const uint32_t first = args.count ? m->p->cells[args.first].value : 0;
    m->depth -= 2;
    switch ((reel_pickle_global)callable.global) {
    case REEL_GLOBAL_ORDERED_DICT:
        return ordered_dict(m, &args);
    case REEL_GLOBAL_NAMESPACE:
        return push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_OPAQUE});
    case REEL_GLOBAL_SIZE:
        if (args.count != 1 || m->p->values[first].kind != REEL_PICKLE_TUPLE)
            return refuse(m, "torch.Size: expected one tuple as its argument");
        return push(m, first);
    case REEL_GLOBAL_PARAMETER:
        if (args.count < 1 || m->p->values[first].kind != REEL_PICKLE_TENSOR)
            return refuse(m, "_rebuild_parameter: expected a tensor as its first argument");
        return push(m, first);
    default: {
        reel_pickle_value tensor = args;
        tensor.kind = REEL_PICKLE_TENSOR;
        if (args.count < 4 || m->p->values[first].kind != REEL_PICKLE_STORAGE)
            return refuse(m, "_rebuild_tensor: expected (storage, offset, size, stride, ...)");
        return push_new(m, tensor);
    }
    }
}

static reel_status persistent_id(machine *m)
{
    REEL_TRY(need(m, 1, "BINPERSID"));
    reel_pickle_value id = *top(m, 0);
    const reel_pickle_value *word = reel_pickle_item(m->p, &id, 0);
    if (id.kind != REEL_PICKLE_TUPLE || id.count < 5 || id.count > 6 ||
        !reel_pickle_text_is(word, "storage"))
        return refuse(m, "BINPERSID: expected ('storage', type, key, location, numel), got %s",
                      reel_pickle_kind_name(&id));
    m->depth--;
    id.kind = REEL_PICKLE_STORAGE;
    return push_new(m, id);
}

/* BUILD sets attributes. OrderedDict has `_metadata`, a Namespace its options: neither is of use
 * here. */
static reel_status build(machine *m)
{
    REEL_TRY(need(m, 2, "BUILD"));
    const reel_pickle_value *object = top(m, 1);
    if (object->kind != REEL_PICKLE_DICT && object->kind != REEL_PICKLE_OPAQUE)
        return refuse(m, "BUILD: expected an OrderedDict or Namespace, got %s",
                      reel_pickle_kind_name(object));
    m->depth--;
    return REEL_OK;
}

/* n values above the container go into it. */
static reel_status fill(machine *m, const char *opcode, reel_pickle_kind kind, uint32_t n)
{
    REEL_TRY(need(m, n + 1, opcode));
    reel_pickle_value *to = top(m, n);
    if (to->kind != kind)
        return refuse(m, "%s: expected %s to add to, got %s", opcode,
                      reel_pickle_kind_name(&(reel_pickle_value){.kind = (uint8_t)kind}),
                      reel_pickle_kind_name(to));
    if (kind == REEL_PICKLE_DICT && n % 2)
        return refuse(m, "%s: expected pairs, got %u values", opcode, n);
    return append_top(m, to, n);
}

static reel_status set_mark(machine *m)
{
    if (m->marks == MOST_MARKS)
        return refuse(m, "MARK: expected at most %d open, got more: it is nested too deep",
                      MOST_MARKS);
    m->mark[m->marks++] = m->depth;
    return REEL_OK;
}

static reel_status step(machine *m, unsigned char code)
{
    uint32_t n = 0;
    char text[8];
    switch (code) {
    case 0x80: /* PROTO */
        REEL_TRY(take_number(m, 1, &n));
        return n <= 5 ? REEL_OK : refuse(m, "PROTO: expected at most 5, got %u", n);
    case '(':
        return set_mark(m);
    case 'N':
        return push_integer(m, REEL_PICKLE_NONE, 0);
    case 0x88: /* NEWTRUE */
        return push_integer(m, REEL_PICKLE_BOOL, 1);
    case 0x89: /* NEWFALSE */
        return push_integer(m, REEL_PICKLE_BOOL, 0);
    case 'J': /* BININT */
        REEL_TRY(take_number(m, 4, &n));
        return push_integer(m, REEL_PICKLE_INT, (int32_t)n);
    case 'K': /* BININT1 */
        REEL_TRY(take_number(m, 1, &n));
        return push_integer(m, REEL_PICKLE_INT, n);
    case 'M': /* BININT2 */
        REEL_TRY(take_number(m, 2, &n));
        return push_integer(m, REEL_PICKLE_INT, n);
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
    case 0x85: /* TUPLE1 */
    case 0x86:
    case 0x87:
        REEL_TRY(need(m, code - 0x84u, "TUPLE"));
        return make_tuple(m, code - 0x84u);
    case 't':
        REEL_TRY(pop_mark(m, "TUPLE", &n));
        return make_tuple(m, n);
    case ']':
        return push_integer(m, REEL_PICKLE_LIST, 0);
    case '}':
        return push_integer(m, REEL_PICKLE_DICT, 0);
    case 0x8f: /* EMPTY_SET */
        return push_integer(m, REEL_PICKLE_SET, 0);
    case 'a':
        return fill(m, "APPEND", REEL_PICKLE_LIST, 1);
    case 'e':
        REEL_TRY(pop_mark(m, "APPENDS", &n));
        return fill(m, "APPENDS", REEL_PICKLE_LIST, n);
    case 's':
        return fill(m, "SETITEM", REEL_PICKLE_DICT, 2);
    case 'u':
        REEL_TRY(pop_mark(m, "SETITEMS", &n));
        return fill(m, "SETITEMS", REEL_PICKLE_DICT, n);
    case 'c':
        return take_global(m);
    case 'R':
        return call(m, "REDUCE");
    case 0x81:
        return call(m, "NEWOBJ");
    case 'b':
        return build(m);
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
        return refuse(m,
                      "opcode %s is not one of those that torch.save writes for tensors: refused",
                      reel_pickle_opcode_name(code, text));
    }
}

static reel_status run(machine *m)
{
    for (;;) {
        const unsigned char *code = NULL;
        REEL_TRY(take(m, 1, &code));
        if (*code == '.')
            break;
        REEL_TRY(step(m, *code));
    }
    if (m->depth != 1 || m->marks != 0)
        return refuse(m, "STOP: expected one value on the stack, got %u", m->depth);
    m->p->root = m->stack[0];
    m->p->used = (size_t)(m->at - m->bytes);
    return REEL_OK;
}

reel_status reel_pickle_read(reel_pickle *pickle, const void *bytes, size_t size, const char *path,
                             const char *part, reel_error *err)
{
    *pickle = (reel_pickle){0};
    machine m = {
        .p = pickle, .bytes = bytes, .at = bytes, .end = (const unsigned char *)bytes + size};
    m.path = path;
    m.part = part;
    m.err = err;
    const reel_status status = run(&m);
    free(m.stack);
    free(m.memo);
    if (status != REEL_OK)
        reel_pickle_free(pickle);
    return status;
}

void reel_pickle_free(reel_pickle *pickle)
{
    free(pickle->values);
    free(pickle->cells);
    *pickle = (reel_pickle){0};
}

const reel_pickle_value *reel_pickle_item(const reel_pickle *pickle, const reel_pickle_value *of,
                                          uint32_t k)
{
    const bool holds = (of->kind >= REEL_PICKLE_TUPLE && of->kind <= REEL_PICKLE_SET) ||
                       of->kind == REEL_PICKLE_STORAGE || of->kind == REEL_PICKLE_TENSOR;
    if (!holds || k >= of->count)
        return NULL;
    uint32_t cell = of->first;
    while (k-- > 0)
        cell = pickle->cells[cell].next;
    return &pickle->values[pickle->cells[cell].value];
}

bool reel_pickle_text_is(const reel_pickle_value *value, const char *text)
{
    return value && value->kind == REEL_PICKLE_TEXT && value->count == strlen(text) &&
           memcmp(value->text, text, value->count) == 0;
}

const reel_pickle_value *reel_pickle_get(const reel_pickle *pickle, const reel_pickle_value *dict,
                                         const char *key)
{
    const reel_pickle_value *found = NULL;
    for (uint32_t cell = dict->count ? dict->first : 0; cell;) {
        const reel_pickle_cell k = pickle->cells[cell], v = pickle->cells[k.next];
        if (reel_pickle_text_is(&pickle->values[k.value], key))
            found = &pickle->values[v.value];
        cell = v.next;
    }
    return found;
}
