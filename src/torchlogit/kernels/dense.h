/* One read of a dense table: eta, loss, slope and its sum against the columns, while the rows are in the cache.
 *
 * Template: STORE (how x is stored), REAL (what is computed in), N(name). Sums over lanes are in double. */

typedef struct {
    const STORE *x;
    int64_t row, column, n, d; /* strides in numbers; one of them is 1 */
    Rows rows;
    const REAL *w;
    REAL bias;
    int64_t lanes, tile;
    double *sums; /* (lanes, 2 * (d + 2)): value, sum of slopes, gradient; then what rounding took from each */
} N(Dense);

static void N(eta_by_rows)(const N(Dense) *task, const STORE *restrict x, int64_t m, REAL *restrict eta) {
    int64_t d = task->d, row = task->row, i = 0;
    const REAL *restrict w = task->w;
    for (; i + 4 <= m; i += 4) {
        const STORE *restrict a = x + i * row, *restrict b = a + row, *restrict c = b + row, *restrict e = c + row;
        REAL s = 0, t = 0, u = 0, v = 0;
#pragma omp simd reduction(+ : s, t, u, v)
        for (int64_t j = 0; j < d; j++) s += a[j] * w[j], t += b[j] * w[j], u += c[j] * w[j], v += e[j] * w[j];
        eta[i] += s, eta[i + 1] += t, eta[i + 2] += u, eta[i + 3] += v;
    }
    for (; i < m; i++) {
        REAL s = 0;
#pragma omp simd reduction(+ : s)
        for (int64_t j = 0; j < d; j++) s += x[i * row + j] * w[j];
        eta[i] += s;
    }
}

static void N(sum_by_rows)(const N(Dense) *task, const STORE *restrict x, int64_t m, const REAL *restrict r,
                           REAL *restrict grad) {
    int64_t d = task->d, row = task->row, i = 0;
    for (; i + 4 <= m; i += 4) {
        const STORE *restrict a = x + i * row, *restrict b = a + row, *restrict c = b + row, *restrict e = c + row;
        REAL s = r[i], t = r[i + 1], u = r[i + 2], v = r[i + 3];
#pragma omp simd
        for (int64_t j = 0; j < d; j++) grad[j] += (s * a[j] + t * b[j]) + (u * c[j] + v * e[j]);
    }
    for (; i < m; i++)
#pragma omp simd
        for (int64_t j = 0; j < d; j++) grad[j] += r[i] * x[i * row + j];
}

static void N(eta_by_columns)(const N(Dense) *task, const STORE *restrict x, int64_t m, REAL *restrict eta) {
    int64_t d = task->d, column = task->column, j = 0;
    const REAL *restrict w = task->w;
    for (; j + 4 <= d; j += 4) {
        const STORE *restrict a = x + j * column, *restrict b = a + column, *restrict c = b + column,
                              *restrict e = c + column;
        REAL s = w[j], t = w[j + 1], u = w[j + 2], v = w[j + 3];
#pragma omp simd
        for (int64_t i = 0; i < m; i++) eta[i] += (s * a[i] + t * b[i]) + (u * c[i] + v * e[i]);
    }
    for (; j < d; j++)
#pragma omp simd
        for (int64_t i = 0; i < m; i++) eta[i] += w[j] * x[j * column + i];
}

static void N(sum_by_columns)(const N(Dense) *task, const STORE *restrict x, int64_t m, const REAL *restrict r,
                              REAL *restrict grad) {
    int64_t d = task->d, column = task->column, j = 0;
    for (; j + 4 <= d; j += 4) {
        const STORE *restrict a = x + j * column, *restrict b = a + column, *restrict c = b + column,
                              *restrict e = c + column;
        REAL s = 0, t = 0, u = 0, v = 0;
#pragma omp simd reduction(+ : s, t, u, v)
        for (int64_t i = 0; i < m; i++) s += a[i] * r[i], t += b[i] * r[i], u += c[i] * r[i], v += e[i] * r[i];
        grad[j] += s, grad[j + 1] += t, grad[j + 2] += u, grad[j + 3] += v;
    }
    for (; j < d; j++) {
        REAL s = 0;
#pragma omp simd reduction(+ : s)
        for (int64_t i = 0; i < m; i++) s += x[j * column + i] * r[i];
        grad[j] += s;
    }
}

static void N(dense_lane)(void *given, int64_t lane) {
    N(Dense) *task = given;
    int64_t d = task->d, width = d + 2, tile = task->tile, by_rows = task->column == 1;
    int64_t begin = task->n * lane / task->lanes, end = task->n * (lane + 1) / task->lanes;
    double *total = task->sums + lane * 2 * width, *carry = total + width;
    REAL *eta = malloc((4 * tile + d) * sizeof(REAL)), *y = eta + tile, *weight = y + tile, *bend = weight + tile;
    REAL *grad = bend + tile;
    for (int64_t at = begin; at < end; at += tile) {
        int64_t m = end - at < tile ? end - at : tile;
        const STORE *x = task->x + at * task->row;
        N(read_rows)(&task->rows, at, m, task->bias, eta, y, weight);
        (by_rows ? N(eta_by_rows) : N(eta_by_columns))(task, x, m, eta);
        two_sum(total, carry, N(rows_of)(&task->rows, at, m, eta, y, weight, bend));
        if (task->rows.order == 0) continue;
        double slopes = 0;
        for (int64_t i = 0; i < m; i++) slopes += eta[i];
        two_sum(total + 1, carry + 1, slopes);
        for (int64_t j = 0; j < d; j++) grad[j] = 0;
        (by_rows ? N(sum_by_rows) : N(sum_by_columns))(task, x, m, eta, grad);
        for (int64_t j = 0; j < d; j++) two_sum(total + 2 + j, carry + 2 + j, grad[j]);
    }
    free(eta);
}

/* out (d + 2): value, sum of slopes, gradient in x. */
void N(dense_pass)(const STORE *x, int64_t row, int64_t column, int64_t n, int64_t d, const Rows *rows, const double *w,
                   double bias, int threads, double *out) {
    int64_t width = d + 2, lanes = lanes_for(n, d), tile = tile_for(d * sizeof(STORE), column == 1, sizeof(REAL) == 4);
    REAL *own = malloc(d * sizeof(REAL));
    for (int64_t j = 0; j < d; j++) own[j] = w[j];
    double *sums = calloc(lanes * 2 * width, sizeof(double));
    N(Dense) task = {x, row, column, n, d, *rows, own, bias, lanes, tile, sums};
    run_lanes(N(dense_lane), &task, lanes, threads);
    gather(sums, lanes, width, out);
    free(sums);
    free(own);
}
