/* --batch-size auto: see batch_choice.h. */
#include "train/run/batch_choice.h"

#include "core/memory.h"
#include "layers/recompute.h"
#include "train/run/signals.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SMALLEST = 8, FEW_STEPS = 3, MOST_STEPS = 100 };
/* Training steps that are left in an epoch: fewer updates cost more than a faster step saves. */
enum { LEAST_IN_EPOCH = 8 };
/* Of timed steps, for one size: many short ones, or few long ones. */
static const double ENOUGH_SECONDS = 0.4, MOST_SECONDS = 3;

/* A batch that is drawn once. */
typedef struct drawn_batch {
    reel_tensor images; /* (n, channels, size, size) */
    int64_t *labels;
} drawn_batch;

static void drawn_batch_free(drawn_batch *b)
{
    reel_pages_free(b->images.data, reel_tensor_bytes(&b->images));
    free(b->labels);
}

/* Uniform pixels of variance 1, repeated after a stretch of prime length. */
static reel_status drawn_batch_make(drawn_batch *b, const reel_loop *loop, int64_t n,
                                    reel_error *err)
{
    enum { STRETCH = 65521 };
    const reel_settings *s = loop->settings;
    const int64_t shape[4] = {n, s->net.channels, s->train.size, s->train.size};
    const int64_t count = reel_shape_numel(4, shape), classes = loop->session.card.classes;
    b->images = reel_tensor_of(NULL, REEL_F32, 4, shape);
    b->labels = malloc((size_t)n * sizeof *b->labels);
    b->images.data = reel_pages_alloc((size_t)count * sizeof(float), err);
    if (!b->images.data)
        return REEL_ERR_MEMORY;
    if (!b->labels)
        return reel_fail(err, REEL_ERR_MEMORY, "--batch-size auto: out of memory");

    float *x = b->images.data;
    reel_rng rng = reel_rng_at((uint64_t)s->seed, REEL_STREAM_BENCH, 2, 0);
    for (int64_t i = 0; i < count && i < STRETCH; i++)
        x[i] = (float)reel_rng_range(&rng, -1.7320508075688772, 1.7320508075688772);
    for (int64_t i = STRETCH; i < count; i++)
        x[i] = x[i - STRETCH];
    for (int64_t i = 0; i < n; i++)
        b->labels[i] = i % classes;
    return REEL_OK;
}

static reel_status same_images(void *user, reel_batch *batch, reel_error *err)
{
    const drawn_batch *b = user;
    (void)err;
    *batch = (reel_batch){.images = b->images, .labels = b->labels, .n = b->images.shape[0]};
    return REEL_OK;
}

/* A step that leaves the weights as they are. */
static reel_status trial_step(reel_loop *loop, const drawn_batch *b, reel_error *err)
{
    reel_session *s = &loop->session;
    reel_gradient_job job = {.next = same_images, .user = (void *)b, .results = loop->results};
    REEL_TRY(reel_session_gradient(s, &job, err));
    return reel_optimizer_step(s->opt, 0, err);
}

/* Images a second: the fastest of a few steps, after one that touches memory for the first time. */
static reel_status measure_batch(reel_loop *loop, int64_t n, double *rate, reel_error *err)
{
    drawn_batch batch = {0};
    reel_status status;
    double best = 0, spent = 0;
    REEL_TRY_GOTO(drawn_batch_make(&batch, loop, n, err), done);

    for (int i = 0; i <= MOST_STEPS; i++) {
        if (spent > MOST_SECONDS || (spent > ENOUGH_SECONDS && i > FEW_STEPS))
            break;

        const double began = reel_seconds_now();
        REEL_TRY_GOTO(trial_step(loop, &batch, err), done);
        const double seconds = reel_seconds_now() - began;
        if (i == 0)
            continue;
        spent += seconds;
        best = i == 1 || seconds < best ? seconds : best;
    }

    *rate = best > 0 ? (double)n / best : 0;
done:
    drawn_batch_free(&batch);
    return status;
}

/* Behind two sizes that were slower than the best, larger ones are not expected to be faster. */
static bool is_past_best(const reel_batch_choice *c, int best)
{
    return c->trials - 1 - best >= 2;
}

reel_status reel_batch_choose(reel_batch_choice *c, reel_loop *loop, reel_settings *settings,
                              reel_error *err)
{
    const int64_t images = reel_dataset_count(loop->feed.train);
    int best = 0;
    *c = (reel_batch_choice){0};
    REEL_TRY(reel_session_ready(&loop->session, err));
    /* Mixing takes a small part of a step, and its targets are made for one size. */
    REEL_TRY(reel_session_mix_with(&loop->session, &(reel_mix_config){0}, 0, err));
    const int64_t pieces = settings->batch_pieces;
    for (int64_t n = (SMALLEST + pieces - 1) / pieces * pieces; c->trials < REEL_BATCH_TRIALS;
         n *= 2) {
        if (reel_signals_pending())
            return reel_fail(err, REEL_ERR_STOPPED, "interrupted");
        const int64_t steps = images / n;
        if (c->trials > 0 && steps < LEAST_IN_EPOCH) {
            snprintf(c->ended, sizeof c->ended,
                     "with %" PRId64 ", an epoch of %" PRId64 " images has %" PRId64
                     " training steps, fewer than %d",
                     n, images, steps, LEAST_IN_EPOCH);
            break;
        }
        settings->batch_size = n;
        reel_error why;
        reel_status fits = reel_loop_check_memory(loop, false, &why);
        if (fits == REEL_OK)
            fits = reel_loop_tune(loop, &why);

        /* A batch over the limit ends the search, unless it is the first: then no size is left. */
        if (fits == REEL_ERR_MEMORY && c->trials > 0) {
            snprintf(c->ended, sizeof c->ended, "%.290s", why.message);
            break;
        }
        if (fits != REEL_OK) {
            *err = why;
            return fits;
        }

        c->batch[c->trials] = n;
        REEL_TRY(measure_batch(loop, n < images ? n : images, &c->rate[c->trials], err));
        if (c->rate[c->trials] > c->rate[best])
            best = c->trials;
        c->trials++;
        if (is_past_best(c, best)) {
            snprintf(c->ended, sizeof c->ended, "the last two were slower");
            break;
        }
    }
    c->chosen = c->batch[best];
    return REEL_OK;
}

const char *reel_batch_choice_text(const reel_batch_choice *c, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < c->trials && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64 ": %.*f", i ? ", " : "",
                                 c->batch[i], c->rate[i] < 100, c->rate[i]);
    if (used < size)
        snprintf(text + used, size - used, " images/s");
    return text;
}

json_t *reel_batch_choice_json(const reel_batch_choice *c)
{
    json_t *rates = json_object();
    for (int i = 0; i < c->trials; i++) {
        char name[24];
        snprintf(name, sizeof name, "%" PRId64, c->batch[i]);
        json_object_set_new(rates, name, json_real(c->rate[i]));
    }
    return json_pack("{s:s, s:I, s:o}", "option", "auto", "chosen", (json_int_t)c->chosen,
                     "images_per_second", rates);
}
