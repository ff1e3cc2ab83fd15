/* What the ranks evaluate. */
#include "train/cli/eval_ranks.h"

#include "train/run/rank_views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* A CRC-32 over all values, the network's text, and what is done to images before them. */
static uint32_t weights_crc(const reel_net *net, const reel_model_card *card)
{
    const reel_params *params = reel_net_params(net);
    uLong crc = crc32(0, NULL, 0);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_tensor *value = &reel_params_at(params, i)->value;
        crc = crc32_z(crc, value->data, (size_t)reel_tensor_numel(value) * sizeof(float));
    }

    const reel_preprocessing *p = &card->preprocessing;
    char text[400];
    const int n = snprintf(
        text, sizeof text, "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %a %a %a %a %a %a %a %d %d",
        card->arch, card->head, p->channels, p->size, p->resize, p->mean[0], p->mean[1], p->mean[2],
        p->std[0], p->std[1], p->std[2], p->pixel_scale, p->upright, (int)p->interpolation);
    crc = crc32_z(crc, (const Bytef *)text, (size_t)n);
    if (card->network)
        crc = crc32_z(crc, (const Bytef *)card->network, strlen(card->network));
    return (uint32_t)crc;
}

reel_status reel_eval_ranks_compare(reel_comm *comm, const reel_eval_side *side, reel_error *err)
{
    reel_rank_view weights = "", data = "";
    if (reel_comm_ranks(comm) == 1)
        return REEL_OK;
    snprintf(weights, sizeof weights, "CRC-32 %08" PRIx32, weights_crc(side->net, side->card));
    reel_rank_view_of(side->images, data, sizeof data);
    REEL_TRY(reel_rank_views_compare(comm, side->weights, weights, err));
    return reel_rank_views_compare(comm, side->data, data, err);
}
