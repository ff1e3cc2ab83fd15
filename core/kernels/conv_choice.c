/* Which implementation computes a convolution. */
#include "core/kernels/conv_choice.h"

#include "core/ctx_internal.h"
#include "core/kernels/kernels.h"

#include <stdio.h>
#include <string.h>

/* In order of preference; the first that accepts runs. Some share a name. */
static const reel_conv_kind *const kinds[] = {
    &reel_conv_tiles,       &reel_conv_winograd,  &reel_conv_few_tiles, &reel_conv_polyphase,
    &reel_conv_first_layer, &reel_conv_depthwise, &reel_conv_pointwise, &reel_conv_strided,
    &reel_conv_product,     &reel_conv_direct,
};
enum { KINDS = sizeof kinds / sizeof *kinds };

bool reel_conv_is_known(const char *name)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(name, kinds[i]->name) == 0)
            return true;
    return false;
}

/* The first implementation of this name; several are called direct. */
static int first_of_name(int kind)
{
    int i = 0;
    while (strcmp(kinds[i]->name, kinds[kind]->name) != 0)
        i++;
    return i;
}

const char *reel_conv_names(char *text, size_t size)
{
    int last = KINDS - 1;
    while (first_of_name(last) != last)
        last--;

    size_t used = 0;
    for (int i = 0; i <= last && used < size; i++) {
        const char *between = i == last ? " or " : ", ";
        if (first_of_name(i) == i)
            used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : between,
                                     kinds[i]->name);
    }
    return text;
}

static const char *const pass_names[] = {"forward", "input gradient", "weight gradient"};

static void trace(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                  const char *name, const char *outcome)
{
    reel_ctx_log(ctx, REEL_LOG_DEBUG,
                 "conv %lldx%lldx%lldx%lld -> %lld, kernel %lldx%lld, %s: %s %s", (long long)s->n,
                 (long long)s->c, (long long)s->h, (long long)s->w, (long long)s->oc,
                 (long long)s->kh, (long long)s->kw, pass_names[pass], name, outcome);
}

static bool kind_accepts(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                         reel_dtype maps, const reel_conv_kind *kind)
{
    const char *why_not = NULL;
    if (maps == REEL_F64 && !kind->f64)
        why_not = "wants float32";
    else if (kind->tiles && !(reel_ctx_kernels(ctx)->tiles && reel_ctx_multiplies_bf16(ctx)))
        why_not = "wants an instruction set with tiles of bf16";
    else if (kind->tiles && maps != REEL_BF16)
        why_not = "wants maps in bf16";
    else if (kind->accepts && !kind->accepts(s, pass, &why_not) && !why_not)
        why_not = "refuses";
    if (reel_ctx_traces(ctx, REEL_TRACE_CONV))
        trace(ctx, s, pass, kind->name, why_not ? why_not : "runs");
    return !why_not;
}

const reel_conv_kind *reel_conv_choose(const reel_ctx *ctx, const reel_conv_shape *s,
                                       reel_conv_pass pass, reel_dtype maps)
{
    const char *forced = reel_ctx_forced_conv(ctx);
    for (int i = 0; i < KINDS; i++)
        if (strcmp(forced, kinds[i]->name) == 0 && kind_accepts(ctx, s, pass, maps, kinds[i]))
            return kinds[i];

    int i = 0;
    while (!kind_accepts(ctx, s, pass, maps, kinds[i]))
        i++;
    return kinds[i];
}
