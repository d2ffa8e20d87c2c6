/* Proximal Newton for the logistic loss with l1 and l2 strengths, on a dense table of few columns: all steps in one call.
 *
 * A Hessian serves as long as each pass brings the duality gap down by KEEP; its l1 problem is solved by coordinate
 * descent. Entry 0 of what is (d + 1) long is the intercept; without one its l1 is so large that it stays 0. */

#define KEEP 0.2
#define INNER_SWEEPS 1000
#define INNER_SHARE 1e-13
#define SHORTEST 1e-6 /* length of a step below which there is none */

typedef struct {
    int64_t p;
    const double *l1, *l2;
    double value;        /* of the loss */
    double *theta, *grad; /* the loss's gradient */
} Elastic;

static double elastic_penalty(const Elastic *at) {
    double sum = 0;
    for (int64_t j = 0; j < at->p; j++) {
        double t = at->theta[j];
        sum += at->l1[j] * __builtin_fabs(t) + at->l2[j] * t * t / 2;
    }
    return sum;
}

/* The bound of F - F* that Objective.gap is, and half the Newton decrement of entries that nothing penalises. */
static double elastic_gap(const Elastic *at, const double *hess) {
    double shrink = 1, gap = 0;
    for (int64_t j = 0; j < at->p; j++)
        if (at->l1[j] > 0 && at->l2[j] == 0 && at->l1[j] < shrink * __builtin_fabs(at->grad[j]))
            shrink = at->l1[j] / __builtin_fabs(at->grad[j]);
    for (int64_t j = 0; j < at->p; j++) {
        double t = at->theta[j], l1 = at->l1[j], l2 = at->l2[j], g = at->grad[j];
        if (l1 == 0 && l2 == 0) {
            if (g != 0) gap += hess[j * (at->p + 1)] > 0 ? g * g / (2 * hess[j * (at->p + 1)]) : 1e300;
            continue;
        }
        g *= shrink;
        double excess = __builtin_fabs(g) - l1, row = t * g + l1 * __builtin_fabs(t) + l2 * t * t / 2;
        if (l2 > 0 && excess > 0) row += excess * excess / (2 * l2);
        gap += row > 0 ? row : 0;
    }
    return gap + (1 - shrink) * at->value;
}

static void elastic_pass(const double *x, int64_t row, int64_t column, int64_t n, const Rows *rows, int threads, Elastic *at) {
    double *found = malloc((at->p + 1) * sizeof(double));
    dense_pass_f64(x, row, column, n, at->p - 1, rows, at->theta + 1, at->theta[0], threads, found);
    at->value = found[0];
    for (int64_t j = 0; j < at->p; j++) at->grad[j] = found[j + 1];
    free(found);
}

/* To u from theta: the solution of the quadratic problem at theta. Returns the predicted change of F. */
static double elastic_target(const Elastic *at, const double *hess, double *bent, double *u, double *fall, int64_t *used) {
    int64_t p = at->p;
    for (int64_t j = 0; j < p * p; j++) bent[j] = hess[j];
    for (int64_t j = 0; j < p; j++) {
        bent[j * (p + 1)] += at->l2[j];
        u[j] = at->theta[j];
        fall[j] = -at->grad[j] - at->l2[j] * u[j];
    }
    descent(p, bent, at->l1, u, fall, used, INNER_SWEEPS, INNER_SHARE);
    double slope = 0;
    for (int64_t j = 0; j < p; j++) {
        double t = at->theta[j];
        slope += (at->grad[j] + at->l2[j] * t) * (u[j] - t) + at->l1[j] * (__builtin_fabs(u[j]) - __builtin_fabs(t));
    }
    return slope;
}

/* theta (d + 1) and hess (d + 1, d + 1) are read (the latter if known) and written; out: the duality gap over F.
 * rows->curvature has room for n. Returns the passes made, negative where F would not fall any more. */
int64_t dense_elastic_f64(const double *x, int64_t row, int64_t column, int64_t n, int64_t d, const Rows *rows,
                          const double *l1, const double *l2, double *theta, double *hess, int known, double tol,
                          int64_t most, int threads, double *out) {
    int64_t p = d + 1, passes = 1, met = 0; /* a step after the gap is met: the last of them brings the most digits */
    double *room = malloc((5 * p + p * p) * sizeof(double)), *u = room + p, *fall = u + p, *bent = fall + 3 * p;
    int64_t *used = malloc(p * sizeof(int64_t));
    Elastic at = {p, l1, l2, 0, theta, room}, trial = {p, l1, l2, 0, fall + p, fall + 2 * p};
    double last = 1e300;
    elastic_pass(x, row, column, n, rows, threads, &at);
    if (!known) dense_gram_f64(x, row, column, n, d, rows->curvature, threads, hess);
    for (int fresh = !known;; fresh = 0) {
        double value = at.value + elastic_penalty(&at), gap = elastic_gap(&at, hess), length = 1, lowered;
        *out = gap / value;
        if ((gap <= tol * value && met++) || passes >= most) break;
        if (gap > KEEP * last && !fresh) dense_gram_f64(x, row, column, n, d, rows->curvature, threads, hess), fresh = 1;
        last = gap;
        double slope = elastic_target(&at, hess, bent, u, fall, used);
        for (;; length /= 2) {
            for (int64_t j = 0; j < p; j++) trial.theta[j] = theta[j] + length * (u[j] - theta[j]);
            elastic_pass(x, row, column, n, rows, threads, &trial);
            passes++;
            lowered = trial.value + elastic_penalty(&trial) - value;
            if (lowered <= 1e-4 * length * slope + 1e-14 * value || length < SHORTEST) break;
        }
        if (length < SHORTEST) {
            passes = met ? passes : -passes;
            break;
        }
        at.value = trial.value;
        for (int64_t j = 0; j < p; j++) theta[j] = trial.theta[j], at.grad[j] = trial.grad[j];
    }
    free(used);
    free(room);
    return passes;
}
#undef KEEP
#undef INNER_SWEEPS
#undef INNER_SHARE
#undef SHORTEST
