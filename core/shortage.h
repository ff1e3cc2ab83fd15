/* Whether memory was short where failures are passed over, as a search for what fits does. */
#ifndef REEL_CORE_SHORTAGE_H
#define REEL_CORE_SHORTAGE_H

/* How often the calling thread has failed with REEL_ERR_MEMORY so far. A search that finds nothing
 * compares the counts before and after: what it has not found may only have lacked memory. */
long reel_memory_shortages(void);

#endif
