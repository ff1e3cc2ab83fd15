/* Calibration: see calibration.h. */
#include "train/run/calibration.h"

#include "train/run/json_util.h"

#include <math.h>
#include <stdio.h>

/* Bins are open below and closed above: 1/15 lies in the first. */
static int bin_of(double confidence)
{
    const int m = (int)ceil(confidence * REEL_CALIBRATION_BINS) - 1;
    if (m < 0)
        return 0;
    return m < REEL_CALIBRATION_BINS ? m : REEL_CALIBRATION_BINS - 1;
}

void reel_calibration_add(reel_calibration *c, double confidence, bool right)
{
    if (!isfinite(confidence))
        return;
    reel_calibration_bin *bin = &c->bin[bin_of(confidence)];
    bin->images++;
    bin->right += right;
    bin->confidence += confidence;
}

reel_calibration_bin reel_calibration_sum(const reel_calibration *c)
{
    reel_calibration_bin sum = {0};
    for (int m = 0; m < REEL_CALIBRATION_BINS; m++) {
        sum.images += c->bin[m].images;
        sum.right += c->bin[m].right;
        sum.confidence += c->bin[m].confidence;
    }
    return sum;
}

double reel_calibration_error(const reel_calibration *c)
{
    const int64_t n = reel_calibration_sum(c).images;
    double error = 0;
    /* n_m |acc - conf| is |right ones - summed confidences|. */
    for (int m = 0; m < REEL_CALIBRATION_BINS; m++)
        error += fabs((double)c->bin[m].right - c->bin[m].confidence);
    return n ? error / (double)n : 0;
}

static json_t *mean_json(double sum, int64_t n)
{
    return n ? json_real(sum / (double)n) : json_null();
}

static json_t *bin_json(int m, const reel_calibration_bin *b)
{
    return json_pack("{s:f, s:f, s:I, s:o, s:o}", "low", (double)m / REEL_CALIBRATION_BINS, "high",
                     (double)(m + 1) / REEL_CALIBRATION_BINS, "images", (json_int_t)b->images,
                     "confidence", mean_json(b->confidence, b->images), "accuracy",
                     mean_json((double)b->right, b->images));
}

json_t *reel_calibration_json(const reel_calibration *c)
{
    json_t *bins = json_array();
    for (int m = 0; m < REEL_CALIBRATION_BINS; m++)
        if (json_array_append_new(bins, bin_json(m, &c->bin[m])) != 0) {
            json_decref(bins);
            return NULL;
        }
    const reel_calibration_bin sum = reel_calibration_sum(c);
    return json_pack("{s:f, s:o, s:o}", "ece", reel_calibration_error(c), "confidence",
                     mean_json(sum.confidence, sum.images), "bins", bins);
}

const char *reel_calibration_text(const reel_calibration *c, char *text, size_t size)
{
    const reel_calibration_bin sum = reel_calibration_sum(c);
    const double n = sum.images ? (double)sum.images : 1;
    snprintf(text, size, "calibration error %.1f %% (mean confidence %.1f %%, accuracy %.1f %%)",
             100 * reel_calibration_error(c), 100 * sum.confidence / n,
             100 * (double)sum.right / n);
    return text;
}
