/* Growing byte strings, and the few encodings that ONNX needs. */
#include "core/files/protobuf.h"

#include <stdlib.h>
#include <string.h>

void reel_message_free(reel_message *m)
{
    free(m->bytes);
    *m = (reel_message){0};
}

void reel_message_raw(reel_message *m, const void *bytes, size_t size)
{
    if (size == 0 || m->failed)
        return;
    if (m->size + size > m->room) {
        const size_t room = (m->size + size) * 2;
        char *larger = realloc(m->bytes, room);
        if (!larger) {
            m->failed = true;
            return;
        }
        m->bytes = larger;
        m->room = room;
    }
    memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

static void put_varint(reel_message *m, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
        value >>= 7;
    } while (value);
    reel_message_raw(m, bytes, n);
}

static void put_key(reel_message *m, int field, int wire_type)
{
    put_varint(m, (uint64_t)field << 3 | (uint64_t)wire_type);
}

void reel_message_varint(reel_message *m, int field, uint64_t value)
{
    put_key(m, field, 0);
    put_varint(m, value);
}

void reel_message_float(reel_message *m, int field, float value)
{
    put_key(m, field, 5);
    reel_message_raw(m, &value, sizeof value); /* little-endian, as the machine */
}

void reel_message_double(reel_message *m, int field, double value)
{
    put_key(m, field, 1);
    reel_message_raw(m, &value, sizeof value);
}

void reel_message_length(reel_message *m, int field, uint64_t size)
{
    put_key(m, field, 2);
    put_varint(m, size);
}

void reel_message_bytes(reel_message *m, int field, const void *bytes, size_t size)
{
    reel_message_length(m, field, size);
    reel_message_raw(m, bytes, size);
}

void reel_message_text(reel_message *m, int field, const char *text)
{
    reel_message_bytes(m, field, text, strlen(text));
}

void reel_message_nest(reel_message *m, int field, reel_message *inner)
{
    m->failed |= inner->failed;
    reel_message_bytes(m, field, inner->bytes, inner->size);
    inner->size = 0;
}
