/* SPDX-License-Identifier: Apache-2.0 */
#include "vector_json.h"

#include "base/hex.h"
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *vector_load(const char *path)
{
    char full[1024];
    (void)snprintf(full, sizeof full, "%s/%s", FEDL_SOURCE_DIR, path);
    FILE *file = fopen(full, "rb");
    if (file == NULL) {
        return NULL;
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    text[size] = '\0';
    (void)fclose(file);
    cJSON *json = cJSON_Parse(text);
    free(text);
    assert_non_null(json);
    return json;
}

void vector_hex(vector_bytes *out, const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    const char *text = item == NULL ? "" : cJSON_GetStringValue(item);
    assert_non_null(text);
    out->size = strlen(text) / 2;
    assert_true(out->size <= sizeof out->data);
    assert_int_equal(fedli_hex_decode(out->data, out->size, text), FEDL_OK);
}

const char *vector_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    assert_non_null(text);
    return text;
}
