/* Gradient check in float64: the public call. gradcheck_internal.h lists the parts. */
#include "core/gradcheck/gradcheck.h"

#include "core/gradcheck/gradcheck_internal.h"

reel_status reel_gradcheck(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user,
                           reel_tensor *inputs, int n_in, const reel_gradcheck_config *config,
                           reel_gradcheck_report *report, reel_error *err)
{
    REEL_NEED(report, err);

    static const reel_gradcheck_config defaults;
    if (n_in < 1 || n_in > REEL_GRADCHECK_MAX_INPUTS || !inputs || !fn)
        return reel_fail(err, REEL_ERR_INVALID,
                         "gradient check: expected a function and 1 to %d inputs, got %d",
                         REEL_GRADCHECK_MAX_INPUTS, n_in);
    reel_ctx *own = NULL;
    if (!ctx)
        REEL_TRY(reel_ctx_create(&own, &(reel_ctx_config){.threads = 1}, err));

    reel_check_state k = {.ctx = ctx ? ctx : own,
                          .fn = fn,
                          .user = user,
                          .n_in = n_in,
                          .config = config ? config : &defaults,
                          .report = report};
    for (int i = 0; i < n_in; i++)
        k.in[i].x = &inputs[i];

    const reel_status status = k.config->bf16 ? reel_check_bf16(&k, err) : reel_check_run(&k, err);
    if (status == REEL_OK && k.wrong)
        reel_check_blame(&k);
    reel_check_free(&k);
    reel_ctx_destroy(own);
    return status;
}
