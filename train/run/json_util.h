/* JSON for files and results: text that may not be UTF-8, files written whole, lines appended. */
#ifndef REEL_TRAIN_JSON_UTIL_H
#define REEL_TRAIN_JSON_UTIL_H

#include "core/base.h"

#include <jansson.h>
#include <stdio.h>

/* A string value; bytes that are no UTF-8 (file names may hold any) stand as \xNN. */
json_t *reel_json_text(const char *bytes);
/* Any path under key, as reel_json_text; where that is not the path itself, its bytes in
 * hexadecimal under "KEY_bytes", too. */
void reel_json_put_path(json_t *object, const char *key, const char *path);
/* The path again: as it stands there, or in text. NULL where there is none. */
const char *reel_json_path(const json_t *object, const char *key, char *text, size_t size);
/* As reel_json_text, into text, cut to size. */
void reel_utf8_text(const char *bytes, char *text, size_t size);
/* For people: control characters, too, stand as \xNN, so that a file's name neither splits a line
 * nor commands a terminal. Returns text. */
const char *reel_shown_text(const char *bytes, char *text, size_t size);

/* A finite number, or null. */
json_t *reel_json_number(double value);

/* path holds the old or the new text, never half of one (core/files/atomic_file.h). */
reel_status reel_json_save(const json_t *object, const char *path, reel_error *err);
reel_status reel_json_load(json_t **out, const char *path, reel_error *err);
/* A plain file for reading; REEL_ERR_IO also where it is a pipe or device, which would be read for
 * ever. Where there is none: NULL and REEL_OK. */
reel_status reel_plain_open(FILE **out, const char *path, reel_error *err);
/* For appending whole lines: a last one that a full disk or a crash has cut is ended first. NULL
 * with errno set. */
FILE *reel_append_open(const char *path);
/* Appends object as one line, and frees it. */
reel_status reel_json_append(json_t *object, const char *path, reel_error *err);

#endif
