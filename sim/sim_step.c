/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which step of a masked round a device is. What it sends is encrypted and its log has no line
 * for most steps, so this looks into the machine: the one place where the simulator reads the state
 * of the code that it runs. It changes nothing there.
 *
 * Rejected: log lines for every step (firmware would carry texts that only this file needs), and
 * telling the steps apart by the size of records (fails with the smallest vectors).
 */
#include "sim_state.h"

#include "client/client_state.h"

static fedl_sim_phase step_of_item(fedl_group_item item, fedl_sim_phase before)
{
    switch (item) {
    case FEDL_ITEM_READY:
    case FEDL_ITEM_HELPER:
    case FEDL_ITEM_SEED:
    case FEDL_ITEM_ROSTER:
    case FEDL_ITEM_CERTS:
        return FEDL_SIM_READY;
    case FEDL_ITEM_SHARES:
    case FEDL_ITEM_FORWARD:
        return FEDL_SIM_SHARES;
    case FEDL_ITEM_CONFIRM:
    case FEDL_ITEM_CONFIRMS:
        return FEDL_SIM_CONFIRM;
    case FEDL_ITEM_UNMASK:
        return FEDL_SIM_UNMASK;
    case FEDL_ITEM_SURVIVORS: /* the wait after MASKED: nothing is sent yet */
    case FEDL_ITEM_COMPLAINT:
        return before;
    }
    return before;
}

fedl_sim_phase fedli_sim_step_of(const fedli_sim_device *device)
{
    const fedli_client_state *c = device->machine.state;
    if (c->work == FEDLI_WORK_CHECKIN && device->phase >= FEDL_SIM_READY) {
        return FEDL_SIM_CHECKIN; /* the attempt has ended, perhaps without a line in the log */
    }
    if (!c->group.active) {
        return device->phase;
    }
    if (c->work == FEDLI_WORK_UPLOAD) {
        return FEDL_SIM_MASKED;
    }
    return c->work == FEDLI_WORK_PUT || c->work == FEDLI_WORK_GET
               ? step_of_item(fedli_party_item(&c->group.party), device->phase)
               : device->phase;
}
