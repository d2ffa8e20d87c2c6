/* Many small logistic fits: each group of rows by Newton's method, while its rows are in the cache.
 *
 * A group's rows are gathered once into columns, centred and scaled, with a column of ones before them (a group that
 * does not fit the cache: once a pass, tile by tile). Threads take groups as they come free. Who is not certified at the
 * end, or whose Hessian is nearly singular, is left to the one road for single fits. */

#define MANY_TILE 49152 /* numbers of a group's columns that a thread has at hand */
#define MANY_FACTS 7 /* value, log-likelihood, that of the null model, distance, gradient norm, steps, done or not */
#define MANY_SHAKY 1e-5 /* share of its diagonal entry that a pivot has, below which columns resemble each other too much */
#define MANY_ENOUGH 1e-25 /* relative distance from which no further step is taken */
#define MANY_STEP 0.005 /* change of a row's eta by a Newton step at the end, from which separation is suspected */
#define MANY_PROOF 0.7 /* F below this share of the least weight: no row loses as much as log 2 */
#define MANY_HALVINGS 30

typedef struct {
    const void *x;
    int64_t single, row, column, d; /* stored in float or double; strides in numbers */
    const int64_t *order;           /* the rows, group after group; or none: they are so already */
    const int64_t *start;           /* (groups + 1): where each group's begin */
    int64_t groups;
    const int64_t *codes; /* by row: 0 and 1 */
    const double *weight; /* by row, or none */
    const double *offset; /* by row, or none */
    const double *counts; /* by place in order, or none: the weight is multiplied by it */
    const double *strength; /* (d): of L2, in units of x */
    const double *begin;    /* (p), about x = 0, or none */
    int64_t intercept, most, longest; /* most steps, rows of a group */
    double tol;
    double *theta, *error; /* (groups, p): estimates about x = 0, square roots of the inverse Hessian's diagonal */
    double *facts;         /* (groups, MANY_FACTS) */
    int64_t lanes;
} Many;

typedef struct {
    const Many *task;
    int64_t d, p, q, width, n, first, ready, here; /* q: p rounded up to whole blocks of three; here: rows of this tile */
    double *z, *y, *weight, *offset, *eta, *bend, *hz;   /* z (q, width); hz (3, width) */
    double *centre, *scale, *l2, *gamma, *trial, *step, *grad, *hess, *root, *row;
    double least, ones, zeros; /* the least positive weight; weights of the classes */
} Desk;

static inline int64_t many_row(const Many *task, int64_t place) { return task->order ? task->order[place] : place; }

static void many_gather(const Many *task, int64_t at, int64_t m, int64_t width, double *restrict z) {
    const int64_t row = task->row, column = task->column, d = task->d, bytes = task->single ? 4 : 8;
    for (int64_t i = 0; i < m; i++) {
        const int64_t from = many_row(task, at + i) * row;
        double *to = z + i;
        if (i + 8 < m) __builtin_prefetch((const char *)task->x + many_row(task, at + i + 8) * row * bytes);
        if (task->single)
            for (int64_t j = 0; j < d; j++) to[j * width] = ((const float *)task->x)[from + j * column];
        else
            for (int64_t j = 0; j < d; j++) to[j * width] = ((const double *)task->x)[from + j * column];
    }
}

static void many_standardise(Desk *desk, int64_t m) {
    for (int64_t j = 0; j < desk->d; j++) {
        double *restrict column = desk->z + (desk->task->intercept + j) * desk->width, centre = desk->centre[j];
        double inverse = 1 / desk->scale[j];
        for (int64_t i = m; i < desk->here; i++) column[i] = centre;
#pragma omp simd
        for (int64_t i = 0; i < desk->here; i++) column[i] = (column[i] - centre) * inverse;
    }
}

/* Targets, weights, offsets and columns of the group's rows from ``at``; whole vectors, of weight 0 beyond the last. */
static void many_fill(Desk *desk, int64_t at) {
    const Many *task = desk->task;
    int64_t m = desk->n - at < desk->width ? desk->n - at : desk->width, full = (m + 7) / 8 * 8, place = desk->first + at;
    desk->here = full;
    if (desk->ready) return;
    for (int64_t i = 0; i < m; i++) {
        int64_t row = many_row(task, place + i);
        desk->y[i] = (double)(int32_t)task->codes[row];
        desk->weight[i] = (task->weight ? task->weight[row] : 1) * (task->counts ? task->counts[place + i] : 1);
        desk->offset[i] = task->offset ? task->offset[row] : 0;
    }
    for (int64_t i = m; i < full; i++) desk->y[i] = desk->weight[i] = desk->offset[i] = 0;
    many_gather(task, place, m, desk->width, desk->z + task->intercept * desk->width);
    many_standardise(desk, m);
    desk->ready = desk->n <= desk->width;
}

/* Centre and scale from one pass: they only have to be near. False where a column does not vary or is not finite. */
static int many_scale(Desk *desk) {
    const Many *task = desk->task;
    double *columns = desk->z + task->intercept * desk->width;
    desk->ones = desk->zeros = 0, desk->least = __builtin_inf(), desk->ready = 0;
    for (int64_t j = 0; j < desk->d; j++) desk->centre[j] = 0, desk->scale[j] = 1, desk->row[j] = desk->grad[j] = 0;
    for (int64_t at = 0; at < desk->n; at += desk->width) {
        desk->ready = 0;
        many_fill(desk, at);
        double ones = 0, zeros = 0, least = desk->least;
        const double *restrict y = desk->y, *restrict weight = desk->weight;
#pragma omp simd reduction(+ : ones, zeros) reduction(min : least)
        for (int64_t i = 0; i < desk->here; i++) {
            ones += weight[i] * y[i], zeros += weight[i] * (1 - y[i]);
            double size = weight[i] > 0 ? weight[i] : __builtin_inf();
            least = size < least ? size : least;
        }
        desk->ones += ones, desk->zeros += zeros, desk->least = least;
        for (int64_t j = 0; j < desk->d; j++) {
            const double *restrict column = columns + j * desk->width, *restrict w = desk->weight;
            double pivot = at || !task->intercept ? desk->step[j] : column[0], sum = 0, square = 0;
            desk->step[j] = task->intercept ? pivot : (pivot = 0);
#pragma omp simd reduction(+ : sum, square)
            for (int64_t i = 0; i < desk->here; i++) {
                double t = column[i] - pivot;
                sum += w[i] * t, square += w[i] * t * t;
            }
            desk->row[j] += sum, desk->grad[j] += square;
        }
    }
    double total = desk->ones + desk->zeros;
    int fine = desk->ones > 0 && desk->zeros > 0 && total < __builtin_inf();
    for (int64_t j = 0; j < desk->d; j++) {
        double mean = task->intercept ? desk->row[j] / total : 0, square = desk->grad[j] / total;
        double spread = square - mean * mean;
        fine &= spread > 1e-6 * square && spread > 1e-200 && spread < 1e200;
        desk->centre[j] = desk->step[j] + mean, desk->scale[j] = __builtin_sqrt(fine ? spread : 1);
    }
    if (!fine || desk->n > desk->width) {
        desk->ready = 0;
        return fine;
    }
    many_standardise(desk, desk->n);
    return 1;
}

static void many_eta(Desk *desk, const double *gamma, int64_t p, int from_offset) {
    int64_t m = desk->here, j = 0;
    double *restrict eta = desk->eta;
    for (int64_t i = 0; i < m; i++) eta[i] = from_offset ? desk->offset[i] : 0;
    for (; j + 3 <= p; j += 3) {
        const double *restrict a = desk->z + j * desk->width, *restrict b = a + desk->width, *restrict c = b + desk->width;
        double s = gamma[j], t = gamma[j + 1], u = gamma[j + 2];
#pragma omp simd
        for (int64_t i = 0; i < m; i++) eta[i] += (s * a[i] + t * b[i]) + u * c[i];
    }
    for (; j < p; j++) {
        const double *restrict a = desk->z + j * desk->width;
#pragma omp simd
        for (int64_t i = 0; i < m; i++) eta[i] += gamma[j] * a[i];
    }
}

/* Three by three products of columns, summed over the rows. */
static void many_block(int64_t m, int64_t width, const double *restrict left, const double *restrict right, double *out) {
    const double *restrict a = left, *restrict b = a + width, *restrict c = b + width;
    const double *restrict e = right, *restrict f = e + width, *restrict g = f + width;
    double ae = 0, af = 0, ag = 0, be = 0, bf = 0, bg = 0, ce = 0, cf = 0, cg = 0;
#pragma omp simd reduction(+ : ae, af, ag, be, bf, bg, ce, cf, cg)
    for (int64_t i = 0; i < m; i++) {
        ae += a[i] * e[i], af += a[i] * f[i], ag += a[i] * g[i];
        be += b[i] * e[i], bf += b[i] * f[i], bg += b[i] * g[i];
        ce += c[i] * e[i], cf += c[i] * f[i], cg += c[i] * g[i];
    }
    out[0] = ae, out[1] = af, out[2] = ag, out[3] = be, out[4] = bf, out[5] = bg, out[6] = ce, out[7] = cf, out[8] = cg;
}

/* The same of three columns with themselves under the curvature h, which is multiplied in for later; their gradient. */
static void many_diagonal(int64_t m, int64_t width, const double *restrict z, const double *restrict h,
                          const double *restrict slope, double *restrict hz, double *out, double *grad) {
    const double *restrict a = z, *restrict b = a + width, *restrict c = b + width;
    double *restrict e = hz, *restrict f = e + width, *restrict g = f + width;
    double aa = 0, ba = 0, bb = 0, ca = 0, cb = 0, cc = 0, s = 0, t = 0, u = 0;
#pragma omp simd reduction(+ : aa, ba, bb, ca, cb, cc, s, t, u)
    for (int64_t i = 0; i < m; i++) {
        double x = h[i] * a[i], y = h[i] * b[i], w = h[i] * c[i];
        e[i] = x, f[i] = y, g[i] = w;
        s += slope[i] * a[i], t += slope[i] * b[i], u += slope[i] * c[i];
        aa += x * a[i], ba += y * a[i], bb += y * b[i], ca += w * a[i], cb += w * b[i], cc += w * c[i];
    }
    out[0] = aa, out[1] = out[3] = ba, out[2] = out[6] = ca, out[4] = bb, out[5] = out[7] = cb, out[8] = cc;
    grad[0] += s, grad[1] += t, grad[2] += u;
}

/* Adds a tile's gradient and the lower triangle of its Hessian, in blocks of three columns. */
static void many_sums(Desk *desk, int64_t p) {
    int64_t m = desk->here, width = desk->width, q = desk->q;
    for (int64_t j = 0; j < p; j += 3)
        for (int64_t k = j; k >= 0; k -= 3) {
            double block[9], *z = desk->z + k * width;
            if (k == j) many_diagonal(m, width, z, desk->bend, desk->eta, desk->hz, block, desk->grad + j);
            else many_block(m, width, desk->hz, z, block);
            for (int64_t i = 0; i < 9; i++) desk->hess[(j + i / 3) * q + k + i % 3] += block[i];
        }
}

/* F at gamma, whose first p entries count, with the penalty; gradient and Hessian beside it. */
static double many_value(Desk *desk, const double *gamma, int64_t p) {
    double value = 0, carry = 0;
    for (int64_t j = 0; j < desk->q; j++) desk->grad[j] = 0;
    for (int64_t j = 0; j < desk->q * desk->q; j++) desk->hess[j] = 0;
    for (int64_t at = 0; at < desk->n; at += desk->width) {
        many_fill(desk, at);
        many_eta(desk, gamma, p, 1);
        two_sum(&value, &carry, logistic_rows_f64(desk->here, desk->eta, desk->y, desk->weight, desk->bend));
        many_sums(desk, p);
    }
    value += carry;
    for (int64_t j = 0; j < p; j++) {
        value += desk->l2[j] * gamma[j] * gamma[j] / 2;
        desk->grad[j] += desk->l2[j] * gamma[j], desk->hess[j * desk->q + j] += desk->l2[j];
    }
    return value;
}

/* The Hessian as root root', the diagonal of root kept as inverses; the least share of a diagonal entry left to a pivot. */
static double many_factor(Desk *desk, int64_t p) {
    int64_t q = desk->q;
    double least = 1, *root = desk->root, *hess = desk->hess;
    for (int64_t i = 0; i < p; i++) {
        double *own = root + i * q, size = hess[i * q + i], left = size;
        for (int64_t j = 0; j < i; j++) {
            double *other = root + j * q, sum = hess[i * q + j];
            for (int64_t k = 0; k < j; k++) sum -= own[k] * other[k];
            own[j] = sum * other[j];
            left -= own[j] * own[j];
        }
        if (!(left > 0 && size < __builtin_inf())) return 0;
        least = left < least * size ? left / size : least;
        own[i] = 1 / __builtin_sqrt(left);
    }
    return least;
}

/* The direction - H^-1 g, and half the decrement: the estimated distance to the optimum. */
static double many_direction(Desk *desk, int64_t p) {
    int64_t q = desk->q;
    double *step = desk->step, *root = desk->root, square = 0;
    for (int64_t i = 0; i < p; i++) {
        double left = -desk->grad[i];
        for (int64_t k = 0; k < i; k++) left -= root[i * q + k] * step[k];
        step[i] = left * root[i * q + i];
        square += step[i] * step[i];
    }
    for (int64_t i = p - 1; i >= 0; i--) {
        step[i] *= root[i * q + i];
        for (int64_t k = 0; k < i; k++) step[k] -= root[i * q + k] * step[i];
    }
    return square / 2;
}

/* One damped step from gamma: 1 where F came down enough. */
static int many_step(Desk *desk, int64_t p, double *value, double slope) {
    double length = 1;
    for (int64_t half = 0; half <= MANY_HALVINGS; half++, length /= 2) {
        for (int64_t j = 0; j < p; j++) desk->trial[j] = desk->gamma[j] + length * desk->step[j];
        double found = many_value(desk, desk->trial, p);
        if (found <= *value + 1e-4 * length * slope + 1e-14 * *value) {
            for (int64_t j = 0; j < p; j++) desk->gamma[j] = desk->trial[j];
            *value = found;
            return 1;
        }
    }
    return 0;
}

/* Newton's method over the first p coefficients, from gamma. True where it ends within tol, far from anything singular. */
static int many_newton(Desk *desk, int64_t p, double *value, double *distance, int64_t *steps) {
    const Many *task = desk->task;
    *value = many_value(desk, desk->gamma, p), *steps = 0;
    for (int last = 0;;) {
        if (!(*value < __builtin_inf()) || many_factor(desk, p) < MANY_SHAKY) return 0;
        double before = *distance;
        *distance = many_direction(desk, p);
        if (last) return *distance <= before || *distance <= task->tol * *value;
        last = *distance <= task->tol * *value; /* one more step squares what is left */
        if (last && *distance <= MANY_ENOUGH * *value) return 1;
        if (!last && (*steps)++ == task->most) return 0;
        if (!many_step(desk, p, value, -2 * *distance)) return 0;
    }
}

/* Whether a Newton step from the end would still move a row's eta: then it may be on its way to infinity. */
static int many_moves(Desk *desk) {
    double most = 0;
    for (int64_t at = 0; at < desk->n; at += desk->width) {
        many_fill(desk, at);
        many_eta(desk, desk->step, desk->p, 0);
        int64_t m = desk->n - at < desk->width ? desk->n - at : desk->width;
#pragma omp simd reduction(max : most)
        for (int64_t i = 0; i < m; i++) most = __builtin_fabs(desk->eta[i]) > most ? __builtin_fabs(desk->eta[i]) : most;
    }
    return !(most <= MANY_STEP);
}

/* Standard errors in units of x about x = 0: lengths of the columns of root^-1 C, C from theta there to gamma's scale. */
static void many_errors(Desk *desk, double *error) {
    int64_t p = desk->p, q = desk->q, lead = desk->task->intercept;
    double *root = desk->root, *inverse = desk->hess;
    for (int64_t j = 0; j < p; j++) error[j] = 0;
    for (int64_t i = 0; i < p; i++) {
        double bias = 0;
        for (int64_t j = 0; j <= i; j++) {
            double left = i == j ? 1 : 0;
            for (int64_t k = j; k < i; k++) left -= root[i * q + k] * inverse[k * q + j];
            inverse[i * q + j] = left * root[i * q + i];
            double entry = inverse[i * q + j];
            if (j >= lead) {
                entry /= desk->scale[j - lead];
                error[j] += entry * entry;
                bias -= entry * desk->centre[j - lead];
            } else
                bias += entry;
        }
        if (lead) error[0] += bias * bias;
    }
    for (int64_t j = 0; j < p; j++) error[j] = __builtin_sqrt(error[j]);
}

static void many_begin(Desk *desk, double odds) {
    const Many *task = desk->task;
    for (int64_t j = 0; j < desk->p; j++) desk->gamma[j] = 0;
    if (task->begin) {
        for (int64_t j = 0; j < desk->p; j++) desk->gamma[j] = task->begin[j];
        for (int64_t j = 0; j < desk->d; j++) {
            double slope = task->begin[j + task->intercept];
            if (task->intercept) desk->gamma[0] += slope * desk->centre[j];
            desk->gamma[j + task->intercept] = slope * desk->scale[j];
        }
    } else if (task->intercept)
        desk->gamma[0] = odds;
}

/* The null model: the intercept alone, which is also where the search begins; nothing without one. */
static int many_null(Desk *desk, double *null, double *odds) {
    double distance = 0, ones = desk->ones, zeros = desk->zeros, all = ones + zeros;
    int64_t steps;
    *odds = 0;
    if (!desk->task->intercept) {
        *null = -many_value(desk, desk->trial, 0);
        return 1;
    }
    *odds = __builtin_log(ones / zeros);
    *null = ones * __builtin_log(ones / all) + zeros * __builtin_log(zeros / all);
    if (!desk->task->offset) return 1;
    desk->gamma[0] = 0;
    int fine = many_newton(desk, 1, null, &distance, &steps);
    *null = -*null, *odds = desk->gamma[0];
    return fine;
}

static void many_group(Desk *desk, int64_t group) {
    const Many *task = desk->task;
    int64_t p = desk->p, lead = task->intercept, steps = 0, free = 1;
    double *theta = task->theta + group * p, *facts = task->facts + group * MANY_FACTS;
    double value = 0, distance = 0, null = 0, odds = 0, penalty = 0, slope = 0;
    desk->first = task->start[group], desk->n = task->start[group + 1] - desk->first;
    facts[MANY_FACTS - 1] = 0;
    if (desk->n > task->longest || !many_scale(desk)) return;
    for (int64_t j = 0; j < p; j++) {
        double scale = j < lead ? 1 : desk->scale[j - lead], strength = j < lead ? 0 : task->strength[j - lead];
        desk->l2[j] = strength / scale / scale, free &= strength == 0;
    }
    if (!many_null(desk, &null, &odds)) return;
    many_begin(desk, odds);
    if (!many_newton(desk, p, &value, &distance, &steps) || (free && value < MANY_PROOF * desk->least)) return;
    for (int64_t j = 0; j < p; j++) {
        double size = __builtin_fabs(desk->grad[j]);
        slope = size > slope ? size : slope, penalty += desk->l2[j] * desk->gamma[j] * desk->gamma[j] / 2;
    }
    if (free && many_moves(desk)) return;
    many_errors(desk, task->error + group * p);
    for (int64_t j = 0; j < p; j++) theta[j] = j < lead ? desk->gamma[j] : desk->gamma[j] / desk->scale[j - lead];
    for (int64_t j = lead; j < p && lead; j++) theta[0] -= theta[j] * desk->centre[j - lead];
    double found[MANY_FACTS] = {value, penalty - value, null, distance / value, slope, steps, 1};
    for (int64_t j = 0; j < MANY_FACTS; j++) facts[j] = found[j];
}

static void many_lane(void *given, int64_t lane) {
    const Many *task = given;
    int64_t p = task->d + task->intercept, q = (p + 2) / 3 * 3, width = MANY_TILE / q / 8 * 8, longest = 0;
    int64_t begin = task->groups * lane / task->lanes, end = task->groups * (lane + 1) / task->lanes;
    for (int64_t group = begin; group < end; group++) {
        int64_t n = task->start[group + 1] - task->start[group];
        longest = n > longest ? n : longest;
    }
    longest = (longest + 7) / 8 * 8;
    width = width < 256 ? 256 : width;
    width = (longest < width ? longest : width) | 8; /* columns lie an odd number of cache lines apart */
    double *room = calloc((q + 8) * width + 2 * q * q + 8 * q, sizeof(double)), *next = room;
    Desk desk = {.task = task, .d = task->d, .p = p, .q = q, .width = width};
    double **arrays[] = {&desk.z, &desk.y, &desk.weight, &desk.offset, &desk.eta, &desk.bend, &desk.hz, &desk.hess,
                         &desk.root, &desk.centre, &desk.scale, &desk.l2, &desk.gamma, &desk.trial, &desk.step,
                         &desk.grad, &desk.row};
    for (int64_t i = 0; i < 17; i++) {
        *arrays[i] = next;
        next += i == 0 ? q * width : i < 6 ? width : i == 6 ? 3 * width : i < 9 ? q * q : q;
    }
    for (int64_t i = 0; i < width && task->intercept; i++) desk.z[i] = 1;
    for (int64_t group = begin; group < end; group++) many_group(&desk, group);
    free(room);
}

void many_logistic(const Many *task, int threads) { run_lanes(many_lane, (void *)task, task->lanes, threads); }
