/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/packed.h"
#include "tests/lib/unit.h"

#ifdef FB_HAVE_UNPACK

#include <lz4frame.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM_SPARE ((size_t)4096)

void need_packed(void) {
}

static size_t pack_gzip(uint8_t *to, size_t room, const void *bytes, size_t size) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)size,
                  .next_out = to,
                  .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t pack_xz(uint8_t *to, size_t room, const void *bytes, size_t size) {
    size_t at = 0;
    assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, bytes, size, to, &at, room),
                     LZMA_OK);
    return at;
}

static size_t pack_zstd(uint8_t *to, size_t room, const void *bytes, size_t size) {
    size_t packed = ZSTD_compress(to, room, bytes, size, 1);
    assert_false(ZSTD_isError(packed));
    return packed;
}

static size_t pack_lz4(uint8_t *to, size_t room, const void *bytes, size_t size) {
    const LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB,
                      .contentChecksumFlag = LZ4F_contentChecksumEnabled}};
    size_t packed = LZ4F_compressFrame(to, room, bytes, size, &preferences);
    assert_false(LZ4F_isError(packed));
    return packed;
}

void put_packed(struct pcap_bytes *to, enum packed_way way, const void *bytes, size_t size) {
    static size_t (*const pack[])(uint8_t *, size_t, const void *, size_t) = {
        [PACKED_GZIP] = pack_gzip,
        [PACKED_XZ] = pack_xz,
        [PACKED_ZSTD] = pack_zstd,
        [PACKED_LZ4] = pack_lz4,
    };
    size_t room = 2 * size + ROOM_SPARE;
    uint8_t *packed = malloc(room);
    assert_non_null(packed);
    put_bytes(to, packed, pack[way](packed, room, bytes, size));
    free(packed);
}

#else

void need_packed(void) {
    SKIP("compressed files: the libraries are not built in: scripts/install-deps --all");
}

void put_packed(struct pcap_bytes *to, enum packed_way way, const void *bytes, size_t size) {
    (void)to;
    (void)way;
    (void)bytes;
    (void)size;
}

#endif
