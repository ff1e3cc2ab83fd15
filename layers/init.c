/* Initialisers. Elements are drawn in chunks that are each a random stream position of their own, so the values are the same
 * for any number of threads. Sources: He et al. 2015 (Kaiming), Glorot and Bengio 2010 (Xavier), PyTorch's reset_parameters
 * (default). */
#include <math.h>

#include "core/rng.h"
#include "layers/net_internal.h"

typedef struct draw_law {
    bool normal;
    double scale; /* deviation, or bound of the uniform law */
    double shift;
} draw_law;

static draw_law law_of(const reel_param_init *how)
{
    const double in = how->fan_in > 0 ? (double)how->fan_in : 1, out = how->fan_out > 0 ? (double)how->fan_out : 1;
    switch (how->init.kind) {
    case REEL_INIT_DEFAULT:
        return (draw_law){false, 1 / sqrt(in), 0};
    case REEL_INIT_KAIMING_UNIFORM:
        return (draw_law){false, sqrt(6 / in), 0};
    case REEL_INIT_KAIMING_NORMAL:
        return (draw_law){true, sqrt(2 / in), 0};
    case REEL_INIT_XAVIER_UNIFORM:
        return (draw_law){false, sqrt(6 / (in + out)), 0};
    case REEL_INIT_XAVIER_NORMAL:
        return (draw_law){true, sqrt(2 / (in + out)), 0};
    case REEL_INIT_GAUSSIAN:
        return (draw_law){true, how->init.value, 0};
    case REEL_INIT_UNIFORM:
        return (draw_law){false, how->init.value, 0};
    case REEL_INIT_CONSTANT:
        return (draw_law){false, 0, how->init.value};
    }
    REEL_ASSERT(!"initialiser");
}

void reel_init_draw(const reel_ctx *ctx, const reel_param_init *how, uint32_t index, const reel_tensor *t)
{
    enum { CHUNK = 4096 };
    const draw_law law = law_of(how);
    const int64_t n = reel_tensor_numel(t), chunks = (n + CHUNK - 1) / CHUNK;
    const uint64_t seed = reel_ctx_seed(ctx);
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx))
    for (int64_t k = 0; k < chunks; k++) {
        reel_rng rng = reel_rng_at(seed, REEL_STREAM_INIT, index, (uint32_t)k);
        const int64_t end = (k + 1) * CHUNK < n ? (k + 1) * CHUNK : n;
        for (int64_t i = k * CHUNK; i < end; i++) {
            double v = law.shift;
            if (law.scale > 0)
                v += law.normal ? law.scale * reel_rng_normal(&rng) : reel_rng_range(&rng, -law.scale, law.scale);
            if (t->dtype == REEL_F64)
                ((double *)t->data)[i] = v;
            else
                ((float *)t->data)[i] = (float)v;
        }
    }
}
