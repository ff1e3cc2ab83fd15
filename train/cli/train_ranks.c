/* One connection a process, from the start of the command to its end. */
#include "train/cli/train_ranks.h"

#include "train/cli/command.h"
#include "train/cli/rank_talk.h"
#include "train/run/json_util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static reel_ranks the_ranks;
static bool connected;
/* Of a rank that got rank 0's checkpoint, or the weights to start from. */
static int checkpoint_handle = -1, weights_handle = -1;

reel_ranks *reel_train_ranks(void)
{
    return connected ? &the_ranks : NULL;
}

int reel_train_ranks_open(const char *command, const reel_options *options)
{
    reel_error err;
    if (connected || !reel_comm_is_launched())
        return REEL_EXIT_OK;
    the_ranks = (reel_ranks){0};
    const double timeout = reel_options_real(options, "comm-timeout");
    if (reel_rank_talk_connect(&the_ranks.comm, command, timeout, &err))
        return reel_complain(command, &err);
    connected = true;
    if (*reel_comm_note(the_ranks.comm))
        reel_say("reel: warning: %s", reel_comm_note(the_ranks.comm));
    return REEL_EXIT_OK;
}

/* The first exit code that is not REEL_EXIT_OK; *from: whose it is. */
static reel_status gather_codes(int *code, int *from, reel_error *err)
{
    const int ranks = reel_comm_ranks(the_ranks.comm);
    int mine = *code, *all = calloc((size_t)ranks, sizeof *all);
    if (!all)
        return reel_fail(err, REEL_ERR_MEMORY, "ranks: out of memory");
    const reel_status status =
        reel_comm_gather(the_ranks.comm, &mine, sizeof mine, all, "how it ended", err);
    int i = 0;
    while (status == REEL_OK && i < ranks - 1 && all[i] == REEL_EXIT_OK)
        i++;
    *code = all[i];
    *from = i;
    free(all);
    return status;
}

/* A rank is lost, or ranks went different ways: nobody can go on. Rank 0 has the word; the others
 * speak where it is silent. A rank that failed by itself says why: the failed exchange is only what
 * followed. */
static void end_all(const char *command, int code, const reel_error *err)
{
    const int rank = reel_comm_rank(the_ranks.comm);
    const useconds_t patience = 100000; /* for each rank before this one */
    usleep(patience * (useconds_t)(rank < 9 ? rank : 9));
    reel_say_silence(false);
    if (rank > 0 && code != REEL_EXIT_OK && *reel_say_last())
        reel_say("%s", reel_say_last());
    else if (rank > 0 || code == REEL_EXIT_OK)
        reel_complain(command, err);
    reel_comm_abort(the_ranks.comm, REEL_EXIT_FAILED);
}

int reel_train_ranks_agree(const char *command, int code)
{
    reel_error err;
    int from = 0, all = code;
    if (!connected)
        return code;
    if (gather_codes(&all, &from, &err))
        end_all(command, code, &err);
    if (all == REEL_EXIT_OK)
        return all;

    /* A failure of rank 0 has been said; that of another alone has not. */
    char *line = from == reel_comm_rank(the_ranks.comm) ? strdup(reel_say_last()) : NULL;
    if (reel_ranks_tell_text(&the_ranks, &line, from, "how it ended", &err))
        end_all(command, code, &err);
    if (from > 0 && line && reel_comm_rank(the_ranks.comm) == 0)
        reel_say("rank %d (host %s): %s", from, reel_comm_host_name(the_ranks.comm, from), line);
    free(line);
    return all;
}

int reel_train_ranks_close(const char *command, int code)
{
    if (!connected)
        return code;
    code = reel_train_ranks_agree(command, code);
    reel_rank_talk_close(the_ranks.comm);
    the_ranks = (reel_ranks){0};
    connected = false;
    return code;
}

/* ---- the weights to start from ---- */

reel_status reel_train_ranks_weights(char *path, size_t size, reel_error *err)
{
    reel_train_ranks_drop_weights();
    return reel_ranks_tell_file(reel_train_ranks(), path, size, &weights_handle,
                                "the weights to start from", err);
}

void reel_train_ranks_drop_weights(void)
{
    reel_ranks_drop_file(weights_handle);
    weights_handle = -1;
}

/* ---- the run to resume ---- */

/* What rank 0 has found, besides the configuration and the checkpoint. */
typedef struct found_run {
    char path[REEL_PATH_MAX], run_id[40];
    bool has_checkpoint, newest;
} found_run;

reel_status reel_train_ranks_resume(reel_resumed_run *r, const reel_options *options,
                                    reel_error *err)
{
    reel_ranks *ranks = reel_train_ranks();
    const char *what = "the run to resume";
    if (!ranks)
        return reel_resume_find(r, options, err);

    reel_status status = REEL_OK;
    if (reel_ranks_leads(ranks))
        status = reel_resume_find(r, options, err);
    else
        *r = (reel_resumed_run){.lock = -1};
    REEL_TRY(reel_ranks_agree(ranks, status, err, what));

    found_run f = {.has_checkpoint = r->checkpoint != NULL, .newest = r->newest};
    memcpy(f.path, r->path, sizeof f.path);
    memcpy(f.run_id, r->run_id, sizeof f.run_id);
    char *config = r->config ? json_dumps(r->config, JSON_COMPACT) : NULL;
    status = reel_ranks_tell(ranks, &f, sizeof f, what, err);
    if (status == REEL_OK)
        status = reel_ranks_tell_text(ranks, &config, 0, what, err);
    if (status == REEL_OK && !reel_ranks_leads(ranks)) {
        memcpy(r->path, f.path, sizeof r->path);
        memcpy(r->run_id, f.run_id, sizeof r->run_id);
        r->newest = f.newest;
        r->config = config ? json_loads(config, 0, NULL) : NULL;
    }
    free(config);
    REEL_TRY(status);
    if (!f.has_checkpoint)
        return REEL_OK;

    /* The others read the checkpoint from a copy of its bytes: they may not see the folder. */
    char copy[REEL_PATH_MAX];
    snprintf(copy, sizeof copy, "%s", f.path);
    REEL_TRY(reel_ranks_tell_file(ranks, copy, sizeof copy, &checkpoint_handle, what, err));
    if (!reel_ranks_leads(ranks))
        status = reel_checkpoint_open(&r->checkpoint, copy, err);
    return reel_ranks_agree(ranks, status, err, what);
}

void reel_train_ranks_free(reel_resumed_run *r)
{
    reel_resume_free(r);
    reel_ranks_drop_file(checkpoint_handle);
    checkpoint_handle = -1;
}
