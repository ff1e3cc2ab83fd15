/* What the ranks of an evaluation must have in common. */
#ifndef REEL_TRAIN_EVAL_RANKS_H
#define REEL_TRAIN_EVAL_RANKS_H

#include "core/comm/comm.h"
#include "core/files/model_card.h"
#include "data/dataset.h"
#include "layers/net.h"

/* REEL_ERR_INVALID: a rank has other weights (values, network, preprocessing) or another dataset
 * than rank 0. The message names both ranks, their hosts, and what each has. */
typedef struct reel_eval_side {
    const char *weights, *data; /* as the command line names them */
    const reel_net *net;
    const reel_model_card *card;
    const reel_dataset *images;
} reel_eval_side;
reel_status reel_eval_ranks_compare(reel_comm *comm, const reel_eval_side *side, reel_error *err);

#endif
