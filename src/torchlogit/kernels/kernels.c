/* The passes over the rows that a fit spends its time in, fused and threaded. Python's side is __init__.py, which says
 * what each of them computes and has its plain twin; nothing here is needed for torchlogit to work. */
#include <stdint.h>
#include <stdlib.h>
#include "lanes.h"
#include "descent.h"

typedef struct {
    const int64_t *codes; /* classes 0 and 1, or */
    const double *y;      /* targets from 0 to 1 */
    const double *weight;
    int64_t weight_stride; /* 0: one weight for all rows */
    const double *offset;  /* or none */
    int64_t offset_stride;
    double *curvature; /* (n): written with a loss, read without; or none */
    int64_t loss;      /* 1: logistic; 0: products with the Hessian, from the curvature */
    int64_t order;     /* 0: the value alone */
} Rows;

#define LEAST_LANE 4096 /* rows: a thread is worth its making from about four times that many numbers */
#define MOST_LANES 32
#define SPARSE_LANES 8 /* each has a gradient of its own */
#define GRAM_LANES 4   /* each has a matrix of its own */
#define CACHE 131072   /* bytes of x that a tile may have: a quarter of a core's second-level cache */

static int64_t lanes_for(int64_t n, int64_t d) {
    int64_t lanes = n * d / (16 * LEAST_LANE), most = n / 64; /* each lane has sums of its own to make */
    lanes = lanes > most ? most : lanes;
    return lanes < 1 ? 1 : lanes > MOST_LANES ? MOST_LANES : lanes;
}

static int64_t sparse_lanes_for(int64_t n, int64_t d) {
    (void)d;
    return n < LEAST_LANE ? 1 : SPARSE_LANES;
}

/* Rows of a tile, from the bytes of a row; few where a tile is summed in float, so that sums of many rows are in double. */
static int64_t tile_for(int64_t bytes, int by_rows, int single) {
    int64_t tile = (by_rows ? 24576 : CACHE) / (bytes ? bytes : 1) / 8 * 8, least = by_rows ? 32 : 64;
    return single ? 64 : tile < least ? least : tile > 1024 ? 1024 : tile;
}

static void gather(const double *sums, int64_t lanes, int64_t width, double *out) {
    for (int64_t j = 0; j < width; j++) {
        double total = 0, carry = 0;
        for (int64_t lane = 0; lane < lanes; lane++) {
            const double *own = sums + lane * 2 * width + j;
            two_sum(&total, &carry, own[0]);
            carry += own[width];
        }
        out[j] = total + carry;
    }
}

static int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* The lower triangles of (lanes, size), rows of width numbers, summed, as a symmetric (p, p). */
static void gather_symmetric(const double *sums, int64_t lanes, int64_t size, int64_t width, int64_t p, double *out) {
    for (int64_t a = 0; a < p; a++)
        for (int64_t b = 0; b <= a; b++) {
            double total = 0, carry = 0;
            for (int64_t lane = 0; lane < lanes; lane++) two_sum(&total, &carry, sums[lane * size + a * width + b]);
            out[a * p + b] = out[b * p + a] = total + carry;
        }
}

#define REAL double
#define REAL_IS_DOUBLE
#define N(name) name##_f64
#include "logistic.h"
#include "rows.h"
#define STORE double
#include "dense.h"
#include "columns.h"
#include "multiply.h"
#include "gram.h"
#include "softmax.h"
#include "moments.h"
#include "elastic.h"
#undef STORE
#define INDEX int32_t
#include "sparse.h"
#undef N
#undef INDEX
#include "many.h"
#define N(name) name##_f64_long
#define INDEX int64_t
#define read_rows_f64_long read_rows_f64
#define rows_of_f64_long rows_of_f64
#include "sparse.h"
#undef N
#undef INDEX
#define N(name) name##_f32_f64 /* stored in float, computed in double */
#define read_rows_f32_f64 read_rows_f64
#define rows_of_f32_f64 rows_of_f64
#define exp_negative_f32_f64 exp_negative_f64
#define log1p_unit_f32_f64 log1p_unit_f64
#define STORE float
#include "dense.h"
#include "columns.h"
#include "multiply.h"
#include "gram.h"
#include "softmax.h"
#include "moments.h"
#undef STORE
#undef N
#undef REAL
#undef REAL_IS_DOUBLE

#define REAL float
#define N(name) name##_f32
#include "logistic.h"
#include "rows.h"
#define STORE float
#include "dense.h"
#include "multiply.h"
#include "gram.h"
#include "softmax.h"
#undef STORE
#define INDEX int32_t
#include "sparse.h"
#undef N
#undef INDEX
#define N(name) name##_f64_f32 /* stored in double, computed in float */
#define read_rows_f64_f32 read_rows_f32
#define rows_of_f64_f32 rows_of_f32
#define exp_negative_f64_f32 exp_negative_f32
#define log1p_unit_f64_f32 log1p_unit_f32
#define STORE double
#include "dense.h"
#include "multiply.h"
#include "gram.h"
#include "softmax.h"
