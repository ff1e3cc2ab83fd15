/* The stack, the memory and the input of the machine that reads a pickle (core/files/pickle.h). All
 * are bounded. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/pickle_internal.h"

reel_status(reel_pickle_refuse)(reel_pickle_machine *m, const char *format, ...)
{
    char what[320];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return reel_fail(m->err, REEL_ERR_FORMAT, "%s: %s: byte %zu: %s", m->path, m->part,
                     (size_t)(m->at - m->bytes), what);
}

/* An array that grows: `room` elements are allocated, never more than `most`; `what` is its name in
 * a message. */
typedef struct pickle_array {
    void **list;
    uint32_t *room;
    size_t element;
    uint32_t most;
    const char *what;
} pickle_array;

/* Makes room for one more than n elements. */
static reel_status pickle_grow(reel_pickle_machine *m, pickle_array a, uint32_t n)
{
    if (n < *a.room)
        return REEL_OK;
    if (n >= a.most)
        return reel_pickle_refuse(m, "expected at most %u %s, got more", a.most, a.what);
    const uint32_t larger_room = *a.room ? *a.room * 2 : 64;
    void *larger = realloc(*a.list, larger_room * a.element);
    if (!larger)
        return reel_fail(m->err, REEL_ERR_MEMORY, "%s: out of memory", m->path);
    *a.list = larger;
    *a.room = larger_room;
    return REEL_OK;
}

reel_status reel_pickle_push(reel_pickle_machine *m, uint32_t value)
{
    const pickle_array stack = {(void **)&m->stack, &m->stack_room, sizeof *m->stack, MOST_STACK,
                                "values on the stack"};
    REEL_TRY(pickle_grow(m, stack, m->depth));
    m->stack[m->depth++] = value;
    return REEL_OK;
}

reel_status reel_pickle_keep(reel_pickle_machine *m, reel_pickle_value value, uint32_t *index)
{
    reel_pickle *p = m->p;
    const pickle_array values = {(void **)&p->values, &m->value_room, sizeof *p->values,
                                 MOST_VALUES, "values"};
    *index = p->n_values;
    REEL_TRY(pickle_grow(m, values, p->n_values));
    p->values[p->n_values++] = value;
    return REEL_OK;
}

reel_status reel_pickle_push_new(reel_pickle_machine *m, reel_pickle_value value)
{
    uint32_t index;
    REEL_TRY(reel_pickle_keep(m, value, &index));
    return reel_pickle_push(m, index);
}

reel_status reel_pickle_push_integer(reel_pickle_machine *m, reel_pickle_kind kind, int64_t integer)
{
    return reel_pickle_push_new(m, (reel_pickle_value){.kind = (uint8_t)kind, .integer = integer});
}

/* Values above the last mark, which an instruction cannot reach below. */
static uint32_t pickle_available(const reel_pickle_machine *m)
{
    return m->depth - (m->marks ? m->mark[m->marks - 1] : 0);
}

reel_status reel_pickle_need(reel_pickle_machine *m, uint32_t values, const char *opcode)
{
    if (pickle_available(m) >= values)
        return REEL_OK;
    return reel_pickle_refuse(m, "%s: expected %u values on the stack, got %u", opcode, values,
                              pickle_available(m));
}

reel_pickle_value *reel_pickle_top(const reel_pickle_machine *m, uint32_t below)
{
    REEL_ASSERT(below < m->depth && m->stack);
    return &m->p->values[m->stack[m->depth - 1 - below]];
}

reel_status reel_pickle_append(reel_pickle_machine *m, reel_pickle_value *to, uint32_t value)
{
    reel_pickle *p = m->p;
    if (p->n_cells == 0)
        p->n_cells = 1; /* cell 0 means "none" */
    const pickle_array cells = {(void **)&p->cells, &m->cell_room, sizeof *p->cells, MOST_CELLS,
                                "items in containers"};
    REEL_TRY(pickle_grow(m, cells, p->n_cells));
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
reel_status reel_pickle_append_top(reel_pickle_machine *m, reel_pickle_value *to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        REEL_TRY(reel_pickle_append(m, to, m->stack[m->depth - n + i]));
    m->depth -= n;
    return REEL_OK;
}

reel_status reel_pickle_pop_mark(reel_pickle_machine *m, const char *opcode, uint32_t *above)
{
    if (m->marks == 0)
        return reel_pickle_refuse(m, "%s: expected a mark, got none", opcode);
    *above = pickle_available(m);
    m->marks--;
    return REEL_OK;
}

reel_status reel_pickle_take(reel_pickle_machine *m, size_t bytes, const unsigned char **at)
{
    if ((size_t)(m->end - m->at) < bytes)
        return reel_pickle_refuse(m, "expected %zu bytes more, got %zu: it is cut short", bytes,
                                  (size_t)(m->end - m->at));
    *at = m->at;
    m->at += bytes;
    return REEL_OK;
}

reel_status reel_pickle_take_number(reel_pickle_machine *m, size_t bytes, uint32_t *value)
{
    uint64_t wide = 0;
    REEL_TRY(reel_pickle_take_length(m, bytes, &wide));
    *value = (uint32_t)wide;
    return REEL_OK;
}

reel_status reel_pickle_take_length(reel_pickle_machine *m, size_t bytes, uint64_t *value)
{
    const unsigned char *at = NULL;
    REEL_TRY(reel_pickle_take(m, bytes, &at));
    REEL_ASSERT(at);
    *value = 0;
    for (size_t i = bytes; i-- > 0;)
        *value = *value << 8 | at[i];
    return REEL_OK;
}
