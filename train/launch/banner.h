/* What mpirun says, in one line each.
 *
 * Open MPI frames its messages in lines of 74 dashes and fills them with advice about its own
 * options. This filter reads what comes from mpirun's stderr, passes lines of the ranks on as they
 * are, and turns each framed message into one line:
 *
 *     reel: rank 2 on host b was killed by signal 9 (Killed)
 *
 * Messages that repeat what the ranks have said themselves are left out: that a rank ended with one
 * of Reel's exit codes, or called reel_comm_abort. A message that is not known is shortened to its
 * first paragraph. */
#ifndef REEL_TRAIN_BANNER_H
#define REEL_TRAIN_BANNER_H

#include <stdbool.h>
#include <stddef.h>

typedef void reel_banner_put(void *user, const char *bytes, size_t count);

typedef struct reel_banner {
    reel_banner_put *put; /* takes what is to be shown */
    void *user;           /* for put */
    bool death;           /* mpirun has told that a rank or a host is gone */
    bool failure;         /* a line has named a failure, so that nobody needs to say more */
    /* Inside: an unfinished line, and the framed message so far, one '\n' between lines. */
    bool framed;
    size_t line_length, text_length;
    char line[4096], text[8192];
    bool half_taken;      /* of a line of ssh's, which ends with "\r\n", the "\n" is to come */
    bool cannot_resolve;  /* ssh could not resolve the name of some host */
    char unresolved[400]; /* these hosts, until they are told: "node1, node2" */
} reel_banner;

/* Takes the next bytes of mpirun's stderr. The struct begins as zeros with put and user set. */
void reel_banner_take(reel_banner *banner, const char *bytes, size_t count);
/* Says which hosts' names ssh could not resolve so far, all in one line. */
void reel_banner_tell_unresolved(reel_banner *banner);
/* After the last byte: shows what was not finished. */
void reel_banner_end(reel_banner *banner);
/* Whether mpirun says this line on stdout, where only the ranks' results belong: that processes
 * failed to start. Without its newline. */
bool reel_banner_is_remark(const char *line, size_t length);

#endif
