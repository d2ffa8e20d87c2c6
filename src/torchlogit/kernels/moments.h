/* One read of a dense table for the moments of its columns: sums of w t, w |t| and w t^2 with t = (x - pivot) / unit.
 *
 * Template: STORE, N(name). Computed in double. */

typedef struct {
    const STORE *x;
    int64_t row, column, n, d;
    const double *weight;
    int64_t weight_stride;
    const double *pivot, *inverse;
    int64_t lanes;
    double *sums; /* (lanes, 2 * 3 d) */
} N(Moments);

#define MOMENT_ROWS 128

static void N(moments_by_rows)(const N(Moments) *task, const STORE *restrict x, int64_t m, const double *weight,
                               double *restrict first, double *restrict size, double *restrict square) {
    const double *restrict pivot = task->pivot, *restrict inverse = task->inverse;
    for (int64_t i = 0; i < m; i++, x += task->row) {
        double w = weight[i];
#pragma omp simd
        for (int64_t j = 0; j < task->d; j++) {
            double t = (x[j] - pivot[j]) * inverse[j], s = w * t;
            first[j] += s, size[j] += __builtin_fabs(s), square[j] += s * t;
        }
    }
}

static void N(moments_by_columns)(const N(Moments) *task, const STORE *restrict x, int64_t m, const double *weight,
                                  double *restrict first, double *restrict size, double *restrict square) {
    for (int64_t j = 0; j < task->d; j++, x += task->column) {
        double a = 0, b = 0, c = 0, pivot = task->pivot[j], inverse = task->inverse[j];
#pragma omp simd reduction(+ : a, b, c)
        for (int64_t i = 0; i < m; i++) {
            double t = (x[i] - pivot) * inverse, s = weight[i] * t;
            a += s, b += __builtin_fabs(s), c += s * t;
        }
        first[j] = a, size[j] = b, square[j] = c;
    }
}

static void N(moments_lane)(void *given, int64_t lane) {
    N(Moments) *task = given;
    int64_t d = task->d, begin = task->n * lane / task->lanes, end = task->n * (lane + 1) / task->lanes;
    double *total = task->sums + lane * 6 * d, *carry = total + 3 * d;
    double *part = malloc(3 * d * sizeof(double)), weight[MOMENT_ROWS];
    for (int64_t at = begin; at < end; at += MOMENT_ROWS) {
        int64_t m = end - at < MOMENT_ROWS ? end - at : MOMENT_ROWS;
        const STORE *x = task->x + at * task->row;
        for (int64_t i = 0; i < m; i++) weight[i] = task->weight[(at + i) * task->weight_stride];
        for (int64_t j = 0; j < 3 * d; j++) part[j] = 0;
        (task->column == 1 ? N(moments_by_rows) : N(moments_by_columns))(task, x, m, weight, part, part + d, part + 2 * d);
        for (int64_t j = 0; j < 3 * d; j++) two_sum(total + j, carry + j, part[j]);
    }
    free(part);
}

/* out (3, d) */
void N(dense_moments)(const STORE *x, int64_t row, int64_t column, int64_t n, int64_t d, const double *weight,
                      int64_t weight_stride, const double *pivot, const double *inverse, int threads, double *out) {
    int64_t lanes = lanes_for(n, d);
    double *sums = calloc(lanes * 6 * d, sizeof(double));
    N(Moments) task = {x, row, column, n, d, weight, weight_stride, pivot, inverse, lanes, sums};
    run_lanes(N(moments_lane), &task, lanes, threads);
    gather(sums, lanes, 3 * d, out);
    free(sums);
}
#undef MOMENT_ROWS
