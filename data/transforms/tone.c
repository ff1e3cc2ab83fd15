/* Lookup tables of PIL's ImageOps, and the walk that applies them. */
#include "data/transforms/tone.h"

typedef uint8_t tone_table[256];

static void apply_tables(uint8_t *rgb, int64_t n, const tone_table red, const tone_table green,
                         const tone_table blue)
{
    for (int64_t i = 0; i < n; i++, rgb += 3) {
        rgb[0] = red[rgb[0]];
        rgb[1] = green[rgb[1]];
        rgb[2] = blue[rgb[2]];
    }
}

/* counts[c][v]: pixels whose channel c is v. */
static void count_values(int64_t counts[3][256], const uint8_t *rgb, int64_t n)
{
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            counts[c][v] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            counts[c][rgb[3 * i + c]]++;
}

static void identity_table(tone_table table)
{
    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)v;
}

void reel_posterize(uint8_t *rgb, int64_t n, int bits)
{
    const uint8_t mask = (uint8_t)(0xff00 >> bits);
    for (int64_t i = 0; i < 3 * n; i++)
        rgb[i] &= mask;
}

void reel_solarize(uint8_t *rgb, int64_t n, double threshold)
{
    tone_table table;
    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)(v < threshold ? v : 255 - v);
    apply_tables(rgb, n, table, table, table);
}

void reel_invert(uint8_t *rgb, int64_t n)
{
    for (int64_t i = 0; i < 3 * n; i++)
        rgb[i] = (uint8_t)~rgb[i];
}

static void stretching_table(tone_table table, const int64_t counts[256])
{
    int low = 0, high = 255;
    while (low < 255 && counts[low] == 0)
        low++;
    while (high > 0 && counts[high] == 0)
        high--;
    if (high <= low) {
        identity_table(table);
        return;
    }

    const double scale = 255.0 / (high - low), offset = -low * scale;
    for (int v = 0; v < 256; v++) {
        const int stretched = (int)(v * scale + offset);
        if (stretched < 0)
            table[v] = 0;
        else
            table[v] = (uint8_t)(stretched > 255 ? 255 : stretched);
    }
}

void reel_autocontrast(uint8_t *rgb, int64_t n)
{
    int64_t counts[3][256];
    tone_table tables[3];
    count_values(counts, rgb, n);
    for (int c = 0; c < 3; c++)
        stretching_table(tables[c], counts[c]);
    apply_tables(rgb, n, tables[0], tables[1], tables[2]);
}

/* A value becomes the number of pixels below it, in steps of 1/255 of all but those of the highest
 * value. */
static void equalizing_table(tone_table table, const int64_t counts[256], int64_t n)
{
    int highest = 255;
    while (highest > 0 && counts[highest] == 0)
        highest--;
    const int64_t step = (n - counts[highest]) / 255;
    if (step == 0) {
        identity_table(table);
        return;
    }

    int64_t below = step / 2;
    for (int v = 0; v < 256; v++) {
        table[v] = (uint8_t)(below / step > 255 ? 255 : below / step);
        below += counts[v];
    }
}

void reel_equalize(uint8_t *rgb, int64_t n)
{
    int64_t counts[3][256];
    tone_table tables[3];
    count_values(counts, rgb, n);
    for (int c = 0; c < 3; c++)
        equalizing_table(tables[c], counts[c], n);
    apply_tables(rgb, n, tables[0], tables[1], tables[2]);
}
