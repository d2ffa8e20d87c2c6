/* Work in lanes: a fixed number of contiguous shares of the rows, taken by threads as they come free.
 *
 * Every lane has a result of its own and the results are summed in the order of the lanes, so the sum does not depend
 * on how many threads there are or which of them is held up by a neighbour. Threads live for one call: making one costs
 * about 20 microseconds, nobody spins, and a forked process has nothing to wait for. */
#ifndef LANES_H
#define LANES_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define MOST_THREADS 64

typedef struct {
    void (*work)(void *task, int64_t lane);
    void *task;
    int64_t lanes;
    atomic_llong next;
} Lanes;

static void *lanes_worker(void *given) {
    Lanes *all = given;
    for (int64_t lane; (lane = atomic_fetch_add(&all->next, 1)) < all->lanes;) all->work(all->task, lane);
    return 0;
}

static void run_lanes(void (*work)(void *, int64_t), void *task, int64_t lanes, int threads) {
    Lanes all = {work, task, lanes, 0};
    pthread_t others[MOST_THREADS];
    int made = 0;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    while (made + 1 < threads && made + 1 < lanes && !pthread_create(&others[made], 0, lanes_worker, &all)) made++;
    lanes_worker(&all);
    while (made > 0) pthread_join(others[--made], 0);
}

/* Neumaier's sum: total + carry is the sum to twice the digits. */
static inline void two_sum(double *total, double *carry, double term) {
    double sum = *total + term, shadow = sum - *total;
    *carry += (*total - (sum - shadow)) + (term - shadow);
    *total = sum;
}
#endif
