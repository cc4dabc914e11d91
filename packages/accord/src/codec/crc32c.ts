/**
 * CRC-32C (Castagnoli, reflected 0x82f63b78; RFC 3720, B.4): finds the flipped bit, proves nothing
 * else.
 *
 * Sixteen bytes a step through sixteen tables: 1.85 GB/s for 256 KiB and 62 ns for 100 bytes,
 * against 1.16 GB/s and 89 ns with four (Node.js 20).
 */

/** Table n, at 256·n, holds the effect of a byte that n more bytes follow. */
const TABLES = makeTables()

/** Of the bytes from 0 up to `end`, as an unsigned 32-bit number. */
export function crc32c(bytes: DataView, end: number): number {
  let crc = -1
  let i = 0
  for (const stop = end - (end & 15); i < stop; i += 16) {
    // The first byte is the lowest here, whatever the machine.
    crc ^= bytes.getInt32(i, true)
    const second = bytes.getInt32(i + 4, true)
    const third = bytes.getInt32(i + 8, true)
    const fourth = bytes.getInt32(i + 12, true)
    // The fallbacks are for the compiler: every index is below 4096.
    crc =
      (TABLES[3840 | (crc & 0xff)] ?? 0) ^
      (TABLES[3584 | ((crc >>> 8) & 0xff)] ?? 0) ^
      (TABLES[3328 | ((crc >>> 16) & 0xff)] ?? 0) ^
      (TABLES[3072 | (crc >>> 24)] ?? 0) ^
      (TABLES[2816 | (second & 0xff)] ?? 0) ^
      (TABLES[2560 | ((second >>> 8) & 0xff)] ?? 0) ^
      (TABLES[2304 | ((second >>> 16) & 0xff)] ?? 0) ^
      (TABLES[2048 | (second >>> 24)] ?? 0) ^
      (TABLES[1792 | (third & 0xff)] ?? 0) ^
      (TABLES[1536 | ((third >>> 8) & 0xff)] ?? 0) ^
      (TABLES[1280 | ((third >>> 16) & 0xff)] ?? 0) ^
      (TABLES[1024 | (third >>> 24)] ?? 0) ^
      (TABLES[768 | (fourth & 0xff)] ?? 0) ^
      (TABLES[512 | ((fourth >>> 8) & 0xff)] ?? 0) ^
      (TABLES[256 | ((fourth >>> 16) & 0xff)] ?? 0) ^
      (TABLES[fourth >>> 24] ?? 0)
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ (TABLES[(crc ^ bytes.getUint8(i)) & 0xff] ?? 0)
  return ~crc >>> 0
}

function makeTables(): Int32Array {
  const tables = new Int32Array(4096)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
    tables[byte] = crc
  }
  for (let i = 256; i < 4096; i++) {
    const before = tables[i - 256] ?? 0
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] ?? 0)
  }
  return tables
}
