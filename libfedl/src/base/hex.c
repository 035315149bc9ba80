/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

void fedli_hex_encode(char *text, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15u];
    }
    text[2 * size] = '\0';
}

static int32_t digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

fedl_status fedli_hex_decode(uint8_t *data, size_t size, const char *text)
{
    for (size_t i = 0; i < size; i++) {
        const int32_t high = digit_value(text[2 * i]);
        const int32_t low = high < 0 ? -1 : digit_value(text[2 * i + 1]);
        if (low < 0) {
            return FEDL_ERR_FORMAT;
        }
        data[i] = (uint8_t)(high * 16 + low);
    }
    return text[2 * size] == '\0' ? FEDL_OK : FEDL_ERR_FORMAT;
}
