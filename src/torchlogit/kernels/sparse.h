/* The same for rows of a sparse table (CSR), and its weighted Gram matrix. Template: REAL, INDEX, N(name). */

typedef struct {
    const REAL *x;
    const INDEX *index, *start;
    int64_t n, d;
    Rows rows;
    const REAL *w;
    REAL bias;
    int64_t lanes;
    double *sums;
} N(Sparse);

#define SPARSE_TILE 256

static void N(sparse_lane)(void *given, int64_t lane) {
    N(Sparse) *task = given;
    const REAL *restrict x = task->x, *restrict w = task->w;
    const INDEX *restrict index = task->index, *restrict start = task->start;
    int64_t begin = task->n * lane / task->lanes, end = task->n * (lane + 1) / task->lanes, width = task->d + 2;
    double *restrict total = task->sums + lane * width, *restrict grad = total + 2, carry[2] = {0};
    REAL eta[SPARSE_TILE], y[SPARSE_TILE], weight[SPARSE_TILE], bend[SPARSE_TILE];
    for (int64_t at = begin; at < end; at += SPARSE_TILE) {
        int64_t m = end - at < SPARSE_TILE ? end - at : SPARSE_TILE;
        N(read_rows)(&task->rows, at, m, task->bias, eta, y, weight);
        for (int64_t i = 0; i < m; i++) {
            REAL sum = 0;
            for (INDEX k = start[at + i]; k < start[at + i + 1]; k++) sum += x[k] * w[index[k]];
            eta[i] += sum;
        }
        two_sum(total, carry, N(rows_of)(&task->rows, at, m, eta, y, weight, bend));
        if (task->rows.order == 0) continue;
        for (int64_t i = 0; i < m; i++) {
            double r = eta[i];
            two_sum(total + 1, carry + 1, r);
            for (INDEX k = start[at + i]; k < start[at + i + 1]; k++) grad[index[k]] += r * x[k];
        }
    }
    total[0] += carry[0], total[1] += carry[1];
}

/* out (d + 2): value, sum of slopes, gradient in x. */
void N(sparse_pass)(const REAL *x, const INDEX *index, const INDEX *start, int64_t n, int64_t d, const Rows *rows,
                    const double *w, double bias, int threads, double *out) {
    int64_t width = d + 2, lanes = sparse_lanes_for(n, d);
    REAL *own = malloc(d * sizeof(REAL));
    for (int64_t j = 0; j < d; j++) own[j] = w[j];
    double *sums = calloc(lanes * width, sizeof(double));
    N(Sparse) task = {x, index, start, n, d, *rows, own, bias, lanes, sums};
    run_lanes(N(sparse_lane), &task, lanes, threads);
    for (int64_t j = 0; j < width; j++) {
        double total = 0, carry = 0;
        for (int64_t lane = 0; lane < lanes; lane++) two_sum(&total, &carry, sums[lane * width + j]);
        out[j] = total + carry;
    }
    free(sums);
    free(own);
}

typedef struct {
    const REAL *x;
    const INDEX *index, *start;
    const double *h;
    int64_t n, d, lanes;
    double *sums; /* (lanes, d + 1, d + 1), lower triangle, row 0 the intercept */
} N(Gram);

static void N(gram_lane)(void *given, int64_t lane) {
    N(Gram) *task = given;
    int64_t begin = task->n * lane / task->lanes, end = task->n * (lane + 1) / task->lanes, p = task->d + 1;
    double *restrict out = task->sums + lane * p * p;
    for (int64_t i = begin; i < end; i++) {
        double h = task->h[i];
        out[0] += h;
        for (INDEX a = task->start[i]; a < task->start[i + 1]; a++) {
            double left = h * task->x[a], *restrict row = out + (task->index[a] + 1) * p;
            row[0] += left;
            for (INDEX b = task->start[i]; b <= a; b++) row[task->index[b] + 1] += left * task->x[b];
        }
    }
}

/* out (d + 1, d + 1): sum of h z z' with z = (1, x), symmetric. Column numbers within a row must rise. */
void N(sparse_gram)(const REAL *x, const INDEX *index, const INDEX *start, int64_t n, int64_t d, const double *h,
                    int threads, double *out) {
    int64_t p = d + 1, lanes = n < 4096 ? 1 : GRAM_LANES;
    double *sums = calloc(lanes * p * p, sizeof(double));
    N(Gram) task = {x, index, start, h, n, d, lanes, sums};
    run_lanes(N(gram_lane), &task, lanes, threads);
    gather_symmetric(sums, lanes, p * p, p, p, out);
    free(sums);
}

/* out (d, 3): sums of w x, w |x|, w x^2 of each column. */
void N(sparse_moments)(const REAL *x, const INDEX *index, const INDEX *start, int64_t n, int64_t d,
                       const double *weight, int64_t weight_stride, double *out) {
    for (int64_t j = 0; j < 3 * d; j++) out[j] = 0;
    for (int64_t i = 0; i < n; i++) {
        double w = weight[i * weight_stride];
        for (INDEX k = start[i]; k < start[i + 1]; k++) {
            double s = w * x[k], *restrict own = out + 3 * (int64_t)index[k];
            own[0] += s, own[1] += __builtin_fabs(s), own[2] += s * x[k];
        }
    }
}
#undef SPARSE_TILE
