/* One read of some rows of a dense table for many thetas at once: value and gradient of each, Gram matrices of a few.
 *
 * Template: STORE (how x is stored), N(name); computed in double. A tile of rows is gathered by index, centred and
 * scaled, with a 1 behind for the intercept: z (tile, q). Then eta = z w, the loss, and zᵀ slopes, for panels of eight
 * columns of w at a time, so that a panel's numbers stay in the registers and the tile in the first-level cache. */

#ifndef COLUMNS_H
#define COLUMNS_H
#define PANEL 8
#define TILE 64
#define FOUR 4

typedef struct {
    const int64_t *index; /* the rows, m of them */
    const double *y, *weight; /* of all rows; weight may be none */
    const double *centre, *inverse; /* (d) */
    const double *w;          /* (panels, q, PANEL), the intercept's row last; q padded with zero rows */
    const int64_t *bent;      /* columns whose Gram matrix is wanted */
    int64_t rows, panels, bends;
} Columns;

/* out (m, PANEL) = z (m, q) w (q, PANEL); m is a multiple of four. */
static void columns_forward(int64_t m, int64_t q, const double *restrict z, const double *restrict w,
                            double *restrict out) {
    for (int64_t i = 0; i < m; i += FOUR) {
        const double *restrict a = z + i * q;
        double s[FOUR][PANEL] = {{0}};
        for (int64_t j = 0; j < q; j++)
            for (int r = 0; r < FOUR; r++)
#pragma omp simd
                for (int c = 0; c < PANEL; c++) s[r][c] += a[r * q + j] * w[j * PANEL + c];
        for (int r = 0; r < FOUR; r++)
            for (int c = 0; c < PANEL; c++) out[(i + r) * PANEL + c] = s[r][c];
    }
}

/* sum (q, PANEL) += zᵀ r (m, PANEL), from a row of it on; that and q are multiples of four. */
static void columns_backward(int64_t m, int64_t q, const double *restrict z, const double *restrict r, int64_t from,
                             double *restrict sum) {
    for (int64_t j = from; j < q; j += FOUR) {
        double s[FOUR][PANEL] = {{0}};
        for (int64_t i = 0; i < m; i++)
            for (int t = 0; t < FOUR; t++)
#pragma omp simd
                for (int c = 0; c < PANEL; c++) s[t][c] += z[i * q + j + t] * r[i * PANEL + c];
        for (int t = 0; t < FOUR; t++)
            for (int c = 0; c < PANEL; c++) sum[(j + t) * PANEL + c] += s[t][c];
    }
}

/* log of x in [1, 2^1000). */
static inline double columns_log(double x) {
    union {
        double real;
        int64_t bits;
    } all = {x}, part;
    part.bits = (all.bits & 0x000fffffffffffff) | 0x3ff0000000000000;
    double power = (double)(int32_t)((all.bits >> 52) - 1023);
    return power * 0.693147180559945309417 + log1p_unit_f64(part.real - 1);
}

/* eta (m, PANEL) -> weight * slope in place; weight * curvature; the losses added to value (PANEL). The logarithms of
 * a tile are one logarithm of a product, at most 2^TILE, where no row has a weight beside 0 and 1. */
static void columns_loss(int64_t m, int plain, const double *restrict y, const double *restrict weight,
                         double *restrict eta, double *restrict bend, double *restrict value) {
    double total[PANEL] = {0}, product[PANEL];
    for (int c = 0; c < PANEL; c++) product[c] = 1;
    for (int64_t i = 0; i < m && !plain; i++)
#pragma omp simd
        for (int c = 0; c < PANEL; c++)
            total[c] += weight[i] * log1p_unit_f64(exp_negative_f64(-__builtin_fabs(eta[i * PANEL + c])));
    for (int64_t i = 0; i < m; i++) {
        double yes = y[i], no = 1 - yes, size = weight[i];
#pragma omp simd
        for (int c = 0; c < PANEL; c++) {
            double x = eta[i * PANEL + c], e = exp_negative_f64(-__builtin_fabs(x)), inverse = 1 / (1 + e);
            double small = e * inverse;
            total[c] += size * (x >= 0 ? no * x : -yes * x);
            product[c] *= 1 + size * e;
            eta[i * PANEL + c] = size * (x >= 0 ? no - small : small - yes);
            bend[i * PANEL + c] = size * small * inverse;
        }
    }
    for (int c = 0; c < PANEL; c++) value[c] += total[c] + (plain ? columns_log(product[c]) : 0);
}
#endif

typedef struct {
    const STORE *x;
    int64_t row, column, d, q, lanes;
    Columns of;
    double *sums; /* (lanes, width): of each panel PANEL values and (q, PANEL) gradients; of each bend (q, PANEL) of the
                     lower half, for each panel of q columns */
    int64_t width;
} N(ColumnsTask);

static int64_t N(gather_rows)(const N(ColumnsTask) *task, int64_t at, int64_t m, double *restrict z, double *restrict y,
                              double *restrict weight) {
    const Columns *of = &task->of;
    int64_t d = task->d, q = task->q, row = task->row, column = task->column, padded = (m + FOUR - 1) / FOUR * FOUR;
    for (int64_t i = 0; i < m; i++) {
        const STORE *restrict x = task->x + of->index[at + i] * row;
        if (column == 1)
#pragma omp simd
            for (int64_t j = 0; j < d; j++) z[i * q + j] = ((double)x[j] - of->centre[j]) * of->inverse[j];
        y[i] = of->y[of->index[at + i]];
        weight[i] = of->weight ? of->weight[of->index[at + i]] : 1;
    }
    if (column != 1)
        for (int64_t j = 0; j < d; j++)
            for (int64_t i = 0; i < m; i++)
                z[i * q + j] = ((double)task->x[of->index[at + i] * row + j * column] - of->centre[j]) * of->inverse[j];
    for (int64_t i = m; i < padded; i++) {
        for (int64_t j = 0; j < d; j++) z[i * q + j] = 0;
        y[i] = 0, weight[i] = 0;
    }
    return padded;
}

static void N(columns_lane)(void *given, int64_t lane) {
    N(ColumnsTask) *task = given;
    const Columns *of = &task->of;
    int64_t q = task->q, begin = of->rows * lane / task->lanes, end = of->rows * (lane + 1) / task->lanes;
    int64_t across = (q + PANEL - 1) / PANEL;
    double *sums = task->sums + lane * task->width, *grams = sums + of->panels * (q + 1) * PANEL;
    double *z = aligned_alloc(64, (TILE * (q + 2 * PANEL + 2) * sizeof(double) + 63) / 64 * 64);
    double *eta = z + TILE * q, *bend = eta + TILE * PANEL, *y = bend + TILE * PANEL, *weight = y + TILE;
    for (int64_t i = 0; i < TILE; i++)
        for (int64_t j = task->d; j < q; j++) z[i * q + j] = j == task->d;
    for (int64_t at = begin; at < end; at += TILE) {
        int64_t m = N(gather_rows)(task, at, end - at < TILE ? end - at : TILE, z, y, weight), next = 0;
        for (int64_t panel = 0; panel < of->panels; panel++) {
            double *value = sums + panel * (q + 1) * PANEL;
            columns_forward(m, q, z, of->w + panel * q * PANEL, eta);
            columns_loss(m, !of->weight, y, weight, eta, bend, value);
            columns_backward(m, q, z, eta, 0, value + PANEL);
            for (; next < of->bends && of->bent[next] / PANEL == panel; next++)
                for (int64_t j = 0; j < across; j++) {
                    int64_t c = of->bent[next] % PANEL, most = q - j * PANEL < PANEL ? q - j * PANEL : PANEL;
                    for (int64_t i = 0; i < m; i++)
                        for (int64_t t = 0; t < PANEL; t++)
                            eta[i * PANEL + t] = t < most ? bend[i * PANEL + c] * z[i * q + j * PANEL + t] : 0;
                    columns_backward(m, q, z, eta, j * PANEL, grams + (next * across + j) * q * PANEL);
                }
        }
    }
    free(z);
}

/* out: as one lane's sums. */
void N(columns_pass)(const STORE *x, int64_t row, int64_t column, int64_t n, int64_t d, const Columns *of, int64_t q,
                     int threads, double *out) {
    int64_t lanes = of->rows / 1024 + 1, width = of->panels * (q + 1) * PANEL;
    (void)n;
    width += of->bends * ((q + PANEL - 1) / PANEL) * q * PANEL;
    lanes = lanes > MOST_LANES ? MOST_LANES : lanes;
    double *sums = calloc(lanes * width, sizeof(double));
    N(ColumnsTask) task = {x, row, column, d, q, lanes, *of, sums, width};
    run_lanes(N(columns_lane), &task, lanes, threads);
    for (int64_t j = 0; j < width; j++) out[j] = 0;
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t j = 0; j < width; j++) out[j] += sums[lane * width + j];
    free(sums);
}
