/* Products of small tiles in registers: TALL numbers of one factor times WIDE of the other, 12 vectors of sums.
 *
 * Template: REAL, N(name). The vectors are written out because left to themselves compilers spill the sums: 15 times slower. */

#define TALL 6
#define WIDE ((int)(64 / sizeof(REAL)))

typedef REAL N(vector) __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));

/* sum[a] += z[a * step] w for TALL numbers of z and WIDE of w: two vectors wide, so that all sums stay in registers. */
#define MULTIPLY(z, step, w)                                                                       \
    do {                                                                                           \
        N(vector) near = *(const N(vector) *)(w), far = *((const N(vector) *)(w) + 1);             \
        _Pragma("GCC unroll 6") for (int a = 0; a < TALL; a++) low[a] += (z)[a * (step)] * near,   \
                                                               high[a] += (z)[a * (step)] * far;   \
    } while (0)

/* TALL rows of z (stride depth) times w (depth, width). */
static void N(eta_tall)(int64_t depth, int64_t width, const REAL *restrict z, const REAL *restrict w, REAL *eta) {
    N(vector) low[TALL] = {0}, high[TALL] = {0};
    for (int64_t j = 0; j < depth; j++, w += width) MULTIPLY(z + j, depth, w);
    for (int a = 0; a < TALL; a++, eta += width) *(N(vector) *)eta = low[a], *((N(vector) *)eta + 1) = high[a];
}

/* TALL columns of z (rows, stride depth) against WIDE columns of r (stride width), added to out (TALL, stride to). */
static void N(sum_tall)(int64_t rows, int64_t depth, const REAL *restrict z, int64_t width, const REAL *restrict r,
                        int64_t to, double *out) {
    N(vector) low[TALL] = {0}, high[TALL] = {0};
    for (int64_t i = 0; i < rows; i++, z += depth, r += width) MULTIPLY(z, 1, r);
    for (int a = 0; a < TALL; a++, out += to)
        for (int b = 0; b < WIDE / 2; b++) out[b] += low[a][b], out[WIDE / 2 + b] += high[a][b];
}
#undef MULTIPLY
