/** CRC-32C (RFC 3720, appendix B.4) by division, one bit of the message after the other: not as the gateway does it. */
export function crc32c(bytes: Buffer): number {
  const bits = [...bytes].flatMap((byte) => Array.from({ length: 8 }, (_, at) => (byte >> at) & 1))
  let register = Array.from({ length: 32 }, () => 1)
  for (const bit of bits) {
    const [first = 0, ...rest] = register
    const shifted = [...rest, 0]
    register = (first ^ bit) === 1 ? shifted.map((one, at) => one ^ ((0x1e_dc_6f_41 >>> (31 - at)) & 1)) : shifted
  }
  return register.reduce((sum, bit, at) => sum + (bit ^ 1) * 2 ** at, 0)
}
