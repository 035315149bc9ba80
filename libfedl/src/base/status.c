/* SPDX-License-Identifier: Apache-2.0 */
#include "fedl/status.h"

const char *fedl_status_text(fedl_status status)
{
    switch (status) {
    case FEDL_OK:
        return "ok";
#define FEDL_STATUS_CASE(name, value, text)                                                        \
    case FEDL_##name:                                                                              \
        return text;
        FEDL_STATUS_MAP(FEDL_STATUS_CASE)
#undef FEDL_STATUS_CASE
    }
    return "unknown status";
}
