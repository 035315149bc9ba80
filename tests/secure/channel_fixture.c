/* SPDX-License-Identifier: Apache-2.0 */
#include "channel_fixture.h"

#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

const uint8_t channel_key_up[32] = {1, 2, 3};
const uint8_t channel_key_down[32] = {4, 5, 6};
const char channel_text[27] = "twenty-six bytes of secret";
const uint8_t channel_header[16] = {'f', 'e', 'd', 'l', 1, 4};

void channel_begin(fedli_channel *client, fedli_channel *server)
{
    fedli_channel_init(client, fedl_crypto_sodium(), channel_key_up, channel_key_down);
    fedli_channel_init(server, fedl_crypto_sodium(), channel_key_down, channel_key_up);
}

fedl_bytes channel_ad(void)
{
    return fedl_bytes_of(channel_header, sizeof channel_header);
}

void channel_seal_text(fedli_channel *channel, channel_record *out)
{
    assert_int_equal(fedli_channel_seal(channel, out->data, sizeof out->data, &out->size,
                                        fedl_bytes_of(channel_text, sizeof channel_text),
                                        channel_ad()),
                     FEDL_OK);
    assert_int_equal(out->size, sizeof channel_text + FEDLI_RECORD_OVERHEAD_BYTES);
}

fedl_status channel_open_text(fedli_channel *channel, const uint8_t *data, size_t size)
{
    uint8_t out[128];
    size_t out_size = 0;
    const fedl_status status = fedli_channel_open(channel, out, sizeof out, &out_size,
                                                  fedl_bytes_of(data, size), channel_ad());
    if (status == FEDL_OK) {
        assert_int_equal(out_size, sizeof channel_text);
        assert_memory_equal(out, channel_text, sizeof channel_text);
    } else {
        assert_int_equal(out_size, 0);
    }
    return status;
}

void channel_refuse(fedli_channel *channel, const uint8_t *data, size_t size, fedl_status expected)
{
    const fedli_channel before = *channel;
    assert_int_equal(channel_open_text(channel, data, size), expected);
    assert_memory_equal(&before, channel, sizeof before);
}

void channel_move_to(fedli_channel *client, fedli_channel *server, uint64_t nonce)
{
    client->send_nonce = nonce;
    client->send_epoch = (uint32_t)(nonce >> 20);
    server->receive_nonce_next = nonce;
    server->receive_epoch = (uint32_t)(nonce >> 20);
}
