/* A scan that ranks share out: rank r of R looks at the items from n r / R to n (r + 1) / R of n.
 * While their threads work, the ranks tell each other several times a second how far they are. At
 * the end they exchange the facts; sums are of integers, so that the order does not matter. */
#include "train/check/check_internal.h"

#include "train/run/rank_views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

reel_status reel_check_same_images(reel_check *c, reel_error *err)
{
    reel_rank_view mine = "";
    for (int s = 0; s < c->n_splits; s++) {
        char text[100];
        const size_t used = strlen(mine);
        snprintf(mine + used, sizeof mine - used, "%s%s: %s", s ? "; " : "", c->split[s],
                 reel_rank_view_of(c->set[s], text, sizeof text));
    }
    return reel_rank_views_compare(c->comm, "DATA", mine, err);
}

/* What a rank tells the others while its threads work. */
typedef struct check_sign {
    int64_t done;
    int32_t interrupted, finished, failed;
    int32_t unused;
} check_sign;

/* Whether a rank still works, and none of them ends the scan. */
static bool signs_go_on(reel_check_scan_state *s, const check_sign *signs, int ranks)
{
    bool works = false, failed = false;
    for (int r = 0; r < ranks; r++) {
        works |= !signs[r].finished;
        failed |= signs[r].failed;
        s->interrupted |= signs[r].interrupted;
    }
    return works && !failed && !s->interrupted;
}

reel_status reel_check_watch_shared(reel_check_scan_state *s, const reel_check_watch *watch,
                                    reel_error *err)
{
    const reel_check *c = s->check;
    const int ranks = reel_comm_ranks(c->comm);
    const struct timespec pause = {.tv_nsec = 50000000};
    check_sign *signs = calloc((size_t)ranks, sizeof *signs);
    reel_status status =
        signs ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "the signs of ranks: out of memory");
    REEL_TRY_GOTO(reel_comm_agree(c->comm, status, err, "the begin of a check"), done);

    do {
        check_sign mine = {.done = atomic_load(&s->done), .failed = atomic_load(&s->stop)};
        mine.interrupted = watch->stop(watch->user);
        mine.finished = mine.failed || mine.done == c->end - c->begin;
        if (!mine.finished && !mine.interrupted)
            nanosleep(&pause, NULL);
        REEL_TRY_GOTO(
            reel_comm_gather(c->comm, &mine, sizeof mine, signs, "how far a check is", err), done);

        int64_t done = 0;
        for (int r = 0; r < ranks; r++)
            done += signs[r].done;
        if (reel_comm_rank(c->comm) == 0)
            watch->show(watch->user, done, c->first[c->n_splits]);
    } while (signs_go_on(s, signs, ranks));
done:
    free(signs);
    return status;
}

/* ---- facts ---- */

/* An item on its way. Its texts travel apart. */
typedef struct check_record {
    uint64_t hash, size;
    int64_t width, height;
    int32_t orientation;
    uint8_t cmyk, profile;
    uint8_t corrupt, misnamed; /* whether there is a text: the reason; what the content is */
} check_record;

typedef struct check_sums {
    uint64_t text_bytes; /* of the rank */
    uint64_t pixels, sum[3], square[3];
} check_sums;

static uint64_t text_bytes(const reel_check_item *item)
{
    uint64_t bytes = 0;
    if (item->reason)
        bytes += strlen(item->reason) + 1;
    if (item->facts.misnamed)
        bytes += strlen(item->facts.misnamed) + 1;
    return bytes;
}

static char *append_text(char *to, const char *text)
{
    const size_t size = strlen(text) + 1;
    memcpy(to, text, size);
    return to + size;
}

/* Writes the item's texts to `texts`; returns their end. */
static char *pack_item(check_record *r, char *texts, const reel_check_item *item)
{
    const reel_image_facts *f = &item->facts;
    *r = (check_record){.hash = f->hash,
                        .size = f->size,
                        .width = f->width,
                        .height = f->height,
                        .orientation = f->orientation,
                        .cmyk = f->cmyk,
                        .profile = f->profile,
                        .corrupt = item->reason != NULL,
                        .misnamed = f->misnamed != NULL};
    if (item->reason)
        texts = append_text(texts, item->reason);
    if (f->misnamed)
        texts = append_text(texts, f->misnamed);
    return texts;
}

static char *unpack_item(reel_check_item *item, char *texts, const check_record *r)
{
    *item = (reel_check_item){.facts = {.hash = r->hash,
                                        .size = (size_t)r->size,
                                        .width = r->width,
                                        .height = r->height,
                                        .orientation = r->orientation,
                                        .cmyk = r->cmyk,
                                        .profile = r->profile}};
    if (r->corrupt) {
        item->reason = texts;
        texts += strlen(texts) + 1;
    }
    if (r->misnamed) {
        item->facts.misnamed = texts;
        texts += strlen(texts) + 1;
    }
    return texts;
}

/* The sums of all ranks into the check's; sums[r].text_bytes stays that of each. */
static reel_status exchange_sums(reel_check *c, check_sums *sums, reel_error *err)
{
    check_sums mine = {.pixels = c->pixels};
    memcpy(mine.sum, c->sum, sizeof mine.sum);
    memcpy(mine.square, c->square, sizeof mine.square);
    for (int64_t i = c->begin; i < c->end; i++)
        mine.text_bytes += text_bytes(&c->items[i]);
    REEL_TRY(reel_comm_gather(c->comm, &mine, sizeof mine, sums, "sums of a check", err));

    for (int r = 0; r < reel_comm_ranks(c->comm); r++) {
        if (r == reel_comm_rank(c->comm))
            continue;
        c->pixels += sums[r].pixels;
        for (int k = 0; k < 3; k++) {
            c->sum[k] += sums[r].sum[k];
            c->square[k] += sums[r].square[k];
        }
    }
    return REEL_OK;
}

/* The items of one rank to all others. texts: room for theirs. */
static reel_status exchange_items(reel_check *c, int rank, check_record *records, char *texts,
                                  size_t bytes, reel_error *err)
{
    const int64_t n = c->first[c->n_splits], ranks = reel_comm_ranks(c->comm);
    const int64_t begin = n * rank / ranks, end = n * (rank + 1) / ranks;
    const bool own = rank == reel_comm_rank(c->comm);
    char *at = texts;
    for (int64_t i = begin; own && i < end; i++)
        at = pack_item(&records[i - begin], at, &c->items[i]);

    if (end > begin)
        REEL_TRY(reel_comm_broadcast(c->comm, records, (size_t)(end - begin) * sizeof *records,
                                     rank, "facts of images", err));
    if (bytes > 0)
        REEL_TRY(reel_comm_broadcast(c->comm, texts, bytes, rank, "findings of a rank", err));
    for (int64_t i = begin; !own && i < end; i++)
        at = unpack_item(&c->items[i], at, &records[i - begin]);
    return REEL_OK;
}

reel_status reel_check_exchange(reel_check *c, reel_error *err)
{
    const int ranks = reel_comm_ranks(c->comm);
    const size_t part = (size_t)(c->first[c->n_splits] / ranks) + 2;
    check_sums *sums = calloc((size_t)ranks, sizeof *sums);
    check_record *records = calloc(part, sizeof *records);
    reel_status status = sums && records
                             ? REEL_OK
                             : reel_fail(err, REEL_ERR_MEMORY, "no memory for the facts of images");
    REEL_TRY_GOTO(reel_comm_agree(c->comm, status, err, "memory for the facts of images"), done);
    REEL_TRY_GOTO(exchange_sums(c, sums, err), done);

    size_t bytes = 1;
    for (int r = 0; r < ranks; r++)
        bytes += sums[r].text_bytes;
    c->texts = malloc(bytes);
    if (!c->texts)
        status = reel_fail(err, REEL_ERR_MEMORY, "no memory for the findings of all ranks");
    REEL_TRY_GOTO(reel_comm_agree(c->comm, status, err, "memory for the findings"), done);

    char *texts = c->texts;
    for (int r = 0; r < ranks; r++) {
        REEL_TRY_GOTO(exchange_items(c, r, records, texts, sums[r].text_bytes, err), done);
        texts += sums[r].text_bytes;
    }
done:
    free(sums);
    free(records);
    return status;
}
