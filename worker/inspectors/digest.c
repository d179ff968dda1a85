/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

/* Simulated work of a known size: SHA-256 over the packet's captured bytes, `rounds` times. */
#define ROUNDS_DEFAULT 100u
#define ROUNDS_MAX 1000000000u /* minutes for one packet: beyond that it is a slip of the pen */

#define SHA256_BYTES 32u

struct digest {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
    uint64_t rounds;
    uint8_t last[SHA256_BYTES]; /* of the last packet */
};

static int parse_rounds(const char *args, uint64_t *rounds) {
    *rounds = ROUNDS_DEFAULT;
    const char *rest = args;
    if (args == NULL ||
        (fb_parse_digits(&rest, ROUNDS_MAX, rounds) && *rest == '\0' && *rounds >= 1))
        return 0;
    fb_error("--inspector digest:%s: ROUNDS must be a whole number from 1 to %u", args, ROUNDS_MAX);
    return -EINVAL;
}

static void digest_close(void *self) {
    struct digest *digest = self;
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->sha256);
    free(digest);
}

static int digest_open(struct fb_setup *setup) {
    uint64_t rounds;
    int rc = parse_rounds(setup->args, &rounds);
    if (rc != 0)
        return rc;
    struct digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL) {
        fb_error("inspector digest: no memory for %zu bytes", sizeof *digest);
        return -ENOMEM;
    }
    digest->rounds = rounds;
    digest->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->context = EVP_MD_CTX_new();
    if (digest->sha256 == NULL || digest->context == NULL) {
        fb_error("inspector digest: libcrypto offers no SHA-256: check its provider configuration");
        digest_close(digest);
        return -ENOTSUP;
    }
    setup->self = digest;
    return 0;
}

static int digest_packet(void *self, void *state, const struct fb_packet *packet) {
    struct digest *digest = self;
    (void)state;
    for (uint64_t i = 0; i < digest->rounds; i++) {
        if (EVP_DigestInit_ex2(digest->context, digest->sha256, NULL) != 1 ||
            EVP_DigestUpdate(digest->context, packet->data, packet->caplen) != 1 ||
            EVP_DigestFinal_ex(digest->context, digest->last, NULL) != 1) {
            fb_error("inspector digest: libcrypto failed on a packet of %u bytes", packet->caplen);
            return -EIO;
        }
    }
    return 0;
}

const struct fb_inspector inspect_digest_ops = {
    FB_INSPECTOR_HEAD,
    .name = "digest",
    .help = "digest[:ROUNDS]: SHA-256 over each packet, ROUNDS times (100): simulated work",
    .open = digest_open,
    .packet = digest_packet,
    .close = digest_close,
};
