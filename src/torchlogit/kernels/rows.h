/* What belongs to a row beside its x, and what is made of eta. Template: REAL, N(name). */

static void N(read_rows)(const Rows *rows, int64_t at, int64_t m, REAL bias, REAL *restrict eta, REAL *restrict y,
                         REAL *restrict weight) {
    for (int64_t i = 0; i < m; i++) eta[i] = bias;
    if (rows->offset)
        for (int64_t i = 0; i < m; i++) eta[i] += (REAL)rows->offset[(at + i) * rows->offset_stride];
    if (rows->codes)
        for (int64_t i = 0; i < m; i++) y[i] = (REAL)(int32_t)rows->codes[at + i];
    else if (rows->y)
        for (int64_t i = 0; i < m; i++) y[i] = (REAL)rows->y[at + i];
    if (rows->weight_stride)
        for (int64_t i = 0; i < m; i++) weight[i] = (REAL)rows->weight[at + i];
    else
        for (int64_t i = 0; i < m; i++) weight[i] = (REAL)rows->weight[0];
}

/* eta -> what is summed against x: slopes of the loss, or eta times the curvature that an earlier pass left. */
static double N(rows_of)(const Rows *rows, int64_t at, int64_t m, REAL *restrict eta, const REAL *restrict y,
                         const REAL *restrict weight, REAL *restrict bend) {
    double value = 0;
    if (!rows->loss) {
        for (int64_t i = 0; i < m; i++) eta[i] *= (REAL)rows->curvature[at + i];
        return 0;
    }
    value = N(logistic_rows)(m, eta, y, weight, bend);
    if (rows->curvature)
        for (int64_t i = 0; i < m; i++) rows->curvature[at + i] = bend[i];
    return value;
}
