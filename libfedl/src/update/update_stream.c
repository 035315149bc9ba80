/* SPDX-License-Identifier: Apache-2.0 */
#include "update/update_stream.h"

#include "nn/model_state.h"
#include "update/delta.h"

void fedli_update_stream_init(fedli_update_stream *s, const fedl_update *update, uint32_t first)
{
    s->update = update;
    s->next = first;
    fedli_tensor_walk_init(&s->walk, fedl_model_spec_of(update->model));
    do {
        (void)fedli_tensor_walk_next(&s->walk);
    } while (first >= s->walk.first + s->walk.count);
}

void fedli_update_stream_read(fedli_update_stream *s, int32_t *out, uint32_t count)
{
    const fedli_tensor_walk *walk = &s->walk;
    while (count > 0) {
        if (s->next == walk->first + walk->count) {
            (void)fedli_tensor_walk_next(&s->walk);
        }
        const uint32_t inside = s->next - walk->first;
        const uint32_t run = count < walk->count - inside ? count : walk->count - inside;
        const fedli_layer *layer = &s->update->model->state->layers[walk->layer];
        const uint8_t *before = s->update->reference.data + walk->byte_offset;
        if (walk->bias) {
            const int32_t *trained = layer->biases;
            fedli_delta_biases(out, trained + inside, before + 4 * (size_t)inside, run);
        } else {
            const int16_t *trained = layer->weights;
            fedli_delta_weights(out, trained + inside, before + 2 * (size_t)inside, run,
                                walk->exp - FEDLI_DELTA_EXP);
        }
        out += run;
        count -= run;
        s->next += run;
    }
}
