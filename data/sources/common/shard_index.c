/* The index of a tar shard in WebDataset's convention: neighbouring members with the same name up
 * to the first dot of the last part, their key, form a sample. Its image has an extension that can
 * be decoded, or else is the first other field, if its bytes say that it is one. Its label is a
 * number in .cls, or else in .txt or in a .json's "label". Further fields are passed over.
 *
 * A sample with two images or two such labels is left out: nothing says which of them counts. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/pieces.h"
#include "data/sources/common/tar.h"
#include "data/sources/common/text.h"

enum { MOST_CLASSES = 1 << 24 };

static size_t key_length(const char *name)
{
    const char *base = reel_base_name(name), *dot = strchr(base, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* Where a label stands; what comes later in this list counts more. */
typedef enum { NO_LABEL, JSON_LABEL, TEXT_LABEL, CLS_LABEL } label_kind;

struct sample { /* that is being put together */
    char key[REEL_TAR_NAME + 1];
    char image[REEL_TAR_NAME + 1];
    char second[REEL_TAR_NAME + 1]; /* another image, or another label of its kind */
    reel_piece piece;
    char other[REEL_TAR_NAME + 1]; /* the first field that is neither image nor label; "" = none */
    uint64_t other_offset, other_size;
    label_kind label;
    bool has_image, two_images, two_labels;
};

/* The keys that a shard had so far, as hashes in an open table. */
struct key_set {
    uint64_t *hashes; /* 0: free */
    size_t n, room;   /* room: a power of two */
};

static uint64_t hash_key(const char *key)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (const char *c = key; *c; c++)
        h = (h ^ (uint8_t)*c) * 1099511628211u;
    return h ? h : 1;
}

/* Puts a hash into its slot; false = it is there already. After 64 taken slots, which only a forged
 * shard has, it is forgotten. */
static bool place_key(const struct key_set *set, uint64_t hash)
{
    for (size_t i = 0; i < 64; i++) {
        uint64_t *slot = &set->hashes[(hash + i) & (set->room - 1)];
        if (*slot == hash)
            return false;
        if (*slot)
            continue;
        *slot = hash;
        break;
    }
    return true;
}

/* *known: had the shard this key before? */
static reel_status add_key(struct key_set *set, const char *key, bool *known, reel_error *err)
{
    if (2 * set->n >= set->room) {
        struct key_set more = {.n = set->n, .room = set->room ? 2 * set->room : 64};
        more.hashes = calloc(more.room, sizeof *more.hashes);
        if (!more.hashes)
            return reel_fail(err, REEL_ERR_MEMORY, "no memory for the keys of a shard");
        for (size_t i = 0; i < set->room; i++)
            if (set->hashes[i])
                place_key(&more, set->hashes[i]);
        free(set->hashes);
        *set = more;
    }
    *known = !place_key(set, hash_key(key));
    set->n += !*known;
    return REEL_OK;
}

/* One walk through a shard. Large, so it is allocated. */
struct indexing {
    reel_tar tar;
    reel_tar_entry entry;
    struct sample sample;
    struct key_set keys;
    uint32_t file;
};

static void note_odd_member(reel_odd_members *odd, const char *shard, const char *member)
{
    char name[REEL_TAR_NAME + 300];
    if (odd->n++)
        return;
    snprintf(name, sizeof name, "%.255s%s%s", shard ? shard : "", shard ? "/" : "", member);
    reel_escape(odd->first, sizeof odd->first, name);
}

/* A label without an image: the other field may be one, whatever its name. If not, it is counted.
 */
static reel_status look_at_other_field(reel_piece_list *p, struct indexing *x, reel_error *err)
{
    struct sample *s = &x->sample;
    uint8_t head[4096];
    const size_t n = s->other_size < sizeof head ? (size_t)s->other_size : sizeof head;
    if (!s->other[0]) {
        reel_left_out_add(&p->left_out, "label", "without an image", 1);
        return REEL_OK;
    }

    REEL_TRY(reel_tar_read(&x->tar, s->other_offset, head, n, err));
    if (p->names_only || s->other_size > REEL_MAX_FILE || !reel_codec_of(head, n)) {
        reel_left_out_content(&p->left_out, s->other, head, n);
        return REEL_OK;
    }
    s->piece.offset = s->other_offset;
    s->piece.size = (uint32_t)s->other_size;
    s->piece.file = x->file;
    return reel_pieces_add(p, &s->piece, s->other, err);
}

static reel_status finish_shard_sample(reel_piece_list *p, struct indexing *x, reel_error *err)
{
    struct sample *s = &x->sample;
    bool known = false;
    if (!s->has_image && !s->label)
        return REEL_OK;
    REEL_TRY(add_key(&x->keys, s->key, &known, err));
    if (known)
        note_odd_member(&p->repeated, p->shard, s->has_image ? s->image : s->key);

    /* A run that version 0.1.0 began took the first image and the last label. */
    if ((s->two_images || s->two_labels) && !p->names_only) {
        note_odd_member(&p->doubled, p->shard, s->second);
        return REEL_OK;
    }
    if (!s->has_image)
        return look_at_other_field(p, x, err);
    if (!s->label) {
        note_odd_member(&p->unlabelled, p->shard, s->image);
        return REEL_OK;
    }
    return reel_pieces_add(p, &s->piece, s->image, err);
}

/* ".jpg", not ".mask.jpg": other fields of the key are passed over. */
static bool is_image_field(const char *field)
{
    return strrchr(field, '.') == field && reel_is_image_name(field);
}

/* The image's place, of the first field that is one. */
static reel_status note_image(struct sample *s, const reel_tar_entry *e, uint32_t file,
                              reel_error *err)
{
    if (e->size > REEL_MAX_FILE) {
        char shown[300];
        reel_escape(shown, sizeof shown, e->name);
        return reel_fail(err, REEL_ERR_FORMAT, "%s: %" PRIu64 " bytes, expected at most %zu", shown,
                         e->size, REEL_MAX_FILE);
    }
    s->piece.offset = e->offset;
    s->piece.size = (uint32_t)e->size;
    s->piece.file = file;
    snprintf(s->image, sizeof s->image, "%s", e->name);
    s->has_image = true;
    return REEL_OK;
}

static reel_status read_label(reel_tar *tar, const reel_tar_entry *e, uint32_t *label,
                              reel_error *err)
{
    enum { MOST_TEXT = 32 };
    char text[MOST_TEXT + 1], shown[300];
    uint64_t number = 0;
    size_t n = e->size < MOST_TEXT ? (size_t)e->size : MOST_TEXT;
    REEL_TRY(reel_tar_read(tar, e->offset, text, n, err));
    while (n && strchr(" \r\n\t", text[n - 1]))
        n--;
    if (e->size > MOST_TEXT || !reel_parse_number(text, n, MOST_CLASSES - 1, &number)) {
        reel_escape(shown, sizeof shown, e->name);
        return reel_fail(err, REEL_ERR_FORMAT, "%s: expected a class number from 0 to %d", shown,
                         MOST_CLASSES - 1);
    }
    *label = (uint32_t)number;
    return REEL_OK;
}

/* The number that a .json calls the label; *found is false where it names none. A text that is no
 * JSON names none either; what cannot be read, or has no room in memory, is an error. */
static reel_status label_in_json(reel_tar *tar, const reel_tar_entry *e, uint32_t *label,
                                 bool *found, reel_error *err)
{
    enum { MOST_JSON = 1 << 16 };
    static const char *const keys[] = {"label", "cls", "class", "class_id", "target"};
    *found = false;
    if (e->size > MOST_JSON)
        return REEL_OK;

    char *text = malloc((size_t)e->size + 1);
    if (!text)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a label");
    json_t *o = NULL;
    const reel_status status = reel_tar_read(tar, e->offset, text, (size_t)e->size, err);
    if (status == REEL_OK)
        o = json_loadb(text, (size_t)e->size, 0, NULL);
    free(text);

    for (int64_t i = 0; !*found && i < REEL_COUNT(keys); i++) {
        const json_t *value = json_object_get(o, keys[i]);
        const json_int_t number = json_integer_value(value);
        *found = json_is_integer(value) && number >= 0 && number < MOST_CLASSES;
        if (*found)
            *label = (uint32_t)number;
    }
    json_decref(o);
    return status;
}

/* A label of a kind that counts less than one that is there is passed over. */
static void take_label(struct sample *s, label_kind kind, uint32_t label, const char *member)
{
    if (kind < s->label)
        return;
    s->two_labels = kind == s->label;
    if (s->two_labels && !s->two_images)
        snprintf(s->second, sizeof s->second, "%s", member);
    s->label = kind;
    s->piece.label = label;
}

/* A number in a .txt is a label; other text says what the image shows. */
static reel_status add_text(reel_tar *tar, const reel_tar_entry *e, struct sample *s,
                            reel_error *err)
{
    uint32_t label;
    if (!e->size)
        return REEL_OK;
    const reel_status status = read_label(tar, e, &label, err);
    if (status == REEL_OK)
        take_label(s, TEXT_LABEL, label, e->name);
    return status == REEL_ERR_FORMAT ? REEL_OK : status;
}

static reel_status add_field(reel_tar *tar, const reel_tar_entry *e, uint32_t file,
                             struct sample *s, reel_error *err)
{
    const char *field = e->name + key_length(e->name);
    uint32_t label;
    if (strcasecmp(field, ".cls") == 0) {
        REEL_TRY(read_label(tar, e, &label, err));
        take_label(s, CLS_LABEL, label, e->name);
    } else if (strcasecmp(field, ".txt") == 0 && s->label <= TEXT_LABEL) {
        REEL_TRY(add_text(tar, e, s, err));
    } else if (strcasecmp(field, ".json") == 0 && s->label <= JSON_LABEL) {
        bool found;
        REEL_TRY(label_in_json(tar, e, &label, &found, err));
        if (found)
            take_label(s, JSON_LABEL, label, e->name);
    } else if (is_image_field(field) && s->has_image) {
        s->two_images = true;
        snprintf(s->second, sizeof s->second, "%s", e->name);
    } else if (is_image_field(field)) {
        return note_image(s, e, file, err);
    } else if (!s->other[0] && (!*field || strrchr(field, '.') == field)) {
        snprintf(s->other, sizeof s->other, "%s", e->name);
        s->other_offset = e->offset;
        s->other_size = e->size;
    }
    return REEL_OK;
}

/* Another key begins another sample. */
static reel_status begin_shard_sample(reel_piece_list *p, struct indexing *x, reel_error *err)
{
    struct sample *s = &x->sample;
    const char *name = x->entry.name;
    const size_t n = key_length(name);
    if (strncmp(s->key, name, n) == 0 && s->key[n] == 0)
        return REEL_OK;
    REEL_TRY(finish_shard_sample(p, x, err));
    s->has_image = s->two_images = s->two_labels = false;
    s->label = NO_LABEL;
    s->other[0] = 0;
    s->piece = (reel_piece){0};
    memcpy(s->key, name, n);
    s->key[n] = 0;
    return REEL_OK;
}

reel_status reel_shard_index(reel_piece_list *p, const reel_span *span, uint32_t file,
                             reel_error *err)
{
    struct indexing *x = calloc(1, sizeof *x);
    if (!x)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");
    reel_status status = REEL_OK;
    struct sample *s = &x->sample;
    const reel_tar_entry *e = &x->entry;

    x->file = file;
    reel_tar_begin(&x->tar, span, 0, span->size);
    for (bool more = true;;) {
        REEL_TRY_GOTO(reel_tar_next(&x->tar, &x->entry, &more, err), done);
        if (!more)
            break;
        /* Hidden members ("._0001.jpg") are what macOS's tar adds. */
        if (!e->regular || reel_base_name(e->name)[0] == '.')
            continue;
        REEL_TRY_GOTO(begin_shard_sample(p, x, err), done);
        REEL_TRY_GOTO(add_field(&x->tar, e, file, s, err), done);
    }
    REEL_TRY_GOTO(finish_shard_sample(p, x, err), done);
    p->unmarked = x->tar.unmarked;
done:
    free(x->keys.hashes);
    free(x);
    return status;
}
