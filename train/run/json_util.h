/* JSON for files and results: text that may not be UTF-8, files written whole, lines appended. */
#ifndef REEL_TRAIN_JSON_UTIL_H
#define REEL_TRAIN_JSON_UTIL_H

#include "core/base.h"

#include <jansson.h>
#include <stdio.h>

/* A string value; bytes that are no UTF-8 (file names may hold any) stand as \xNN. */
json_t *reel_json_text(const char *bytes);
/* Stores a path under key, as reel_json_text. If the path is not UTF-8, its bytes are also stored
 * in hexadecimal under "KEY_bytes", so that the path can be restored. */
void reel_json_put_path(json_t *object, const char *key, const char *path);
/* Restores such a path; text is the room for one that is not UTF-8. NULL: there is no such key. */
const char *reel_json_path(const json_t *object, const char *key, char *text, size_t size);
/* As reel_json_text, into text, cut to size. */
void reel_utf8_text(const char *bytes, char *text, size_t size);
/* For people: control characters, too, stand as \xNN, so that a file's name neither splits a line
 * nor commands a terminal. Returns text. */
const char *reel_shown_text(const char *bytes, char *text, size_t size);

/* A finite number, or null. */
json_t *reel_json_number(double value);

/* Does the file hold exactly this? A file that does is not written again: a full disk is no
 * hindrance. */
bool reel_file_holds(const char *path, const char *text, size_t size);
/* A text that is written to `to`, and then becomes a file. */
typedef struct reel_text_file {
    FILE *to;
    char *text;
    size_t size;
} reel_text_file;
bool reel_text_file_open(reel_text_file *f); /* false: no memory */
/* Ends it in any case, and saves the text as path unless that holds it already. good: everything
 * was written; false is REEL_ERR_MEMORY. */
reel_status reel_text_file_save(reel_text_file *f, bool good, const char *path, reel_error *err);
/* path holds the old or the new text, never half of one (core/files/atomic_file.h). */
reel_status reel_json_save(const json_t *object, const char *path, reel_error *err);
reel_status reel_json_load(json_t **out, const char *path, reel_error *err);
/* Opens a plain file for reading. No such file: NULL and REEL_OK. REEL_ERR_IO also for a pipe or a
 * device, which could be read without end. */
reel_status reel_plain_open(FILE **out, const char *path, reel_error *err);
/* Opens a file for appending whole lines. If a full disk or a crash cut its last line short, that
 * line is ended first. NULL: errno says why. */
FILE *reel_append_open(const char *path);
/* Appends object as one line, and frees it. */
reel_status reel_json_append(json_t *object, const char *path, reel_error *err);

#endif
