#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second implementation of docs/update.md, which writes update_vectors.h.

Written from the document alone, with Python's unbounded integers: no bound of the C code is
assumed here. Usage: update_vectors.py > update_vectors.h
"""
import math

M32 = 0xFFFFFFFF


def mix32(x):
    x &= M32
    x ^= x >> 16
    x = x * 0x7FEB352D & M32
    x ^= x >> 15
    x = x * 0x846CA68B & M32
    return x ^ (x >> 16)


def tensors(inputs, units, exps):
    """(parameter count, exponent, is bias) in container order."""
    for n, e in zip(units, exps):
        yield inputs * n, e, False
        yield n, -16, True
        inputs = n


def mantissas(index, spread):
    """The rule by which test_update_vectors.c fills both containers."""
    before = mix32(2 * index + 1) % 20001 - 10000
    return before, before + mix32(2 * index + 2) % (2 * spread + 1) - spread


def deltas(case):
    index = 0
    for count, exp, bias in tensors(case["inputs"], case["units"], case["exps"]):
        for _ in range(count):
            before, after = mantissas(index, case["spread"])
            if not bias:
                after = max(-32768, min(32767, after))
            d = after - before
            if bias:
                d = max(-(2**17), min(2**17, d))
            yield d * 2 ** (exp + 16)
            index += 1


def ceil_sqrt(n):
    root = math.isqrt(n)
    return root + (root * root < n)


def rounded(d, case, factor, seed, truncate):
    shift = case["exp"] + 16
    out = []
    for i, value in enumerate(d):
        size = abs(value) * factor // 2**15
        if shift > 0:
            r = 0 if truncate else mix32(seed + i) >> (32 - shift)
            size = (size + r) // 2**shift
        else:
            size *= 2**-shift
        out.append(size if value >= 0 else -size)
    return out


def vector(case):
    d = list(deltas(case))
    clip, bits = case["clip"], case["bits"]
    n2 = sum(v * v for v in d)
    factor = 2**15 if n2 <= clip * clip else clip * 2**15 // ceil_sqrt(n2)
    device = mix32(mix32(case["run"] ^ case["round"]) ^ case["device"])
    seed = mix32(device + 2**31)
    truncate = False
    z = rounded(d, case, factor, seed, truncate)
    shift = case["exp"] + 16
    if shift > 0 and sum(v * v for v in z) * 4**shift > clip * clip:
        truncate = True
        z = rounded(d, case, factor, seed, truncate)
    q_max = (2 ** (bits - 1) - 1) // (case["clients"] * case["w_max"])
    saturated = sum(abs(v) > q_max for v in z)
    z = [max(-q_max, min(q_max, v)) for v in z]
    unit = case["w_unit"]
    weight = 1 if unit == 0 else max(1, min(case["w_max"], (2 * case["rows"] + unit) // (2 * unit)))
    body = b"".join((v * weight % 2**bits).to_bytes(bits // 8, "little") for v in z)
    body += bytes(-len(body) % 64)
    tail = [weight, case["rows"], 1000, 20, 10, 3000, saturated, int(factor < 2**15)]
    return body + b"".join(t.to_bytes(8, "little") for t in tail), truncate


BASE = dict(inputs=3, units=[4, 2], exps=[-14, -13], spread=500, clip=65536, exp=-12, bits=16,
            clients=10, w_unit=20, w_max=8, rows=100, run=1, round=2, device=3)
CASES = [
    dict(BASE),
    dict(BASE, clip=5000, bits=24, device=M32),
    dict(BASE, clip=4000, bits=8, w_max=1, exp=-8, rows=7, device=5),
    dict(BASE, bits=32, exp=-20, w_unit=0, run=M32, spread=40000, clip=2**32 - 1),
    dict(BASE, exps=[-15, -8], spread=60000, exp=-16, clip=2**30, w_max=8, rows=1000),
    dict(BASE, exps=[-9, -11], spread=30000, exp=-4, clip=2**25, clients=1, round=M32),
]


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by update_vectors.py; do not edit. */")
    print("#ifndef FEDL_TESTS_UPDATE_VECTORS_H\n#define FEDL_TESTS_UPDATE_VECTORS_H\n")
    print('#include "fedl/update.h"\n')
    print("typedef struct update_vector {\n    int8_t exps[2];\n    uint32_t spread;")
    print("    fedl_update_config config;\n    fedl_train_seed seed;\n    uint32_t row_count;")
    print("    bool truncate;\n    const char *hex;\n} update_vector;\n")
    print("static const update_vector update_vectors[] = {")
    for c in CASES:
        data, truncate = vector(c)
        print(f"    {{.exps = {{{c['exps'][0]}, {c['exps'][1]}}},\n     .spread = {c['spread']},")
        print(f"     .config = {{{c['clip']}u, {c['exp']}, {c['bits']}, {c['clients']}, "
              f"{c['w_unit']}, {c['w_max']}, false, 0, 0, 0, 0}},")
        print(f"     .seed = {{{c['run']}u, {c['round']}u, {c['device']}u}},")
        print(f"     .row_count = {c['rows']},\n     .truncate = {str(truncate).lower()},")
        text = data.hex()
        lines = [text[i:i + 64] for i in range(0, len(text), 64)]
        print("     .hex = " + "\n            ".join(f'"{line}"' for line in lines) + "},")
    print("};\n\n#endif")


main()
