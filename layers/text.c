/* From bytes to the lines of a network's text: words, comments, indentation, includes. */
#include "layers/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/byte_source.h"
#include "core/files/text.h"
#include "layers/text_internal.h"

/* ---- messages ---- */

static reel_status fail_line(reel_error *err, reel_status status, const reel_text_line *line,
                             int word, const char *format, va_list args)
{
    char message[700];
    vsnprintf(message, sizeof message, format, args);
    const int column = word < line->words ? line->word[word].column : line->indent + 1;
    return reel_fail(err, status, "%.200s:%d:%d: %s", line->file, line->number, column, message);
}

reel_status reel_text_fail(reel_error *err, const reel_text_line *line, int word,
                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_line(err, REEL_ERR_FORMAT, line, word, format, args);
    va_end(args);
    return REEL_ERR_FORMAT;
}

reel_status reel_text_fail_as(reel_error *err, reel_status status, const reel_text_line *line,
                              int word, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_line(err, status, line, word, format, args);
    va_end(args);
    return status;
}

/* ---- words ---- */

bool reel_text_says(const reel_text_line *line, int k, const char *word)
{
    return k < line->words && !line->word[k].quoted && !strcmp(line->word[k].text, word);
}

bool reel_text_opens(const reel_text_line *line)
{
    return line->words > 0 && line->word[line->words - 1].colon;
}

/* Cuts a quoted word at *at; false: the quote does not end. */
static bool cut_quoted(char **at, reel_text_word *word)
{
    char *end = strchr(*at + 1, '"');
    if (!end)
        return false;
    *word = (reel_text_word){.text = *at + 1, .quoted = true};
    *end = '\0';
    *at = end + 1;
    return true;
}

/* Cuts a line into words, which point into it. */
static reel_status cut_words(char *text, reel_text_line *line, reel_text_word *word,
                             reel_error *err)
{
    line->word = word;
    for (char *at = text; *at;) {
        if (*at == ' ') {
            at++;
            continue;
        }
        if (line->words == REEL_TEXT_WORDS)
            return reel_text_fail(err, line, line->words - 1, "expected at most %d words in a line",
                                  REEL_TEXT_WORDS);

        reel_text_word *w = &word[line->words];
        const int column = (int)(at - text) + 1;
        if (*at != '"') {
            *w = (reel_text_word){.text = at};
            at += strcspn(at, " ");
            if (memchr(w->text, '"', (size_t)(at - w->text)))
                return reel_fail(err, REEL_ERR_FORMAT, "%.200s:%d:%d: a quote within a word",
                                 line->file, line->number, column);
        } else if (!cut_quoted(&at, w)) {
            return reel_fail(err, REEL_ERR_FORMAT, "%.200s:%d:%d: the quote does not end",
                             line->file, line->number, column);
        }
        w->column = column;
        line->words++;

        /* A colon ends the word. */
        if (w->quoted && *at == ':') {
            w->colon = true;
            at++;
        } else if (!w->quoted && at[-1] == ':') {
            w->colon = true;
            at[-1] = '\0';
        }
        if (*at && *at != ' ')
            return reel_text_fail(err, line, line->words - 1, "expected a blank after the quote");
        if (*at)
            *at++ = '\0';
        if (line->words == 1)
            line->rest = at;
        if (line->words == 1 && reel_text_says(line, 0, "about") && !w->colon)
            break; /* the rest is prose */
        if (!w->text[0])
            return reel_text_fail(err, line, line->words - 1, "expected a word, got nothing");
    }
    return REEL_OK;
}

/* ---- lines ---- */

/* The text before the comment; a mark between quotes begins none. */
static void cut_comment(char *text)
{
    bool quoted = false;
    for (char *at = text; *at; at++) {
        quoted ^= *at == '"';
        if (*at == '#' && !quoted) {
            *at = '\0';
            break;
        }
    }
    for (char *end = text + strlen(text); end > text && strchr(" \r", end[-1]);)
        *--end = '\0';
}

static reel_status check_bytes(const char *text, const char *file, int number, reel_error *err)
{
    for (const char *at = text; *at;) {
        const unsigned char *bytes = (const unsigned char *)at;
        const int column = (int)(at - text) + 1, n = reel_utf8_sequence(bytes, SIZE_MAX);
        if (*at == '\t')
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%.200s:%d:%d: a tab; indent with blanks, which are equally wide "
                             "everywhere",
                             file, number, column);

        if (n == 0)
            return reel_fail(err, REEL_ERR_FORMAT, "%.200s:%d:%d: not UTF-8 (byte %d)", file,
                             number, column, *bytes);
        if (reel_is_control(reel_utf8_character(bytes, n)))
            return reel_fail(err, REEL_ERR_FORMAT, "%.200s:%d:%d: a control character (byte %d)",
                             file, number, column, *bytes);
        at += n;
    }
    return REEL_OK;
}

static reel_status add_line(reel_text *t, const reel_text_line *line, reel_error *err)
{
    if (t->lines == REEL_TEXT_LINES)
        return reel_text_fail(err, line, 0, "expected at most %d lines", REEL_TEXT_LINES);
    if (t->lines == t->room) {
        const int room = t->room ? t->room * 2 : 64;
        reel_text_line *more = realloc(t->line, (size_t)room * sizeof *more);
        if (!more)
            return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", line->file);
        t->line = more;
        t->room = room;
    }

    reel_text_line *kept = &t->line[t->lines];
    *kept = *line;
    kept->word = malloc((size_t)line->words * sizeof *kept->word);
    if (!kept->word)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", line->file);
    memcpy(kept->word, line->word, (size_t)line->words * sizeof *kept->word);
    t->lines++;
    return REEL_OK;
}

/* ---- sources ---- */

static reel_status read_text_source(reel_text *t, const reel_text_source *source,
                                    const char *folder, int indent, int depth, reel_error *err);

/* Keeps copies of a source's name and bytes, which end with 0. */
static reel_status add_source(reel_text *t, const char *name, const char *bytes, size_t size,
                              reel_error *err)
{
    if (t->bytes + size >= REEL_TEXT_BYTES) /* a 0 ends each source */
        return reel_fail(err, REEL_ERR_FORMAT, "%s: expected at most %d bytes of text", name,
                         REEL_TEXT_BYTES);
    if (memchr(bytes, 0, size))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: holds a byte 0, so it is no text", name);
    reel_text_source *more = realloc(t->source, ((size_t)t->sources + 1) * sizeof *more);
    if (!more)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", name);
    t->source = more;

    reel_text_source *s = &more[t->sources++];
    *s = (reel_text_source){.name = strdup(name), .bytes = malloc(size + 1)};
    if (!s->name || !s->bytes)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", name);
    memcpy(s->bytes, bytes, size);
    s->bytes[size] = '\0';
    t->bytes += size + 1;
    return REEL_OK;
}

static reel_status add_text_file(reel_text *t, const char *path, reel_error *err)
{
    reel_byte_source file;
    REEL_TRY(reel_byte_source_open(&file, path, err));
    const size_t size = file.size > REEL_TEXT_BYTES ? REEL_TEXT_BYTES + 1 : (size_t)file.size;
    char *bytes = malloc(size + 1);
    reel_status status = bytes ? reel_byte_source_read(&file, 0, bytes, size, err)
                               : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    if (status == REEL_OK)
        status = add_source(t, path, bytes, size, err);
    reel_byte_source_close(&file);
    free(bytes);
    return status;
}

/* Puts another file's lines in the place of the line. Its own includes begin at its own folder. */
static reel_status include_file(reel_text *t, const reel_text_line *line, const char *folder,
                                int depth, reel_error *err)
{
    char path[1024], inner[1024];
    if (line->words != 2 || line->word[0].colon || reel_text_opens(line))
        return reel_text_fail(err, line, 0, "expected: include FILE");
    const char *name = line->word[1].text;
    if (!folder)
        return reel_text_fail(err, line, 0, "a text that is no file cannot include one");
    if (depth == REEL_TEXT_FILES)
        return reel_text_fail(err, line, 1, "expected at most %d files that include one another",
                              REEL_TEXT_FILES);
    const bool rooted = name[0] == '/';
    if (snprintf(path, sizeof path, "%s%s%s", rooted ? "" : folder, rooted ? "" : "/", name) >=
        (int)sizeof path)
        return reel_text_fail(err, line, 1, "the path has more than %d bytes",
                              (int)sizeof path - 1);

    reel_error why = {0};
    const reel_status status = add_text_file(t, path, &why);
    if (status != REEL_OK)
        return reel_text_fail_as(err, status, line, 1, "%s", why.message);

    /* The file's own includes begin at its folder: the path up to its last slash, or the root. */
    const reel_text_source source = t->source[t->sources - 1];
    const char *slash = strrchr(path, '/');
    snprintf(inner, sizeof inner, "%.*s", (int)(slash - path) + (slash == path), path);
    return read_text_source(t, &source, inner, line->indent, depth + 1, err);
}

static reel_status read_text_source(reel_text *t, const reel_text_source *source,
                                    const char *folder, int indent, int depth, reel_error *err)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    char *next = source->bytes;
    if (!strncmp(next, byte_order_mark, 3))
        next += 3;

    for (int number = 1; next; number++) {
        char *text = next;
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        cut_comment(text);
        REEL_TRY(check_bytes(text, source->name, number, err));

        reel_text_word word[REEL_TEXT_WORDS];
        reel_text_line line = {.file = source->name, .number = number, .rest = ""};
        line.indent = (int)strspn(text, " ");
        REEL_TRY(cut_words(text, &line, word, err));
        if (line.words == 0)
            continue;
        line.indent += indent; /* an included file is as deep as its line */
        if (reel_text_says(&line, 0, "include"))
            REEL_TRY(include_file(t, &line, folder, depth, err));
        else
            REEL_TRY(add_line(t, &line, err));
    }
    return REEL_OK;
}

/* ---- the tree of lines ---- */

static reel_status close_lines(reel_text *t, reel_error *err)
{
    int open[REEL_TEXT_DEPTH] = {0}, depth = 0; /* lines whose indented lines go on */
    for (int i = 0; i < t->lines; i++) {
        reel_text_line *line = &t->line[i];
        const reel_text_line *before = i ? line - 1 : NULL;
        const bool deeper = before && line->indent > before->indent;
        if (before && reel_text_opens(before) && !deeper)
            return reel_text_fail(err, before, before->words - 1,
                                  "expected indented lines below the colon");
        if (before ? deeper && !reel_text_opens(before) : line->indent > 0)
            return reel_text_fail(err, line, 0,
                                  "unexpected indentation: the line above does not end in a colon");
        if (deeper && depth == REEL_TEXT_DEPTH)
            return reel_text_fail(err, line, 0, "expected at most %d levels", REEL_TEXT_DEPTH);
        if (deeper)
            open[depth++] = i - 1;

        while (!deeper && depth && line->indent <= t->line[open[depth - 1]].indent)
            t->line[open[--depth]].end = i;
        const int expected = depth ? t->line[open[depth - 1] + 1].indent : 0;
        if (line->indent != expected)
            return reel_text_fail(err, line, 0, "indented by %d, expected %d as the lines above",
                                  line->indent, expected);
        line->end = i + 1;
    }

    while (depth)
        t->line[open[--depth]].end = t->lines;
    if (t->lines && reel_text_opens(&t->line[t->lines - 1]))
        return reel_text_fail(err, &t->line[t->lines - 1], t->line[t->lines - 1].words - 1,
                              "expected indented lines below the colon");
    return REEL_OK;
}

/* ---- the way in ---- */

void reel_text_free(reel_text *text)
{
    if (!text)
        return;
    for (int i = 0; i < text->lines; i++)
        free(text->line[i].word);
    for (int i = 0; i < text->sources; i++) {
        free(text->source[i].name);
        free(text->source[i].bytes);
    }
    free(text->line);
    free(text->source);
    free(text);
}

/* Lines of the newest source. Frees the text after a failure. */
static reel_status finish_text(reel_text **out, reel_text *t, reel_status status,
                               const char *folder, reel_error *err)
{
    if (status == REEL_OK) {
        const reel_text_source source = t->source[0];
        status = read_text_source(t, &source, folder, 0, 1, err);
    }
    if (status == REEL_OK)
        status = close_lines(t, err);
    if (status == REEL_OK) { /* what is printed begins with its version, and comes from no file */
        t->typed = folder || !t->lines || !reel_text_says(&t->line[0], 0, "reel");
        status = reel_text_read_head(t, err);
    }
    if (status != REEL_OK) {
        reel_text_free(t);
        return status;
    }
    *out = t;
    return REEL_OK;
}

reel_status reel_text_read(reel_text **out, const char *name, const char *bytes, size_t size,
                           const char *folder, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    if (size > 0)
        REEL_NEED(bytes, err);
    else
        bytes = ""; /* NULL is no text, too */
    if (!name)
        name = "network";

    reel_text *t = calloc(1, sizeof *t);
    if (!t)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", name);
    return finish_text(out, t, add_source(t, name, bytes, size, err), folder, err);
}

reel_status reel_text_read_file(reel_text **out, const char *path, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(path, err);

    reel_text *t = calloc(1, sizeof *t);
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
    reel_status status = REEL_ERR_MEMORY;
    if (t && folder)
        status = finish_text(out, t, add_text_file(t, path, err), folder, err);
    else
        reel_fail(err, status, "%s: out of memory", path);
    if (!folder)
        free(t);
    free(folder);
    return status;
}
