/* SPDX-License-Identifier: Apache-2.0 */
/* One or more messages of every kind with a different value in every field, and a comparison. */
#ifndef FEDL_TESTS_MESSAGE_SAMPLES_H
#define FEDL_TESTS_MESSAGE_SAMPLES_H

#include "wire/message.h"

#define SAMPLE_COUNT       20u
#define SAMPLE_FRAME_BYTES 65536u

/* Sample index < SAMPLE_COUNT; views point to static memory. */
fedl_message sample_message(size_t index);
/* Every field equal? Fails the test with the kind otherwise. */
void assert_message_equal(const fedl_message *a, const fedl_message *b);
/* scratch of the right size and alignment, one for the whole program */
void *sample_scratch(void);
/* Decodes from an allocation of exactly these bytes, so that ASan sees one byte too many. */
fedl_status decode_exact(fedl_message *message, const uint8_t *bytes, size_t size);

#endif
