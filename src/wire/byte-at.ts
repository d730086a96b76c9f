/**
 * The byte at a place that is within the bytes. Throws a RangeError where it is not: a mistake of ours, which must not be taken for a
 * value. In compiled code the check is the one that reading makes anyway.
 */
export function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new RangeError(`no byte at ${at} of ${bytes.length}`)
  return byte
}
