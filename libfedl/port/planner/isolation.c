/* SPDX-License-Identifier: Apache-2.0 */
#include "planner/isolation.h"

#include "fedl/secagg.h"

#include <stdbool.h>
#include <string.h>

#define SPAN_MAX (2u * FEDL_NEIGHBOURS_MAX + 1u) /* places within k of the target */

/* The target's neighbourhood, places counted from the first one that matters. */
typedef struct scene {
    uint32_t n;
    uint32_t k;
    uint32_t t;
    uint32_t place_count; /* all n, or those within k of the target */
    uint32_t target;
    bool colluding[SPAN_MAX];
    uint16_t asked[SPAN_MAX]; /* honest neighbours of the target that this place sees */
    uint16_t dead[SPAN_MAX];  /* of these, shown dead to it */
} scene;

static bool adjacent(const scene *s, uint32_t a, uint32_t b)
{
    const uint32_t way = a < b ? b - a : a - b;
    const uint32_t around = s->n - way;
    return way != 0 && (s->k == s->n - 1 || (way < around ? way : around) <= s->k / 2u);
}

/* The i-th neighbour of the target, the nearest first: these see most of the others. */
static uint32_t neighbour(const scene *s, uint32_t i)
{
    const uint32_t way = i / 2u + 1;
    return (s->target + (i % 2u == 0 ? way : s->place_count - way)) % s->place_count;
}

static void set_scene(scene *s, uint32_t colluding_count)
{
    memset(s->colluding, 0, sizeof s->colluding);
    memset(s->asked, 0, sizeof s->asked);
    memset(s->dead, 0, sizeof s->dead);
    for (uint32_t i = 0; i < colluding_count; i++) {
        s->colluding[neighbour(s, i)] = true;
    }
    for (uint32_t i = colluding_count; i < s->k; i++) {
        const uint32_t member = neighbour(s, i);
        for (uint32_t place = 0; place < s->place_count; place++) {
            s->asked[place] = (uint16_t)(s->asked[place] + adjacent(s, place, member));
        }
    }
}

/* How much it costs to tell this viewer that one more has vanished; UINT32_MAX: it can't be told.
 */
static uint32_t burden_of(const scene *s, uint32_t viewer, uint32_t member)
{
    const uint32_t dead_max = s->k - s->t;
    if (s->colluding[viewer] || s->dead[viewer] >= dead_max || !adjacent(s, viewer, member)) {
        return UINT32_MAX;
    }
    return s->asked[viewer] <= dead_max ? 0 : 1u + s->dead[viewer];
}

/* Tells `needed` viewers of member, those with the smallest burden, that it vanished. */
static bool tell(scene *s, uint32_t member, uint32_t needed)
{
    uint32_t with_burden[FEDL_NEIGHBOURS_MAX + 2] = {0};
    for (uint32_t place = 0; place < s->place_count; place++) {
        const uint32_t burden = burden_of(s, place, member);
        with_burden[burden == UINT32_MAX ? FEDL_NEIGHBOURS_MAX + 1 : burden]++;
    }
    uint32_t most = 0; /* all viewers below this burden are told, and `last` of those at it */
    uint32_t last = needed;
    while (most <= FEDL_NEIGHBOURS_MAX && with_burden[most] < last) {
        last -= with_burden[most++];
    }
    if (most > FEDL_NEIGHBOURS_MAX) {
        return false;
    }
    for (uint32_t place = 0; place < s->place_count; place++) {
        const uint32_t burden = burden_of(s, place, member);
        if (burden < most || (burden == most && last > 0)) {
            last -= burden == most;
            s->dead[place]++;
        }
    }
    return true;
}

/* Whether t neighbours of each honest neighbour of the target can be made to give its seeds. */
static bool opens(scene *s, uint32_t colluding_count)
{
    set_scene(s, colluding_count);
    for (uint32_t i = colluding_count; i < s->k; i++) {
        const uint32_t member = neighbour(s, i);
        uint32_t have = 0;
        for (uint32_t j = 0; j < colluding_count; j++) {
            have += adjacent(s, neighbour(s, j), member);
        }
        if (have < s->t && !tell(s, member, s->t - have)) {
            return false;
        }
    }
    return true;
}

uint32_t fedl_isolation_lying(uint32_t n, uint32_t k, uint32_t t)
{
    scene s = {.n = n, .k = k, .t = t};
    const uint32_t span = 2u * k + 1u; /* viewers are at most k away */
    s.place_count = n < span ? n : span;
    s.target = s.place_count / 2u;
    if (s.place_count < n) {
        s.n = 2u * span; /* far apart on the ring is far apart here */
    }
    const uint32_t split = 2u * t - k;
    uint32_t count = 0;
    while (count < split && !opens(&s, count)) {
        count++;
    }
    return count;
}
