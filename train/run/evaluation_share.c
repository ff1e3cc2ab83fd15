/* An evaluation that ranks share out.
 *
 * Rank r of R takes the batches from nb r / R to nb (r + 1) / R of nb, the same batches as one
 * process would. After each batch the ranks tell each other whether to go on. At the end they
 * exchange what their batches gave, and every rank counts all of it in the order of the dataset,
 * with the code of one process: so sums of doubles, ties and messages come out the same. A rank
 * keeps 24 bytes an image for that.
 *
 * Unreadable images: a rank notes them in the order in which its loader meets them. One process
 * would meet those of rank 0 first, then those of rank 1 that are new, and so on; in this order
 * they are judged at the end. A rank that has more than the limit alone may stop early: the verdict
 * then falls on one of its images, or on an earlier one. */
#include "train/run/evaluation_internal.h"

#include "data/bad_verdict.h"

#include <stdlib.h>
#include <string.h>

/* What a rank tells the others after each batch. */
typedef struct share_sign {
    int64_t done;     /* images */
    int32_t status;   /* a reel_status */
    int32_t finished; /* no batch of it is left, or it has failed */
} share_sign;

/* What a rank tells the others when no batch is left. */
typedef struct share_end {
    uint64_t notes; /* bytes */
    int32_t status;
    char message[sizeof((reel_error *)NULL)->message];
} share_end;

/* One rank's side. */
typedef struct evaluation_share {
    reel_evaluator *v;
    reel_comm *comm;
    int rank, ranks;
    int64_t n_batches, next, end; /* of the dataset; of this rank: the next one, and the first that
                                     is another's */
    reel_loader *loader;          /* NULL: this rank has no batches */
    reel_error mine;              /* why this rank has failed; REEL_OK: it has not */
    share_sign sign;              /* this rank's */
    share_sign *signs;            /* [ranks] */
    share_end *ends;              /* [ranks] */
    reel_image_outcome *outcomes; /* [images of the dataset] */
    double *losses;               /* [n_batches] */
    /* Unreadable images: for each its index (8 bytes), and the reason with its 0. */
    char *notes;
    size_t notes_size, notes_room;
    uint8_t *known; /* a bit an image: it was judged */
} evaluation_share;

static int64_t share_begin(const evaluation_share *s, int rank)
{
    return s->n_batches * rank / s->ranks;
}

/* The first image of a batch; the number of images for what is behind the last batch. */
static int64_t share_image(const evaluation_share *s, int64_t batch)
{
    const int64_t image = batch * s->v->batch;
    return image < s->v->total ? image : s->v->total;
}

/* ---- unreadable images ---- */

static void note_bad_image(evaluation_share *s, int64_t index, const char *reason)
{
    const size_t length = strlen(reason) + 1, size = sizeof index + length;
    if (s->notes_size + size > s->notes_room) {
        const size_t room = 2 * s->notes_room + size + 1024;
        char *grown = realloc(s->notes, room);
        if (!grown) {
            reel_fail(&s->mine, REEL_ERR_MEMORY, "no memory to note a bad sample");
            return;
        }
        s->notes = grown;
        s->notes_room = room;
    }
    memcpy(s->notes + s->notes_size, &index, sizeof index);
    memcpy(s->notes + s->notes_size + sizeof index, reason, length);
    s->notes_size += size;
}

static void share_on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    evaluation_share *s = user;
    const reel_evaluate_config *config = s->v->config;
    note_bad_image(s, index, reason);
    if (s->rank == 0 && config->on_bad)
        config->on_bad(config->user, index, name, reason);
}

/* The loader calls back with its own user. */
static void share_on_slow(void *user, int64_t index, const char *name, double seconds)
{
    const reel_evaluate_config *config = ((evaluation_share *)user)->v->config;
    config->on_slow(config->user, index, name, seconds);
}

/* Judges one rank's notes as the loader of one process would go on. */
static reel_status judge_notes(evaluation_share *s, const char *notes, size_t size, int from,
                               int64_t *bad, reel_error *err)
{
    const reel_evaluate_config *config = s->v->config;
    for (size_t at = 0; at < size;) {
        int64_t index;
        memcpy(&index, notes + at, sizeof index);
        const char *reason = notes + at + sizeof index;
        at += sizeof index + strlen(reason) + 1;

        uint8_t *known = &s->known[index >> 3];
        const uint8_t bit = (uint8_t)(1u << (index & 7));
        if (*known & bit)
            continue;
        *known |= bit;
        ++*bad;

        char name[600];
        reel_dataset_sample_name(s->v->dataset, index, name, sizeof name);
        if (s->rank == 0 && from != 0 && config->on_bad) /* its own were told as they came */
            config->on_bad(config->user, index, name, reason);
        REEL_TRY(reel_bad_verdict(*bad, s->v->total, config->max_bad, name, reason, err));
    }
    return REEL_OK;
}

static reel_status judge_unreadable(evaluation_share *s, reel_error *err)
{
    size_t most = 1;
    for (int r = 0; r < s->ranks; r++)
        if (s->ends[r].notes > most)
            most = s->ends[r].notes;
    char *notes = malloc(most);
    reel_status status =
        notes ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "evaluation: out of memory");
    REEL_TRY_GOTO(reel_comm_agree(s->comm, status, err, "memory for unreadable images"), done);

    int64_t bad = 0;
    for (int r = 0; r < s->ranks; r++) {
        const size_t size = s->ends[r].notes;
        if (r == s->rank && size)
            memcpy(notes, s->notes, size);
        if (size)
            REEL_TRY_GOTO(
                reel_comm_broadcast(s->comm, notes, size, r, "unreadable images of a rank", err),
                done);
        REEL_TRY_GOTO(judge_notes(s, notes, size, r, &bad, err), done);
        /* So many were unreadable that none was left to take their place. */
        if (s->ends[r].status != REEL_OK) {
            status = reel_fail(err, REEL_ERR_BAD_DATA, "%s", s->ends[r].message);
            goto done;
        }
    }
done:
    free(notes);
    return status;
}

/* ---- batches ---- */

/* Memory, and the loader of this rank's batches. */
static reel_status share_prepare(evaluation_share *s, reel_error *err)
{
    const size_t images = (size_t)s->v->total;
    s->outcomes = calloc(images + 1, sizeof *s->outcomes);
    s->losses = calloc((size_t)s->n_batches + 1, sizeof *s->losses);
    s->known = calloc(1, images / 8 + 1);
    if (!s->outcomes || !s->losses || !s->known)
        return reel_fail(err, REEL_ERR_MEMORY, "evaluation: out of memory");
    if (s->next == s->end)
        return REEL_OK;
    const reel_loader_watch watch = {
        .on_bad = share_on_bad, .on_slow = s->v->config->on_slow ? share_on_slow : NULL, .user = s};
    return reel_evaluator_loader(&s->loader, s->v, s->next, s->end - s->next, &watch, err);
}

static reel_status share_batch(evaluation_share *s, reel_error *err)
{
    reel_batch batch;
    const int64_t first = share_image(s, s->next);
    REEL_TRY(reel_loader_next(s->loader, &batch, err));
    if (s->mine.status != REEL_OK) /* a note did not fit into memory */
        return s->mine.status;
    REEL_TRY(
        reel_evaluator_batch(s->v, &batch, first, s->outcomes + first, &s->losses[s->next], err));
    s->next++;
    s->sign.done += batch.n;
    return REEL_OK;
}

/* This rank's next batch, if it has one. */
static void share_step(evaluation_share *s)
{
    const reel_evaluate_config *config = s->v->config;
    if (s->mine.status == REEL_OK && config->stop && config->stop(config->user))
        reel_fail(&s->mine, REEL_ERR_STOPPED, "evaluation: interrupted");
    if (s->mine.status == REEL_OK && !s->sign.finished)
        share_batch(s, &s->mine);
    s->sign.status = s->mine.status;
    s->sign.finished |= s->mine.status != REEL_OK || s->next == s->end;
}

/* Whether any rank goes on, after all signs have come. */
static bool share_goes_on(evaluation_share *s)
{
    bool goes_on = false;
    for (int r = 0; r < s->ranks; r++) {
        const share_sign *sign = &s->signs[r];
        if (sign->status != REEL_OK && sign->status != REEL_ERR_BAD_DATA)
            return false;
        goes_on |= !sign->finished;
        /* Too many are unreadable before this rank's images: only earlier ranks matter now. */
        s->sign.finished |= sign->status == REEL_ERR_BAD_DATA && r < s->rank;
    }
    return goes_on;
}

/* Batch by batch, in step with the other ranks, so that each soon hears of an interruption. Fails
 * where the exchange does; what happens to this rank goes into s->mine. */
static reel_status share_batches(evaluation_share *s, reel_error *err)
{
    const reel_evaluate_config *config = s->v->config;
    do {
        share_step(s);
        REEL_TRY(reel_comm_gather(s->comm, &s->sign, sizeof s->sign, s->signs,
                                  "a batch of an evaluation", err));
        int64_t done = 0;
        for (int r = 0; r < s->ranks; r++)
            done += s->signs[r].done;
        if (s->rank == 0 && config->progress)
            config->progress(config->user, done, s->v->total);
    } while (share_goes_on(s));
    return REEL_OK;
}

/* ---- the end ---- */

/* Fails on all ranks if one of them was interrupted, or failed for another reason than unreadable
 * images. */
static reel_status share_ends(evaluation_share *s, reel_error *err)
{
    share_end end = {.notes = s->notes_size, .status = s->mine.status};
    memcpy(end.message, s->mine.message, sizeof end.message);
    REEL_TRY(reel_comm_gather(s->comm, &end, sizeof end, s->ends, "the end of an evaluation", err));

    int failed = -1;
    for (int r = s->ranks - 1; r >= 0; r--) {
        const int32_t status = s->ends[r].status;
        if (status == REEL_ERR_STOPPED)
            return reel_fail(err, REEL_ERR_STOPPED, "evaluation: interrupted");
        if (status != REEL_OK && status != REEL_ERR_BAD_DATA)
            failed = r;
    }
    if (failed < 0)
        return REEL_OK;
    const share_end *first = &s->ends[failed];
    return reel_fail(err, (reel_status)first->status, "rank %d (host %s): %.900s", failed,
                     reel_comm_host_name(s->comm, failed), first->message);
}

/* What the batches of each rank gave goes to all, and is counted in the order of the dataset. */
static reel_status share_outcomes(evaluation_share *s, reel_error *err)
{
    for (int r = 0; r < s->ranks; r++) {
        const int64_t begin = share_begin(s, r), end = share_begin(s, r + 1);
        const int64_t first = share_image(s, begin), n = share_image(s, end) - first;
        if (begin == end)
            continue;
        REEL_TRY(reel_comm_broadcast(s->comm, s->outcomes + first, (size_t)n * sizeof *s->outcomes,
                                     r, "outcomes of images", err));
        REEL_TRY(reel_comm_broadcast(s->comm, s->losses + begin,
                                     (size_t)(end - begin) * sizeof *s->losses, r,
                                     "losses of batches", err));
    }

    for (int64_t b = 0; b < s->n_batches; b++) {
        const int64_t first = share_image(s, b);
        reel_evaluator_count(s->v, first, share_image(s, b + 1) - first, s->outcomes + first,
                             s->losses[b]);
    }
    return REEL_OK;
}

reel_status reel_evaluate_shared(reel_evaluator *v, reel_status prepared, reel_error *err)
{
    reel_comm *comm = v->config->comm;
    evaluation_share s = {.v = v,
                          .comm = comm,
                          .rank = reel_comm_rank(comm),
                          .ranks = reel_comm_ranks(comm),
                          .n_batches = v->batch > 0 ? (v->total + v->batch - 1) / v->batch : 1};
    s.next = share_begin(&s, s.rank);
    s.end = share_begin(&s, s.rank + 1);
    s.sign.finished = s.next == s.end;
    s.signs = calloc((size_t)s.ranks, sizeof *s.signs);
    s.ends = calloc((size_t)s.ranks, sizeof *s.ends);

    /* From here on a failure of this rank must reach the others, which wait for its signs. */
    reel_status status = REEL_OK;
    if (prepared != REEL_OK)
        reel_fail(&s.mine, prepared, "%s", err ? err->message : "evaluation: failed");
    if (!s.signs || !s.ends)
        status = reel_fail(err, REEL_ERR_MEMORY, "evaluation: out of memory");
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, "the begin of an evaluation"), done);
    if (s.mine.status == REEL_OK)
        share_prepare(&s, &s.mine);

    REEL_TRY_GOTO(share_batches(&s, err), done);
    REEL_TRY_GOTO(share_ends(&s, err), done);
    REEL_TRY_GOTO(judge_unreadable(&s, err), done);
    REEL_TRY_GOTO(share_outcomes(&s, err), done);
done:
    reel_loader_destroy(s.loader);
    free(s.signs);
    free(s.ends);
    free(s.outcomes);
    free(s.losses);
    free(s.known);
    free(s.notes);
    return status;
}
