/* SPDX-License-Identifier: Apache-2.0 */
/* One word for each state, as logs, tables and JSON show it. Static storage. */
#ifndef FEDL_STORE_STATE_NAME_H
#define FEDL_STORE_STATE_NAME_H

#include "coord/store_op.h"

const char *fedl_device_state_name(fedl_device_state state);
const char *fedl_task_state_name(fedl_task_state state);

#endif
