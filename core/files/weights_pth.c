/* From a dictionary of a pickled object (pth_state.c) to tensors: their names, what each one is,
 * and its elements in row-major order.
 *
 * Everything is checked before memory is taken for it: a tensor lies inside its storage, a storage
 * inside the file, and all tensors together are not much larger than the file. They may be larger,
 * for tensors can share a storage (tied weights), repeat it (stride 0), or be deflated; but a file
 * of a few bytes cannot ask for gigabytes. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/pth_state.h"
#include "core/files/text.h"
#include "core/files/weights_internal.h"
#include "core/files/weights_pth.h"
#include "core/memory.h"

enum { MOST_GROWTH = 16, FREE_GROWTH = 16 << 20 };

/* A tensor on its way: .w gets its name and data at the end. */
typedef struct pth_tensor {
    const char *name; /* not terminated */
    size_t name_length;
    char *escaped; /* NULL unless the name was not UTF-8 */
    const reel_pickle_value *value;
    reel_weight w;
    int64_t offset, stride[REEL_MAX_DIMS];
    reel_pth_block block;
    size_t at; /* of its elements in the weights' memory */
} pth_tensor;

typedef struct pth_reader {
    reel_weights *w;
    reel_pth *pth;
    pth_tensor *list;
    int count;
    uint64_t limit; /* bytes of all tensors, and of one storage */
    reel_word_list passed;
} pth_reader;

static reel_status bad_tensor(const pth_reader *r, const pth_tensor *t, reel_error *err,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));
static reel_status bad_tensor(const pth_reader *r, const pth_tensor *t, reel_error *err,
                              const char *format, ...)
{
    char what[256], name[96];
    reel_printable room;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(name, sizeof name, "%.*s",
             t->name_length < sizeof name ? (int)t->name_length : (int)sizeof name - 1, t->name);
    return reel_fail(err, REEL_ERR_FORMAT, "%s: tensor %s: %s", r->w->path,
                     reel_printable_name(&room, name), what);
}

/* ---- names ---- */
static bool all_begin_with(const pth_reader *r, const char *prefix)
{
    const size_t length = strlen(prefix);
    for (int i = 0; i < r->count; i++)
        if (r->list[i].name_length <= length || memcmp(r->list[i].name, prefix, length) != 0)
            return false;
    return true;
}

static int tensors_by_name(const void *a, const void *b)
{
    const pth_tensor *x = *(const pth_tensor *const *)a, *y = *(const pth_tensor *const *)b;
    const int order =
        memcmp(x->name, y->name, x->name_length < y->name_length ? x->name_length : y->name_length);
    return order ? order : (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

/* The tensors in the order of `compare`; the caller frees the list. NULL: no memory. */
static const pth_tensor **sort_tensors(const pth_reader *r,
                                       int (*compare)(const void *, const void *), reel_error *err)
{
    const pth_tensor **sorted = malloc((size_t)(r->count + 1) * sizeof *sorted);
    if (!sorted) {
        reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", r->w->path);
        return NULL;
    }

    for (int i = 0; i < r->count; i++)
        sorted[i] = &r->list[i];
    qsort(sorted, (size_t)r->count, sizeof *sorted, compare);
    return sorted;
}

static reel_status check_names(const pth_reader *r, reel_error *err)
{
    const pth_tensor **sorted = sort_tensors(r, tensors_by_name, err);
    if (!sorted)
        return REEL_ERR_MEMORY;

    reel_status status = REEL_OK;
    for (int i = 0; i < r->count && status == REEL_OK; i++) {
        if (i > 0 && tensors_by_name(&sorted[i - 1], &sorted[i]) == 0)
            status = bad_tensor(r, sorted[i], err, "name: expected it once, got it twice");
    }
    free(sorted);
    return status;
}

/* Names that are not UTF-8 could not be written again. */
static reel_status escape_names(pth_reader *r, reel_error *err)
{
    for (int i = 0; i < r->count; i++) {
        pth_tensor *t = &r->list[i];
        if (reel_utf8_valid(t->name, t->name_length))
            continue;
        t->escaped = reel_utf8_escape(t->name, t->name_length);
        if (!t->escaped)
            return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", r->w->path);
        t->name = t->escaped;
        t->name_length = strlen(t->escaped);
    }
    return REEL_OK;
}

/* Names of a model inside DataParallel or torch.compile begin with what it was wrapped in. */
static reel_status strip_prefixes(pth_reader *r, reel_error *err)
{
    static const char *const prefixes[] = {"_orig_mod.", "module.", "_orig_mod."};
    char stripped[80] = "";
    size_t used = 0;
    for (int i = 0; i < REEL_COUNT(prefixes) && r->count; i++) {
        const size_t length = strlen(prefixes[i]);
        if (!all_begin_with(r, prefixes[i]))
            continue;
        for (int t = 0; t < r->count; t++) {
            r->list[t].name += length;
            r->list[t].name_length -= length;
        }
        used += (size_t)snprintf(stripped + used, sizeof stripped - used, "%s", prefixes[i]);
    }

    char line[160];
    snprintf(line, sizeof line, "all names begin with \"%s\", which is left out", stripped);
    return used ? reel_weights_add_note(r->w, line, err) : REEL_OK;
}

static void pass_over(pth_reader *r, const char *name, size_t length, const char *what)
{
    char text[200];
    reel_printable a, b;
    snprintf(text, sizeof text, "%.*s", length < 60 ? (int)length : 60, name);
    reel_printable_name(&a, text);
    snprintf(text, sizeof text, "%.60s (%.60s)", a.text, reel_printable_name(&b, what));
    reel_word_list_add(&r->passed, text, strlen(text));
}

static reel_status list_tensors(pth_reader *r, const reel_pickle_value *state, reel_error *err)
{
    const reel_pickle *p = &r->pth->pickle;
    r->list = calloc((size_t)state->count / 2 + 1, sizeof *r->list);
    if (!r->list)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", r->w->path);

    for (uint32_t cell = state->first; cell;) {
        const reel_pickle_cell k = p->cells[cell], v = p->cells[k.next];
        const reel_pickle_value *key = &p->values[k.value], *value = &p->values[v.value];
        cell = v.next;
        if (key->kind != REEL_PICKLE_TEXT)
            continue;
        if (value->kind == REEL_PICKLE_TENSOR) {
            r->list[r->count++] =
                (pth_tensor){.name = key->text, .name_length = key->count, .value = value};
        } else if (value->kind == REEL_PICKLE_OPAQUE) {
            char name[128];
            pass_over(r, key->text, key->count, reel_pickle_name(p, value, name, sizeof name));
        }
    }
    return REEL_OK;
}

/* ---- what each tensor is ---- */
/* _rebuild_tensor(storage, offset, size, stride, requires_grad, hooks, metadata) */
static reel_status check_arguments(const pth_reader *r, const pth_tensor *t, reel_error *err)
{
    const reel_pickle *p = &r->pth->pickle;
    const reel_pickle_value *offset = reel_pickle_item(p, t->value, 1),
                            *size = reel_pickle_item(p, t->value, 2),
                            *stride = reel_pickle_item(p, t->value, 3),
                            *extra = reel_pickle_item(p, t->value, 6);
    if (offset->kind != REEL_PICKLE_INT || size->kind != REEL_PICKLE_TUPLE ||
        stride->kind != REEL_PICKLE_TUPLE)
        return bad_tensor(
            r, t, err,
            "expected offset, size and stride as a number and two tuples, got %s, %s and %s",
            reel_pickle_kind_name(offset), reel_pickle_kind_name(size),
            reel_pickle_kind_name(stride));
    if (extra && extra->kind != REEL_PICKLE_NONE && extra->count)
        return bad_tensor(
            r, t, err,
            "expected a plain tensor, got one with attributes (a negated or conjugated view)");

    if (size->count > REEL_MAX_DIMS || stride->count != size->count)
        return bad_tensor(r, t, err,
                          "size and stride: expected equally many, at most %d, got %u and %u",
                          REEL_MAX_DIMS, size->count, stride->count);
    return REEL_OK;
}

static reel_status read_sizes(const pth_reader *r, pth_tensor *t, reel_error *err)
{
    REEL_TRY(check_arguments(r, t, err));
    const reel_pickle *p = &r->pth->pickle;
    const reel_pickle_value *size = reel_pickle_item(p, t->value, 2),
                            *stride = reel_pickle_item(p, t->value, 3);
    t->offset = reel_pickle_item(p, t->value, 1)->integer;
    t->w.ndim = (int)size->count;
    for (int d = 0; d < REEL_MAX_DIMS; d++)
        t->w.shape[d] = 1;

    for (int d = 0; d < t->w.ndim; d++) {
        const reel_pickle_value *n = reel_pickle_item(p, size, (uint32_t)d),
                                *step = reel_pickle_item(p, stride, (uint32_t)d);
        if (n->kind != REEL_PICKLE_INT || step->kind != REEL_PICKLE_INT)
            return bad_tensor(r, t, err, "size and stride: expected whole numbers, got %s and %s",
                              reel_pickle_kind_name(n), reel_pickle_kind_name(step));
        if (n->integer < 0 || step->integer < 0)
            return bad_tensor(r, t, err, "%s: expected 0 or more at place %d, got %lld",
                              n->integer < 0 ? "size" : "stride", d,
                              (long long)(n->integer < 0 ? n->integer : step->integer));
        t->w.shape[d] = n->integer;
        t->stride[d] = step->integer;
    }
    return REEL_OK;
}

/* offset + sum (size - 1) stride, the last element's place, must be inside the storage. */
static reel_status check_inside(const pth_reader *r, pth_tensor *t, int64_t numel, reel_error *err)
{
    int64_t elements = reel_shape_numel(t->w.ndim, t->w.shape), last = t->offset, bytes;
    bool fits = elements >= 0 && last >= 0;
    for (int d = 0; d < t->w.ndim && fits && elements > 0; d++) {
        int64_t way;
        fits = !__builtin_mul_overflow(t->w.shape[d] - 1, t->stride[d], &way) &&
               !__builtin_add_overflow(last, way, &last);
    }

    char text[128];
    if (!fits || (elements > 0 ? last >= numel : last > numel))
        return bad_tensor(r, t, err,
                          "offset, size and stride: expected them inside a storage of %lld "
                          "elements, got offset %lld, %s",
                          (long long)numel, (long long)t->offset,
                          reel_shape_text(text, sizeof text, t->w.ndim, t->w.shape));
    if (__builtin_mul_overflow(elements, (int64_t)reel_stored_size(t->w.dtype), &bytes) ||
        (uint64_t)bytes > r->limit)
        return bad_tensor(r, t, err,
                          "size: expected at most %llu bytes in a file of this size, got %s",
                          (unsigned long long)r->limit,
                          reel_shape_text(text, sizeof text, t->w.ndim, t->w.shape));
    t->w.bytes = (size_t)bytes;
    return REEL_OK;
}

/* Integers, bool, complex and quantized tensors are no weights: they are passed over by name. */
static void pass_over_other_dtypes(pth_reader *r)
{
    const reel_pickle *p = &r->pth->pickle;
    int kept = 0;
    for (int i = 0; i < r->count; i++) {
        const pth_tensor *t = &r->list[i];
        const reel_pickle_value *class =
            reel_pickle_item(p, reel_pickle_item(p, t->value, 0), 1); /* of its storage */
        const reel_pickle_storage_type *type = reel_pickle_storage_of(class);
        char name[128];
        if (type && type->dtype < 0)
            pass_over(r, t->name, t->name_length, type->name);
        else if (!type && class && class->kind == REEL_PICKLE_GLOBAL)
            pass_over(r, t->name, t->name_length, reel_pickle_name(p, class, name, sizeof name));
        else
            r->list[kept++] = *t;
    }
    r->count = kept;
}

/* Says what was passed over; if nothing is left, that is the error. */
static reel_status tell_passed(pth_reader *r, reel_error *err)
{
    char line[500];
    if (r->passed.count == 0)
        return REEL_OK;
    if (r->count == 0)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected tensors of float64, float32, float16 or bfloat16, got only "
                         "%s",
                         r->w->path, reel_word_list_text(&r->passed));
    snprintf(line, sizeof line, "passed over: %s", reel_word_list_text(&r->passed));
    return reel_weights_add_note(r->w, line, err);
}

static reel_status describe(const pth_reader *r, pth_tensor *t, reel_error *err)
{
    reel_pth_id id;
    REEL_TRY(read_sizes(r, t, err));
    REEL_TRY(reel_pth_read_id(r->pth, reel_pickle_item(&r->pth->pickle, t->value, 0), &id, err));
    t->w.dtype = (reel_stored_dtype)id.type->dtype;
    REEL_TRY(check_inside(r, t, id.view_numel, err));
    t->offset += id.view_offset;
    REEL_TRY(reel_pth_find(r->pth, &id, &t->block, err));
    if (t->block.size > r->limit)
        return bad_tensor(r, t, err,
                          "storage: expected at most %llu bytes in a file of this size, got %llu",
                          (unsigned long long)r->limit, (unsigned long long)t->block.size);
    return REEL_OK;
}

/* ---- its elements ---- */
static bool pth_is_row_major(const pth_tensor *t)
{
    int64_t step = 1;
    for (int d = t->w.ndim - 1; d >= 0; d--) {
        if (t->w.shape[d] != 1 && t->stride[d] != step)
            return false;
        step *= t->w.shape[d];
    }
    return true;
}

static void pth_copy_run(char *restrict to, const char *restrict from, int64_t n, int64_t stride,
                         size_t element)
{
    switch (element) { /* a constant size makes memcpy one move */
    case 2:
        for (int64_t i = 0; i < n; i++)
            memcpy(to + 2 * i, from + 2 * i * stride, 2);
        break;
    case 4:
        for (int64_t i = 0; i < n; i++)
            memcpy(to + 4 * i, from + 4 * i * stride, 4);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(to + 8 * i, from + 8 * i * stride, 8);
    }
}

static void gather(const pth_tensor *t, char *to, const char *storage)
{
    const size_t element = reel_stored_size(t->w.dtype);
    const char *from = storage + (size_t)t->offset * element;
    if (t->w.bytes == 0)
        return;
    if (pth_is_row_major(t)) {
        memcpy(to, from, t->w.bytes);
        return;
    }

    /* Run by run along the innermost dimension; the others count like an odometer. */
    const int inner = t->w.ndim - 1;
    int64_t index[REEL_MAX_DIMS] = {0}, place = 0;
    for (;;) {
        pth_copy_run(to, from + (size_t)place * element, t->w.shape[inner], t->stride[inner],
                     element);
        to += (size_t)t->w.shape[inner] * element;
        int d = inner - 1;
        while (d >= 0) {
            place += t->stride[d];
            if (++index[d] < t->w.shape[d])
                break;
            place -= t->stride[d] * t->w.shape[d];
            index[d--] = 0;
        }
        if (d < 0)
            return;
    }
}

static int by_block(const void *a, const void *b)
{
    const pth_tensor *x = *(const pth_tensor *const *)a, *y = *(const pth_tensor *const *)b;
    if (x->block.member != y->block.member)
        return x->block.member < y->block.member ? -1 : 1;
    return (x->block.at > y->block.at) - (x->block.at < y->block.at);
}

/* All tensors of one storage. A tensor that is the whole storage as it stands is read straight to
 * its place. */
static reel_status load_block(const pth_reader *r, const pth_tensor *const *group, int n,
                              reel_error *err)
{
    const pth_tensor *t = group[0];
    if (n == 1 && t->w.bytes > 0 && t->w.bytes == t->block.size && pth_is_row_major(t))
        return reel_pth_load(r->pth, &t->block, r->w->data + t->at, err);
    char *storage = reel_pages_alloc((size_t)t->block.size + 1, err);
    if (!storage)
        return REEL_ERR_MEMORY;
    const reel_status status = reel_pth_load(r->pth, &t->block, storage, err);
    for (int i = 0; i < n && status == REEL_OK; i++)
        gather(group[i], r->w->data + group[i]->at, storage);
    reel_pages_free(storage, (size_t)t->block.size + 1);
    return status;
}

static reel_status load_all(const pth_reader *r, reel_error *err)
{
    const pth_tensor **sorted = sort_tensors(r, by_block, err);
    if (!sorted)
        return REEL_ERR_MEMORY;

    reel_status status = REEL_OK;
    for (int i = 0, n; i < r->count && status == REEL_OK; i += n) {
        for (n = 1; i + n < r->count && by_block(&sorted[i], &sorted[i + n]) == 0;)
            n++;
        status = load_block(r, sorted + i, n, err);
    }
    free(sorted);
    return status;
}

/* Room for everything, each tensor on a cache line of its own; and names, which end in a zero from
 * here on. */
static reel_status make_room(pth_reader *r, reel_error *err)
{
    uint64_t bytes = 0;
    size_t letters = 0;
    for (int i = 0; i < r->count; i++) {
        pth_tensor *t = &r->list[i];
        t->at = (size_t)bytes;
        bytes += (t->w.bytes + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT *
                 REEL_ALIGNMENT; /* each is below limit: no wrap */
        letters += t->name_length + 1;
        if (bytes > r->limit + (uint64_t)r->count * REEL_ALIGNMENT)
            return bad_tensor(
                r, t, err,
                "expected all tensors to have at most %llu bytes in a file of this size, got more",
                (unsigned long long)r->limit);
    }

    reel_weights *w = r->w;
    w->names = malloc(letters + 1);
    w->list = calloc((size_t)r->count + 1, sizeof *w->list);
    if (!w->names || !w->list)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", w->path);
    w->data_size = (size_t)bytes;
    w->data = reel_pages_alloc(w->data_size + 1, err);
    return w->data ? REEL_OK : REEL_ERR_MEMORY;
}

static reel_status read_tensors(pth_reader *r, reel_error *err)
{
    const reel_pickle_value *state = NULL;
    REEL_TRY(reel_pth_find_state(r->pth, r->w, &state, err));
    REEL_TRY(list_tensors(r, state, err));
    pass_over_other_dtypes(r);
    REEL_TRY(tell_passed(r, err));
    REEL_TRY(strip_prefixes(r, err));
    REEL_TRY(escape_names(r, err));
    REEL_TRY(check_names(r, err));
    for (int i = 0; i < r->count; i++)
        REEL_TRY(describe(r, &r->list[i], err));
    REEL_TRY(make_room(r, err));
    REEL_TRY(load_all(r, err));

    char *name = r->w->names;
    for (int i = 0; i < r->count; i++) {
        const pth_tensor *t = &r->list[i];
        reel_weight *w = &r->w->list[i];
        *w = t->w;
        w->data = r->w->data + t->at;
        w->name = name;
        memcpy(name, t->name, t->name_length);
        name[t->name_length] = '\0';
        name += t->name_length + 1;
    }
    r->w->count = r->count;
    return REEL_OK;
}

reel_status reel_weights_from_pth(reel_weights *w, reel_pth *pth, reel_error *err)
{
    const uint64_t file = pth->source->size;
    pth_reader r = {.w = w,
                    .pth = pth,
                    .limit = file > UINT64_MAX / 64 ? file : file * MOST_GROWTH + FREE_GROWTH};
    const reel_status status = read_tensors(&r, err);
    for (int i = 0; i < r.count; i++)
        free(r.list[i].escaped);
    free(r.list);
    return status;
}
