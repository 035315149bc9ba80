# SPDX-License-Identifier: Apache-2.0
"""Writes nn_vectors.h: checksums of trained models from a second implementation of docs/numerics.md.

This file was written from the page, in exact Python integers, and shares nothing with the C code.
Usage: python3 nn_vectors.py > nn_vectors.h
"""
M32 = 0xFFFFFFFF


def mix32(x):
    x &= M32
    x ^= x >> 16
    x = x * 0x7FEB352D & M32
    x ^= x >> 15
    x = x * 0x846CA68B & M32
    return x ^ x >> 16


def clamp(x, low, high):
    return max(low, min(high, x))


def sat(x, bits):
    return clamp(x, -(1 << bits - 1), (1 << bits - 1) - 1)


def rshr(x, s):
    if s > 62:
        return 0
    if s > 0:
        return x + (1 << s - 1) >> s
    return clamp(x << min(-s, 200), -(1 << 62), 1 << 62)


def isqrt(x):
    r = int(x ** 0.5)
    while r * r > x:
        r -= 1
    while (r + 1) * (r + 1) <= x:
        r += 1
    return r


def shuffle_at(seed, index, count):
    if count == 1:
        return 0
    half = ((count - 1).bit_length() + 1) // 2
    mask = (1 << half) - 1
    value = index
    while True:
        left, right = value >> half, value & mask
        for r in range(6):
            key = mix32(seed + 0x9E3779B9 * (r + 1))
            left, right = right, left ^ (mix32(key ^ right) & mask)
        value = left << half | right
        if value < count:
            return value


def plan(values, e, bits):
    m = 0
    for v in values:
        m |= abs(v)
    wanted = m.bit_length() - bits if m else 0
    s = clamp(wanted, -40 - e, 20 - e)
    return s, e + s, m == 0, m != 0 and wanted > s


def requant(values, e, bits):
    s, e2, zero, over = plan(values, e, bits)
    top = (1 << bits) - 1
    return [clamp(rshr(v, s), -top, top) for v in values], e2, zero, over


def exp2_negative(t):
    n, f = t >> 16, t & 0xFFFF
    if n >= 31:
        return 0
    p = 7270536
    for c in (-57028860, 257047784, -744160371, 1073741824):
        p = c + rshr(p * f, 16)
    return rshr(p, n + 6)


def log2_q16(x):
    whole = x.bit_length() - 1
    y = x >> whole - 31 if whole > 31 else x << 31 - whole
    r = whole
    for _ in range(16):
        y = y * y >> 31
        carry = y >> 32
        y >>= carry
        r = 2 * r + carry
    return r


def softmax_loss(z, e, label):
    top = max(z)
    t = [rshr((top - v) * 94548, -e) for v in z]
    total = sum(exp2_negative(v) for v in t)
    bits = log2_q16(total) - (24 << 16) + clamp(t[label], 0, 1 << 32)
    return clamp(rshr(bits * 744261118, 30), 0, 0x7FFFFFFF)


def softmax_error(z, label, e):
    top = max(z)
    p = [exp2_negative(rshr((top - v) * 94548, -e)) for v in z]
    r = (1 << 47) // sum(p)
    q = [v * r + (1 << 22) >> 23 for v in p]
    q[label] = -(sum(q) - q[label])
    return q


def mse_common(e):
    return max(min(e, -16), -30)


def mse_difference(z, e, t):
    c = mse_common(e)
    side = 1 << 46
    return clamp(rshr(z, c - e), -side, side) - clamp(rshr(t, c + 16), -side, side)


def mse_loss(z, e, target):
    total = 0
    for v, t in zip(z, target):
        d = clamp(rshr(mse_difference(v, e, t), -16 - mse_common(e)), -0x7FFFFFFF, 0x7FFFFFFF)
        total = min(total + d * d, 1 << 62)
    return clamp(rshr(total, 16), 0, 0x7FFFFFFF)


def rate_of(lr_q24, rows):
    q = (lr_q24 << 32) // rows
    s = q.bit_length() - 15
    m = rshr(q, s)
    if m == 1 << 15:
        m, s = 1 << 14, s + 1
    return m, s - 56


class Dense:
    def __init__(self, index, inputs, units, e):
        self.index, self.inputs, self.units, self.e = index, inputs, units, e
        self.w = [[0] * inputs for _ in range(units)]
        self.b = [0] * units

    def randomise(self, seed):
        limit = min(isqrt((6 << -2 * self.e) // self.inputs), 32767)
        s = mix32(seed + self.index)
        for n in range(self.units):
            for k in range(self.inputs):
                u = mix32(s + n * self.inputs + k)
                self.w[n][k] = (u * (2 * limit + 1) >> 32) - limit
        self.b = [0] * self.units

    def forward(self, x, ex):
        self.x, self.ex = x, ex
        e = ex + self.e
        bias = [rshr(b, e + 16) for b in self.b]
        return [[sat(sum(a * w for a, w in zip(row, self.w[n])) + bias[n], 32)
                 for n in range(self.units)] for row in x], e

    def gradient(self, err):
        return [[sat(sum(e[n] * self.w[n][k] for n in range(self.units)), 32)
                 for k in range(self.inputs)] for e in err]

    def update(self, err, ee, step_seed):
        s = self.e - (ee + self.ex)
        saturated = updates = 0
        if s <= 29:
            updates += self.units * self.inputs
            seed = mix32(step_seed + self.index)
            for n in range(self.units):
                for k in range(self.inputs):
                    g = sum(err[b][n] * self.x[b][k] for b in range(len(err)))
                    if s > 0:
                        h = mix32(seed + k)
                        if n % 2:
                            h ^= M32
                        q = g + (h >> 32 - s) >> s
                    else:
                        q = rshr(g, s)
                    w = sat(self.w[n][k] - sat(q, 16), 16)
                    saturated += w != self.w[n][k] - q
                    self.w[n][k] = w
        for n in range(self.units):
            exact = self.b[n] - rshr(sum(e[n] for e in err), -16 - ee)
            self.b[n] = sat(exact, 32)
            saturated += exact != self.b[n]
        return updates + self.units, saturated

    def pull(self, start, c, step_seed):
        seed = mix32(mix32(step_seed ^ 0x70726F78) + self.index)
        count = self.units * self.inputs
        for n in range(self.units):
            for k in range(self.inputs):
                d = self.w[n][k] - start.w[n][k]
                h = mix32(seed + n * self.inputs + k)
                self.w[n][k] -= d * c + (h >> 2) >> 30
            d = self.b[n] - start.b[n]
            self.b[n] -= d * c + (mix32(seed + count + n) >> 2) >> 30


class Net:
    """layers: list of ('dense', units, exp) or ('relu',)."""

    def __init__(self, inputs, input_exp, loss, layers):
        self.inputs, self.input_exp, self.loss, self.spec = inputs, input_exp, loss, layers
        self.layers = []
        width = inputs
        for i, item in enumerate(layers):
            if item[0] == 'dense':
                self.layers.append(Dense(i, width, item[1], item[2]))
                width = item[1]
            else:
                self.layers.append(None)
        self.outputs = width

    def container(self):
        out = b'FEDM' + bytes([1, 0, 0, 0]) + self.inputs.to_bytes(4, 'little')
        out += bytes([self.input_exp & 255, 1 if self.loss == 'softmax' else 2, len(self.spec), 0])
        for item in self.spec:
            if item[0] == 'dense':
                out += bytes([1, item[2] & 255, 0, 0]) + item[1].to_bytes(4, 'little')
            else:
                out += bytes([2, 0, 0, 0, 0, 0, 0, 0])
        for layer in self.layers:
            if layer:
                for row in layer.w:
                    for w in row:
                        out += (w & 0xFFFF).to_bytes(2, 'little')
                for b in layer.b:
                    out += (b & M32).to_bytes(4, 'little')
        return out

    def forward(self, x):
        e = self.input_exp
        wide = None
        flags = False
        for i, layer in enumerate(self.layers):
            if layer is None:
                wide = [[max(v, 0) for v in row] for row in wide]
                continue
            if i > 0:
                flat, e, _, over = requant([v for row in wide for v in row], e, 7)
                flags |= over
                x = [flat[b * layer.inputs:(b + 1) * layer.inputs] for b in range(len(wide))]
            wide, e = layer.forward(x, e)
        return wide, e, flags

    def step(self, x, targets, lr_q24, step_seed, want_loss):
        z, e, over = self.forward(x)
        m, xe = rate_of(lr_q24, len(x))
        loss = 0
        if self.loss == 'softmax':
            if want_loss:
                loss = sum(softmax_loss(row, e, t[0]) for row, t in zip(z, targets))
            top = [v * m for row, t in zip(z, targets) for v in softmax_error(row, t[0], e)]
            e_top = xe - 24
        else:
            if want_loss:
                loss = sum(mse_loss(row, e, t) for row, t in zip(z, targets))
            top = [mse_difference(v, e, t) * m for row, tr in zip(z, targets)
                   for v, t in zip(row, tr)]
            e_top = mse_common(e) + xe
        flat, ee, zero, o = requant(top, e_top, 9)
        over |= o
        updates = saturated = 0
        width = self.outputs
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            if layer is None or zero:
                continue
            err = [flat[b * width:(b + 1) * width] for b in range(len(x))]
            wide = layer.gradient(err) if i > 0 else None
            u, s = layer.update(err, ee, step_seed)
            updates, saturated = updates + u, saturated + s
            if i > 0:
                if self.layers[i - 1] is None:
                    wide = [[v if a > 0 else 0 for v, a in zip(row, arow)]
                            for row, arow in zip(wide, layer.x)]
                flat, ee, zero, o = requant([v for row in wide for v in row], ee + layer.e, 9)
                over |= o
                width = layer.inputs
        assert not over
        return loss, updates, saturated


def row_of(net, data_seed, row):
    s = mix32(data_seed + row)
    x = [mix32(s + k) % 255 - 127 for k in range(net.inputs)]
    if net.loss == 'softmax':
        return x, [mix32(s + 70000) % net.outputs]
    return x, [mix32(s + 70000 + c) % 131072 - 65536 for c in range(net.outputs)]


def train(net, rows, epochs, batch, lr_q24, mu_q16, seed):
    import copy
    start = copy.deepcopy(net.layers)
    device = mix32(mix32(seed[0] ^ seed[1]) ^ seed[2])
    step = updates = saturated = loss = 0
    for epoch in range(epochs):
        shuffle = mix32(mix32(device ^ 0x73687566) + epoch)
        order = [shuffle_at(shuffle, i, rows) for i in range(rows)]
        for first in range(0, rows, batch):
            data = [row_of(net, 5, r) for r in order[first:first + batch]]
            step_seed = mix32(device + step)
            l, u, s = net.step([d[0] for d in data], [d[1] for d in data], lr_q24, step_seed,
                               epoch == epochs - 1)
            if mu_q16:
                c = rshr(lr_q24 * mu_q16, 10)
                for layer, old in zip(net.layers, start):
                    if layer:
                        layer.pull(old, c, step_seed)
            loss, updates, saturated = loss + l, updates + u, saturated + s
            step += 1
    return loss, updates, saturated


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 & (1 << 64) - 1
    return h


DENSE, RELU = 'dense', ('relu',)
CASES = [  # name, inputs, input_exp, loss, layers, rows, epochs, batch, lr_q24, mu_q16, seed
    ('softmax', 12, -6, 'softmax', [(DENSE, 9, -14), RELU, (DENSE, 3, -13)], 10, 6, 4, 1677722, 0,
     (1, 2, 3)),
    ('softmax, batch 1', 12, -7, 'softmax', [(DENSE, 9, -14), RELU, (DENSE, 3, -13)], 7, 4, 1,
     167772, 0, (9, 0, 77)),
    ('softmax, FedProx', 12, -6, 'softmax', [(DENSE, 9, -15), RELU, (DENSE, 4, -12)], 11, 5, 4,
     1677722, 65536, (1, 2, 4)),
    ('mse', 6, -7, 'mse', [(DENSE, 2, -13)], 9, 8, 4, 838861, 0, (4, 4, 4)),
    ('mse, autoencoder', 8, -7, 'mse',
     [(DENSE, 6, -14), RELU, (DENSE, 2, -14), (DENSE, 6, -14), RELU, (DENSE, 8, -13)], 13, 6, 5,
     838861, 0, (8, 7, 6)),
    ('mse, FedProx, coarse input', 6, 0, 'mse', [(DENSE, 5, -10), RELU, (DENSE, 2, -13)], 9, 3, 3,
     17, 6553600, (4, 5, 6)),
    ('chunked sums', 600, -7, 'softmax', [(DENSE, 150, -14), RELU, (DENSE, 140, -14), RELU,
                                          (DENSE, 4, -13)], 7, 2, 4, 838861, 0, (3, 2, 1)),
    ('saturating', 12, -4, 'softmax', [(DENSE, 9, -12), RELU, (DENSE, 3, -12)], 40, 4, 4, 1 << 22,
     0, (1, 2, 3)),
]


def main():
    print('/* SPDX-License-Identifier: Apache-2.0 */')
    print('/* Written by nn_vectors.py, an independent implementation of docs/numerics.md. */')
    print('#ifndef FEDL_TESTS_NN_VECTORS_H\n#define FEDL_TESTS_NN_VECTORS_H\n')
    print('/* clang-format off */')
    print('static const nn_vector nn_vectors[] = {')
    for name, inputs, ie, loss, layers, rows, epochs, batch, lr, mu, seed in CASES:
        net = Net(inputs, ie, loss, layers)
        for layer in net.layers:
            if layer:
                layer.randomise(42)
        initial = fnv(net.container())
        total, updates, saturated = train(net, rows, epochs, batch, lr, mu, seed)
        text = ', '.join('{%s, %d, %d}' % (('FEDL_LAYER_DENSE', i[1], i[2]) if i[0] == DENSE
                                           else ('FEDL_LAYER_RELU', 0, 0)) for i in layers)
        kind = 'FEDL_LOSS_SOFTMAX_CE' if loss == 'softmax' else 'FEDL_LOSS_MSE'
        print('    {"%s",\n     {%d, %d, %s, %d, {%s}},' % (name, inputs, ie, kind, len(layers),
                                                          text))
        print('     %d, {%d, %d, %d, %d}, {%d, %d, %d},' % ((rows, epochs, batch, lr, mu) + seed))
        print('     UINT64_C(0x%016x), UINT64_C(0x%016x), %d, %d, %d},' % (
            initial, fnv(net.container()), total, updates, saturated))
    print('};\n/* clang-format on */\n\n#endif')


main()
