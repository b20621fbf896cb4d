/* A layer's neurons with what is around them (fusion.py), in one pass over memory; included once a REAL and SUFFIX.
 *
 * A tile is a row of pooling windows of one sample, or a part of it. Its neurons run as ever, but read and write rows
 * that lie in the processor's caches: the current is scaled into them before, their output pooled from them after, and
 * backwards in time the other way round. So a neuron's kernel knows of nothing but neurons.
 */

/* The part of a tile that one row of feature maps has: `lanes` adjacent neurons from `first` on, and their factors. */
struct TYPED(strip) {
    size_t first, lanes, columns;
    const REAL *dropout;
};

/* Where a tile keeps its rows; each is [steps][lanes] but for `maps`, [steps][rows][lanes]. */
struct TYPED(rows) {
    REAL *current, *maps, *pooled;
    void *scratch;
};

INLINE struct TYPED(rows) TYPED(rows_of)(const struct layer *layer, void *memory)
{
    const size_t row = room_for(layer->steps * layer->tile_columns * layer->channels * sizeof(REAL));
    char *at = memory;
    return (struct TYPED(rows)){(REAL *)at, (REAL *)(at + row), (REAL *)(at + (layer->pool + 1) * row),
                                at + (layer->pool + 2) * row};
}

INLINE struct TYPED(strip) TYPED(strip_of)(const struct layer *layer, struct tile tile, size_t row)
{
    const size_t line = tile.sample * layer->height + tile.row + row, columns = tile.columns;
    const REAL *dropout = layer->arrays[DROPOUT];
    return (struct TYPED(strip)){(line * layer->width + tile.column) * layer->channels, columns * layer->channels, columns,
                                 dropout ? dropout + line * layer->channels : 0};
}

/* values [steps][stride] times the strip's factors, the same for all columns. */
INLINE void TYPED(drop)(const struct layer *layer, struct TYPED(strip) strip, REAL *values, size_t stride)
{
    if (!strip.dropout)
        return;
    for (size_t t = 0; t < layer->steps; t++)
        for (size_t w = 0; w < strip.columns; w++) {
            REAL *column = values + t * stride + w * layer->channels;
#pragma omp simd
            for (size_t c = 0; c < layer->channels; c++)
                column[c] *= strip.dropout[c];
        }
}

/* The strip's current in each step, in `rows` if it has a gain; returns where, and how far apart steps are. */
INLINE const REAL *TYPED(scaled)(const struct layer *layer, struct TYPED(strip) strip, REAL *rows, size_t *stride)
{
    const REAL *current = (const REAL *)layer->arrays[CURRENT] + strip.first, *gain = layer->arrays[GAIN];
    *stride = gain ? strip.lanes : layer->neurons;
    if (!gain)
        return current;
    for (size_t t = 0; t < layer->steps; t++) {
        const REAL factor = gain[t];
#pragma omp simd
        for (size_t j = 0; j < strip.lanes; j++)
            rows[t * strip.lanes + j] = factor * current[j];
    }
    return rows;
}

/* dL/d(the current that was given once): what each step's current has for a gradient, times its gain. */
INLINE void TYPED(sum_over_time)(const struct layer *layer, struct TYPED(strip) strip, const REAL *grad, int fused)
{
    const REAL *gain = layer->arrays[GAIN];
    REAL *sum = (REAL *)layer->arrays[GRAD_CURRENT] + strip.first;
#pragma omp simd
    for (size_t j = 0; j < strip.lanes; j++)
        sum[j] = gain[0] * grad[j];
    for (size_t t = 1; t < layer->steps; t++) {
        const REAL factor = gain[t];
#pragma omp simd
        for (size_t j = 0; j < strip.lanes; j++)
            sum[j] = MULTIPLY_ADD(factor, grad[t * strip.lanes + j], sum[j], fused);
    }
}

/* Where output [t, sample, :, row, column] begins, and how far apart its channels are. */
INLINE REAL *TYPED(output_at)(const struct layer *layer, size_t t, struct tile tile, size_t column, size_t *apart)
{
    const size_t height = layer->height / layer->pool, width = layer->width / layer->pool, area = height * width;
    const size_t row = tile.row / layer->pool, place = row * width + tile.column / layer->pool + column;
    *apart = layer->flat ? area : 1;
    return (REAL *)layer->arrays[OUTPUT] + (t * layer->batch + tile.sample) * area * layer->channels +
           place * (layer->flat ? 1 : layer->channels);
}

INLINE const REAL *TYPED(pool_dropout_of)(const struct layer *layer, struct tile tile)
{
    const REAL *factors = layer->arrays[POOL_DROPOUT];
    const size_t height = layer->height / layer->pool;
    return factors ? factors + (tile.sample * height + tile.row / layer->pool) * layer->channels : 0;
}

/* Sums of the windows of one step's maps [rows][lanes], in the order of PyTorch's average pooling: [columns][channels].
 * In steps of so many channels that the compiler knows: what is beyond the last one is overwritten by the next column. */
INLINE void TYPED(sum_windows)(const struct layer *layer, size_t columns, const REAL *maps, size_t lanes, REAL *sums)
{
    const size_t channels = layer->channels, size = layer->pool;
    for (size_t w = 0; w < columns; w++) {
        const REAL *window = maps + w * size * channels;
        for (size_t begin = 0; begin < channels; begin += STEP) {
            REAL sum[STEP] = {0};
            for (size_t row = 0; row < size; row++)
                for (size_t column = 0; column < size; column++) {
                    const REAL *value = window + row * lanes + column * channels + begin;
                    for (size_t c = 0; c < STEP; c++)
                        sum[c] += value[c];
                }
            memcpy(sums + w * channels + begin, sum, sizeof sum);
        }
    }
}

/* values [columns][channels] times the factors of pooling; `dropout` may be missing. */
INLINE void TYPED(weigh)(const struct layer *layer, size_t columns, REAL *values, const REAL *dropout, int backwards)
{
    const REAL gain = (REAL)layer->pool_gain;
    for (int part = 0; part < 2; part++)
        if (part == backwards && layer->pooled) {
#pragma omp simd
            for (size_t j = 0; j < columns * layer->channels; j++)
                values[j] *= gain;
        } else if (part != backwards && dropout) {
            for (size_t w = 0; w < columns; w++)
#pragma omp simd
                for (size_t c = 0; c < layer->channels; c++)
                    values[w * layer->channels + c] *= dropout[c];
        }
}

/* Pool maps [steps][rows][lanes] into the output; `sums` has room for one step. */
INLINE void TYPED(pool_tile)(const struct layer *layer, struct tile tile, const REAL *maps, size_t lanes, REAL *sums)
{
    const REAL *dropout = TYPED(pool_dropout_of)(layer, tile);
    const size_t channels = layer->channels, columns = tile.columns / layer->pool;
    for (size_t t = 0; t < layer->steps; t++) {
        size_t apart;
        REAL *output = TYPED(output_at)(layer, t, tile, 0, &apart);
        TYPED(sum_windows)(layer, columns, maps + t * layer->pool * lanes, lanes, sums);
        TYPED(weigh)(layer, columns, sums, dropout, 0);
        if (apart == 1)
            memcpy(output, sums, columns * channels * sizeof *sums);
        else
            for (size_t c = 0; c < channels; c++)
                for (size_t w = 0; w < columns; w++)
                    output[c * apart + w] = sums[w * channels + c];
    }
}

/* dL/d(sum of each window) into pooled [steps][columns][channels]. */
INLINE void TYPED(take_error)(const struct layer *layer, struct tile tile, REAL *pooled)
{
    const REAL *dropout = TYPED(pool_dropout_of)(layer, tile);
    const size_t channels = layer->channels, columns = tile.columns / layer->pool;
    for (size_t t = 0; t < layer->steps; t++, pooled += columns * channels) {
        size_t apart;
        const REAL *error = TYPED(output_at)(layer, t, tile, 0, &apart);
        if (apart == 1)
            memcpy(pooled, error, columns * channels * sizeof *pooled);
        else
            for (size_t c = 0; c < channels; c++)
                for (size_t w = 0; w < columns; w++)
                    pooled[w * channels + c] = error[c * apart + w];
        TYPED(weigh)(layer, columns, pooled, dropout, 1);
    }
}

/* Give each neuron of a strip the error of its window, and none to those beyond the last one; in steps as above. */
INLINE void TYPED(spread_error)(const struct layer *layer, struct TYPED(strip) strip, const REAL *pooled, REAL *error)
{
    const size_t channels = layer->channels, size = layer->pool, columns = strip.columns / size;
    for (size_t t = 0; t < layer->steps; t++) {
        REAL *row = error + t * strip.lanes;
        const REAL *own = pooled + t * columns * channels;
        for (size_t w = 0; w < columns; w++, own += channels)
            for (size_t place = 0; place < size; place++, row += channels)
                for (size_t begin = 0; begin < channels; begin += STEP)
                    memcpy(row + begin, own + begin, STEP * sizeof *row);
        memset(row, 0, (strip.columns - columns * size) * channels * sizeof *row);
    }
}

INLINE void TYPED(forward_tile)(const struct layer *layer, struct tile tile, void *memory, range_kernel kernel)
{
    const struct TYPED(rows) rows = TYPED(rows_of)(layer, memory);
    const size_t lanes = tile.columns * layer->channels;
    const int direct = !layer->pooled && !layer->flat;
    for (size_t row = 0; row < tile.rows; row++) {
        const struct TYPED(strip) strip = TYPED(strip_of)(layer, tile, row);
        REAL *output = direct ? (REAL *)layer->arrays[OUTPUT] + strip.first : rows.maps + row * lanes;
        size_t strides[2];
        const REAL *current = TYPED(scaled)(layer, strip, rows.current, &strides[0]);
        strides[1] = direct ? layer->neurons : layer->pool * lanes;
        void *const arrays[] = {(void *)current, output, layer->arrays[COUNT]};
        const struct scan scan = {layer->steps, strip.lanes, arrays, strides, layer->numbers, 0};
        kernel(&scan, 0, strip.lanes, rows.scratch);
        TYPED(drop)(layer, strip, output, strides[1]);
    }
    if (!direct && tile.rows == layer->pool)
        TYPED(pool_tile)(layer, tile, rows.maps, lanes, rows.pooled);
}

INLINE void TYPED(backward_tile)(const struct layer *layer, struct tile tile, void *memory, range_kernel kernel, int fused)
{
    const struct TYPED(rows) rows = TYPED(rows_of)(layer, memory);
    const int direct = !layer->pooled && !layer->flat, sums = layer->sums;
    const int border = tile.rows < layer->pool;
    if (!direct && !border)
        TYPED(take_error)(layer, tile, rows.pooled);
    for (size_t row = 0; row < tile.rows; row++) {
        const struct TYPED(strip) strip = TYPED(strip_of)(layer, tile, row);
        REAL *error = rows.maps, *grad = (REAL *)layer->arrays[GRAD_CURRENT] + strip.first;
        size_t strides[3] = {strip.lanes, 0, sums ? strip.lanes : layer->neurons};
        if (border)
            memset(error, 0, layer->steps * strip.lanes * sizeof *error);
        else if (!direct)
            TYPED(spread_error)(layer, strip, rows.pooled, error);
        else if (strip.dropout)
            for (size_t t = 0; t < layer->steps; t++)
                memcpy(error + t * strip.lanes, (REAL *)layer->arrays[OUTPUT] + t * layer->neurons + strip.first,
                       strip.lanes * sizeof *error);
        else
            error = (REAL *)layer->arrays[OUTPUT] + strip.first, strides[0] = layer->neurons;
        TYPED(drop)(layer, strip, error, strides[0]);
        const REAL *current = TYPED(scaled)(layer, strip, rows.current, &strides[1]);
        if (sums) /* each row of the current is read before that of its gradient is written */
            grad = rows.current;
        void *const arrays[] = {error, (void *)current, grad};
        const struct scan scan = {layer->steps, strip.lanes, arrays, strides, layer->numbers, layer->stream && !sums};
        kernel(&scan, 0, strip.lanes, rows.scratch);
        if (sums)
            TYPED(sum_over_time)(layer, strip, grad, fused);
    }
}
