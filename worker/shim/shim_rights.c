/* SPDX-License-Identifier: BSD-2-Clause */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "worker/shim/shim.h"
#include "worker/shim/shim_claim.h"

/*
 * A number belongs to the user that started the dispatcher. A program that opens its device as
 * root, and reads as another user or in another root directory, claims its number before it gives
 * that up: the claim is in the mappings, which stay. If it fails the first call for packets says
 * why. What is not called through the dynamic linker is not seen here.
 */

static void claim_activated(struct shim_handle *h) {
    if (h->activated && h->ended == 0)
        shim_claim(h);
}

/* -1: stays as it is. */
static void before_user(uid_t uid) {
    if (uid != (uid_t)-1 && uid != geteuid())
        shim_each(claim_activated);
}

/* The next function of that name, of type int (...). */
static void *next_named(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

#define NEXT(name)                                                                                 \
    __typeof__(&name) next;                                                                        \
    void *found = next_named(#name);                                                               \
    memcpy(&next, &found, sizeof next)

int setuid(uid_t uid) {
    NEXT(setuid);
    before_user(uid);
    return next(uid);
}

int seteuid(uid_t uid) {
    NEXT(seteuid);
    before_user(uid);
    return next(uid);
}

int setreuid(uid_t real, uid_t effective) {
    NEXT(setreuid);
    before_user(effective);
    return next(real, effective);
}

int setresuid(uid_t real, uid_t effective, uid_t saved) {
    NEXT(setresuid);
    before_user(effective);
    return next(real, effective, saved);
}

int chroot(const char *path) {
    NEXT(chroot);
    shim_each(claim_activated);
    return next(path);
}
