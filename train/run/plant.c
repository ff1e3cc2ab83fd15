/* REEL_TEST_NAN. */
#include "train/run/plant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void reel_plant_nan(reel_params *params, int64_t step, int64_t *planted)
{
    const char *text = getenv("REEL_TEST_NAN");
    char name[256] = "";
    long long first = 0, times = 1;
    double value = NAN;
    int end = 0;
    if (!text || sscanf(text, "%lld%n", &first, &end) < 1)
        return;
    const bool later_too = text[end] == '+';
    sscanf(text + end + later_too, ":%255[^:]:%lld:%lf", name, &times, &value);
    if (later_too ? step < first : step != first)
        return;

    reel_param *p = *name ? reel_params_find(params, name) : reel_params_at(params, 0);
    if (!p || !p->has_grad || *planted >= 2 * times)
        return;
    ++*planted;
    reel_tensor_set(&p->grad, (const int64_t[REEL_MAX_DIMS]){0}, value);
}
