/* The canary of ThreadSanitizer, which Criterion does not survive: `test_race a_race` must turn
 * red, `test_race no_race` must not, neither for threads of its own nor for those of OpenMP. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int counter, locks;

static void *count(void *unused)
{
    for (int i = 0; i < 1000; i++) {
        if (locks)
            pthread_mutex_lock(&mutex);
        counter++;
        if (locks)
            pthread_mutex_unlock(&mutex);
    }
    return unused;
}

int main(int argc, char **argv)
{
    locks = argc < 2 || strcmp(argv[1], "a_race") != 0;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, count, NULL) != 0)
            return 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);

    long squares[64], sum = 0;
#pragma omp parallel for num_threads(2)
    for (int i = 0; i < 64; i++)
        squares[i] = (long)i * i;
#pragma omp parallel for num_threads(2) reduction(+ : sum)
    for (int i = 0; i < 64; i++)
        sum += squares[63 - i];
    printf("%d %ld\n", counter, sum);
    return sum == 85344 ? 0 : 1;
}
