/* Where Caffe's bvlc_alexnet starts from other weights than the 2012 paper: biases 0.1 instead of 1
 * ("1 gave flat loss"), fc6 and fc7 from N(0, 0.005) instead of N(0, 0.01). */
#include "train/run/init_caffe.h"

static void scale_param(reel_net *net, const char *name, double factor)
{
    const reel_param *p = reel_params_find(reel_net_params(net), name);
    const int64_t n = p ? reel_tensor_numel(&p->value) : 0;
    for (int64_t i = 0; i < n; i++) /* the order of elements does not matter here */
        if (p->value.dtype == REEL_F64)
            ((double *)p->value.data)[i] *= factor;
        else
            ((float *)p->value.data)[i] *= (float)factor;
}

void reel_init_caffe(reel_net *net)
{
    reel_params *params = reel_net_params(net);
    for (int i = 0; i < reel_params_count(params); i++)
        if (reel_params_at(params, i)->flags & REEL_PARAM_BIAS)
            scale_param(net, reel_params_at(params, i)->name, 0.1);

    scale_param(net, "classifier.0.weight", 0.5);
    scale_param(net, "classifier.3.weight", 0.5);
}
