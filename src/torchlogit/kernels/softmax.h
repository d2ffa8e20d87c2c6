/* One read of a dense table for k classes: eta, loss, slopes and their sums against the columns, tile by tile.
 *
 * Template: STORE, REAL, N(name). A tile is packed by rows, padded with zeros, and multiplied in registers. */

typedef struct {
    const STORE *x;
    int64_t row, column, n, d, k;
    Rows rows;
    const REAL *w; /* (d padded, k padded) */
    const double *bias;
    int64_t lanes;
    double *sums; /* (lanes, 1 + (1 + d padded) * k padded): value, then sums of slopes and gradient */
} N(Softmax);

#define PACK 60 /* rows, a multiple of TALL */

static void N(pack_tile)(const N(Softmax) *task, int64_t at, int64_t m, int64_t depth, REAL *restrict z) {
    for (int64_t i = 0; i < PACK; i++) {
        const STORE *x = task->x + (at + i) * task->row;
        REAL *restrict to = z + i * depth;
        int64_t d = i < m ? task->d : 0;
        if (task->column == 1)
            for (int64_t j = 0; j < d; j++) to[j] = x[j];
        else
            for (int64_t j = 0; j < d; j++) to[j] = x[j * task->column];
        for (int64_t j = d; j < depth; j++) to[j] = 0;
    }
}

/* A row's eta -> weight * (mu - e_y); mu to keep, if asked for; returns weight * loss. */
static double N(softmax_row)(int64_t k, int64_t y, double weight, REAL *restrict eta, double *mu) {
    REAL top = eta[0], others = 0;
    for (int64_t l = 1; l < k; l++) top = eta[l] > top ? eta[l] : top;
    REAL behind = top - eta[y];
#pragma omp simd
    for (int64_t l = 0; l < k; l++) eta[l] = N(exp_negative)(eta[l] - top);
    for (int64_t l = 0; l < k; l++) others += l == y ? 0 : eta[l];
    REAL whole = others + eta[y], rest = others / whole, odds = others / eta[y];
    double loss = odds <= 1 ? N(log1p_unit)(odds) : __builtin_log(whole) + behind;
    for (int64_t l = 0; l < k; l++) eta[l] /= whole;
    if (mu)
        for (int64_t l = 0; l < k; l++) mu[l] = eta[l];
    eta[y] = -rest;
    for (int64_t l = 0; l < k; l++) eta[l] *= (REAL)weight;
    return weight * loss;
}

/* A row's eta -> weight * (diag(mu) - mu mu') eta. */
static void N(softmax_bend)(int64_t k, double weight, REAL *restrict eta, const double *restrict mu) {
    double mean = 0;
    for (int64_t l = 0; l < k; l++) mean += mu[l] * eta[l];
    for (int64_t l = 0; l < k; l++) eta[l] = (REAL)(weight * mu[l] * (eta[l] - mean));
}

static double N(softmax_tile)(const N(Softmax) *task, int64_t at, int64_t m, int64_t width, REAL *eta) {
    const Rows *rows = &task->rows;
    int64_t k = task->k;
    double value = 0;
    for (int64_t i = 0; i < PACK; i++, eta += width) {
        if (i < m) {
            double weight = rows->weight[(at + i) * rows->weight_stride];
            double *mu = rows->curvature ? rows->curvature + (at + i) * k : 0;
            for (int64_t l = 0; l < k; l++) eta[l] += (REAL)task->bias[l];
            if (rows->offset)
                for (int64_t l = 0; l < k; l++) eta[l] += (REAL)rows->offset[(at + i) * rows->offset_stride + l];
            if (rows->loss)
                value += N(softmax_row)(k, rows->codes[at + i], weight, eta, mu);
            else
                N(softmax_bend)(k, weight, eta, mu);
        }
        for (int64_t l = i < m ? k : 0; l < width; l++) eta[l] = 0;
    }
    return value;
}

static void N(softmax_lane)(void *given, int64_t lane) {
    N(Softmax) *task = given;
    int64_t depth = padded(task->d, TALL), width = padded(task->k, WIDE);
    int64_t begin = task->n * lane / task->lanes, end = task->n * (lane + 1) / task->lanes;
    double *value = task->sums + lane * (1 + (1 + depth) * width), carry = 0, *slopes = value + 1, *grad = slopes + width;
    REAL *z = aligned_alloc(64, padded(PACK * (depth + width) * sizeof(REAL), 64)), *eta = z + PACK * depth;
    for (int64_t at = begin; at < end; at += PACK) {
        int64_t m = end - at < PACK ? end - at : PACK;
        N(pack_tile)(task, at, m, depth, z);
        for (int64_t i = 0; i < PACK; i += TALL)
            for (int64_t b = 0; b < width; b += WIDE)
                N(eta_tall)(depth, width, z + i * depth, task->w + b, eta + i * width + b);
        two_sum(value, &carry, N(softmax_tile)(task, at, m, width, eta));
        if (task->rows.order == 0) continue;
        for (int64_t i = 0; i < m; i++)
            for (int64_t l = 0; l < task->k; l++) slopes[l] += eta[i * width + l];
        for (int64_t j = 0; j < depth; j += TALL)
            for (int64_t b = 0; b < width; b += WIDE) N(sum_tall)(PACK, depth, z + j, width, eta + b, width, grad + j * width + b);
    }
    *value += carry;
    free(z);
}

/* out (1 + k + d k): value, sums of slopes, gradient in x; w (d, k) and bias (k). Rows.curvature is mu (n, k). */
void N(dense_softmax)(const STORE *x, int64_t row, int64_t column, int64_t n, int64_t d, const Rows *rows, int64_t k,
                      const double *w, const double *bias, int threads, double *out) {
    int64_t depth = padded(d, TALL), width = padded(k, WIDE), size = 1 + (1 + depth) * width, lanes = lanes_for(n, d);
    REAL *own = aligned_alloc(64, padded(depth * width * sizeof(REAL), 64));
    for (int64_t j = 0; j < depth; j++)
        for (int64_t l = 0; l < width; l++) own[j * width + l] = j < d && l < k ? (REAL)w[j * k + l] : 0;
    double *sums = calloc(lanes * size, sizeof(double));
    N(Softmax) task = {x, row, column, n, d, k, *rows, own, bias, lanes, sums};
    run_lanes(N(softmax_lane), &task, lanes, threads);
    for (int64_t at = 0; at < 1 + (1 + d) * k; at++) {
        int64_t from = at ? 1 + (at - 1) / k * width + (at - 1) % k : 0;
        double total = 0, carry = 0;
        for (int64_t lane = 0; lane < lanes; lane++) two_sum(&total, &carry, sums[lane * size + from]);
        out[at] = total + carry;
    }
    free(sums);
    free(own);
}
#undef PACK
