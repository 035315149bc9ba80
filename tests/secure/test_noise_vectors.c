/* SPDX-License-Identifier: Apache-2.0 */
/* The published handshakes of the cacophony set, byte for byte, with the records after them. */
#include "cmocka_all.h"
#include "secure/channel.h"
#include "secure/noise.h"
#include "sodium/crypto_sodium.h"
#include "vector_json.h"

#include <string.h>

static const struct known_pattern {
    const char *name;
    fedli_noise_pattern pattern;
    int message_count;
    bool one_way;
} known_patterns[] = {
    {"Noise_IK_25519_ChaChaPoly_BLAKE2b", FEDLI_NOISE_IK, 2, false},
    {"Noise_XX_25519_ChaChaPoly_BLAKE2b", FEDLI_NOISE_XX, 3, false},
    {"Noise_X_25519_ChaChaPoly_BLAKE2b", FEDLI_NOISE_X, 1, true},
};

static const struct known_pattern *find_pattern(const char *name)
{
    for (size_t i = 0; i < sizeof known_patterns / sizeof known_patterns[0]; i++) {
        if (strcmp(name, known_patterns[i].name) == 0) {
            return &known_patterns[i];
        }
    }
    return NULL;
}

static void begin(fedli_noise *noise, const cJSON *vector, const struct known_pattern *known,
                  bool initiator)
{
    vector_bytes prologue;
    vector_bytes secret;
    vector_bytes remote;
    vector_hex(&prologue, vector, initiator ? "init_prologue" : "resp_prologue");
    vector_hex(&secret, vector, initiator ? "init_static" : "resp_static");
    vector_hex(&remote, vector, initiator ? "init_remote_static" : "resp_remote_static");
    assert_int_equal(secret.size, 32);
    assert_int_equal(fedli_noise_init(noise, fedl_crypto_sodium(), known->pattern, initiator,
                                      fedl_bytes_of(prologue.data, prologue.size), secret.data,
                                      remote.size == 32 ? remote.data : NULL),
                     FEDL_OK);
}

static void pass_handshake(fedli_noise *from, fedli_noise *to, const cJSON *message,
                           const uint8_t *ephemeral)
{
    uint8_t out[VECTOR_BYTES_MAX];
    uint8_t back[VECTOR_BYTES_MAX];
    size_t size = 0;
    vector_bytes payload;
    vector_bytes expected;
    vector_hex(&payload, message, "payload");
    vector_hex(&expected, message, "ciphertext");
    assert_int_equal(fedli_noise_write(from, out, expected.size, &size,
                                       fedl_bytes_of(payload.data, payload.size), ephemeral),
                     FEDL_OK);
    assert_int_equal(size, expected.size);
    assert_memory_equal(out, expected.data, size);
    assert_int_equal(
        fedli_noise_read(to, back, payload.size, &size, fedl_bytes_of(out, expected.size)),
        FEDL_OK);
    assert_int_equal(size, payload.size);
    assert_memory_equal(back, payload.data, size);
}

static void pass_record(fedli_channel *from, fedli_channel *to, const cJSON *message)
{
    uint8_t out[VECTOR_BYTES_MAX];
    size_t size = 0;
    vector_bytes payload;
    vector_bytes expected;
    const fedl_bytes no_ad = {NULL, 0};
    vector_hex(&payload, message, "payload");
    vector_hex(&expected, message, "ciphertext");
    assert_int_equal(fedli_channel_seal(from, out, sizeof out, &size,
                                        fedl_bytes_of(payload.data, payload.size), no_ad),
                     FEDL_OK);
    assert_int_equal(size, expected.size + 8);
    assert_memory_equal(out + 8, expected.data, expected.size);
    assert_int_equal(
        fedli_channel_open(to, out + 8, payload.size, &size, fedl_bytes_of(out, size), no_ad),
        FEDL_OK);
    assert_int_equal(size, payload.size);
    assert_memory_equal(out + 8, payload.data, size);
}

static void run_vector(const cJSON *vector, const struct known_pattern *known)
{
    fedli_noise side[2]; /* initiator, responder */
    fedli_channel channel[2];
    vector_bytes ephemeral[2];
    vector_bytes hash;
    uint8_t keys[2][2][32];
    uint8_t hashes[2][64];
    vector_hex(&ephemeral[0], vector, "init_ephemeral");
    vector_hex(&ephemeral[1], vector, "resp_ephemeral");
    vector_hex(&hash, vector, "handshake_hash");
    begin(&side[0], vector, known, true);
    begin(&side[1], vector, known, false);

    const cJSON *message;
    int index = 0;
    cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(vector, "messages"))
    {
        const int from = known->one_way ? 0 : index % 2;
        if (index < known->message_count) {
            pass_handshake(&side[from], &side[1 - from], message, ephemeral[from].data);
        } else {
            pass_record(&channel[from], &channel[1 - from], message);
        }
        index++;
        if (index != known->message_count) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(fedli_noise_split(&side[i], keys[i][0], keys[i][1], hashes[i]),
                             FEDL_OK);
            fedli_channel_init(&channel[i], fedl_crypto_sodium(), keys[i][0], keys[i][1]);
            assert_int_equal(hash.size, 64);
            assert_memory_equal(hashes[i], hash.data, 64);
        }
    }
    assert_true(index > known->message_count);
}

static void run_file(const char *path, int count_min)
{
    cJSON *json = vector_load(path);
    if (json == NULL) {
        print_message("SKIPPED: the full vector set %s is not here\n", path);
        skip();
    }
    int count = 0;
    const cJSON *vector;
    cJSON_ArrayForEach(vector, cJSON_GetObjectItemCaseSensitive(json, "vectors"))
    {
        const struct known_pattern *known = find_pattern(vector_text(vector, "protocol_name"));
        if (known != NULL) {
            run_vector(vector, known);
            count++;
        }
    }
    cJSON_Delete(json);
    assert_true(count >= count_min);
}

static void copied_vectors(void **state)
{
    (void)state;
    run_file("tests/vectors/noise_few.json", 3);
}

static void full_file(void **state)
{
    (void)state;
    run_file("../shared/vectors/noise_cacophony_25519_ChaChaPoly_BLAKE2b.json", 3);
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copied_vectors),
        cmocka_unit_test(full_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
