/* Calibration (train/run/calibration.h) as drawings: see reliability.h. They have the form of the
 * charts: an SVG that stretches with the page, and labels as text of the page. */
#include "train/report/reliability.h"

#include "train/report/chart.h"

#include <inttypes.h>
#include <math.h>

enum { DRAWN = 1000 }; /* units of a drawing's side */

typedef struct {
    double low, high, confidence, accuracy; /* shares; NaN where there are no images */
    int64_t images;
} drawn_bin;

static drawn_bin read_bin(const json_t *bin)
{
    return (drawn_bin){.low = reel_record_number(bin, "low"),
                       .high = reel_record_number(bin, "high"),
                       .confidence = reel_record_number(bin, "confidence"),
                       .accuracy = reel_record_number(bin, "accuracy"),
                       .images = json_integer_value(json_object_get(bin, "images"))};
}

/* ---- the frame ---- */

static void begin_drawing(FILE *to, const char *title, double top)
{
    fprintf(to,
            "<figure class=\"chart\"><figcaption>%s</figcaption>\n<div class=\"plot\">\n<div "
            "class=\"ys\">",
            title);
    for (int i = 4; i >= 0; i--)
        fprintf(to, "<span>%.3g %%</span>", 100 * top * i / 4);
    fprintf(to,
            "</div>\n<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"%s\">\n",
            DRAWN, DRAWN, title);
    for (int i = 0; i <= 4; i++)
        fprintf(to, "<line class=\"grid\" x1=\"0\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", DRAWN,
                DRAWN * i / 4, DRAWN * i / 4);
    fputc('\n', to);
}

static void end_drawing(FILE *to)
{
    fprintf(to, "</svg>\n<div class=\"xs\">");
    for (int i = 0; i <= 5; i++)
        fprintf(to, "<span style=\"left:%d%%\">%d %%</span>", 20 * i, 20 * i);
    fprintf(to, "</div>\n<p class=\"soft x\">probability of the predicted class</p>\n</div>\n"
                "</figure>\n");
}

/* A bar over the bin's width from share `from` to share `to_share` of the height. */
static void draw_bar(FILE *to, const char *style, const drawn_bin *b, double from, double to_share)
{
    const double low = fmin(from, to_share), high = fmax(from, to_share), gap = 3;
    fprintf(to, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", style,
            DRAWN * b->low + gap, DRAWN * (1 - high), DRAWN * (b->high - b->low) - 2 * gap,
            DRAWN * (high - low));
}

/* The whole column answers the pointer. */
static void draw_column_title(FILE *to, const drawn_bin *b)
{
    fprintf(to, "<rect class=\"hover\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"><title>",
            DRAWN * b->low, DRAWN * (b->high - b->low), DRAWN);
    fprintf(to, "probability %.0f to %.0f %%: %" PRId64 " image%s", 100 * b->low, 100 * b->high,
            b->images, b->images == 1 ? "" : "s");
    if (b->images)
        fprintf(to, ", mean probability %.1f %%, right %.1f %%", 100 * b->confidence,
                100 * b->accuracy);
    fprintf(to, "</title></rect>\n");
}

/* ---- the section ---- */

static void draw_reliability(FILE *to, const json_t *bins)
{
    size_t i;
    json_t *bin;
    begin_drawing(to, "Share of images that are right, by probability", 1);
    json_array_foreach(bins, i, bin)
    {
        const drawn_bin b = read_bin(bin);
        if (!b.images)
            continue;
        draw_bar(to, "bar0", &b, 0, b.accuracy);
        draw_bar(to, "gap", &b, b.accuracy, b.confidence);
    }

    /* Where probabilities can be trusted. */
    fprintf(to, "<line class=\"s2\" x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"0\"/>\n", DRAWN, DRAWN);

    json_array_foreach(bins, i, bin)
    {
        const drawn_bin b = read_bin(bin);
        draw_column_title(to, &b);
    }
    end_drawing(to);
}

static void draw_counts(FILE *to, const json_t *bins)
{
    size_t i;
    json_t *bin;
    double all = 0, most = 0;
    json_array_foreach(bins, i, bin)
    {
        const double n = (double)read_bin(bin).images;
        all += n;
        most = fmax(most, n);
    }
    if (!(all > 0))
        return;

    /* Four steps of 1, 2 or 5 hold the tallest column; a share ends at 1. */
    const double step = reel_nice_step(most / all, 4), top = fmin(4 * step, 1);
    begin_drawing(to, "Share of all images, by probability", top);
    json_array_foreach(bins, i, bin)
    {
        const drawn_bin b = read_bin(bin);
        draw_bar(to, "bar0", &b, 0, (double)b.images / all / top);
        draw_column_title(to, &b);
    }
    end_drawing(to);
}

void reel_page_calibration(FILE *to, const reel_record *r)
{
    const json_t *c = json_object_get(r->evaluation, "calibration"),
                 *bins = json_object_get(c, "bins");
    if (json_array_size(bins) == 0)
        return;

    const double error = reel_record_number(c, "ece"), sure = reel_record_number(c, "confidence"),
                 right = reel_record_number(r->evaluation, "top1");
    fprintf(
        to,
        "<h2 id=\"calibration\">Can the probabilities be trusted?</h2>\n<p class=\"soft\">The "
        "expected calibration error is <b>%.1f %%</b> (Guo et al. 2017, %zu bins). The mean "
        "probability of the predicted class is %.1f %%, and %.1f %% of the images are right: "
        "the network is %s. The height of a bar is the share of its images that are right. On "
        "the diagonal line, this share equals the probability. Orange is the difference between "
        "the two.</p>\n"
        "<div class=\"charts\">\n",
        100 * error, json_array_size(bins), 100 * sure, 100 * right,
        sure > right ? "overconfident" : "not overconfident");
    draw_reliability(to, bins);
    draw_counts(to, bins);
    fprintf(to, "</div>\n");
}
