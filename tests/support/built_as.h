/* How this program was built, for tests of what a sanitizer, or a build that is not optimised,
 * changes. */
#ifndef REEL_TESTS_SUPPORT_BUILT_AS_H
#define REEL_TESTS_SUPPORT_BUILT_AS_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BUILT_WITH_SANITIZER 1 /* memory, addresses and times are other ones */
#else
#define BUILT_WITH_SANITIZER 0
#endif
#if defined(__OPTIMIZE__) && !defined(REEL_COUNTS_LINES)
#define BUILT_OPTIMISED 1
#else
#define BUILT_OPTIMISED 0
#endif

/* Before _exit, which would lose which lines ran. */
#ifdef REEL_COUNTS_LINES
void __gcov_dump(void); /* libgcov's: writes the counts */
#endif
static inline void keep_line_counts(void)
{
#ifdef REEL_COUNTS_LINES
    __gcov_dump();
#endif
}

#endif
