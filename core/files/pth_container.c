/* The two containers of .pth files, each a pickle of the object and the bytes of its storages.
 *
 *   zip     BASE/data.pkl, BASE/data/KEY, BASE/byteorder; torch.save since 1.6. BASE is arbitrary.
 *   legacy  pickles of a magic number, the protocol, sys_info, the object, the list of storage
 * keys; then for each key its number of elements and its bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/files/pth_container.h"
#include "core/files/weights_internal.h"

static reel_status out_of_memory(const reel_pth *pth, reel_error *err)
{
    return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", pth->source->path);
}

static const char *printable_text(reel_printable *room, const char *text, size_t length)
{
    char name[96];
    if (length > sizeof name - 1)
        length = sizeof name - 1;
    memcpy(name, text, length);
    name[length] = '\0';
    return reel_printable_name(room, name);
}

void reel_pth_close(reel_pth *pth)
{
    reel_pickle_free(&pth->pickle);
    reel_zip_close(&pth->zip);
    free(pth->bytes);
    free(pth->storages);
    pth->bytes = NULL;
    pth->storages = NULL;
}

static const char *type_text(const reel_pickle *p, const reel_pickle_value *type,
                             reel_printable *room)
{
    char name[128];
    if (!type || type->kind != REEL_PICKLE_GLOBAL)
        return reel_pickle_kind_name(type);
    return reel_printable_name(room, reel_pickle_name(p, type, name, sizeof name));
}

reel_status reel_pth_read_id(const reel_pth *pth, const reel_pickle_value *storage, reel_pth_id *id,
                             reel_error *err)
{
    const reel_pickle *p = &pth->pickle;
    const reel_pickle_value *key = reel_pickle_item(p, storage, 2),
                            *numel = reel_pickle_item(p, storage, 4),
                            *view = reel_pickle_item(p, storage, 5);
    reel_printable room;
    *id = (reel_pth_id){.type = reel_pickle_storage_of(reel_pickle_item(p, storage, 1))};
    if (!id->type || !key || key->kind != REEL_PICKLE_TEXT || !numel ||
        numel->kind != REEL_PICKLE_INT || numel->integer < 0)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: storage: expected ('storage', torch's storage type, key, location, "
                         "number of elements), got "
                         "%s, %s and %s for type, key and number",
                         pth->source->path, type_text(p, reel_pickle_item(p, storage, 1), &room),
                         reel_pickle_kind_name(key), reel_pickle_kind_name(numel));
    id->key = key->text;
    id->key_length = key->count;
    id->numel = id->view_numel = numel->integer;

    /* Old files: a storage may be a window of another one. */
    if (!view || view->kind == REEL_PICKLE_NONE)
        return REEL_OK;

    const reel_pickle_value *offset = NULL, *size = NULL;
    if (view->kind == REEL_PICKLE_TUPLE && view->count == 3) {
        offset = reel_pickle_item(p, view, 1);
        size = reel_pickle_item(p, view, 2);
    }
    if (!offset || offset->kind != REEL_PICKLE_INT || !size || size->kind != REEL_PICKLE_INT ||
        offset->integer < 0 || offset->integer > id->numel || size->integer < 0 ||
        size->integer > id->numel - offset->integer)
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: storage: expected a view (key, offset, size) inside its %lld elements",
            pth->source->path, (long long)id->numel);
    id->view_offset = offset->integer;
    id->view_numel = size->integer;
    return REEL_OK;
}

/* ---- zip ---- */
static reel_status read_member(reel_pth *pth, const reel_zip_member *m, size_t most,
                               unsigned char **bytes, reel_error *err)
{
    reel_printable room;
    REEL_TRY(reel_zip_check(&pth->zip, m, err));
    if (m->size > most)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: %s: expected at most %zu bytes, got %llu",
                         pth->source->path, printable_text(&room, m->name, m->name_length), most,
                         (unsigned long long)m->size);
    *bytes = malloc((size_t)m->size + 1);
    if (!*bytes)
        return out_of_memory(pth, err);
    const reel_status status = reel_zip_extract(&pth->zip, m, *bytes, err);
    if (status != REEL_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

/* BASE/what, or NULL. */
static reel_status find_member(const reel_pth *pth, const char *folder, const char *what,
                               size_t length, const reel_zip_member **member, reel_error *err)
{
    const size_t room = pth->base_length + strlen(folder) + length;
    char *name = malloc(room + 1);
    if (!name)
        return out_of_memory(pth, err);
    memcpy(name, pth->base, pth->base_length);
    /* Its end is told, not marked. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(name + pth->base_length, folder, strlen(folder));
    memcpy(name + room - length, what, length);
    *member = reel_zip_find(&pth->zip, name, room);
    free(name);
    return REEL_OK;
}

reel_status reel_pth_open_zip(reel_pth *pth, reel_error *err)
{
    static const char pickle_name[] = "data.pkl";
    const size_t length = sizeof pickle_name - 1;
    const reel_zip_member *data = NULL, *order = NULL;

    /* All members lie in one folder, of any name: that of data.pkl. */
    for (int i = 0; i < pth->zip.count; i++) {
        const reel_zip_member *m = &pth->zip.list[i];
        if (m->name_length < length ||
            memcmp(m->name + m->name_length - length, pickle_name, length) != 0)
            continue;
        if (m->name_length > length && m->name[m->name_length - length - 1] != '/')
            continue;
        if (data)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: zip: expected one member data.pkl, got several",
                             pth->source->path);
        data = m;
    }
    if (!data)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: zip: expected a member data.pkl, got none",
                         pth->source->path);

    pth->base = data->name;
    pth->base_length = data->name_length - length;
    REEL_TRY(find_member(pth, "", "byteorder", 9, &order, err));
    if (order) {
        unsigned char *text;
        REEL_TRY(read_member(pth, order, 16, &text, err));
        const bool little = order->size == 6 && memcmp(text, "little", 6) == 0;
        free(text);
        if (!little)
            return reel_fail(err, REEL_ERR_FORMAT, "%s: byteorder: expected little, got another",
                             pth->source->path);
    }

    REEL_TRY(read_member(pth, data, REEL_PTH_PICKLE_MAX, &pth->bytes, err));
    return reel_pickle_read(&pth->pickle, pth->bytes, (size_t)data->size, pth->source->path,
                            pickle_name, err);
}

/* ---- legacy ---- */
static int by_key(const void *a, const void *b)
{
    const reel_pth_storage *x = a, *y = b;
    const int order =
        memcmp(x->key, y->key, x->key_length < y->key_length ? x->key_length : y->key_length);
    return order ? order : (x->key_length > y->key_length) - (x->key_length < y->key_length);
}

/* Every storage the object speaks of, once: its bytes follow in the file whether or not a tensor of
 * ours uses them. */
static reel_status list_storages(reel_pth *pth, reel_error *err)
{
    const reel_pickle *p = &pth->pickle;
    reel_printable room;
    int64_t n = 0, kept = 0;
    for (uint32_t i = 0; i < p->n_values; i++)
        n += p->values[i].kind == REEL_PICKLE_STORAGE;
    pth->storages = malloc((size_t)(n + 1) * sizeof *pth->storages);
    if (!pth->storages)
        return out_of_memory(pth, err);

    for (uint32_t i = 0; i < p->n_values; i++) {
        if (p->values[i].kind != REEL_PICKLE_STORAGE)
            continue;
        reel_pth_id id;
        REEL_TRY(reel_pth_read_id(pth, &p->values[i], &id, err));
        pth->storages[pth->n_storages++] = (reel_pth_storage){
            .key = id.key, .key_length = id.key_length, .type = id.type, .numel = id.numel};
    }

    /* Several tensors may share a storage: it is kept once. */
    qsort(pth->storages, (size_t)n, sizeof *pth->storages, by_key);
    for (int64_t i = 0; i < n; i++) {
        const reel_pth_storage *s = &pth->storages[i],
                               *last = kept ? &pth->storages[kept - 1] : NULL;
        if (!last || by_key(last, s) != 0) {
            pth->storages[kept++] = *s;
        } else if (s->type != last->type || s->numel != last->numel) {
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: storage %s: expected one type and size, got two",
                             pth->source->path, printable_text(&room, s->key, s->key_length));
        }
    }
    pth->n_storages = kept;
    return REEL_OK;
}

static reel_pth_storage *find_storage(const reel_pth *pth, const char *key, uint32_t length)
{
    const reel_pth_storage wanted = {.key = key, .key_length = length};
    return pth->n_storages
               ? bsearch(&wanted, pth->storages, (size_t)pth->n_storages, sizeof wanted, by_key)
               : NULL;
}

/* The storage that a key of the list names; each is named once. */
static reel_status storage_of_key(const reel_pth *pth, const reel_pickle_value *key,
                                  reel_pth_storage **storage, reel_error *err)
{
    reel_printable room;
    reel_pth_storage *s =
        key->kind == REEL_PICKLE_TEXT ? find_storage(pth, key->text, key->count) : NULL;
    *storage = s;
    if (s && !s->at)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: storage keys: expected each storage of the object once, got %s %s",
                     pth->source->path, s ? "twice" : "a key it does not have:",
                     key->kind == REEL_PICKLE_TEXT ? printable_text(&room, key->text, key->count)
                                                   : reel_pickle_kind_name(key));
}

/* The storage begins at *at with its number of elements; *at moves behind its bytes. */
static reel_status locate_storage(const reel_pth *pth, reel_pth_storage *s, uint64_t *at,
                                  reel_error *err)
{
    const char *path = pth->source->path;
    reel_printable room;
    int64_t numel; /* little-endian, as weights_convert.c makes sure of */
    REEL_TRY(reel_byte_source_read(pth->source, *at, &numel, 8, err));
    if (numel != s->numel)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: storage %s: expected %lld elements as its id says, got %lld", path,
                         printable_text(&room, s->key, s->key_length), (long long)s->numel,
                         (long long)numel);

    s->at = *at += 8;
    if ((uint64_t)numel > (pth->source->size - *at) / (uint64_t)s->type->bytes)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: storage %s: expected %lld elements of %d bytes, got %llu bytes: the "
                         "file is cut short",
                         path, printable_text(&room, s->key, s->key_length), (long long)numel,
                         s->type->bytes, (unsigned long long)(pth->source->size - *at));
    *at += (uint64_t)numel * (uint64_t)s->type->bytes;
    return REEL_OK;
}

/* Walks over the storages behind the pickles and notes where each begins. */
static reel_status locate_storages(reel_pth *pth, const reel_pickle *keys, uint64_t at,
                                   reel_error *err)
{
    const reel_pickle_value *list = &keys->values[keys->root];
    const char *path = pth->source->path;
    if (list->kind != REEL_PICKLE_LIST)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: storage keys: expected a list, got %s", path,
                         reel_pickle_kind_name(list));

    for (uint32_t cell = list->count ? list->first : 0; cell; cell = keys->cells[cell].next) {
        reel_pth_storage *s;
        REEL_TRY(storage_of_key(pth, &keys->values[keys->cells[cell].value], &s, err));
        REEL_TRY(locate_storage(pth, s, &at, err));
    }
    if (at != pth->source->size)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected its end after the last storage at %llu, got %llu bytes",
                         path, (unsigned long long)at, (unsigned long long)pth->source->size);
    return REEL_OK;
}

/* The next pickle behind *at. */
static reel_status next_pickle(const reel_pth *pth, size_t size, size_t *at, const char *part,
                               reel_pickle *pickle, reel_error *err)
{
    REEL_TRY(reel_pickle_read(pickle, pth->bytes + *at, size - *at, pth->source->path, part, err));
    *at += pickle->used;
    return REEL_OK;
}

static reel_status check_sys_info(const reel_pth *pth, const reel_pickle *info, reel_error *err)
{
    const reel_pickle_value *dict = &info->values[info->root];
    const reel_pickle_value *little =
        dict->kind == REEL_PICKLE_DICT ? reel_pickle_get(info, dict, "little_endian") : NULL;
    if (little && little->kind == REEL_PICKLE_BOOL && little->integer == 1)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT, "%s: sys_info: expected little_endian True, got %s",
                     pth->source->path, little ? "another value" : "none");
}

reel_status reel_pth_open_legacy(reel_pth *pth, reel_error *err)
{
    const uint64_t file = pth->source->size;
    const size_t size = file < REEL_PTH_PICKLE_MAX ? (size_t)file : REEL_PTH_PICKLE_MAX;
    size_t at = 0;
    reel_pickle part = {0};
    pth->legacy = true;
    pth->bytes = malloc(size + 1);
    if (!pth->bytes)
        return out_of_memory(pth, err);
    REEL_TRY(reel_byte_source_read(pth->source, 0, pth->bytes, size, err));

    /* The magic number was compared when the kind of file was decided. */
    REEL_TRY(next_pickle(pth, size, &at, "magic number", &part, err));
    reel_pickle_free(&part);
    REEL_TRY(next_pickle(pth, size, &at, "protocol", &part, err));
    const reel_pickle_value protocol = part.values[part.root];
    reel_pickle_free(&part);
    if (protocol.kind != REEL_PICKLE_INT || protocol.integer != 1001)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: protocol: expected 1001, got another",
                         pth->source->path);
    REEL_TRY(next_pickle(pth, size, &at, "sys_info", &part, err));
    reel_status status = check_sys_info(pth, &part, err);
    reel_pickle_free(&part);
    REEL_TRY(status);

    REEL_TRY(next_pickle(pth, size, &at, "object", &pth->pickle, err));
    REEL_TRY(list_storages(pth, err));
    REEL_TRY(next_pickle(pth, size, &at, "storage keys", &part, err));
    status = locate_storages(pth, &part, at, err);
    reel_pickle_free(&part);
    return status;
}

/* ---- both ---- */
reel_status reel_pth_find(const reel_pth *pth, const reel_pth_id *id, reel_pth_block *block,
                          reel_error *err)
{
    reel_printable room;
    *block = (reel_pth_block){0};
    if (__builtin_mul_overflow((uint64_t)id->numel, (uint64_t)id->type->bytes, &block->size))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: storage %s: expected fewer elements than %lld",
                         pth->source->path, printable_text(&room, id->key, id->key_length),
                         (long long)id->numel);

    if (pth->legacy) {
        const reel_pth_storage *s = find_storage(pth, id->key, id->key_length);
        block->at = s ? s->at : 0;
    } else {
        REEL_TRY(find_member(pth, "data/", id->key, id->key_length, &block->member, err));
    }
    if (block->at == 0 && !block->member)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: storage %s: expected its bytes in the file, got none",
                         pth->source->path, printable_text(&room, id->key, id->key_length));

    if (!block->member)
        return REEL_OK;
    if (block->member->size != block->size)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: storage %s: expected %llu bytes for %lld elements, got %llu",
                         pth->source->path, printable_text(&room, id->key, id->key_length),
                         (unsigned long long)block->size, (long long)id->numel,
                         (unsigned long long)block->member->size);
    return reel_zip_check(&pth->zip, block->member, err);
}

reel_status reel_pth_load(const reel_pth *pth, const reel_pth_block *block, void *into,
                          reel_error *err)
{
    if (block->member)
        return reel_zip_extract(&pth->zip, block->member, into, err);
    return reel_byte_source_read(pth->source, block->at, into, (size_t)block->size, err);
}
