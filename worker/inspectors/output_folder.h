/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_OUTPUT_FOLDER_H
#define WORKER_INSPECTORS_OUTPUT_FOLDER_H

/*
 * Opens the folder that an inspector writes to, and makes it if it is missing, with those above it.
 * Whether files can be made there is known then, before packets wait for one. Returns a descriptor
 * that the caller owns; or -errno after one logged line that names the inspector, -EINVAL if path
 * is NULL or empty.
 */
int output_folder_open(const char *inspector, const char *path);

#endif
