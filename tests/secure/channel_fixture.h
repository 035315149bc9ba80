/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a channel with fixed keys and one text, for the tests of channel.c. */
#ifndef FEDL_TESTS_CHANNEL_FIXTURE_H
#define FEDL_TESTS_CHANNEL_FIXTURE_H

#include "secure/channel.h"

#define EPOCH_MESSAGES (UINT64_C(1) << 20)
#define NONCE_LIMIT    (UINT64_C(1) << 52)

extern const uint8_t channel_key_up[32];
extern const uint8_t channel_key_down[32];
extern const char channel_text[27];
extern const uint8_t channel_header[16];

typedef struct channel_record {
    uint8_t data[128];
    size_t size;
} channel_record;

void channel_begin(fedli_channel *client, fedli_channel *server);
fedl_bytes channel_ad(void);
/** Seals the text; must succeed. */
void channel_seal_text(fedli_channel *channel, channel_record *out);
/** Opens and, when that succeeds, compares with the text. */
fedl_status channel_open_text(fedli_channel *channel, const uint8_t *data, size_t size);
/** Opens what must fail and checks that the state did not move. */
void channel_refuse(fedli_channel *channel, const uint8_t *data, size_t size, fedl_status expected);
/** Puts client → server at a nonce and its epoch; the keys stay as they are. */
void channel_move_to(fedli_channel *client, fedli_channel *server, uint64_t nonce);

#endif
