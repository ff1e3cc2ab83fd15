/* Initialisers. Elements are drawn in chunks that are each a random stream position of their own,
 * so the values are the same for any number of threads. Sources: He et al. 2015 (Kaiming), Glorot
 * and Bengio 2010 (Xavier), PyTorch's reset_parameters (default). */
#include <math.h>

#include "core/elementary.h"
#include "core/kernels/philox.h"
#include "core/rng.h"
#include "layers/init_internal.h"

static const struct {
    const char *name;
    bool takes_value;
} kinds[] = {
    [REEL_INIT_DEFAULT] = {"default", false},
    [REEL_INIT_KAIMING_UNIFORM] = {"kaiming_uniform", false},
    [REEL_INIT_KAIMING_NORMAL] = {"kaiming_normal", false},
    [REEL_INIT_XAVIER_UNIFORM] = {"xavier_uniform", false},
    [REEL_INIT_XAVIER_NORMAL] = {"xavier_normal", false},
    [REEL_INIT_GAUSSIAN] = {"gaussian", true},
    [REEL_INIT_UNIFORM] = {"uniform", true},
    [REEL_INIT_CONSTANT] = {"constant", true},
    [REEL_INIT_KAIMING_NORMAL_OUT] = {"kaiming_normal_out", false},
};

const char *reel_init_kind_name(int kind)
{
    return kind >= 0 && kind < REEL_COUNT(kinds) ? kinds[kind].name : NULL;
}

bool reel_init_takes_value(reel_init_kind kind)
{
    return kinds[kind].takes_value;
}

/* ---- drawing ---- */
typedef struct draw_law {
    bool normal;
    double scale; /* deviation, or bound of the uniform law; 0: constant */
    double shift;
} draw_law;

static draw_law law_of(const reel_param_init *how)
{
    const double in = how->fan_in > 0 ? (double)how->fan_in : 1,
                 out = how->fan_out > 0 ? (double)how->fan_out : 1;
    switch (how->init.kind) {
    case REEL_INIT_DEFAULT:
        return (draw_law){false, 1 / sqrt(in), 0};
    case REEL_INIT_KAIMING_UNIFORM:
        return (draw_law){false, sqrt(6 / in), 0};
    case REEL_INIT_KAIMING_NORMAL:
        return (draw_law){true, sqrt(2 / in), 0};
    case REEL_INIT_KAIMING_NORMAL_OUT:
        return (draw_law){true, sqrt(2 / out), 0};
    case REEL_INIT_XAVIER_UNIFORM:
        return (draw_law){false, sqrt(6 / (in + out)), 0};
    case REEL_INIT_XAVIER_NORMAL:
        return (draw_law){true, sqrt(2 / (in + out)), 0};
    case REEL_INIT_GAUSSIAN:
        return (draw_law){true, fabs(how->init.value), 0};
    case REEL_INIT_UNIFORM:
        return (draw_law){false, fabs(how->init.value), 0};
    case REEL_INIT_CONSTANT:
        break;
    }
    REEL_ASSERT(how->init.kind == REEL_INIT_CONSTANT);
    return (draw_law){false, 0, how->init.value};
}

/* Fills v with numbers of the law with scale 1: U(-1, 1), or N(0, 1) by Box and Muller, two from
 * two words. */
static void draw_chunk(bool normal, const uint32_t word[REEL_PHILOX_DRAW],
                       float v[REEL_PHILOX_DRAW])
{
    enum { HALF = REEL_PHILOX_DRAW / 2 };
    if (!normal) {
        for (int i = 0; i < REEL_PHILOX_DRAW; i++)
            v[i] = (float)((int32_t)(word[i] >> 7) - (1 << 24)) * 0x1p-24f;
        return;
    }
    for (int i = 0; i < HALF; i++) {
        const float radius =
            sqrtf(-2.0f * reel_math_logf(((float)(word[i] >> 8) + 0.5f) * 0x1p-24f));
        const float angle = (float)(word[HALF + i] >> 8) * (6.28318530717958647692f * 0x1p-24f);
        float sine, cosine;
        reel_math_sin_cos(angle, &sine, &cosine);
        v[i] = radius * cosine;
        v[HALF + i] = radius * sine;
    }
}

void reel_init_draw(const reel_ctx *ctx, const reel_param_init *how, uint32_t index,
                    const reel_tensor *t)
{
    enum { CHUNK = REEL_PHILOX_DRAW };
    const draw_law law = law_of(how);
    const int64_t n = reel_tensor_numel(t);
    const uint64_t seed = reel_ctx_seed(ctx);
    const reel_isa isa = reel_ctx_isa(ctx);

    /* Each chunk is a random stream of its own, so it does not matter which thread draws it. */
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx)) if (n > 4 * CHUNK)
    for (int64_t begin = 0; begin < n; begin += CHUNK) {
        const int64_t count = n - begin < CHUNK ? n - begin : CHUNK;
        uint32_t word[CHUNK];
        float v[CHUNK] = {0};
        if (law.scale > 0) {
            reel_philox_draw(isa, word, seed, REEL_STREAM_INIT, index, (uint32_t)(begin / CHUNK));
            draw_chunk(law.normal, word, v);
        }

        if (t->dtype == REEL_F64)
            for (int64_t i = 0; i < count; i++)
                ((double *)t->data)[begin + i] = law.shift + law.scale * (double)v[i];
        else
            for (int64_t i = 0; i < count; i++)
                ((float *)t->data)[begin + i] = (float)(law.shift + law.scale * (double)v[i]);
    }
}
