/* What the library asks of a message-passing system: plain messages between ranks. A module, a
 * shared object that is loaded only under a launcher, exports one table of these functions; so
 * neither the library nor a program links MPI. `mpi/module.c` is the module for MPI.
 *
 * Nothing here combines numbers: the order of additions is the library's own (core/pieces.h).
 *
 * All functions but `name` may be called by several threads at once, once `open` has returned.
 * They return 0, or a code of the system, which `words` explains. */
#ifndef REEL_COMM_LINK_H
#define REEL_COMM_LINK_H

#include "core/base.h"

/* Raised when anything in this file changes: a module of another version is refused. */
enum { REEL_LINK_VERSION = 1 };

/* A message under way: room for the system's own handle, which may be copied. */
typedef union reel_link_request {
    void *handle;
    int64_t number;
} reel_link_request;

typedef struct reel_link {
    int version; /* REEL_LINK_VERSION; first in every version of this struct */
    /* "Open MPI 4.1.4", for people. Before `open`, too. */
    void (*name)(char *text, size_t size);
    /* Connects this process with those that the launcher started beside it; *count = 1: the
     * launcher offers no way to it. The error is a line in `message`. */
    int (*open)(int *address, int *count, char *message, size_t size);
    /* Both begin and return at once. Messages from one rank to another with the same tag arrive in
     * order. The memory must stay until the request is done; `bytes` is below 2^31. A message that
     * is longer than the room for it is an error; one that is shorter is not. */
    int (*start_send)(const void *data, size_t bytes, int to, int tag, reel_link_request *request);
    int (*start_receive)(void *data, size_t bytes, int from, int tag, reel_link_request *request);
    /* Whether it is done; also moves all other messages on. */
    int (*test)(reel_link_request *request, int *done);
    void (*words)(int code, char *text, size_t size);
    /* Ends the processes of all ranks with this exit code. */
    void (*end_all)(int code);
    /* All ranks call it, after all their messages are done. */
    void (*close)(void);
} reel_link;

/* The name of the function that a module exports: const reel_link *reel_link_table(void). */
#define REEL_LINK_SYMBOL "reel_link_table"

#endif
