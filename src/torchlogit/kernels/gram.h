/* The weighted Gram matrix of a dense table, from tiles that are packed once and multiplied in registers.
 *
 * Template: STORE, REAL, N(name). Tiles are summed in REAL, tiles into lanes in double. */

typedef struct {
    const STORE *x;
    int64_t row, column, n, d;
    const double *h;
    int64_t lanes;
    double *sums; /* (lanes, tall, width), lower triangle of blocks */
} N(DenseGram);

#define GRAM_ROWS 64

/* z = (1, x, 0 ...) by rows, beside h z. */
static void N(pack)(const N(DenseGram) *task, int64_t at, int64_t m, int64_t width, REAL *restrict z, REAL *restrict hz) {
    for (int64_t i = 0; i < m; i++) {
        const STORE *x = task->x + (at + i) * task->row;
        REAL h = task->h[at + i], *restrict to = z + i * width, *restrict scaled = hz + i * width;
        to[0] = 1;
        for (int64_t j = 0; j < task->d; j++) to[j + 1] = x[j * task->column];
        for (int64_t j = task->d + 1; j < width; j++) to[j] = 0;
        for (int64_t j = 0; j < width; j++) scaled[j] = h * to[j];
    }
}

static void N(dense_gram_lane)(void *given, int64_t lane) {
    N(DenseGram) *task = given;
    int64_t begin = task->n * lane / task->lanes, end = task->n * (lane + 1) / task->lanes;
    int64_t width = padded(task->d + 1, WIDE), tall = padded(task->d + 1, TALL);
    double *out = task->sums + lane * tall * width;
    REAL *z = malloc((2 * GRAM_ROWS * width + TALL) * sizeof(REAL)), *hz = z + GRAM_ROWS * width;
    for (int64_t at = begin; at < end; at += GRAM_ROWS) {
        int64_t m = end - at < GRAM_ROWS ? end - at : GRAM_ROWS;
        N(pack)(task, at, m, width, z, hz);
        for (int64_t a = 0; a < tall; a += TALL) /* beyond width it reads on, and nobody reads what comes of it */
            for (int64_t b = 0; b < a + TALL && b < width; b += WIDE)
                N(sum_tall)(m, width, hz + a, width, z + b, width, out + a * width + b);
    }
    free(z);
}

/* out (d + 1, d + 1): sum of h z z' with z = (1, x), symmetric. */
void N(dense_gram)(const STORE *x, int64_t row, int64_t column, int64_t n, int64_t d, const double *h, int threads,
                   double *out) {
    int64_t p = d + 1, width = padded(p, WIDE), size = padded(p, TALL) * width, lanes = n >= 4096 ? GRAM_LANES : n * d < 1 << 16 ? 1 : 2;
    double *sums = calloc(lanes * size, sizeof(double));
    N(DenseGram) task = {x, row, column, n, d, h, lanes, sums};
    run_lanes(N(dense_gram_lane), &task, lanes, threads);
    gather_symmetric(sums, lanes, size, width, p, out);
    free(sums);
}
#undef GRAM_ROWS
