/* Coordinate descent on 1/2 u'Hu - b'u + sum l1 |u|, with fall = b - Hu kept up to date.
 *
 * Entries in use (not zero, or free) are swept until the best of their steps is small beside the best so far; then all
 * are looked at once, and the descent is over when none of them moves. One step costs one row of H. */

static double descent_step(int64_t m, int64_t j, const double *restrict hess, double l1, double *u,
                           double *restrict fall) {
    const double *restrict row = hess + j * m;
    double bend = row[j], old = u[j], at = fall[j] + bend * old, size = __builtin_fabs(at) - l1;
    if (bend <= 0 || (size <= 0 && old == 0)) return 0;
    double new = size > 0 ? (at > 0 ? size : -size) / bend : 0, step = new - old;
    if (step == 0) return 0;
    u[j] = new;
#pragma omp simd
    for (int64_t i = 0; i < m; i++) fall[i] -= step * row[i];
    return bend * step * step;
}

/* used (m): room for the entries in use. Returns the sweeps made. */
int64_t descent(int64_t m, const double *hess, const double *l1, double *u, double *fall, int64_t *used, int64_t sweeps,
                double share) {
    double most = 0;
    int whole = 1;
    int64_t sweep = 0, count = 0;
    while (sweep < sweeps) {
        sweep++;
        double best = 0;
        int64_t among = whole ? m : count;
        for (int64_t i = 0; i < among; i++) {
            int64_t j = whole ? i : used[i];
            double gain = descent_step(m, j, hess, l1[j], u, fall);
            best = gain > best ? gain : best;
        }
        most = best > most ? best : most;
        if (whole && best <= share * most) break;
        if (whole)
            for (count = 0, whole = 0, among = 0; among < m; among++)
                if (u[among] != 0 || l1[among] == 0) used[count++] = among;
        if (best <= share * most) whole = 1;
    }
    return sweep;
}
