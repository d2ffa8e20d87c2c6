/* What one row costs, for many rows at once: loops without branches that a compiler turns into vectors.
 *
 * Template: REAL (double or float), N(name) (the name with REAL's suffix). With e = exp(-|eta|): the loss is
 * max(eta, 0) - y eta + log1p(e), its slope sigma(eta) - y, its curvature e / (1 + e)^2. */

#ifdef REAL_IS_DOUBLE
#define BITS int64_t
#define MANTISSA 52
#define MAGIC 6755399441055744.0 /* 1.5 * 2^52: adding it leaves an integer in the low bits */
#define ONE_BITS 0x3ff0000000000000
#define LOWEST -708.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define FABS __builtin_fabs
#else
#define BITS int32_t
#define MANTISSA 23
#define MAGIC 12582912.0f
#define ONE_BITS 0x3f800000
#define LOWEST -87.0f
#define LN2_HIGH 6.93145751953125e-01f
#define LN2_LOW 1.42860677e-06f
#define FABS __builtin_fabsf
#endif

/* exp of x <= 0, Taylor's polynomial after Cody and Waite's reduction; error under 2 units in the last place. */
static inline REAL N(exp_negative)(REAL x) {
    x = x < (REAL)LOWEST ? (REAL)LOWEST : x;
    REAL shifted = x * (REAL)1.44269504088896340736 + (REAL)MAGIC;
    REAL power = shifted - (REAL)MAGIC, r = (x - power * (REAL)LN2_HIGH) - power * (REAL)LN2_LOW, p;
#ifdef REAL_IS_DOUBLE
    p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
#else
    p = (REAL)1 / 5040;
#endif
    p = p * r + (REAL)1 / 720;
    p = p * r + (REAL)1 / 120;
    p = p * r + (REAL)1 / 24;
    p = p * r + (REAL)1 / 6;
    p = p * r + (REAL)1 / 2;
    p = p * r + 1;
    p = p * r + 1;
    union {
        REAL real;
        BITS bits;
    } scale = {shifted};
    scale.bits = (BITS)((uint64_t)scale.bits << MANTISSA) + ONE_BITS;
    return p * scale.real;
}

/* log(1 + e) for 0 <= e <= 1: 2 artanh(f / (2 + f)) with 1 + f = 1 + e or (1 + e) / 2, whichever is near 1. */
static inline REAL N(log1p_unit)(REAL e) {
    int large = e > (REAL)0.41421356237309503;
    REAL f = large ? (e - 1) * (REAL)0.5 : e, s = f / (2 + f), t = s * s, p;
#ifdef REAL_IS_DOUBLE
    p = 2.0 / 21;
    p = p * t + 2.0 / 19;
    p = p * t + 2.0 / 17;
    p = p * t + 2.0 / 15;
    p = p * t + 2.0 / 13;
    p = p * t + 2.0 / 11;
    p = p * t + 2.0 / 9;
#else
    p = (REAL)2 / 9;
#endif
    p = p * t + (REAL)2 / 7;
    p = p * t + (REAL)2 / 5;
    p = p * t + (REAL)2 / 3;
    p = p * t + 2;
    return p * s + (large ? (REAL)0.693147180559945309417 : 0);
}

/* eta -> weight * slope in place, and weight * curvature; returns the sum of weight * loss. */
static double N(logistic_rows)(int64_t n, REAL *restrict eta, const REAL *restrict y, const REAL *restrict weight,
                               REAL *restrict curvature) {
    REAL total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < n; i++) {
        REAL x = eta[i], e = N(exp_negative)(-FABS(x)), inverse = 1 / (1 + e), small = e * inverse;
        REAL yes = y[i], no = 1 - yes, size = weight[i];
        total += size * ((x >= 0 ? no * x : -yes * x) + N(log1p_unit)(e));
        eta[i] = size * (x >= 0 ? no - small : small - yes);
        curvature[i] = size * small * inverse;
    }
    return total;
}
#undef BITS
#undef MANTISSA
#undef MAGIC
#undef ONE_BITS
#undef LOWEST
#undef LN2_HIGH
#undef LN2_LOW
#undef FABS
