# SPDX-License-Identifier: Apache-2.0
"""Writes secagg_vectors.h: a second implementation of docs/protocol.md "Masked rounds".

Written from the page with Python's own BLAKE2b and exact integers; X25519, ChaCha20-Poly1305 and
Shamir's scheme are below, as in RFC 7748, RFC 8439 and CACM 22 (1979). It shares nothing with the
C code. Before it writes anything it checks itself with the examples of both RFCs.
Usage: python3 secagg_vectors.py > secagg_vectors.h
"""
from hashlib import blake2b


def u8(x):
    return x.to_bytes(1, 'little')


def u16(x):
    return x.to_bytes(2, 'little')


def u32(x):
    return x.to_bytes(4, 'little')


def u64(x):
    return x.to_bytes(8, 'little')


def hash_of(person, data):
    return blake2b(data, digest_size=32, person=person.encode()).digest()


def kdf(key, person, data=b''):
    return blake2b(data, digest_size=32, key=key, person=person.encode()).digest()


# X25519, RFC 7748 section 5.

P = 2 ** 255 - 19


def x25519(scalar, point):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, 'little')
    x1 = int.from_bytes(point, 'little') % 2 ** 255
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb = a * a % P, b * b % P
        e = aa - bb
        da, cb = d * a % P, c * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, 'little')


BASE = bytes([9] + [0] * 31)

# ChaCha20-Poly1305, RFC 8439 section 2.


def chacha_block(key, counter, nonce):
    def quarter(s, a, b, c, d):
        for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[p] = s[p] + s[q] & 0xFFFFFFFF
            v = s[r] ^ s[p]
            s[r] = (v << n | v >> 32 - n) & 0xFFFFFFFF

    words = [int.from_bytes(x, 'little') for x in
             [b'expa', b'nd 3', b'2-by', b'te k'] + [key[i:i + 4] for i in range(0, 32, 4)] +
             [u32(counter)] + [nonce[i:i + 4] for i in range(0, 12, 4)]]
    s = list(words)
    for _ in range(10):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                  (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(s, *q)
    return b''.join(u32(a + b & 0xFFFFFFFF) for a, b in zip(s, words))


def chacha(key, counter, nonce, size):
    out = b''
    while len(out) < size:
        out += chacha_block(key, counter, nonce)
        counter += 1
    return out[:size]


def keystream(key, size):
    return chacha(key, 0, bytes(12), size)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def poly1305(key, data):
    r = int.from_bytes(key[:16], 'little') & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[i:i + 16] + b'\1', 'little')) * r % (2 ** 130 - 5)
    return (acc + int.from_bytes(key[16:], 'little') & 2 ** 128 - 1).to_bytes(16, 'little')


def pad16(data):
    return data + bytes(-len(data) % 16)


def seal(key, nonce, text, ad):
    cipher = xor(text, chacha(key, 1, nonce, len(text)))
    mac = pad16(ad) + pad16(cipher) + u64(len(ad)) + u64(len(cipher))
    return cipher + poly1305(chacha_block(key, 0, nonce)[:32], mac)


# GF(2^8) modulo 0x11B and Shamir's scheme.


def gf_mul(a, b):
    r = 0
    while b:
        r ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 128 else 0)
        b >>= 1
    return r


def shamir(secret, rows, x):
    """Horner's rule is what the C code does; here the powers of x are added up one by one."""
    out = []
    for j, value in enumerate(secret):
        power = 1
        for row in rows:
            power = gf_mul(power, x)
            value ^= gf_mul(row[j], power)
        out.append(value)
    return bytes(out)


# Masked rounds.


def entry(e):
    return u32(e['id']) + e['id_pk'] + e['ek_pk'] + u32(e['epoch']) + u8(0) + e['nonce']


def roster_root(entries):
    return hash_of('fedl.rost.v1', u32(len(entries)) + b''.join(entry(e) for e in entries))


def beacon(entries):
    return hash_of('fedl.bcon.v1', u32(len(entries)) +
                   b''.join(u32(e['id']) + e['nonce'] for e in entries))


def binding(a, n, k, t, root, bcn):
    return hash_of('fedl.round.v1', a['fleet'] + u32(a['task']) + u32(a['round']) +
                   u32(a['attempt']) + u32(a['version']) + a['model'] + a['plan'] + u32(n) +
                   u16(k) + u16(t) + root + bcn)


def chain(fleet, task, lo, hi, dh, rnd):
    root = hash_of('fedl.pair.v1', dh + lo['ek_pk'] + hi['ek_pk'] + fleet + u32(lo['id']) +
                   u32(hi['id']))
    value = kdf(root, 'fedl.task.v1', u32(task) + u32(lo['epoch']) + u32(hi['epoch']))
    for _ in range(max(lo['epoch'], hi['epoch']), rnd):
        value = kdf(value, 'fedl.next.v1')
    return value


def share_tag(rb, owner, x, kind, share):
    return hash_of('fedl.shrc.v1', rb + u32(owner) + u8(x) + u8(kind) + share)[:16]


def ring(n, root, bcn):
    """The permutation, and how many words of the keystream were thrown away."""
    key = hash_of('fedl.grph.v1', root + bcn)
    stream, used = keystream(key, 64 * (n // 8 + 4)), 0
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        m = i + 1
        while True:
            w = int.from_bytes(stream[used:used + 4], 'little')
            used += 4
            if w < 2 ** 32 - 2 ** 32 % m:
                break
        j = w % m
        order[i], order[j] = order[j], order[i]
    return order, used // 4 - (n - 1)


def check_self():
    k = u8(9) + bytes(31)
    assert x25519(k, k).hex() == ('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'
                                  )  # RFC 7748 5.2, one iteration
    key = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex('070000004041424344454647')
    text = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
            b"future, sunscreen would be it.")
    ad = bytes.fromhex('50515253c0c1c2c3c4c5c6c7')
    assert seal(key, nonce, text, ad)[-16:].hex() == '1ae10b594f09e26a7e902ecbd0600691'  # 2.8.2
    assert gf_mul(0x57, 0x83) == 0xC1  # FIPS 197 section 4.2


def pattern(first, size):
    """size bytes that are all different from their neighbours."""
    return bytes((first + 37 * i) & 255 for i in range(size))


def show(name, data):
    print('#define %s \\' % name)
    text = data.hex()
    parts = [text[i:i + 80] for i in range(0, len(text), 80)]
    print(' \\\n'.join('    "%s"' % p for p in parts))


def make_entries(n):
    entries = []
    for i in range(n):
        secret = pattern(i + 1, 32)
        entries.append({'id': 10 + 7 * i, 'id_pk': pattern(100 + i, 32), 'secret': secret,
                        'ek_pk': x25519(secret, BASE), 'epoch': 3 + i, 'nonce': pattern(50 + i, 16)})
    return entries


def main():
    check_self()
    fleet = pattern(1, 16)
    entries = make_entries(5)
    attempt = {'fleet': fleet, 'task': 7, 'round': 9, 'attempt': 2, 'version': 8,
               'model': pattern(3, 32), 'plan': pattern(4, 32)}
    root, bcn = roster_root(entries), beacon(entries)
    rb = binding(attempt, 5, 4, 3, root, bcn)
    print('/* SPDX-License-Identifier: Apache-2.0 */')
    print('/* Written by secagg_vectors.py, an independent implementation of docs/protocol.md. */')
    print('#ifndef FEDL_TESTS_SECAGG_VECTORS_H\n#define FEDL_TESTS_SECAGG_VECTORS_H\n')
    print('/* clang-format off */')
    show('VECTOR_EPOCH_BODY', u16(1) + u16(0) + fleet + u32(17) + u32(7) + u32(4) + u32(4) +
         u32(1027) + entries[1]['ek_pk'])
    show('VECTOR_ENTRY_4', entry(entries[4]))
    show('VECTOR_ROSTER_ROOT', root)
    show('VECTOR_BEACON', bcn)
    show('VECTOR_BINDING', rb)
    a, b = entries[1], entries[3]
    dh = x25519(a['secret'], b['ek_pk'])
    assert dh == x25519(b['secret'], a['ek_pk'])
    show('VECTOR_CHAIN_6', chain(fleet, 7, a, b, dh, 6))
    link = chain(fleet, 7, a, b, dh, 9)
    show('VECTOR_CHAIN_9', link)
    show('VECTOR_CHAIN_1029', chain(fleet, 7, a, b, dh, 1029))
    show('VECTOR_SEED', kdf(link, 'fedl.mask.v1', rb))
    secret = pattern(9, 32)
    made = {x: kdf(secret, 'fedl.att%s.v1' % x) for x in 'nsbdcz'}
    share_key = kdf(link, 'fedl.shar.v1', rb + u32(a['id']) + u32(b['id']) + made['s'][:16])
    show('VECTOR_SHARE_KEY', share_key)
    u2, u3 = b'\x1b\xff\x05', b'\x13\xff\x01'
    digest = hash_of('fedl.surv.v1', u32(19) + u2 + u3)
    show('VECTOR_SURVIVORS', digest)
    show('VECTOR_CONFIRM', kdf(link, 'fedl.conf.v1', rb + u32(a['id']) + u32(b['id']) + digest)[:16])
    for name, x, size in (('NONCE', 'n', 16), ('SALT', 's', 16), ('B', 'b', 32), ('D', 'd', 32),
                          ('COEFFICIENTS', 'c', 32), ('NOISE', 'z', 32)):
        show('VECTOR_ATTEMPT_' + name, made[x][:size])
    show('VECTOR_SELF_SEED', kdf(made['b'], 'fedl.self.v1', rb))
    show('VECTOR_COMMITMENT', hash_of('fedl.comb.v1', rb + u32(a['id']) + made['b']))
    stream = keystream(made['c'], 64 * 19)
    rows = [stream[64 * i:64 * i + 64] for i in range(19)]
    pair = shamir(made['b'] + made['d'], rows[:2], 3)
    show('VECTOR_PAIR_T3_X3', pair)
    show('VECTOR_PAIR_T20_X255', shamir(made['b'] + made['d'], rows, 255))
    show('VECTOR_SEALED', seal(share_key, bytes(12), pair, rb + u32(a['id']) + u32(b['id']) + u8(3)))
    show('VECTOR_TAG_B', share_tag(rb, a['id'], 3, 1, pair[:32]))
    show('VECTOR_TAG_D', share_tag(rb, a['id'], 3, 2, pair[32:]))
    seeds = pattern(11, 4 * 32)
    show('VECTOR_SEEDBOX', seal(kdf(made['d'], 'fedl.sbox.v1', rb), bytes(12), seeds,
                                rb + u32(a['id'])))
    for n in (130, 1000):
        show('VECTOR_RING_%d' % n, b''.join(u16(p) for p in ring(n, root, bcn)[0]))
    # A word is thrown away about once in two rosters of the largest size, and hardly ever before.
    last = 0
    while True:
        order, thrown = ring(65535, root, bcn[:31] + u8(last))
        if thrown:
            break
        last += 1
    print('#define VECTOR_THROWING_BEACON_LAST %du' % last)
    show('VECTOR_RING_65535', blake2b(b''.join(u16(p) for p in order), digest_size=32).digest())
    print('/* clang-format on */\n\n#endif')


main()
