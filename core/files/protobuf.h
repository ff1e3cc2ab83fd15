/* Writing Protocol Buffers by hand: a message is a sequence of fields, a field a key (number << 3 |
 * wire type) and a value. Wire type 0 is a varint, 1 eight bytes, 2 a length and bytes, 5 four
 * bytes (protobuf.dev/programming-guides/encoding). For ONNX and event files; no part of the
 * library's contract. */
#ifndef REEL_CORE_PROTOBUF_H
#define REEL_CORE_PROTOBUF_H

#include "core/base.h"

/* A message in memory. Running out of it is remembered, not returned: look at `failed` at the end.
 * Zero-initialise. */
typedef struct reel_message {
    char *bytes;
    size_t size, room;
    bool failed;
} reel_message;

void reel_message_free(reel_message *m);
void reel_message_raw(reel_message *m, const void *bytes, size_t size);
void reel_message_varint(reel_message *m, int field, uint64_t value);
void reel_message_float(reel_message *m, int field, float value);
void reel_message_double(reel_message *m, int field, double value);
void reel_message_bytes(reel_message *m, int field, const void *bytes, size_t size);
void reel_message_text(reel_message *m, int field, const char *text);
/* A message within a message; `inner` is emptied and keeps its memory. */
void reel_message_nest(reel_message *m, int field, reel_message *inner);
/* Only the key and length of a field whose bytes follow from elsewhere. */
void reel_message_length(reel_message *m, int field, uint64_t size);

#endif
