/* Policies of auto-augmentation: what they may choose is torchvision's space, all of it, and as
 * often as torchvision does; random erasing likewise. Then all of it within a transform. */
#include "tests/unit/data/stored_augment.h"

static reel_error err;

static reel_rng stream(int64_t i)
{
    return reel_rng_at(11, REEL_STREAM_AUGMENT, 0, (uint32_t)i);
}

static reel_transform policy_of(const char *name)
{
    const reel_transform t = {.auto_augment = reel_augment_policy_find(name),
                              .ra_magnitude = 9,
                              .augmix_severity = REEL_AUGMIX_SEVERITIES};
    cr_assert(t.auto_augment != NULL, "there is no policy %s", name);
    return t;
}

/* Is a count as probable as it should be? Five deviations of a binomial distribution. */
static void expect_share(int64_t count, int64_t of, double p, const char *what)
{
    const double mean = (double)of * p, deviation = sqrt((double)of * p * (1 - p));
    cr_expect(fabs((double)count - mean) <= 5 * deviation + 1e-9,
              "%s: %" PRId64 " of %" PRId64 ", expected about %g", what, count, of, mean);
}

/* ---- spaces ---- */

/* One operation's magnitudes, and how often each was chosen. */
typedef struct seen_operation {
    bool known, either_sign;
    int n;
    double magnitude[REEL_RA_MAGNITUDES];
    int64_t count, of[REEL_RA_MAGNITUDES], negative;
} seen_operation;

static int read_space(seen_operation seen[REEL_N_OPERATIONS], const char *policy, int64_t side)
{
    int operations = 0;
    stored_augment s = stored_open();
    memset(seen, 0, REEL_N_OPERATIONS * sizeof *seen);
    while (stored_next(&s, "range")) {
        if (strcmp(s.line.field[1], policy) != 0 || stored_int(&s, 3) != side)
            continue;
        seen_operation *o = &seen[operation_called(s.line.field[2])];
        o->known = true;
        o->either_sign = stored_int(&s, 4);
        o->n = s.line.n - 5;
        for (int i = 0; i < o->n; i++)
            o->magnitude[i] = stored_real(&s, 5 + i);
        operations++;
    }
    return operations;
}

/* first: only magnitudes from there on, `bins` of them, may be chosen where there is a choice. */
static void note_step(seen_operation seen[REEL_N_OPERATIONS], const reel_augment_step *step,
                      int first, int bins)
{
    seen_operation *o = &seen[step->operation];
    const char *name = reel_operation_name(step->operation);
    cr_assert(o->known, "%s is not in the space", name);
    cr_assert(step->magnitude >= 0 || o->either_sign, "%s(%g)", name, step->magnitude);
    const int last = o->n == 1 ? 0 : first + bins - 1;
    int i = o->n == 1 ? 0 : first;
    while (i <= last && o->magnitude[i] != fabs(step->magnitude))
        i++;
    cr_assert(i <= last, "%s(%.17g): torchvision has no such magnitude", name, step->magnitude);
    o->count++;
    o->of[i]++;
    o->negative += step->magnitude < 0;
}

/* Every operation equally often; every magnitude (equal ones together) and either sign, too. */
static void judge_space(const seen_operation seen[REEL_N_OPERATIONS], int operations, int first,
                        int bins)
{
    int64_t all = 0;
    for (int k = 0; k < REEL_N_OPERATIONS; k++)
        all += seen[k].count;
    for (int k = 0; k < REEL_N_OPERATIONS; k++) {
        const seen_operation *o = &seen[k];
        if (!o->known)
            continue;
        const char *name = reel_operation_name((reel_operation)k);
        expect_share(o->count, all, 1.0 / operations, name);
        int64_t zeros = 0;
        for (int i = first; o->n > 1 && i < first + bins; i++) {
            int same = 0;
            bool before = false;
            for (int j = first; j < first + bins; j++) {
                same += o->magnitude[j] == o->magnitude[i];
                before = before || (j < i && o->magnitude[j] == o->magnitude[i]);
            }
            if (!before)
                expect_share(o->of[i], o->count, (double)same / bins, name);
            zeros += o->magnitude[i] == 0 ? o->of[i] : 0;
        }
        if (o->either_sign)
            expect_share(o->negative, o->count - zeros, 0.5, name);
    }
}

Test(policies, trivial_augment_chooses_all_of_torchvisions_space_equally_often)
{
    seen_operation seen[REEL_N_OPERATIONS];
    const reel_transform t = policy_of("ta_wide");
    const int operations = read_space(seen, "ta_wide", 48);
    cr_expect(operations == 14, "%d operations", operations);
    for (int64_t i = 0; i < 60000; i++) {
        reel_rng rng = stream(i);
        const reel_augment_choice choice = reel_augment_choose(&t, 48, 48, &rng);
        cr_assert(!choice.mixed && choice.chain[0].n == 1);
        note_step(seen, &choice.chain[0].step[0], 0, REEL_RA_MAGNITUDES);
    }
    judge_space(seen, operations, 0, REEL_RA_MAGNITUDES);
}

Test(policies, rand_augment_takes_two_operations_of_its_magnitude)
{
    reel_transform t = policy_of("ra");
    for (int side = 33; side <= 48; side += 15)
        for (int m = 0; m < REEL_RA_MAGNITUDES; m += 3) {
            seen_operation seen[REEL_N_OPERATIONS];
            const int operations = read_space(seen, "ra", side);
            cr_expect(operations == 14, "%d operations", operations);
            t.ra_magnitude = m;
            for (int64_t i = 0; i < 3000; i++) {
                reel_rng rng = stream(i);
                const reel_augment_choice choice = reel_augment_choose(&t, side, side, &rng);
                cr_assert(!choice.mixed && choice.chain[0].n == 2);
                for (int k = 0; k < 2; k++)
                    note_step(seen, &choice.chain[0].step[k], m, 1);
            }
            judge_space(seen, operations, m, 1);
        }
}

/* Shares of Dirichlet(1, 1), the second part divided by Dirichlet(1, 1, 1): a part's mean and
 * variance, 1/2 and 1/12, then 1/6 and (1/3)(1/6) - (1/6)^2. */
Test(policies, augmix_chooses_all_of_torchvisions_space_and_shares)
{
    enum { N = 30000 };
    for (int severity = 1; severity <= REEL_AUGMIX_SEVERITIES; severity += 3) {
        seen_operation seen[REEL_N_OPERATIONS];
        reel_transform t = policy_of("augmix");
        t.augmix_severity = severity;
        const int operations = read_space(seen, "augmix", 33);
        cr_expect(operations == 13, "%d operations", operations);
        int64_t depths[REEL_AUGMENT_STEPS + 1] = {0};
        double own = 0, own_squares = 0, share = 0, share_squares = 0;
        for (int64_t i = 0; i < N; i++) {
            reel_rng rng = stream(i);
            const reel_augment_choice choice = reel_augment_choose(&t, 33, 33, &rng);
            cr_assert(choice.mixed);
            double sum = (double)choice.own;
            own += (double)choice.own;
            own_squares += (double)choice.own * (double)choice.own;
            for (int c = 0; c < REEL_AUGMENT_CHAINS; c++) {
                cr_assert(choice.share[c] >= 0);
                sum += (double)choice.share[c];
                depths[choice.chain[c].n]++;
                for (int k = 0; k < choice.chain[c].n; k++)
                    note_step(seen, &choice.chain[c].step[k], 0, severity);
            }
            share += (double)choice.share[1];
            share_squares += (double)choice.share[1] * (double)choice.share[1];
            cr_assert(fabs(sum - 1) < 1e-6, "shares add up to %g", sum);
        }
        judge_space(seen, operations, 0, severity);
        cr_expect(depths[0] == 0);
        for (int n = 1; n <= REEL_AUGMENT_STEPS; n++)
            expect_share(depths[n], 3 * N, 1.0 / 3.0, "depth");
        cr_expect(fabs(own / N - 0.5) < 0.01 && fabs(own_squares / N - 1.0 / 3.0) < 0.01);
        cr_expect(fabs(share / N - 1.0 / 6.0) < 0.005 &&
                  fabs(share_squares / N - 1.0 / 18.0) < 0.003);
    }
}

/* ---- pairs ---- */

typedef struct stored_pair {
    reel_operation operation[2];
    double probability[2], magnitude[2];
    bool either_sign[2];
} stored_pair;

static double pair_share(const stored_pair *p, bool first, bool second)
{
    return (first ? p->probability[0] : 1 - p->probability[0]) *
           (second ? p->probability[1] : 1 - p->probability[1]);
}

/* Can the steps be those of this pair, its first and its second operation taken or not? */
static bool pair_gives(const stored_pair *p, const bool taken[2], const reel_augment_chain *chain)
{
    int n = 0;
    for (int k = 0; k < 2; k++) {
        if (!taken[k])
            continue;
        const reel_augment_step *step = &chain->step[n++];
        const double m = p->either_sign[k] ? fabs(step->magnitude) : step->magnitude;
        if (n > chain->n || step->operation != p->operation[k] || m != p->magnitude[k])
            return false;
    }
    return n == chain->n;
}

static bool same_steps(const reel_augment_chain *a, const reel_augment_chain *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++)
        same = a->step[i].operation == b->step[i].operation &&
               fabs(a->step[i].magnitude) == fabs(b->step[i].magnitude);
    return same;
}

/* Each outcome (signs aside) has the probability that the 25 pairs give it. */
Test(policies, auto_augment_takes_torchvisions_pairs)
{
    enum { N = 50000, MOST = 200 };
    stored_pair pairs[25];
    stored_augment s = stored_open();
    int n_pairs = 0;
    for (; stored_next(&s, "pair"); n_pairs++)
        for (int k = 0; k < 2; k++) {
            pairs[n_pairs].operation[k] = operation_called(s.line.field[2 + 4 * k]);
            pairs[n_pairs].probability[k] = stored_real(&s, 3 + 4 * k);
            pairs[n_pairs].magnitude[k] = stored_real(&s, 4 + 4 * k);
            pairs[n_pairs].either_sign[k] = stored_int(&s, 5 + 4 * k);
        }
    cr_assert(n_pairs == 25, "%d pairs", n_pairs);

    static reel_augment_chain outcome[MOST];
    static int64_t count[MOST];
    const reel_transform t = policy_of("imagenet");
    int outcomes = 0;
    int64_t rotations = 0, negative = 0;
    for (int64_t i = 0; i < N; i++) {
        reel_rng rng = stream(i);
        const reel_augment_chain chain = reel_augment_choose(&t, 48, 48, &rng).chain[0];
        int k = 0;
        while (k < outcomes && !same_steps(&outcome[k], &chain))
            k++;
        cr_assert(k < MOST);
        outcomes += k == outcomes;
        outcome[k] = chain;
        count[k]++;
        for (int j = 0; j < chain.n; j++)
            if (chain.step[j].operation == REEL_OPERATION_ROTATE) {
                rotations++;
                negative += chain.step[j].magnitude < 0;
            }
    }

    double all = 0;
    for (int k = 0; k < outcomes; k++) {
        double p = 0;
        for (int i = 0; i < n_pairs; i++)
            for (int taken = 0; taken < 4; taken++) {
                const bool both[2] = {taken & 1, taken & 2};
                if (pair_gives(&pairs[i], both, &outcome[k]))
                    p += pair_share(&pairs[i], both[0], both[1]) / n_pairs;
            }
        expect_share(count[k], N, p, "outcome");
        all += p;
    }
    cr_expect(fabs(all - 1) < 1e-9, "outcomes have probability %g", all);
    expect_share(negative, rotations, 0.5, "negative rotations");
}

/* ---- erasing ---- */

Test(policies, erased_parts_are_distributed_as_torchvisions)
{
    enum { N = 40000, MEASURES = 4 };
    stored_augment s = stored_open();
    while (stored_next(&s, "erase")) {
        const int64_t size = stored_int(&s, 1);
        double sum[MEASURES] = {0};
        int64_t n = 0;
        for (int64_t i = 0; i < N; i++) {
            reel_rng rng = stream(i);
            const reel_rect r = reel_erase_choose(size, 0.75, &rng);
            if (r.w == 0)
                continue;
            cr_assert(r.x >= 0 && r.y >= 0 && r.x + r.w <= size && r.y + r.h <= size);
            const double values[MEASURES] = {
                (double)(r.w * r.h) / (double)(size * size), log((double)r.h / (double)r.w),
                (double)r.x / (double)(size - r.w), (double)r.y / (double)(size - r.h)};
            for (int k = 0; k < MEASURES; k++)
                sum[k] += values[k];
            n++;
        }
        expect_share(n, N, 0.75, "erased");
        for (int k = 0; k < MEASURES; k++) {
            const double mean = stored_real(&s, 2 + 2 * k), deviation = stored_real(&s, 3 + 2 * k);
            cr_expect(fabs(sum[k] / (double)n - mean) < 5 * deviation / sqrt((double)n),
                      "side %d, measure %d: %g, torchvision's %g", (int)size, k, sum[k] / (double)n,
                      mean);
        }
    }
}

/* ---- within a transform ---- */

/* The flip is done before the operations; then colours become numbers, and a part is erased. */
Test(policies, a_transform_flips_augments_normalises_and_erases_in_this_order)
{
    enum { SIZE = 40 };
    static float got[SIZE * SIZE * 3], want[SIZE * SIZE * 3];
    reel_transform_scratch scratch = {0};
    reel_buffer memory = {0};
    for (int p = 0; reel_augment_policy_name(p); p++)
        for (int64_t i = 0; i < 40; i++) {
            reel_transform t = policy_of(reel_augment_policy_name(p));
            t.size = t.resize = SIZE;
            t.flip = 0.5;
            t.random_erase = 0.5;
            t.interpolation = (reel_interpolation)(i % REEL_N_INTERPOLATIONS);
            reel_transform_imagenet_norm(&t);
            reel_image image = draw_picture(i % 3, SIZE, SIZE);
            MUST(reel_transform_image(&t, &image, stream(i), &scratch, got, &err), err);

            reel_rng rng = stream(i);
            if (reel_rng_uniform(&rng) < t.flip)
                for (int64_t y = 0; y < SIZE; y++)
                    for (int64_t x = 0; x < SIZE / 2; x++) {
                        uint8_t *l = image.rgb + (y * SIZE + x) * 3,
                                *r = image.rgb + (y * SIZE + SIZE - 1 - x) * 3, kept[3];
                        memcpy(kept, l, 3);
                        memcpy(l, r, 3);
                        memcpy(r, kept, 3);
                    }
            const reel_augment_choice choice = reel_augment_choose(&t, SIZE, SIZE, &rng);
            MUST(reel_augment_apply(&choice, image.rgb, SIZE, SIZE, t.interpolation, &memory, &err),
                 err);
            const reel_rect part = reel_erase_choose(SIZE, t.random_erase, &rng);
            reel_transform plain = {.size = SIZE, .resize = SIZE};
            reel_transform_imagenet_norm(&plain);
            MUST(reel_transform_image(&plain, &image, stream(i), &scratch, want, &err), err);
            reel_erase(want, SIZE, 3, &part);
            cr_assert(memcmp(got, want, sizeof got) == 0, "%s, sample %d",
                      reel_augment_policy_name(p), (int)i);
            reel_image_free(&image);
        }
    free(memory.data);
    reel_transform_scratch_free(&scratch);
}

Test(policies, a_grey_image_stays_grey)
{
    enum { SIZE = 32 };
    static float grey[SIZE * SIZE], three[SIZE * SIZE * 3];
    reel_transform_scratch scratch = {0};
    reel_image image = draw_picture(0, 50, 44);
    for (int64_t i = 0; i < 50 * 44; i++)
        image.rgb[3 * i + 1] = image.rgb[3 * i + 2] = image.rgb[3 * i];
    for (int p = 0; reel_augment_policy_name(p); p++)
        for (int64_t i = 0; i < 60; i++) {
            reel_transform t = policy_of(reel_augment_policy_name(p));
            t.size = SIZE;
            t.crop = REEL_CROP_RANDOM_RESIZED;
            t.random_erase = 0.5;
            MUST(reel_transform_image(&t, &image, stream(i), &scratch, three, &err), err);
            t.channels = 1;
            MUST(reel_transform_image(&t, &image, stream(i), &scratch, grey, &err), err);
            for (int64_t k = 0; k < SIZE * SIZE; k++)
                cr_assert(grey[k] == three[3 * k] && grey[k] == three[3 * k + 1] &&
                              grey[k] == three[3 * k + 2],
                          "%s, sample %d, pixel %d", reel_augment_policy_name(p), (int)i, (int)k);
        }
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(policies, settings_that_cannot_work_are_named)
{
    const reel_augment_policy *ra = reel_augment_policy_find("ra");
    const struct {
        reel_transform t;
        const char *word;
    } cases[] = {
        {{.interpolation = REEL_N_INTERPOLATIONS}, "interpolation"},
        {{.auto_augment = ra, .ra_magnitude = REEL_RA_MAGNITUDES}, "ra_magnitude"},
        {{.auto_augment = ra, .ra_magnitude = -1}, "ra_magnitude"},
        {{.augmix_severity = REEL_AUGMIX_SEVERITIES + 1}, "augmix_severity"},
        {{.augmix_severity = -1}, "augmix_severity"},
        {{.random_erase = 1.5}, "random_erase"},
        {{.random_erase = NAN}, "random_erase"},
        {{.views = REEL_TEN_CROP, .auto_augment = ra}, "auto_augment"},
        {{.views = REEL_TEN_CROP, .random_erase = 0.1}, "random_erase"},
    };
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_transform out;
        cr_expect(reel_transform_resolve(&out, &cases[i].t, &err) == REEL_ERR_INVALID, "case %d",
                  (int)i);
        cr_expect(strstr(err.message, cases[i].word) != NULL, "case %d: %s", (int)i, err.message);
        check_message(&err);
    }
    cr_expect(reel_augment_policy_find("none") == NULL && reel_augment_policy_find(NULL) == NULL);
}
