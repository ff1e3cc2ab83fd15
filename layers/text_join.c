/* Lines of a text that say how other lines are joined or repeated: residual, add, concat, scale,
 * repeat, for. */
#include <string.h>

#include "layers/text_internal.h"

/* ---- joins ---- */

/* The lines of a part as a branch of the open join. */
static reel_status follow_branch(reel_text_reader *r, int index, const reel_text_part *part,
                                 reel_error *err)
{
    REEL_TRY(reel_text_count_step(r, &r->text->line[index], err));
    reel_net_begin_branch(r->net);
    REEL_TRY(reel_text_check_net(r, &r->text->line[index], err));
    if (part)
        REEL_TRY(reel_text_follow(r, part, err));
    reel_net_end(r->net);
    return reel_text_check_net(r, &r->text->line[index], err);
}

/* Ends the open join, whose branches have these values. */
static reel_status end_join(reel_text_reader *r, int index, const reel_var *branch, int n,
                            reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    reel_error why = {0};
    r->x = reel_join_values(r->net->open, branch, n);
    const reel_status status = reel_tape_status(r->tape, &why);
    if (status != REEL_OK)
        return reel_text_fail_as(err, reel_text_line_status(status), line, 0, "%s: %s",
                                 r->net->open->name, why.message);
    reel_net_end(r->net);
    return reel_text_check_net(r, line, err);
}

/* `add:`, `concat:`. Each line right below is a branch. */
static reel_status follow_join(reel_text_reader *r, int index, const reel_text_var *var,
                               reel_join join, reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    const reel_var input = r->x;
    reel_var branch[REEL_MAX_INPUTS];
    int n = 0;

    reel_net_begin_join(r->net, join);
    REEL_TRY(reel_text_check_net(r, line, err));

    for (int i = index + 1; i < line->end; i = r->text->line[i].end) {
        const reel_text_line *below = &r->text->line[i];
        const bool named = below->word[0].quoted || (below->word[0].colon && below->words > 1);
        const bool keyword = !named && reel_text_is_keyword(below->word[0].text);
        const reel_text_part whole = reel_text_below(r, i, var), alone = {i, below->end, 0, var};

        if (n == REEL_MAX_INPUTS)
            return reel_text_fail(err, below, 0, "expected at most %d branches", REEL_MAX_INPUTS);

        r->x = input;
        if (reel_text_says(below, 0, "branch") && below->words == 1) /* without lines: the input */
            REEL_TRY(follow_branch(r, i, below->word[0].colon ? &whole : NULL, err));
        else if (keyword)
            return reel_text_fail(err, below, 0, "expected branch:, a section or a layer below %s:",
                                  line->word[0].text);
        else
            REEL_TRY(reel_text_follow(r, &alone, err));
        branch[n++] = r->x;
    }
    return end_join(r, index, branch, n, err);
}

/* The words of `shortcut:` or `shortcut if needed:`, which one layer may follow; 0: there are
 * others. */
static int shortcut_words(const reel_text_line *line, bool *optional)
{
    const reel_text_word *word = line->word;
    *optional = line->words >= 3 && reel_text_says(line, 1, "if") &&
                reel_text_says(line, 2, "needed") && !word[0].colon && !word[1].colon;
    const int words = *optional ? 3 : 1;
    return word[words - 1].colon ? words : 0;
}

/* Finds the shortcut, the last part of a residual; `body` ends before it. other->end 0: there is
 * none. */
static reel_status find_shortcut(reel_text_reader *r, reel_text_part *body, reel_text_part *other,
                                 bool *optional, reel_error *err)
{
    *other = (reel_text_part){0};
    *optional = false;
    const int end = body->end;
    for (int i = body->first; i < end; i = r->text->line[i].end) {
        const reel_text_line *below = &r->text->line[i];
        if (!reel_text_says(below, 0, "shortcut"))
            continue;
        const int words = shortcut_words(below, optional);
        if (words == 0)
            return reel_text_fail(err, below, 0, "expected: shortcut: or shortcut if needed:");
        if (reel_text_opens(below) && below->words > words)
            return reel_text_fail(err, below, words,
                                  "expected one layer behind the colon, or lines below it");
        if (below->end != end)
            return reel_text_fail(err, below, 0, "expected the shortcut behind the other lines");

        body->end = i;
        *other = reel_text_below(r, i, body->var);
        if (below->words > words)
            *other = (reel_text_part){i, below->end, words, body->var};
    }
    return REEL_OK;
}

/* `residual:`: the sum of what its lines give and of its input, or of its part `shortcut:`, which
 * comes last. `shortcut if needed:` is used where the input has another shape than the lines'
 * value.
 */
static reel_status follow_residual(reel_text_reader *r, int index, const reel_text_var *var,
                                   reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    const reel_var input = r->x;
    reel_text_part body = reel_text_below(r, index, var), other;
    bool optional;
    REEL_TRY(find_shortcut(r, &body, &other, &optional, err));

    reel_net_begin_join(r->net, REEL_JOIN_ADD);
    REEL_TRY(reel_text_check_net(r, line, err));
    REEL_TRY(follow_branch(r, index, &body, err));

    /* The lines' shape is known now, which decides about a shortcut that is optional. */
    const reel_tensor a = reel_value(r->x), b = reel_value(input);
    const bool needed = !optional || !reel_tensor_same_shape(&a, &b);

    reel_var branch[2] = {r->x};
    r->x = input;
    REEL_TRY(follow_branch(r, index, other.end && needed ? &other : NULL, err));
    branch[1] = r->x;
    return end_join(r, index, branch, 2, err);
}

/* `scale:`: the input, each channel times the number that the lines below give for it. */
static reel_status follow_scale(reel_text_reader *r, int index, const reel_text_var *var,
                                reel_error *err)
{
    const reel_text_part body = reel_text_below(r, index, var);
    reel_var branch[2] = {r->x, r->x};
    reel_net_begin_join(r->net, REEL_JOIN_SCALE);
    REEL_TRY(reel_text_check_net(r, &r->text->line[index], err));
    REEL_TRY(follow_branch(r, index, &body, err));
    branch[0] = r->x;
    REEL_TRY(follow_branch(r, index, NULL, err));
    return end_join(r, index, branch, 2, err);
}

/* ---- repetition ---- */

/* `repeat 3:` */
static reel_status follow_repeat(reel_text_reader *r, int index, const reel_text_var *var,
                                 reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    const reel_text_scope scope = reel_text_scope_of(r, var);
    reel_text_var value;
    int64_t times;
    if (line->words != 2)
        return reel_text_fail(err, line, 0, "expected how often, such as: repeat 3:");
    REEL_TRY(reel_text_value(&scope, line, 1, line->word[1].text, &value, err));
    if (!reel_text_whole(value.value, strlen(value.value), &times) || times > REEL_TEXT_STEPS)
        return reel_text_fail(err, line, 1, "expected a whole number of at most %d, got \"%s\"",
                              REEL_TEXT_STEPS, value.value);
    const reel_text_part body = reel_text_below(r, index, var);
    for (int64_t i = 0; i < times; i++)
        REEL_TRY(reel_text_follow(r, &body, err));
    return REEL_OK;
}

/* `for width in 64 128 256:` */
static reel_status follow_for(reel_text_reader *r, int index, const reel_text_var *var,
                              reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    const reel_text_scope scope = reel_text_scope_of(r, var);
    if (line->words < 4 || !reel_text_says(line, 2, "in"))
        return reel_text_fail(err, line, 0, "expected values, such as: for width in 64 128:");
    reel_text_var own = {.name = line->word[1].text, .outer = var};
    reel_text_part body = reel_text_below(r, index, &own);
    for (int k = 3; k < line->words; k++) {
        REEL_TRY(reel_text_value(&scope, line, k, line->word[k].text, &own, err));
        REEL_TRY(reel_text_follow(r, &body, err));
    }
    return REEL_OK;
}

/* ---- which word ---- */

reel_status reel_text_follow_keyword(reel_text_reader *r, int index, const reel_text_var *var,
                                     reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    if (reel_text_says(line, 0, "residual") && line->words == 1)
        return follow_residual(r, index, var, err);
    if (reel_text_says(line, 0, "add") && line->words == 1)
        return follow_join(r, index, var, REEL_JOIN_ADD, err);
    if (reel_text_says(line, 0, "concat") && line->words == 1)
        return follow_join(r, index, var, REEL_JOIN_CONCAT, err);
    if (reel_text_says(line, 0, "scale") && line->words == 1)
        return follow_scale(r, index, var, err);
    if (reel_text_says(line, 0, "repeat"))
        return follow_repeat(r, index, var, err);
    if (reel_text_says(line, 0, "for"))
        return follow_for(r, index, var, err);
    if (reel_text_says(line, 0, "block")) /* followed where it is used */
        return reel_text_check_block(line, err);

    /* Words that have a place inside others only, and names that are words. */
    const char *word = line->word[0].text;
    if (!strcmp(word, "shortcut"))
        return reel_text_fail(err, line, 0, "expected shortcut: right below residual:");
    if (!strcmp(word, "branch"))
        return reel_text_fail(err, line, 0, "expected branch: right below add: or concat:");
    return reel_text_fail(err, line, 0,
                          "%.60s is a word of the language: as a name it needs quotes", word);
}
