/* From a weight file straight into the parameters of a new net.
 *
 * A file in the page cache is read at the speed of memory, so every further look at its bytes would
 * cost as much again. Here each piece is read to its place and, while it lies in a core's cache,
 * summed, searched for NaN and, where the file's order is not the parameter's, converted. Threads
 * take blocks of tensors; the CRC-32s of a tensor's blocks are joined at the end. */
#include "core/files/weights_load.h"

#include <omp.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/files/crc32.h"
#include "core/files/weights_internal.h"
#include "core/memory.h"

/* Bytes. A block is what a thread takes at a time: huge pages of two threads seldom meet in one. A
 * piece and its place fit a core's second-level cache. */
enum { BLOCK = 4 << 20, PIECE = 128 << 10 };

/* A tensor of the file on its way to a parameter; one that no parameter takes is only summed. */
typedef struct tensor_load {
    const reel_weight *w;
    uint64_t at;             /* in the source */
    const char *crc;         /* that the file carries, or NULL */
    const reel_param *param; /* or NULL */
    int index;               /* of the parameter; -1 without one */
    int64_t first;           /* of its blocks */
} tensor_load;

typedef struct file_block {
    int load;
    size_t begin, bytes;
    uint32_t crc;
    bool finite;
} file_block;

typedef struct load_plan {
    const reel_byte_source *source;
    tensor_load *loads;
    file_block *blocks;
    int n_loads;
    int64_t n_blocks;
    char *room; /* PIECE bytes for each thread */
} load_plan;

/* ---- one block ---- */

/* A piece of a tensor, `begin` bytes from its start: read, summed, searched, in its place. */
static reel_status load_piece(const load_plan *plan, file_block *b, size_t begin, size_t bytes,
                              char *room, reel_error *err)
{
    const tensor_load *l = &plan->loads[b->load];
    const size_t element = reel_stored_size(l->w->dtype);
    const int64_t first = (int64_t)(begin / element), n = (int64_t)(bytes / element);
    const bool in_place = l->param && reel_weight_lies_as(l->w, &l->param->value);
    char *to = in_place ? (char *)l->param->value.data + begin : room;

    REEL_TRY(reel_byte_source_read(plan->source, l->at + begin, to, bytes, err));
    if (l->crc)
        b->crc = reel_crc32(b->crc, to, bytes);
    if (!l->param)
        return REEL_OK;
    b->finite &= reel_stored_is_finite(l->w->dtype, to, n, l->param->value.dtype);
    if (!in_place)
        reel_weight_decode(l->w, to, &l->param->value, first, n);
    return REEL_OK;
}

static reel_status load_whole_block(const load_plan *plan, file_block *b, char *room,
                                    reel_error *err)
{
    for (size_t done = 0; done < b->bytes; done += PIECE) {
        const size_t bytes = b->bytes - done < PIECE ? b->bytes - done : PIECE;
        REEL_TRY(load_piece(plan, b, b->begin + done, bytes, room, err));
    }
    return REEL_OK;
}

/* ---- the plan ---- */

/* The tensors in the order of the file, once for each parameter that takes one. */
static reel_status list_loads(load_plan *plan, const reel_params *params,
                              const reel_weights *weights, const reel_name_map *map,
                              reel_error *err)
{
    bool carried;
    REEL_TRY(reel_weights_verify_header(weights, &carried, err));
    for (int i = 0; i < weights->count; i++) {
        const reel_weight *w = &weights->list[i];
        tensor_load load = {.w = w, .index = -1};
        load.at = weights->places ? weights->places[i]
                                  : (uint64_t)((const char *)w->data - weights->data);
        if (carried)
            REEL_TRY(reel_weights_carried_crc(weights, w, &load.crc, err));

        const int before = plan->n_loads;
        for (int p = 0; p < reel_params_count(params); p++) {
            if (map->of[p] != w)
                continue;
            load.index = p;
            load.param = reel_params_at(params, p);
            plan->loads[plan->n_loads++] = load;
        }
        if (plan->n_loads == before && load.crc)
            plan->loads[plan->n_loads++] = load;
    }
    return REEL_OK;
}

static reel_status cut_blocks(load_plan *plan, int threads, reel_error *err)
{
    for (int i = 0; i < plan->n_loads; i++) {
        plan->loads[i].first = plan->n_blocks;
        plan->n_blocks += (int64_t)((plan->loads[i].w->bytes + BLOCK - 1) / BLOCK);
    }
    plan->blocks = calloc((size_t)plan->n_blocks + 1, sizeof *plan->blocks);
    plan->room = malloc((size_t)threads * PIECE);
    if (!plan->blocks || !plan->room)
        return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");

    for (int i = 0; i < plan->n_loads; i++) {
        const tensor_load *l = &plan->loads[i];
        file_block *b = plan->blocks + l->first;
        for (size_t begin = 0; begin < l->w->bytes; begin += BLOCK, b++) {
            const size_t rest = l->w->bytes - begin;
            *b = (file_block){i, begin, rest < BLOCK ? rest : BLOCK, 0, true};
        }
    }
    return REEL_OK;
}

/* ---- what came of it ---- */

/* The first block behind those of a load. */
static int64_t end_of_load(const load_plan *plan, int i)
{
    return i + 1 < plan->n_loads ? plan->loads[i + 1].first : plan->n_blocks;
}

/* The CRC-32s first: a flipped bit may look like a NaN. */
static reel_status judge_loads(const load_plan *plan, const reel_weights *weights, reel_error *err)
{
    const tensor_load *bad = NULL;
    for (int i = 0; i < plan->n_loads; i++) {
        const tensor_load *l = &plan->loads[i];
        uint32_t crc = 0;
        bool finite = true;
        for (int64_t b = l->first; b < end_of_load(plan, i); b++) {
            const file_block *block = &plan->blocks[b];
            crc = (uint32_t)crc32_combine(crc, block->crc, (z_off_t)block->bytes);
            finite &= block->finite;
        }
        REEL_TRY(reel_weights_compare_crc(weights, l->w, l->crc, crc, err));
        if (!finite && (!bad || l->index < bad->index))
            bad = l;
    }
    if (!bad)
        return REEL_OK;
    reel_printable room;
    return reel_fail(err, REEL_ERR_NONFINITE,
                     "%s: tensor %s: expected finite numbers, got NaN or infinity", weights->path,
                     reel_printable_name(&room, bad->param->name));
}

static reel_status run_loads(const load_plan *plan, int threads, reel_error *err)
{
    int64_t failed = plan->n_blocks;
    reel_error failure = {0};
#pragma omp parallel num_threads(threads)
    {
        char *room = plan->room + (size_t)omp_get_thread_num() * PIECE;
#pragma omp for schedule(dynamic, 1)
        for (int64_t b = 0; b < plan->n_blocks; b++) {
            reel_error why;
            if (load_whole_block(plan, &plan->blocks[b], room, &why) == REEL_OK)
                continue;
#pragma omp critical(reel_weights_failure)
            if (b < failed) {
                failed = b;
                failure = why;
            }
        }
    }
    if (failed == plan->n_blocks)
        return REEL_OK;
    return reel_fail(err, failure.status, "%s", failure.message);
}

reel_status reel_params_fill(reel_params *params, const reel_weights *weights, int threads,
                             reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(weights, err);

    const reel_byte_source memory = {.fd = -1,
                                     .bytes = (const unsigned char *)weights->data,
                                     .size = weights->data_size,
                                     .path = weights->path};
    load_plan plan = {.source = weights->places ? &weights->source : &memory};
    reel_name_map map;
    reel_status status;
    REEL_TRY(reel_params_check(params, weights, err));
    REEL_TRY(reel_name_map_make(&map, params, weights, err));

    /* Each parameter takes one tensor; at worst all other tensors are taken by none. */
    const size_t most = (size_t)reel_params_count(params) + (size_t)weights->count;
    plan.loads = calloc(most + 1, sizeof *plan.loads);
    if (!plan.loads)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", weights->path), done);
    REEL_TRY_GOTO(list_loads(&plan, params, weights, &map, err), done);
    REEL_TRY_GOTO(cut_blocks(&plan, threads, err), done);
    REEL_TRY_GOTO(run_loads(&plan, threads, err), done);
    REEL_TRY_GOTO(judge_loads(&plan, weights, err), done);
done:
    free(plan.loads);
    free(plan.blocks);
    free(plan.room);
    reel_name_map_free(&map);
    return status;
}
