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

/* In the header of the only block: its filter, LZMA2, has one byte of settings. */
static void widen_xz(uint8_t *packed) {
    enum { BLOCK = 12, HAS_SIZES = 0xc0, LZMA2 = 0x21, DICTIONARY_2_GB = 38 };
    size_t length = ((size_t)packed[BLOCK] + 1) * 4, at = BLOCK + 2;
    assert_int_equal(packed[BLOCK + 1], HAS_SIZES);
    for (unsigned sizes = 0; sizes < 2; at++) /* seven bits a byte, the last one below 0x80 */
        sizes += packed[at] < 0x80;
    assert_true(packed[at] == LZMA2 && packed[at + 1] == 1);
    packed[at + 2] = DICTIONARY_2_GB;
    uint32_t sum = lzma_crc32(packed + BLOCK, length - 4, 0);
    memcpy(packed + BLOCK + length - 4, &sum, sizeof sum);
}

void put_packed_wide(struct pcap_bytes *to, enum packed_way way, const void *bytes, size_t size) {
    /* One raw block, the last, of a frame without its size, whose window is 2^31. */
    const uint8_t zstd[] = {
        0x28, 0xb5, 0x2f, 0xfd, 0, (31 - 10) << 3, (uint8_t)(size << 3 | 1), (uint8_t)(size >> 5),
        0};
    size_t begin = to->size;
    if (way == PACKED_ZSTD) {
        assert_true(size < 2048);
        put_bytes(to, zstd, sizeof zstd);
        put_bytes(to, bytes, size);
        return;
    }
    assert_int_equal(way, PACKED_XZ);
    put_packed(to, way, bytes, size);
    widen_xz(to->data + begin);
}

#else

void put_packed_wide(struct pcap_bytes *to, enum packed_way way, const void *bytes, size_t size) {
    put_packed(to, way, bytes, size);
}

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
