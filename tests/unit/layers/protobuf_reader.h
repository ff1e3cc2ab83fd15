/* The fields of a protobuf message, as tests read them; what is no message fails the test. */
#ifndef REEL_TESTS_PROTOBUF_READER_H
#define REEL_TESTS_PROTOBUF_READER_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct field {
    int number, wire;
    uint64_t value;            /* varint */
    const unsigned char *data; /* bytes, or the four of a float */
    size_t size;
} field;

static uint64_t varint(const unsigned char **at, const unsigned char *end)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        cr_assert(*at < end, "a varint is cut short");
        const unsigned char c = *(*at)++;
        value |= (uint64_t)(c & 127) << shift;
        if (!(c & 128))
            return value;
    }
    cr_assert_fail("a varint of more than ten bytes");
    return 0;
}

/* The next field between *at and end; false at the end. */
static bool next(const unsigned char **at, const unsigned char *end, field *f)
{
    if (*at == end)
        return false;
    const uint64_t key = varint(at, end);
    *f = (field){.number = (int)(key >> 3), .wire = (int)(key & 7)};
    switch (f->wire) {
    case 0:
        f->value = varint(at, end);
        return true;
    case 2:
        f->size = (size_t)varint(at, end);
        break;
    case 5:
        f->size = 4;
        break;
    default:
        cr_assert_fail("wire type %d", f->wire);
    }
    cr_assert(f->size <= (size_t)(end - *at), "field %d is longer than its message", f->number);
    f->data = *at;
    *at += f->size;
    return true;
}

#define FIELDS(message, f)                                                                         \
    for (const unsigned char *at_ = (message).data, *end_ = at_ + (message).size;                  \
         next(&at_, end_, &f);)

static bool is(const field *f, const char *text)
{
    return f->size == strlen(text) && memcmp(f->data, text, f->size) == 0;
}

static field find(const field *message, int number)
{
    field f;
    FIELDS(*message, f) if (f.number == number) return f;
    return (field){0};
}

#endif
