/* SPDX-License-Identifier: Apache-2.0 */
/* Every backend that this machine can run. */
#include "cmocka_all.h"

#include "prg_conformance.h"

#include <stdio.h>
#include <string.h>

static void every_backend_conforms(void **state)
{
    (void)state;
    const fedli_prg *prg;
    for (uint32_t i = 0; (prg = fedli_prg_at(i)) != NULL; i++) {
        (void)printf("backend %s\n", prg->name);
        prg_conformance(prg);
    }
}

static void best_is_the_last(void **state)
{
    (void)state;
    uint32_t count = 0;
    while (fedli_prg_at(count) != NULL) {
        count++;
    }
    assert_ptr_equal(fedli_prg_at(0), &fedli_prg_portable);
    assert_ptr_equal(fedli_prg_best(), fedli_prg_at(count - 1));
    assert_null(fedli_prg_at(count + 1));
    assert_null(fedli_prg_at(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_backend_conforms),
        cmocka_unit_test(best_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
