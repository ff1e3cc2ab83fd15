/* Tar and tar.gz shards in WebDataset's convention (common/shard_index.c).
 *
 * An index pass over the headers notes where images lie; reading is then random access. gzip allows
 * none: such a shard is unpacked into an unnamed temporary file, once. Indices go by the order of
 * the shards' names, and within by that of members. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/system_error.h"
#include "data/sources/common/opened.h"
#include "data/sources/common/part_files.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/pieces.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/tar.h"
#include "data/sources/common/text.h"

static bool is_shard_name(const char *name)
{
    static const char *const ends[] = {".tar", ".tar.gz", ".tgz"};
    const size_t n = strlen(name);
    for (int i = 0; i < 3; i++) {
        const size_t length = strlen(ends[i]);
        if (n > length && strcasecmp(name + n - length, ends[i]) == 0)
            return name[0] != '.';
    }
    return false;
}

/* Adds the shards that are called after the split, or, without one, after the part. */
static reel_status pick_shards(reel_names *names, const reel_names *all, const char *split,
                               reel_part part, reel_error *err)
{
    for (int64_t i = 0; i < reel_names_count(all); i++) {
        const char *name = reel_names_at(all, i);
        if (split ? reel_names_split(name, split) : reel_part_of_folder(name) == part)
            REEL_TRY(reel_names_add(names, name, strlen(name), err));
    }
    return REEL_OK;
}

/* Do the first bytes of a shard hold a labelled image? Those for tests may have no labels. */
static bool is_labelled(const char *path)
{
    const size_t most = (size_t)16 << 20;
    reel_piece_list *p = NULL;
    reel_error ignored;
    reel_bytes head = {.data = malloc(most)};
    const int file = memfd_create("shard", MFD_CLOEXEC);
    if (!head.data)
        reel_fail(NULL, REEL_ERR_MEMORY, "%s: out of memory", path);
    if (head.data && file >= 0)
        head.size = reel_read_head(path, head.data, most);

    /* The walk may meet the end of the head: what it found before counts. */
    const bool there = head.size && write(file, head.data, head.size) == (ssize_t)head.size;
    bool labelled = false;
    if (there && reel_pieces_new(&p, &ignored) == REEL_OK) {
        const reel_span span = {.file = file, .size = head.size};
        reel_shard_index(p, &span, 0, &ignored);
        labelled = p->pieces.n > 0;
        reel_pieces_destroy(p);
    }
    if (file >= 0)
        close(file);
    free(head.data);
    return labelled;
}

/* Adds the shards that are called after the part: dev-000.tar. Where none is for validation, those
 * for tests validate, if they have labels. */
static reel_status pick_part(reel_names *names, const reel_names *all, const char *folder,
                             reel_part part, reel_error *err)
{
    char path[REEL_DATA_PATH];
    reel_names tests = {0};
    REEL_TRY(pick_shards(names, all, NULL, part, err));
    if (part != REEL_VAL_PART || reel_names_count(names) > 0)
        return REEL_OK;

    reel_status status = pick_shards(&tests, all, NULL, REEL_TEST_PART, err);
    if (status == REEL_OK && reel_names_count(&tests) > 0 &&
        snprintf(path, sizeof path, "%s/%s", folder, reel_names_at(&tests, 0)) < (int)sizeof path &&
        is_labelled(path)) {
        reel_names_free(names);
        *names = tests;
        return REEL_OK;
    }
    reel_names_free(&tests);
    return status;
}

/* The shards of a folder, with the split's name in theirs where split is given. Beside training
 * shards, those that are called otherwise may be the split's, too. */
static reel_status find_shards(reel_names *names, const char *folder, const char *split,
                               reel_error *err)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return reel_fail_system(err, errno, "%s: cannot be opened", folder);
    reel_names all = {0}, training = {0};
    const reel_part part = reel_part_of_split(split);
    reel_status status = REEL_OK;
    for (const struct dirent *e; status == REEL_OK && (e = readdir(stream));)
        if (is_shard_name(e->d_name))
            status = reel_names_add(&all, e->d_name, strlen(e->d_name), err);
    closedir(stream);
    REEL_TRY_GOTO(status, done);

    reel_names_sort(&all);
    if (!split) {
        *names = all;
        return REEL_OK;
    }
    REEL_TRY_GOTO(pick_shards(names, &all, split, part, err), done);
    REEL_TRY_GOTO(pick_shards(&training, &all, NULL, REEL_TRAIN_PART, err), done);
    if (reel_names_count(names) == 0 && part != REEL_NO_PART && reel_names_count(&training) > 0)
        REEL_TRY_GOTO(pick_part(names, &all, folder, part, err), done);
done:
    reel_names_free(&all);
    reel_names_free(&training);
    return status;
}

static int64_t count_shards(const char *folder, const char *split)
{
    reel_names names = {0};
    reel_error err;
    const int64_t n =
        find_shards(&names, folder, split, &err) == REEL_OK ? reel_names_count(&names) : 0;
    reel_names_free(&names);
    return n;
}

static bool holds_shards(const char *path, const void *user)
{
    (void)user;
    return reel_is_folder(path) && count_shards(path, NULL) > 0;
}

static bool holds_labelled_shards(const char *path, const void *user)
{
    char first[REEL_DATA_PATH];
    reel_names names = {0};
    reel_error ignored;
    const bool labelled = holds_shards(path, user) &&
                          find_shards(&names, path, NULL, &ignored) == REEL_OK &&
                          reel_names_count(&names) > 0 &&
                          snprintf(first, sizeof first, "%s/%s", path, reel_names_at(&names, 0)) <
                              (int)sizeof first &&
                          is_labelled(first);
    reel_names_free(&names);
    return labelled;
}

/* The folder of a part beside that of the training shards: DATA/Dev. */
static bool find_part_folder(const char *data, reel_part part, char *path)
{
    static const reel_part_wanted shards = {holds_shards, NULL},
                                  labelled = {holds_labelled_shards, NULL};
    char training[REEL_DATA_PATH];
    return reel_find_part(data, REEL_TRAIN_PART, "", &shards, training) &&
           (reel_find_part(data, part, "", &shards, path) ||
            (part == REEL_VAL_PART && reel_find_part(data, REEL_TEST_PART, "", &labelled, path)));
}

/* Beside a training shard: one for tests validates only if it has labels. */
static bool shard_counts(const char *path, const void *user)
{
    const char *split = user;
    const bool tests = reel_part_of_folder(reel_base_name(path)) == REEL_TEST_PART;
    return !tests || !reel_is_val(split) || is_labelled(path);
}

/* DATA/SPLIT/ *.tar, DATA/ *SPLIT*.tar, DATA/ *.tar (all there is), or one shard. */
static reel_sniff shards_sniff(const char *data, const char *split, char *path)
{
    if (reel_is_file(data)) {
        uint8_t head[512];
        const bool tar = reel_tar_sniff(head, reel_read_head(data, head, sizeof head));
        const reel_part_wanted wanted = {shard_counts, split};
        return tar ? reel_sniff_file(data, split, &wanted, path) : REEL_SNIFF_OTHER;
    }
    if (!reel_is_folder(data))
        return REEL_SNIFF_OTHER;

    const reel_split_names folders = reel_names_of_split(split);
    for (int i = 0; i < folders.n; i++)
        if (snprintf(path, REEL_DATA_PATH, "%s/%s", data, folders.at[i]) < REEL_DATA_PATH &&
            holds_shards(path, NULL))
            return REEL_SNIFF_FOUND;
    if (find_part_folder(data, reel_part_of_split(split), path))
        return REEL_SNIFF_FOUND;

    snprintf(path, REEL_DATA_PATH, "%s", data);
    if (count_shards(data, NULL) == 0)
        return REEL_SNIFF_OTHER;
    return !split || count_shards(data, split) ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
}

/* ---- opening ---- */

static reel_status add_shard(reel_opened *out, const char *path, reel_error *err)
{
    reel_piece_list *p = out->self;
    reel_error why = {0};
    int file;
    uint64_t size;
    REEL_TRY(reel_open_plain(&file, &size, path, err));
    if (size == 0) {
        close(file);
        return reel_opened_note(out, err, "%.200s is empty (0 bytes): left out",
                                reel_base_name(path));
    }
    const reel_span span = {.file = file, .size = size};
    const uint32_t number = (uint32_t)p->files.n;
    p->shard = reel_base_name(path);
    const reel_status status = reel_shard_index(p, &span, number, &why);
    p->shard = NULL;
    if (status != REEL_OK) {
        close(file);
        return reel_fail(err, status, "%.400s: %.500s", path, why.message);
    }
    REEL_TRY(reel_pieces_add_file(p, path, file, err));

    /* It ends where a member ends: some programs write no mark, and a copy may have ended there. */
    if (!p->unmarked)
        return REEL_OK;
    return reel_opened_note(out, err,
                            "%.200s has no end mark: it may have been cut. Its members are used",
                            reel_base_name(path));
}

/* Says what was found under another name than the split's. first: the name of the first shard. */
static reel_status note_part_of_shards(reel_opened *out, const char *path, const char *first,
                                       reel_error *err)
{
    const char *data = out->request->data, *split = out->request->split;
    char shown[200];
    const bool folder = reel_is_folder(path) && strcmp(path, data) != 0;
    const char *name = folder ? reel_base_name(path) : first;
    if (!split || (!folder && strcmp(path, data) == 0 && reel_is_file(data)) ||
        reel_names_split(name, split) || reel_part_of_folder(name) == REEL_NO_PART)
        return REEL_OK;
    reel_escape(shown, sizeof shown, name);
    return reel_opened_note(out, err, "%s%s is taken for the %s shards", shown, folder ? "/" : "",
                            reel_words_for_split(split));
}

static reel_status add_all(reel_opened *out, const char *path, const char *split, reel_error *err)
{
    reel_names names = {0};
    char shard[REEL_DATA_PATH];
    reel_status status = REEL_OK;
    if (reel_is_file(path)) {
        REEL_TRY(note_part_of_shards(out, path, reel_base_name(path), err));
        return add_shard(out, path, err);
    }

    /* Shards in the split's own folder need not be named after it. */
    REEL_TRY_GOTO(find_shards(&names, path, split, err), done);
    if (reel_names_count(&names) == 0)
        REEL_TRY_GOTO(find_shards(&names, path, NULL, err), done);
    if (reel_names_count(&names) > 0)
        REEL_TRY_GOTO(note_part_of_shards(out, path, reel_names_at(&names, 0), err), done);

    for (int64_t i = 0; i < reel_names_count(&names); i++) {
        const char *name = reel_names_at(&names, i);
        if (snprintf(shard, sizeof shard, "%s/%s", path, name) < (int)sizeof shard)
            REEL_TRY_GOTO(add_shard(out, shard, err), done);
    }
done:
    reel_names_free(&names);
    return status;
}

/* Why no sample is left. */
static reel_status refuse_shards(const reel_piece_list *p, const char *path, reel_error *err)
{
    if (p->doubled.n)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: %s is a second image or label of its key: expected one image and one "
                         "label for each key",
                         path, p->doubled.first);
    if (p->unlabelled.n)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: %s has no label: expected a .cls of the same name beside it", path,
                         p->unlabelled.first);
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: no samples; expected pairs such as 0001.jpg and 0001.cls", path);
}

/* Names the members that are left out, and those that may be meant otherwise. */
static reel_status note_odd_members(reel_opened *out, reel_error *err)
{
    const reel_piece_list *p = out->self;
    if (p->unlabelled.n)
        REEL_TRY(reel_opened_note(out, err,
                                  "images without a label, left out: %" PRId64 ", such as %s",
                                  p->unlabelled.n, p->unlabelled.first));
    if (p->doubled.n)
        REEL_TRY(reel_opened_note(
            out, err, "keys with two images or two labels, left out: %" PRId64 ", such as %s",
            p->doubled.n, p->doubled.first));
    if (p->repeated.n)
        REEL_TRY(reel_opened_note(out, err,
                                  "keys that occur again later in a shard: %" PRId64
                                  ", such as %s: each occurrence is a sample of its own",
                                  p->repeated.n, p->repeated.first));
    return REEL_OK;
}

static reel_status shards_open(reel_opened *out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    reel_piece_list *p;
    REEL_TRY(reel_pieces_new(&p, err));
    out->self = p;
    p->names_only = out->request->names_only;
    REEL_TRY(add_all(out, path, split, err));
    reel_left_out_merge(&out->left_out, &p->left_out);
    if (p->pieces.n == 0)
        return refuse_shards(p, path, err);
    REEL_TRY(note_odd_members(out, err));

    char folder[REEL_DATA_PATH];
    reel_folder_of(data, folder);
    return reel_number_names(&out->classes, folder, reel_pieces_classes(p), err);
}

/* Its rank: behind lists. */
const reel_source reel_source_shards = REEL_SOURCE(
    shards, .name = "tar shards", .rank = REEL_RANK_CONTENT + 1, REEL_SAMPLES_ARE_PIECES);
