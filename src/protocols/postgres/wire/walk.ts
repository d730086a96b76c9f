/**
 * Inspects messages in the chunk that they arrived in, without taking them apart, for callers that know byte for byte what may arrive.
 * Every function returns -1 for anything else, and if the bytes are incomplete.
 */

/** The end of the message that begins at an offset, of at most `longest` bytes, as `Framer` determines it. */
export function endOfMessage(bytes: Buffer, at: number, longest: number): number {
  if (at + 5 > bytes.length) return -1
  const length = uint32At(bytes, at + 1)
  const end = at + 1 + length
  return length < 4 || length >= longest || end > bytes.length ? -1 : end
}

/** The offset of the first parameter in the body of a Bind of the unnamed portal. */
export function endOfBindHead(bytes: Buffer, at: number, end: number): number {
  if (at >= end || bytes[at] !== 0) return -1
  let behind = at + 1
  while (behind < end && bytes[behind] !== 0) behind++
  const formats = behind + 3
  if (formats > end) return -1
  const parameters = formats + 2 * uint16At(bytes, behind + 1) + 2
  return parameters > end ? -1 : parameters
}

/** The offset after `count` parameters of a Bind that begin at `at`. */
export function endOfParameters(bytes: Buffer, at: number, count: number, end: number): number {
  let behind = at
  for (let n = 0; n < count; n++) {
    if (behind + 4 > end) return -1
    const length = uint32At(bytes, behind)
    behind += 4
    if (length !== NULL_LENGTH) behind += length
    if (behind > end) return -1
  }
  return behind
}

/** Whether the bytes at an offset are exactly these. */
export function hasBytesAt(bytes: Buffer, at: number, expected: Buffer): boolean {
  const { length } = expected
  if (at + length > bytes.length) return false
  for (let n = 0; n < length; n++) if (bytes[at + n] !== expected[n]) return false
  return true
}

const uint16At = (bytes: Buffer, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number)

export const uint32At = (bytes: Buffer, at: number): number =>
  (bytes[at] as number) * 0x100_0000 +
  (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))

/** The length of NULL, as an unsigned number. */
export const NULL_LENGTH = 0xffff_ffff
