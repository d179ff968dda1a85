/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_HIDDEN_H
#define FLOW_BALANCER_HIDDEN_H

#include <stdbool.h>

#include "flow_balancer/names.h"

/*
 * How an object gets its name, in a directory that other users may write to as well
 * (/dev/shm). Dispatcher only, or who clears what it left.
 *
 * A name that is looked up, unlinked and then made can be taken by another user in
 * between, for good. So an object is made under a hidden name that no one can guess,
 * DIR/.NAME.RANDOM, completed there, and then renamed to its own:
 *
 *   the first time   only where there is nothing (RENAME_NOREPLACE): what another
 *                    user put there is not ours to remove, and may be in use
 *   from then on     over the one before, so that the name never goes away; where
 *                    there is to be no object, an empty file keeps it
 *
 * In a directory with the sticky bit another user can neither remove nor rename a
 * file of ours: who has a name keeps it until the end of the run. Where the bit is
 * missing others can do both; then a rename is what puts it right. Joiners find a
 * whole object, or an empty file, which is not there yet (region.h).
 *
 * A dispatcher that dies in between leaves a hidden file, which fb_clear_objects() knows
 * by its name.
 */

/* Makes an empty file, mode 0600, under a hidden name beside path, which is that of an object
 * (fb_object_path()). Returns a descriptor to read and write, the caller's, or -errno. */
int fb_hidden_make(char hidden[FB_PATH_MAX], const char *path);

/*
 * Renames it to path. over: also where there is something, of ours or not. Returns 0; -EEXIST
 * without over; -ENOENT: it was cleared as debris; -EPERM or -EACCES over another
 * user's file, -EISDIR over a directory; or another -errno. Only after 0 the hidden name is gone.
 */
int fb_hidden_reveal(const char *hidden, const char *path, bool over);

/* Puts an empty file in the place of the object of ours at path. Returns 0, or -errno; the object
 * is there still then. */
int fb_hidden_hold(const char *path);

/* Whether a file of this name, without its directory, is a hidden one of the instance. */
bool fb_hidden_is(const char *file, const char *instance);

/* What is at path, for people, as "a directory of uid 65534". */
#define FB_FILE_TEXT_MAX 48u
const char *fb_describe_file(char text[FB_FILE_TEXT_MAX], const char *path);

#endif
