/* Names in a pickle, and what Python would make of them. Nothing is called: tensors and
 * dictionaries become plain values, everything else an opaque value that holds nothing. */
#include <stdio.h>
#include <string.h>

#include "core/files/pickle_internal.h"
#include "core/files/weights_internal.h"

/* ---- names ---- */
static reel_status push_global(reel_pickle_machine *m, const reel_pickle_value *module,
                               const reel_pickle_value *name)
{
    if (reel_pickle_global_runs_code(module->text, module->count, name->text, name->count)) {
        char text[96];
        reel_printable room;
        snprintf(text, sizeof text, "%.*s.%.*s", module->count < 48 ? (int)module->count : 48,
                 module->text, name->count < 40 ? (int)name->count : 40, name->text);
        return reel_pickle_refuse(
            m,
            "it asks for %s, which runs code: refused, nothing of it was run "
            "(a file with the weights alone: torch.save(model.state_dict(), ...))",
            reel_printable_name(&room, text));
    }

    const int found = reel_pickle_global_find(module->text, module->count, name->text, name->count);
    reel_pickle_value value = {.kind = REEL_PICKLE_GLOBAL, .global = (uint8_t)found};
    if (found == REEL_GLOBAL_OTHER) {
        const reel_pickle_value copies[] = {*module, *name}; /* the values may move */
        REEL_TRY(reel_pickle_keep(m, copies[0], &value.first));
        REEL_TRY(reel_pickle_keep(m, copies[1], &value.last));
    }
    return reel_pickle_push_new(m, value);
}

reel_status reel_pickle_take_global(reel_pickle_machine *m)
{
    const unsigned char *at = m->at, *dot = memchr(at, '\n', (size_t)(m->end - at));
    const unsigned char *stop = dot ? memchr(dot + 1, '\n', (size_t)(m->end - dot - 1)) : NULL;
    if (!stop)
        return reel_pickle_refuse(m, "GLOBAL: expected two lines, got the end: it is cut short");

    const reel_pickle_value module = {
        .kind = REEL_PICKLE_TEXT, .count = (uint32_t)(dot - at), .text = (const char *)at};
    const reel_pickle_value name = {.kind = REEL_PICKLE_TEXT,
                                    .count = (uint32_t)(stop - dot - 1),
                                    .text = (const char *)dot + 1};
    m->at = stop + 1;
    return push_global(m, &module, &name);
}

reel_status reel_pickle_stack_global(reel_pickle_machine *m)
{
    REEL_TRY(reel_pickle_need(m, 2, "STACK_GLOBAL"));
    const reel_pickle_value name = *reel_pickle_top(m, 0), module = *reel_pickle_top(m, 1);
    if (name.kind != REEL_PICKLE_TEXT || module.kind != REEL_PICKLE_TEXT)
        return reel_pickle_refuse(m, "STACK_GLOBAL: expected two strings, got %s and %s",
                                  reel_pickle_kind_name(&module), reel_pickle_kind_name(&name));
    m->depth -= 2;
    return push_global(m, &module, &name);
}

/* ---- what they would make ---- */
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

static reel_status push_opaque(reel_pickle_machine *m, uint32_t maker)
{
    return reel_pickle_push_new(m, (reel_pickle_value){.kind = REEL_PICKLE_OPAQUE, .first = maker});
}

/* (storage, offset, size, stride, ...). A storage that is opaque makes the tensor so. */
static reel_status push_tensor(reel_pickle_machine *m, reel_pickle_value args, uint32_t maker)
{
    const reel_pickle_value *storage = reel_pickle_item(m->p, &args, 0);
    if (storage && storage->kind == REEL_PICKLE_OPAQUE)
        return push_opaque(m, maker);
    if (args.count < 4 || !storage || storage->kind != REEL_PICKLE_STORAGE)
        return reel_pickle_refuse(m,
                                  "_rebuild_tensor: expected (storage, offset, size, stride, ...)");
    args.kind = REEL_PICKLE_TENSOR;
    return reel_pickle_push_new(m, args);
}

/* _rebuild_from_type_v2(function, class, its arguments, attributes) */
static reel_status push_typed_tensor(reel_pickle_machine *m, const reel_pickle_value *args,
                                     uint32_t maker)
{
    const reel_pickle_value *function = reel_pickle_item(m->p, args, 0),
                            *class = reel_pickle_item(m->p, args, 1),
                            *inner = reel_pickle_item(m->p, args, 2);
    if (!inner || inner->kind != REEL_PICKLE_TUPLE || function->kind != REEL_PICKLE_GLOBAL ||
        class->kind != REEL_PICKLE_GLOBAL)
        return reel_pickle_refuse(
            m, "_rebuild_from_type_v2: expected (function, class, arguments, ...)");
    const bool plain =
        class->global == REEL_GLOBAL_TENSOR_CLASS || class->global == REEL_GLOBAL_PARAMETER_CLASS;
    const bool rebuilds =
        function->global == REEL_GLOBAL_TENSOR_V2 || function->global == REEL_GLOBAL_TENSOR;
    return plain && rebuilds ? push_tensor(m, *inner, maker) : push_opaque(m, maker);
}

static reel_status push_made(reel_pickle_machine *m, reel_pickle_value callable, uint32_t maker,
                             const reel_pickle_value *args)
{
    const uint32_t first = args->count ? m->p->cells[args->first].value : 0;
    switch ((reel_pickle_global)callable.global) {
    case REEL_GLOBAL_ORDERED_DICT:
        return ordered_dict(m, args);
    case REEL_GLOBAL_DEFAULT_DICT:
        return reel_pickle_push_integer(m, REEL_PICKLE_DICT, 0);
    case REEL_GLOBAL_SIZE:
        if (args->count != 1 || m->p->values[first].kind != REEL_PICKLE_TUPLE)
            return reel_pickle_refuse(m, "torch.Size: expected one tuple as its argument");
        return reel_pickle_push(m, first);
    case REEL_GLOBAL_PARAMETER:
    case REEL_GLOBAL_PARAMETER_STATE:
        if (args->count && m->p->values[first].kind == REEL_PICKLE_OPAQUE)
            return reel_pickle_push(m, first);
        if (args->count < 1 || m->p->values[first].kind != REEL_PICKLE_TENSOR)
            return reel_pickle_refuse(
                m, "_rebuild_parameter: expected a tensor as its first argument");
        return reel_pickle_push(m, first);
    case REEL_GLOBAL_TYPED_TENSOR:
        return push_typed_tensor(m, args, maker);
    case REEL_GLOBAL_TENSOR_V2:
    case REEL_GLOBAL_TENSOR:
        return push_tensor(m, *args, maker);
    default:
        return push_opaque(m, maker);
    }
}

reel_status reel_pickle_call(reel_pickle_machine *m, const char *opcode)
{
    REEL_TRY(reel_pickle_need(m, 2, opcode));
    const reel_pickle_value args = *reel_pickle_top(m, 0), callable = *reel_pickle_top(m, 1);
    const uint32_t maker = m->stack[m->depth - 2];
    const bool named = callable.kind == REEL_PICKLE_GLOBAL && callable.global < REEL_GLOBAL_STORAGE;
    if (!named && callable.kind != REEL_PICKLE_OPAQUE)
        return reel_pickle_refuse(m, "%s: expected a function or a class, got %s", opcode,
                                  reel_pickle_kind_name(&callable));
    if (args.kind != REEL_PICKLE_TUPLE && args.kind != REEL_PICKLE_OPAQUE)
        return reel_pickle_refuse(m, "%s: expected a tuple of arguments, got %s", opcode,
                                  reel_pickle_kind_name(&args));

    m->depth -= 2;
    if (!named || args.kind == REEL_PICKLE_OPAQUE)
        return push_opaque(m, maker);
    return push_made(m, callable, maker, &args);
}

/* A class, its arguments, and arguments by name, which no tensor has. */
reel_status reel_pickle_call_extended(reel_pickle_machine *m)
{
    REEL_TRY(reel_pickle_need(m, 3, "NEWOBJ_EX"));
    m->depth--;
    return reel_pickle_call(m, "NEWOBJ_EX");
}

reel_status reel_pickle_persistent_id(reel_pickle_machine *m)
{
    REEL_TRY(reel_pickle_need(m, 1, "BINPERSID"));
    reel_pickle_value id = *reel_pickle_top(m, 0);
    const reel_pickle_value *word = reel_pickle_item(m->p, &id, 0);

    /* ('module', class, file, source): a class of a whole model in the legacy stream. */
    if (id.kind == REEL_PICKLE_TUPLE && id.count == 4 && reel_pickle_text_is(word, "module")) {
        const uint32_t class = m->p->cells[m->p->cells[id.first].next].value;
        m->depth--;
        return reel_pickle_push(m, class);
    }
    if (id.kind != REEL_PICKLE_TUPLE || id.count < 5 || id.count > 6 ||
        !reel_pickle_text_is(word, "storage"))
        return reel_pickle_refuse(
            m, "BINPERSID: expected ('storage', type, key, location, numel), got %s",
            reel_pickle_kind_name(&id));
    m->depth--;
    id.kind = REEL_PICKLE_STORAGE;
    return reel_pickle_push_new(m, id);
}

/* BUILD sets attributes. Those of a dictionary (`_metadata`) or a tensor are of no use here; those
 * of an opaque value tell whether it is a whole model. */
reel_status reel_pickle_build(reel_pickle_machine *m)
{
    REEL_TRY(reel_pickle_need(m, 2, "BUILD"));
    reel_pickle_value *object = reel_pickle_top(m, 1);
    if (object->kind != REEL_PICKLE_DICT && object->kind != REEL_PICKLE_OPAQUE &&
        object->kind != REEL_PICKLE_TENSOR)
        return reel_pickle_refuse(m, "BUILD: expected an object, a dictionary or a tensor, got %s",
                                  reel_pickle_kind_name(object));
    if (object->kind == REEL_PICKLE_OPAQUE)
        object->last = m->stack[m->depth - 1] + 1;
    m->depth--;
    return REEL_OK;
}
