/* Values in a text: numbers, variables, `classes`, `channels`, and products and quotients of them.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layers/text_internal.h"

static const reel_text_var *find_var(const reel_text_scope *scope, const char *name, size_t length)
{
    for (const reel_text_var *v = scope->var; v; v = v->outer)
        if (strlen(v->name) == length && !strncmp(v->name, name, length))
            return v;
    return NULL;
}

static bool is_text_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && !strncmp(text, word, length);
}

/* A number, or what has a number for its value. */
static bool factor_value(const reel_text_scope *scope, const char *text, size_t length,
                         int64_t *value)
{
    const reel_text_var *v = find_var(scope, text, length);
    if (v)
        return reel_text_whole(v->value, strlen(v->value), value);
    if (is_text_word(text, length, "classes"))
        *value = scope->classes;
    else if (is_text_word(text, length, "channels"))
        *value = scope->channels;
    else
        return reel_text_whole(text, length, value);
    return true;
}

/* "4*width", "channels/4": from left to right. */
static reel_status product_value(const reel_text_scope *scope, const reel_text_line *line, int k,
                                 const char *text, int64_t *value, reel_error *err)
{
    char sign = '*';
    *value = 1;
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, "*/");
        int64_t factor;
        if (!factor_value(scope, at, length, &factor))
            return reel_text_fail(err, line, k,
                                  "\"%.*s\" in \"%.60s\" is neither a whole number nor a name that "
                                  "stands for one",
                                  (int)length, at, text);

        if (sign == '*' && __builtin_mul_overflow(*value, factor, value))
            return reel_text_fail(err, line, k, "%.60s is too large", text);
        if (sign == '/' && (factor == 0 || *value % factor))
            return reel_text_fail(err, line, k,
                                  "%.60s: %" PRId64 " / %" PRId64 " is no whole number", text,
                                  *value, factor);
        if (sign == '/')
            *value /= factor;
        at += length;
        if (!*at)
            return REEL_OK;
        sign = *at;
    }
}

reel_status reel_text_value(const reel_text_scope *scope, const reel_text_line *line, int k,
                            const char *from, reel_text_var *var, reel_error *err)
{
    int64_t number;
    var->classes = !strcmp(from, "classes");
    const reel_text_var *v = find_var(scope, from, strlen(from));
    const bool product =
        strpbrk(from, "*/") || !strcmp(from, "classes") || !strcmp(from, "channels");

    if (v) {
        memcpy(var->value, v->value, sizeof var->value);
        var->classes = v->classes;
    } else if (product) {
        REEL_TRY(product_value(scope, line, k, from, &number, err));
        snprintf(var->value, sizeof var->value, "%" PRId64, number);
    } else if (snprintf(var->value, sizeof var->value, "%s", from) >= REEL_TEXT_WORD) {
        return reel_text_fail(err, line, k, "expected a value of at most %d bytes",
                              REEL_TEXT_WORD - 1);
    }
    return REEL_OK;
}
