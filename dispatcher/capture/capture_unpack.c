/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_unpack.h"
#include "dispatcher/capture/capture.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GZIP, XZ, ZSTD, LZ4, BZIP2 };

static const struct capture_packed all_packed[] = {
    [GZIP] = {"\x1f\x8b", "gzip", "gunzip -c"},
    [XZ] = {"\xfd"
            "7zXZ",
            "xz", "xz -dc"},
    [ZSTD] = {"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"},
    [LZ4] = {"\x04\x22\x4d\x18", "lz4", "lz4 -dc"},
    [BZIP2] = {"BZh", "bzip2", "bunzip2 -c"}, /* told apart, not unpacked */
};

const struct capture_packed *capture_find_packed(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < sizeof all_packed / sizeof *all_packed; i++) {
        size_t length = strlen(all_packed[i].magic);
        if (count >= length && memcmp(bytes, all_packed[i].magic, length) == 0)
            return &all_packed[i];
    }
    return NULL;
}

#ifdef FB_HAVE_UNPACK

#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define INPUT_BYTES ((size_t)64 << 10)
/* What an xz file may ask for, as its first bytes do: twice what that takes at its strongest level,
 * and zstd's own limit. */
#define MEMORY_BYTES (UINT64_C(128) << 20)

/*
 * A step takes bytes from `in`, moves `next` and `left` on, and writes up to size bytes. It
 * returns how many, and notes whether what came so far is whole.
 */
struct capture_unpack {
    const struct codec *codec;
    int fd;
    bool ended;          /* the file has no more bytes */
    bool is_whole;       /* it may end here */
    const char *problem; /* NULL: none */
    const char *fix;
    uint64_t taken; /* bytes of the file before `next` */
    const uint8_t *next;
    size_t left;
    union {
        z_stream gzip;
        lzma_stream xz;
        ZSTD_DStream *zstd;
        LZ4F_dctx *lz4;
    };
    uint8_t in[INPUT_BYTES];
};

struct codec {
    bool (*begin)(struct capture_unpack *u); /* false: no memory */
    void (*end)(struct capture_unpack *u);
    size_t (*step)(struct capture_unpack *u, uint8_t *to, size_t size);
};

static void note_taken(struct capture_unpack *u, size_t count) {
    u->next += count;
    u->left -= count;
    u->taken += count;
}

static void refuse_large(struct capture_unpack *u, const char *fix) {
    u->problem = "to unpack it takes more than 128 MiB of memory";
    u->fix = fix;
}

/* ---- gzip ------------------------------------------------------------------------------------ */

enum { GZIP_WINDOW_BITS = 15 + 16 }; /* 16: with gzip's header */

static bool gzip_begin(struct capture_unpack *u) {
    return inflateInit2(&u->gzip, GZIP_WINDOW_BITS) == Z_OK;
}

static void gzip_end(struct capture_unpack *u) {
    inflateEnd(&u->gzip);
}

static size_t gzip_step(struct capture_unpack *u, uint8_t *to, size_t size) {
    z_stream *z = &u->gzip;
    if (u->is_whole && u->left != 0)
        inflateReset(z);                      /* another one follows */
    z->next_in = (Bytef *)(uintptr_t)u->next; /* zlib does not write there */
    z->avail_in = (uInt)u->left;
    z->next_out = to;
    z->avail_out = (uInt)size;
    int status = inflate(z, Z_NO_FLUSH);
    note_taken(u, u->left - z->avail_in);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        u->problem = "the gzip data is damaged";
    u->is_whole = status == Z_STREAM_END;
    return size - z->avail_out;
}

/* ---- xz -------------------------------------------------------------------------------------- */

static bool xz_begin(struct capture_unpack *u) {
    u->xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(&u->xz, MEMORY_BYTES, LZMA_CONCATENATED) == LZMA_OK;
}

static void xz_end(struct capture_unpack *u) {
    lzma_end(&u->xz);
}

static size_t xz_step(struct capture_unpack *u, uint8_t *to, size_t size) {
    lzma_stream *x = &u->xz;
    x->next_in = u->next;
    x->avail_in = u->left;
    x->next_out = to;
    x->avail_out = size;
    lzma_ret status = lzma_code(x, u->ended ? LZMA_FINISH : LZMA_RUN);
    note_taken(u, u->left - x->avail_in);
    if (status == LZMA_MEM_ERROR)
        u->problem = "no memory to unpack xz";
    else if (status == LZMA_MEMLIMIT_ERROR)
        refuse_large(u, "give 'xz -dc FILE | ... -r -'");
    else if (status != LZMA_OK && status != LZMA_STREAM_END && status != LZMA_BUF_ERROR)
        u->problem = "the xz data is damaged";
    u->is_whole = status == LZMA_STREAM_END;
    return size - x->avail_out;
}

/* ---- zstd ------------------------------------------------------------------------------------ */

static bool zstd_begin(struct capture_unpack *u) {
    u->zstd = ZSTD_createDStream();
    return u->zstd != NULL;
}

static void zstd_end(struct capture_unpack *u) {
    ZSTD_freeDStream(u->zstd);
}

static size_t zstd_step(struct capture_unpack *u, uint8_t *to, size_t size) {
    ZSTD_inBuffer in = {.src = u->next, .size = u->left};
    ZSTD_outBuffer out = {.dst = to, .size = size};
    size_t status = ZSTD_decompressStream(u->zstd, &out, &in);
    note_taken(u, in.pos);
    if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge)
        refuse_large(u, "give 'zstd -dc --long=31 FILE | ... -r -'");
    else if (ZSTD_isError(status))
        u->problem = "the zstd data is damaged";
    u->is_whole = status == 0;
    return out.pos;
}

/* ---- lz4 ------------------------------------------------------------------------------------- */

static bool lz4_begin(struct capture_unpack *u) {
    return !LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION));
}

static void lz4_end(struct capture_unpack *u) {
    LZ4F_freeDecompressionContext(u->lz4);
}

static size_t lz4_step(struct capture_unpack *u, uint8_t *to, size_t size) {
    size_t taken = u->left;
    size_t status = LZ4F_decompress(u->lz4, to, &size, u->next, &taken, NULL);
    note_taken(u, taken);
    if (LZ4F_isError(status)) {
        u->problem = "the lz4 data is damaged";
        return 0;
    }
    u->is_whole = status == 0;
    return size;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct codec codecs[] = {
    [GZIP] = {gzip_begin, gzip_end, gzip_step},
    [XZ] = {xz_begin, xz_end, xz_step},
    [ZSTD] = {zstd_begin, zstd_end, zstd_step},
    [LZ4] = {lz4_begin, lz4_end, lz4_step},
};

int capture_unpack_open(struct capture_unpack **unpack, const struct capture_packed *packed, int fd,
                        const char *name) {
    size_t way = (size_t)(packed - all_packed);
    if (way >= sizeof codecs / sizeof *codecs) {
        fb_error("cannot read %s: it is compressed with %s: give '%s %s | ... -r -'", name,
                 packed->what, packed->command, name);
        return -ENOTSUP;
    }
    struct capture_unpack *u = calloc(1, sizeof *u);
    if (u == NULL || !codecs[way].begin(u)) {
        fb_error("no memory to unpack %s: free some", name);
        free(u);
        return -ENOMEM;
    }
    u->codec = &codecs[way];
    u->fix = "give a whole file";
    u->fd = fd;
    *unpack = u;
    return 0;
}

void capture_unpack_close(struct capture_unpack *unpack) {
    if (unpack == NULL)
        return;
    unpack->codec->end(unpack);
    free(unpack);
}

/* Fetches bytes of the file if there are none. Returns 0, or -errno. */
static int fetch(struct capture_unpack *u) {
    if (u->left != 0 || u->ended)
        return 0;
    ssize_t n = read(u->fd, u->in, sizeof u->in);
    if (n < 0)
        return -errno;
    u->ended = n == 0;
    u->next = u->in;
    u->left = (size_t)n;
    return 0;
}

ssize_t capture_unpack_read(struct capture_unpack *u, uint8_t *to, size_t size) {
    size_t n = 0;
    while (n == 0 && u->problem == NULL) {
        bool was_whole = u->is_whole;
        int err = fetch(u);
        if (err < 0)
            return err;
        if (u->ended && was_whole)
            return 0;
        n = u->codec->step(u, to, size);
        if (n == 0 && u->ended && u->problem == NULL && !u->is_whole)
            u->problem = "the compressed data breaks off";
    }
    return n != 0 ? (ssize_t)n : -EBADMSG;
}

const char *capture_unpack_problem(const struct capture_unpack *unpack) {
    return unpack->problem;
}

const char *capture_unpack_fix(const struct capture_unpack *unpack) {
    return unpack->fix;
}

uint64_t capture_unpack_offset(const struct capture_unpack *unpack) {
    return unpack->taken;
}

const char *capture_unpack_ways(void) {
    return "gzip, xz, zstd, lz4";
}

#else

int capture_unpack_open(struct capture_unpack **unpack, const struct capture_packed *packed, int fd,
                        const char *name) {
    (void)unpack;
    (void)fd;
    fb_error("cannot read %s: it is compressed with %s, which is not built in: give '%s %s | ... "
             "-r -', or build again after scripts/install-deps --all",
             name, packed->what, packed->command, name);
    return -ENOTSUP;
}

void capture_unpack_close(struct capture_unpack *unpack) {
    (void)unpack;
}

ssize_t capture_unpack_read(struct capture_unpack *unpack, uint8_t *to, size_t size) {
    (void)unpack;
    (void)to;
    (void)size;
    return -EBADMSG;
}

const char *capture_unpack_problem(const struct capture_unpack *unpack) {
    (void)unpack;
    return "it is not built in";
}

const char *capture_unpack_fix(const struct capture_unpack *unpack) {
    (void)unpack;
    return "build again after scripts/install-deps --all";
}

uint64_t capture_unpack_offset(const struct capture_unpack *unpack) {
    (void)unpack;
    return 0;
}

const char *capture_unpack_ways(void) {
    return "not built in";
}

#endif
