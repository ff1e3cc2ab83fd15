/* TensorBoard's event files: events.out.tfevents.TIME.HOST.PID, a record for each line of the log,
 * scalars and pictures.
 *
 * Record: length (u64) | masked CRC-32C of it | an Event message | masked CRC-32C of that
 * (tensorflow/core/lib/io/record_writer, tensorflow/core/util/event.proto). Every process of a run
 * writes a file of its own; it begins with the step that it starts at, from which on TensorBoard
 * forgets what an interrupted process had written. */
#ifndef REEL_TRAIN_EVENTS_H
#define REEL_TRAIN_EVENTS_H

#include "data/image.h"

#include <jansson.h>

typedef struct reel_events reel_events;

/* Creates the file in `folder`. */
reel_status reel_events_open(reel_events **out, const char *folder, int64_t first_step,
                             reel_error *err);
/* The numbers of a line of metrics.jsonl as scalars "EVENT/KEY", at the line's step. */
reel_status reel_events_line(reel_events *events, const json_t *line, reel_error *err);
reel_status reel_events_image(reel_events *events, int64_t step, const char *tag,
                              const reel_image *image, reel_error *err);
const char *reel_events_path(const reel_events *events);
void reel_events_close(reel_events *events); /* NULL allowed */

/* CRC-32C (Castagnoli) of bytes. */
uint32_t reel_crc32c(const void *bytes, size_t size);
/* As it stands in an event file: rotated and moved, so that it does not look like a checksum of
 * itself. */
uint32_t reel_crc32c_masked(const void *bytes, size_t size);

#endif
