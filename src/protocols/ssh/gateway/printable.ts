import { utf8Length } from '../../../masking/stream/utf8.ts'

/** Bytes as text, with those that are not UTF-8 as `\xNN`. */
export const printable = (bytes: Buffer): string => {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = utf8Length(bytes, at)
    text +=
      length === 0 ? `\\x${bytes.readUInt8(at).toString(16).padStart(2, '0')}` : bytes.toString('utf8', at, at + length)
    at += Math.max(1, length)
  }
  return text
}
