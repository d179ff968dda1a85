/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHARACTER_BYTES_MOST 4u
#define ESCAPED_BYTES 4u /* \xNN */

/* How many bytes the character at text has; 0 if it is none. */
static size_t character_bytes(const char *text, size_t size) {
    size_t found = 0;
    for (size_t n = 1; n <= CHARACTER_BYTES_MOST && n <= size && found == 0; n++) {
        json_t *character = json_stringn(text, n); /* NULL unless it is UTF-8 */
        if (character != NULL)
            found = n;
        json_decref(character);
    }
    return found;
}

json_t *fb_json_text(const char *text, size_t size) {
    json_t *string = json_stringn(text, size);
    if (string != NULL)
        return string;
    char *escaped = malloc(size * ESCAPED_BYTES + 1);
    size_t used = 0;
    if (escaped == NULL)
        return NULL;
    for (size_t i = 0, n; i < size; i += n) {
        n = character_bytes(text + i, size - i);
        if (n != 0) {
            memcpy(escaped + used, text + i, n);
            used += n;
        } else {
            n = 1;
            used += (size_t)snprintf(escaped + used, ESCAPED_BYTES + 1, "\\x%02x",
                                     (unsigned)(unsigned char)text[i]);
        }
    }
    string = json_stringn(escaped, used);
    free(escaped);
    return string;
}
