"""The parts of the program that are the same for every task."""

DERIVE = '''
def derive(seed, *names):
    """A number for a seed and names; other names give an unrelated number."""
    text = "/".join([str(seed), *(quote(str(name), safe="") for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
'''

BATCHES = '''
def batches():
    """Batches of shuffled examples, epoch after epoch."""
    for epoch in itertools.count():
        order = np.random.Generator(np.random.Philox(derive(SEED, "order", epoch))).permutation(len(ARRAYS[0]))
        for first in {places}:
            chosen = order[first : first + BATCH_SIZE]
            yield prepare(*(tf.gather(array, chosen) for array in ARRAYS))
'''

EVERY_BATCH = "range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE)"
WHOLE_STEPS = "range(0, len(order) // ({0} * BATCH_SIZE) * {0} * BATCH_SIZE, BATCH_SIZE)"

RANDOM = '''
def random_bits(step, names, size):
    """Random numbers of 32 bits, which depend on the step and on names only."""
    seed = SEED
    for path in names:
        seed = derive(seed, *path)
    place = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    return tf.random.stateless_uniform([size], place, minval=None, maxval=None, dtype=tf.uint32, alg="philox")


def fractions(bits):
    """Numbers from [0, 1), of 24 bits."""
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24
'''

UNIFORM = '''
def uniform_numbers(step, names, shape, low=0.0, high=1.0):
    """Numbers from [low, high)."""
    unit = fractions(random_bits(step, names, tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))))
    numbers = low + (high - low) * tf.reshape(unit, shape)
    return tf.minimum(numbers, tf.constant(np.nextafter(np.float32(high), np.float32(low))))
'''

NORMAL = '''
def normal_numbers(step, names, shape, mean=0.0, deviation=1.0):
    """Normal numbers, by Box and Muller."""
    size = tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))
    pairs = tf.reshape(random_bits(step, names, 2 * ((size + 1) // 2)), [-1, 2])
    even, odd = map(fractions, tf.unstack(tf.repeat(pairs, 2, axis=0)[:size], axis=1))
    radius = tf.sqrt(-2.0 * tf.math.log(1.0 - even))
    is_cosine = tf.equal(tf.range(size) % 2, 0)
    from_quarter = tf.where(tf.less(odd, 0.75), odd, odd - 1.0) - 0.25
    numbers = radius * sine(tf.where(is_cosine, tf.abs(odd - 0.5) - 0.25, 0.25 - tf.abs(from_quarter)))
    return mean + deviation * tf.reshape(numbers, shape)


def sine(turns):
    """The sine of at most a quarter of a turn, by Taylor's series."""
    angle = 2.0 * math.pi * turns
    square = tf.square(angle)
    series = tf.ones_like(square)
    for degree in (12, 10, 8, 6, 4, 2):
        series = 1.0 - square / (degree * (degree + 1)) * series
    return angle * series
'''

INTEGERS = '''
def integers_numbers(step, names, shape, bound):
    """Whole numbers from 0 to bound - 1."""
    bits = tf.reshape(random_bits(step, names, tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))), shape)
    numbers = tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32))
    return tf.cast(tf.math.floormod(tf.cast(numbers, tf.int32), bound), tf.int32)
'''

BITS = '''
def bits_numbers(step, names, shape):
    """Random numbers of 32 bits, of the given shape."""
    return tf.reshape(random_bits(step, names, tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))), shape)
'''

AVERAGE = '''
def follow(average, model, step, decay):
    """Move an average of weights towards a model: θ̄ ← β θ̄ + (1-β) θ."""
    share = tf.maximum(1.0 - decay, 9.0 / (10.0 + tf.cast(step, tf.float32)))
    for mean, current in zip(average.variables, model.variables, strict=True):
        if "float" in str(mean.dtype):
            mean.assign(mean + share * (current - mean))
'''

PLAIN_AVERAGE = '''
def follow_plainly(average, model, decay):
    """Move an average of weights towards a model: θ̄ ← β θ̄ + (1-β) θ, with the same β in all steps."""
    for mean, current in zip(average.variables, model.variables, strict=True):
        if "float" in str(mean.dtype):
            mean.assign(mean + (1.0 - decay) * (current - mean))
'''

DRAWS = {
    "uniform_numbers": UNIFORM,
    "normal_numbers": NORMAL,
    "integers_numbers": INTEGERS,
    "bits_numbers": BITS,
}
