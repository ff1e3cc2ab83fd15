/* Samples that are parts of a few large files: what shards, ImageNet's tars and packs open as. */
#ifndef REEL_DATA_SOURCES_COMMON_PIECES_H
#define REEL_DATA_SOURCES_COMMON_PIECES_H

#include "data/bytes.h"
#include "data/left_out.h"
#include "data/sources/common/names.h"
#include "data/sources/common/span.h"
#include "data/sources/source.h"

typedef struct reel_piece {
    uint64_t offset, name; /* name: offset into the pool */
    uint32_t size, file, label, crc;
} reel_piece;

/* What is odd about members of shards: how many, and the first as SHARD/MEMBER, printable. */
typedef struct reel_odd_members {
    int64_t n;
    char first[300];
} reel_odd_members;

typedef struct reel_piece_list {
    int folder;      /* what relative paths of files start from */
    reel_list files; /* struct piece_file */
    reel_pool names;
    reel_list pieces;  /* reel_piece */
    const char *shard; /* the name of the shard that is being indexed; NULL = none is to be named */
    reel_odd_members unlabelled; /* images of shards that have no label, left out */
    reel_odd_members doubled;    /* a second image or label of their key, which is left out */
    reel_odd_members repeated;   /* keys that an earlier sample of the shard has, too */
    reel_left_out left_out;      /* labelled samples of shards that have no image */
    bool names_only;             /* images are told by their names alone */
    bool unmarked;               /* the last shard has no end mark */
    uint8_t *checked; /* one bit a piece: its CRC-32 was right; NULL = there are none to check */
} reel_piece_list;

reel_status reel_pieces_new(reel_piece_list **out, reel_error *err);
/* Takes over the descriptor, also on failure. */
reel_status reel_pieces_add_file(reel_piece_list *p, const char *path, int file, reel_error *err);
reel_status reel_pieces_add(reel_piece_list *p, const reel_piece *piece, const char *name,
                            reel_error *err);
/* The same for a list of pieces and the pool of their names. */
reel_status reel_piece_append(reel_list *pieces, reel_pool *names, const reel_piece *piece,
                              const char *name, reel_error *err);
/* Orders pieces from `first` on by (label, name). */
void reel_pieces_sort(reel_piece_list *p, size_t first);
/* The CRC-32 of every piece is known: it is checked at the piece's first read. */
reel_status reel_pieces_check(reel_piece_list *p, reel_error *err);
int64_t reel_pieces_classes(const reel_piece_list *p); /* the highest label and one more */

/* A source's functions (data/sources/source.h) where self is a reel_pieces. */
REEL_DECLARE_SAMPLES(reel_pieces);

/* All of them, for a source's table. */
#define REEL_SAMPLES_ARE_PIECES REEL_SAMPLES_OF(reel_pieces), .destroy = reel_pieces_destroy

/* Adds the samples of a tar in WebDataset's convention, as parts of file number `file`
 * (shard_index.c). */
reel_status reel_shard_index(reel_piece_list *p, const reel_span *span, uint32_t file,
                             reel_error *err);

#endif
