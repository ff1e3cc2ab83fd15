/* The lines of a text that describe no layer: version, about, input, classes; and its words. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "layers/text_internal.h"

enum { LARGEST_INPUT = 1 << 14, LARGEST_CLASSES = 10000000 };

/* ---- words ---- */

static const char *const keywords[] = {"reel",     "about",  "input",    "classes", "block",
                                       "repeat",   "for",    "residual", "branch",  "add",
                                       "shortcut", "concat", "include",  "scale"};

bool reel_text_is_keyword(const char *word)
{
    for (int i = 0; i < REEL_COUNT(keywords); i++)
        if (!strcmp(word, keywords[i]))
            return true;
    return false;
}

void reel_text_offer_keywords(reel_nearest *nearest)
{
    for (int i = 1; i < REEL_COUNT(keywords); i++) /* not "reel", which stands in the first line */
        reel_nearest_offer(nearest, keywords[i]);
}

/* One letter may be wrong in a short word, two in a long one. */
static bool is_slip(const char *name, const char *word)
{
    const size_t length = strlen(word);
    const char *rest = name + length;
    if (!strncmp(name, word, length) && (!islower((unsigned char)*rest) || strlen(rest) > 2))
        return false; /* it goes on: branch1, scale_2, addition */
    reel_nearest nearest = reel_nearest_to(name);
    nearest.distance = length < 6 ? 2 : 3;
    reel_nearest_offer(&nearest, word);
    return *nearest.word;
}

const char *reel_text_slip_of(const char *name)
{
    /* Words that may stand alone before a colon, as a section's name does. */
    static const char *const alone[] = {"residual", "shortcut", "branch", "add", "concat", "scale"};
    for (int i = 0; i < REEL_COUNT(keywords); i++)
        if (!strcasecmp(name, keywords[i]) && strcmp(name, keywords[i]) != 0)
            return keywords[i];
    for (int i = 0; i < REEL_COUNT(alone); i++)
        if (is_slip(name, alone[i]))
            return alone[i];
    return is_slip(name, "concatenate") || !strcmp(name, "concatenate") ? "concat" : NULL;
}

/* ---- the lines in front ---- */

bool reel_text_whole(const char *text, size_t length, int64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, text[i] - '0', value))
            return false;
    return length > 0;
}

static reel_status read_version(const reel_text_line *line, bool first, reel_error *err)
{
    if (!first)
        return reel_text_fail(err, line, 0, "expected the version in the first line");
    if (line->words != 3 || !reel_text_says(line, 1, "network"))
        return reel_text_fail(err, line, 0, "expected: reel network 1");
    if (!reel_text_says(line, 2, "1"))
        return reel_text_fail(err, line, 2,
                              "written for a newer Reel (version %.20s; this one reads 1)",
                              line->word[2].text);
    return REEL_OK;
}

/* "3x224x224" */
static reel_status read_input(const reel_text_line *line, reel_text_head *head, reel_error *err)
{
    int64_t *const into[] = {&head->channels, &head->height, &head->width};
    const char *at = line->words == 2 ? line->word[1].text : "";
    for (int i = 0; i < 3; i++) {
        const size_t length = strcspn(at, "x");
        const int64_t most = i ? LARGEST_INPUT : 3;
        if (!reel_text_whole(at, length, into[i]) || *into[i] < 1 || *into[i] > most ||
            (at[length] == 'x') != (i < 2))
            return reel_text_fail(err, line, 1,
                                  "expected channels, height and width, such as: input 3x224x224");
        at += length + (i < 2);
    }
    if (head->channels == 2)
        return reel_text_fail(err, line, 1, "expected 3 channels, or 1 for grey images");
    if (head->height != head->width)
        return reel_text_fail(err, line, 1, "expected images as high as wide");
    return REEL_OK;
}

static reel_status read_classes_line(const reel_text_line *line, reel_text_head *head,
                                     reel_error *err)
{
    const char *word = line->words == 2 ? line->word[1].text : "";
    if (!reel_text_whole(word, strlen(word), &head->classes) || head->classes < 1 ||
        head->classes > LARGEST_CLASSES)
        return reel_text_fail(err, line, 1,
                              "expected how many classes there are, such as: classes "
                              "1000");
    return REEL_OK;
}

/* No line says the input's size; one may have meant to. */
static reel_status missing_input(const reel_text *text, reel_error *err)
{
    for (int i = 0; i < text->lines; i = text->line[i].end) {
        const reel_text_line *line = &text->line[i];
        reel_nearest nearest = reel_nearest_to(line->word[0].text);
        reel_nearest_offer(&nearest, "input");
        const bool meant = *nearest.word || !strcasecmp(line->word[0].text, "input");
        if (meant && line->words == 2 && !line->word[0].quoted)
            return reel_text_fail(err, line, 0, "unknown word %.60s; did you mean input?",
                                  line->word[0].text);
    }
    return reel_text_fail(err, &text->line[0], 0,
                          "the text does not say the input's size: expected a line such as "
                          "input 3x224x224");
}

reel_status reel_text_read_head(reel_text *text, reel_error *err)
{
    text->head = (reel_text_head){.about = ""};

    /* Lines of the outermost level: `end` passes over what is indented below a line. */
    for (int i = 0; i < text->lines; i = text->line[i].end) {
        const reel_text_line *line = &text->line[i];
        if (line->word[0].colon)
            continue;
        const bool input = reel_text_says(line, 0, "input"),
                   classes = reel_text_says(line, 0, "classes");
        if ((input && text->head.channels) || (classes && text->head.classes))
            return reel_text_fail(err, line, 0, "%s: given twice", line->word[0].text);

        if (reel_text_says(line, 0, "reel"))
            REEL_TRY(read_version(line, i == 0, err));
        else if (input)
            REEL_TRY(read_input(line, &text->head, err));
        else if (classes)
            REEL_TRY(read_classes_line(line, &text->head, err));
        else if (reel_text_says(line, 0, "about"))
            text->head.about = line->rest + strspn(line->rest, " ");
    }

    if (text->lines == 0)
        return reel_fail(err, REEL_ERR_FORMAT, "%.200s:1:1: expected a network, got no lines",
                         text->source[0].name);
    if (text->head.channels == 0)
        return missing_input(text, err);
    if (text->head.classes == 0)
        text->head.classes = 1000;
    return REEL_OK;
}

const reel_text_head *reel_text_head_of(const reel_text *text)
{
    return text ? &text->head : NULL;
}
