/* From counts to scores, and how they are shown. */
#include "train/run/judge.h"

#include "core/number.h"
#include "core/system_error.h"
#include "train/run/guard.h"
#include "train/run/json_util.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PAIRS = 10 };

reel_interval reel_wilson(int64_t right, int64_t n)
{
    const double z = 1.959963984540054, N = (double)n, p = n ? (double)right / N : 0;
    if (n == 0)
        return (reel_interval){0, 1};
    const double middle = (p + z * z / (2 * N)) / (1 + z * z / N);
    const double half = z / (1 + z * z / N) * sqrt(p * (1 - p) / N + z * z / (4 * N * N));
    reel_interval interval = {middle - half, middle + half};
    if (right == 0) /* exactly, where rounding leaves a little */
        interval.low = 0;
    if (right == n)
        interval.high = 1;
    return interval;
}

static double ratio_of(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

reel_class_score reel_judge_class(const reel_evaluation *e, int64_t c)
{
    reel_class_score s = {.images = e->class_images[c], .right = e->class_right[c]};
    for (int64_t t = 0; t < e->classes; t++)
        s.predicted += e->confusion[t * e->classes + c];
    s.precision = ratio_of(s.right, s.predicted);
    s.recall = ratio_of(s.right, s.images);
    s.f1 = ratio_of(2 * s.right, s.predicted + s.images);
    return s;
}

int reel_judge_confused(const reel_evaluation *e, reel_confused *pairs, int max)
{
    int n = 0;
    for (int64_t t = 0; t < e->classes; t++)
        for (int64_t p = 0; p < e->classes; p++) {
            const reel_confused pair = {t, p, e->confusion[t * e->classes + p]};
            if (t == p || pair.count == 0 || (n == max && pair.count <= pairs[n - 1].count))
                continue;
            int at = n < max ? n++ : n - 1;
            for (; at > 0 && pairs[at - 1].count < pair.count; at--)
                pairs[at] = pairs[at - 1];
            pairs[at] = pair;
        }
    return n;
}

static double macro_f1(const reel_evaluation *e)
{
    double sum = 0;
    for (int64_t c = 0; c < e->classes; c++)
        sum += reel_judge_class(e, c).f1;
    return e->classes ? sum / (double)e->classes : 0;
}

/* ---- text ---- */
static const char *shown_class(const reel_model_card *card, int64_t c, char *shown, size_t size)
{
    char text[1100];
    return reel_shown_text(reel_model_card_class(card, c, text, sizeof text), shown, size);
}

static void print_matrix(const reel_evaluation *e, const reel_model_card *card)
{
    char shown[4400];
    printf("\nconfusion (rows: truth, columns: prediction, in the order above)\n");
    for (int64_t t = 0; t < e->classes; t++) {
        for (int64_t p = 0; p < e->classes; p++)
            printf("%6" PRId64, e->confusion[t * e->classes + p]);
        printf("  %s\n", shown_class(card, t, shown, sizeof shown));
    }
}

/* Among five classes or fewer every answer is among the first five: nothing to say. */
static void print_totals(const reel_evaluation *e, const char *where)
{
    char shown[4400], loss[32], calibration[120];
    const reel_interval top1 = reel_wilson(e->right1, e->images),
                        top5 = reel_wilson(e->right5, e->images);
    const bool tells_top5 = e->classes > 5;
    printf("%s: %s, loss %s, top-1 %.2f %%", reel_shown_text(where, shown, sizeof shown),
           reel_count_of(e->images, "image").text, reel_loss_text(e->loss, loss, sizeof loss),
           100 * e->top1);
    if (tells_top5)
        printf(", top-5 %.2f %%", 100 * e->top5);

    printf("\n95 %% intervals: top-1 %.1f to %.1f %%", 100 * top1.low, 100 * top1.high);
    if (tells_top5)
        printf(", top-5 %.1f to %.1f %%", 100 * top5.low, 100 * top5.high);
    printf("; mean F1 of the classes %.3f\n%s\n\n", macro_f1(e),
           reel_calibration_text(&e->calibration, calibration, sizeof calibration));
}

static void print_classes(const reel_evaluation *e, const reel_model_card *card)
{
    char shown[4400];
    printf("recall          precision   F1     class\n");
    for (int64_t c = 0; c < e->classes; c++) {
        const reel_class_score s = reel_judge_class(e, c);
        printf("%6.1f %%  %5" PRId64 " of %5" PRId64 "  %6.1f %%  %5.3f  %s\n", 100 * s.recall,
               s.right, s.images, 100 * s.precision, s.f1,
               shown_class(card, c, shown, sizeof shown));
    }
}

static void print_mistakes(const reel_evaluation *e, const reel_model_card *card,
                           const reel_dataset *dataset)
{
    char shown[4400], other[4400], name[1024];
    reel_confused pairs[MOST_PAIRS];
    const int n = reel_judge_confused(e, pairs, MOST_PAIRS);
    if (n)
        printf("\nmost confused\n");
    for (int i = 0; i < n; i++)
        printf("%6" PRId64 "  %s taken for %s\n", pairs[i].count,
               shown_class(card, pairs[i].truth, shown, sizeof shown),
               shown_class(card, pairs[i].predicted, other, sizeof other));

    if (e->n_worst)
        printf("\nworst mistakes (probability of the wrong class)\n");
    for (int i = 0; i < e->n_worst; i++) {
        reel_dataset_sample_name(dataset, e->worst[i].index, name, sizeof name);
        printf("%6.1f %%  %s for %s\n", 100 * e->worst[i].probability,
               shown_class(card, e->worst[i].predicted, other, sizeof other), name);
    }
}

void reel_judge_print(const reel_evaluation *e, const reel_model_card *card,
                      const reel_dataset *dataset, const char *where)
{
    const int64_t widest = 20; /* classes of a matrix that fits a terminal */
    print_totals(e, where);
    print_classes(e, card);
    if (e->classes <= widest)
        print_matrix(e, card);
    print_mistakes(e, card, dataset);
}

/* ---- JSON ---- */
static json_t *interval_json(reel_interval i)
{
    return json_pack("[f, f]", i.low, i.high);
}

static json_t *class_name_json(const reel_model_card *card, int64_t c)
{
    char text[1100];
    return reel_json_text(reel_model_card_class(card, c, text, sizeof text));
}

static json_t *classes_json(const reel_evaluation *e, const reel_model_card *card)
{
    json_t *classes = json_array();
    for (int64_t c = 0; c < e->classes; c++) {
        const reel_class_score s = reel_judge_class(e, c);
        json_array_append_new(
            classes, json_pack("{s:o, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "name",
                               class_name_json(card, c), "images", (json_int_t)s.images, "right",
                               (json_int_t)s.right, "predicted", (json_int_t)s.predicted, "top1",
                               s.recall, "precision", s.precision, "recall", s.recall, "f1", s.f1));
    }
    return classes;
}

static json_t *confused_json(const reel_evaluation *e, const reel_model_card *card)
{
    json_t *confused = json_array();
    reel_confused pairs[MOST_PAIRS];
    const int n = reel_judge_confused(e, pairs, MOST_PAIRS);
    for (int i = 0; i < n; i++)
        json_array_append_new(
            confused, json_pack("{s:o, s:o, s:I}", "truth", class_name_json(card, pairs[i].truth),
                                "predicted", class_name_json(card, pairs[i].predicted), "count",
                                (json_int_t)pairs[i].count));
    return confused;
}

static json_t *worst_json(const reel_evaluation *e, const reel_model_card *card,
                          const reel_dataset *dataset)
{
    json_t *worst = json_array();
    for (int i = 0; i < e->n_worst; i++) {
        const reel_mistake *m = &e->worst[i];
        char name[1024];
        reel_dataset_sample_name(dataset, m->index, name, sizeof name);
        json_array_append_new(worst, json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "file",
                                               reel_json_text(name), "index", (json_int_t)m->index,
                                               "truth", class_name_json(card, m->truth),
                                               "predicted", class_name_json(card, m->predicted),
                                               "probability", reel_json_number(m->probability),
                                               "loss", reel_json_number(m->loss)));
    }
    return worst;
}

json_t *reel_judge_json(const reel_evaluation *e, const reel_model_card *card,
                        const reel_dataset *dataset)
{
    json_t *o = json_pack(
        "{s:I, s:I, s:o, s:f, s:o, s:f, s:o, s:f, s:o, s:o}", "images", (json_int_t)e->images,
        "bad", (json_int_t)e->bad, "loss", reel_json_number(e->loss), "top1", e->top1,
        "top1_interval", interval_json(reel_wilson(e->right1, e->images)), "top5", e->top5,
        "top5_interval", interval_json(reel_wilson(e->right5, e->images)), "mean_f1", macro_f1(e),
        "calibration", reel_calibration_json(&e->calibration), "classes", classes_json(e, card));
    if (o && reel_confusion_to_json(o, e->confusion, e->classes) &&
        json_object_set_new(o, "confused", confused_json(e, card)) == 0 &&
        json_object_set_new(o, "worst", worst_json(e, card, dataset)) == 0)
        return o;
    json_decref(o);
    return NULL;
}

/* ---- CSV ---- */
/* A cell that begins like a formula gets an apostrophe, or a spreadsheet would compute it. */
static void csv_text(FILE *to, const char *text)
{
    char shown[4400];
    const bool formula = *text && strchr("=+-@\t\r", *text);
    fputs(formula ? "\"'" : "\"", to);
    for (const char *p = reel_shown_text(text, shown, sizeof shown); *p; p++) {
        if (*p == '"')
            fputc('"', to);
        fputc(*p, to);
    }
    fputc('"', to);
}

reel_status reel_judge_csv(const reel_evaluation *e, const reel_model_card *card, const char *path,
                           reel_error *err)
{
    FILE *to = fopen(path, "wx");
    if (!to)
        return reel_fail_system(err, errno, "--csv: %s: cannot be created", path);

    fprintf(to, "class,images,predicted,right,precision,recall,f1\n");
    for (int64_t c = 0; c < e->classes; c++) {
        char text[1100];
        const reel_class_score s = reel_judge_class(e, c);
        csv_text(to, reel_model_card_class(card, c, text, sizeof text));
        fprintf(to, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%.6f,%.6f,%.6f\n", s.images, s.predicted,
                s.right, s.precision, s.recall, s.f1);
    }

    const bool failed = ferror(to) != 0;
    if (fclose(to) == 0 && !failed)
        return REEL_OK;
    reel_fail_system(err, errno, "--csv: %s: cannot be written", path);
    unlink(path); /* half a table looks like a whole one; the file is this call's own ("wx") */
    return REEL_ERR_IO;
}
