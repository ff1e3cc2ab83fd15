/* What the files of core/comm share: a comm's insides, waits, and messages between single ranks.
 * Private to core/comm. */
#ifndef REEL_COMM_INTERNAL_H
#define REEL_COMM_INTERNAL_H

#include <pthread.h>

#include "core/comm/comm.h"
#include "core/comm/link.h"

enum { REEL_HOST_NAME = 64 }; /* bytes of a host's name, its end included */

/* A rank as the others see it. */
typedef struct reel_peer {
    int host;
    int address; /* its number in the link */
    int process; /* its process number, in the namespace of its host */
    char host_name[REEL_HOST_NAME];
} reel_peer;

/* What goes round the ring of beat.c. Only REEL_SIGN_FAILURE is sent as a whole. */
enum { REEL_SIGN_OF_LIFE = 1, REEL_SIGN_GOODBYE = 2, REEL_SIGN_FAILURE = 3 };
typedef struct reel_sign {
    int64_t kind;
    reel_error failure; /* its message names the rank that has failed */
} reel_sign;

/* Signs of life: what the thread of beat.c and the waits tell each other. */
typedef struct reel_beat {
    pthread_t thread;
    bool runs;
    reel_sign out, in;    /* the messages under way; the thread's own */
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;
    bool closing; /* this rank says goodbye */
    bool noticed; /* somebody has asked since a rank is lost */
    int lost;     /* address of a lost rank; -1 = none */
} reel_beat;

struct reel_comm {
    int rank, ranks, hosts;
    int address;           /* this rank's, in the link */
    reel_peer *peers;      /* [ranks] */
    int *first;            /* [hosts + 1]: the lowest rank of each host */
    const reel_link *link; /* NULL: this process is alone */
    reel_comm_config config;
    _Atomic double timeout; /* seconds, in force: raised once several hosts are found */
    reel_beat beat;
    uint64_t exchanges;      /* so far */
    pthread_mutex_t failing; /* for `failure`, while threads run */
    reel_error failure;      /* of the first exchange or message that failed */
    char *scratch;           /* of an exchange */
    size_t scratch_size;
    char note[300];
};

/* The kinds of messages. REEL_TAG_BUCKET + b: bucket b (overlap.h); MPI has tags up to 32767. */
enum { REEL_TAG_EXCHANGE = 1, REEL_TAG_BEAT = 2, REEL_TAG_BULK = 3, REEL_TAG_BUCKET = 16 };

/* A message under way, and the rank at its other end. */
typedef struct reel_pending {
    reel_link_request request;
    int peer;
} reel_pending;

static inline int reel_host_ranks(const reel_comm *comm, int host)
{
    return comm->first[host + 1] - comm->first[host];
}

/* ---- wait.c ---- */

/* Seconds of a clock that never goes back. */
double reel_clock_seconds(void);
/* A condition that reel_timed_wait can wait for: its clock never goes back either. */
void reel_timed_cond_init(pthread_cond_t *cond);
/* Holds the lock, as with pthread_cond_wait, and returns after so many seconds at the latest. */
void reel_timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double seconds);
/* Fails with the comm's first failure: `why` is remembered where it is the first, and the other
 * ranks are told. From any thread. */
reel_status reel_comm_break(reel_comm *comm, const reel_error *why, reel_error *err);
bool reel_comm_is_broken(reel_comm *comm);
/* The same for memory that is missing: the others wait for what this rank cannot send. */
reel_status reel_comm_break_no_memory(reel_comm *comm, const char *what, reel_error *err);
/* The same for a rank that is lost. */
reel_status reel_comm_break_lost(reel_comm *comm, int lost, const char *what, reel_error *err);
/* Begin a message of any length below 2^31 bytes to or from a rank. */
reel_status reel_comm_send(reel_comm *comm, const void *data, size_t bytes, int tag,
                           reel_pending *pending, reel_error *err);
reel_status reel_comm_receive(reel_comm *comm, void *data, size_t bytes, int tag,
                              reel_pending *pending, reel_error *err);
/* Whether the message is done; moves others on, too. */
reel_status reel_comm_look(reel_comm *comm, reel_pending *pending, bool *done, reel_error *err);
/* Waits until all of the messages are done: first without a pause, then with growing ones, since
 * ranks may be more than cores. Fails when a rank is lost or has failed. */
reel_status reel_comm_wait(reel_comm *comm, reel_pending *pending, int64_t n, const char *what,
                           reel_error *err);

/* ---- beat.c ---- */

reel_status reel_beat_start(reel_comm *comm, reel_error *err);
/* Says goodbye to the next rank and waits for the goodbye of the one before. */
void reel_beat_stop(reel_comm *comm);
/* The comm is broken: the next rank is to be told at once. */
void reel_beat_wake(reel_comm *comm);
/* The rank that is lost, which the caller will report; -1 = none. */
int reel_beat_lost(reel_comm *comm);

/* ---- connect_watch.c ---- */

/* Calls on_lost where connecting takes longer than the timeout, at least 8 s. */
typedef struct reel_connect_watch {
    const reel_comm_config *config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool runs, connected;
} reel_connect_watch;
void reel_connect_watch_start(reel_connect_watch *w, const reel_comm_config *config);
void reel_connect_watch_stop(reel_connect_watch *w);

/* ---- hosts.c ---- */

/* Finds out which ranks share memory, and numbers the ranks by hosts. */
reel_status reel_comm_find_hosts(reel_comm *comm, reel_error *err);

/* ---- exchange.c ---- */

/* Room for an exchange; the same memory while it suffices. NULL: no memory. */
void *reel_comm_scratch(reel_comm *comm, size_t bytes);
/* One rank's bytes go to others, along a binomial tree of messages. */
typedef struct reel_spread {
    void *data;
    size_t bytes;
    const int *members; /* [n] ranks that take part, the source first */
    int n;
} reel_spread;
/* All ranks call it; nothing happens to those that do not take part. */
reel_status reel_comm_spread(reel_comm *comm, const reel_spread *spread, const char *what,
                             reel_error *err);

#endif
