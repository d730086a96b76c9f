/**
 * Rows of digits of full width in the encodings of East Asia, as ASCII, wherever they begin: what stands before them in bytes of unknown
 * content need not be text, nor of an encoding that can be decoded here, so that a decoder may take its pairs of bytes at the wrong places.
 */
export function fullWidthDigits(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  return ENCODINGS.flatMap(({ rows, zero }) =>
    Array.from(text.matchAll(rows), ([row]) =>
      row.replaceAll(PAIR, (pair) => {
        const digit = pair.charCodeAt(1) - zero
        return pair.length === 1 ? pair : digit >= 0 && digit <= 9 && pair[0] === row[0] ? String(digit) : ' '
      }),
    ),
  )
}

/** The lead byte of the digits, the second byte of zero; and the pairs for a hyphen and a blank. */
const encoding = (lead: number, zero: number, separators: readonly string[]) => {
  const byte = (value: number): string => `\\x${value.toString(16)}`
  const digit = `${byte(lead)}[${byte(zero)}-${byte(zero + 9)}]`
  const separator = [...separators.map((pair) => pair.replaceAll(/../g, '\\x$&')), '[ .-]'].join('|')
  return { zero, rows: new RegExp(`${digit}(?:(?:${separator})?${digit}){5,}`, 'g') }
}

/** Source: what PostgreSQL's convert_to() makes of the characters U+FF10 to U+FF19, U+FF0D and U+3000. */
const ENCODINGS = [
  // EUC of China, Japan and Korea; GBK, GB18030, UHC
  encoding(0xa3, 0xb0, ['a3ad', 'a1dd', 'a2b1', 'a1a1']),
  // EUC of Taiwan
  encoding(0xa4, 0xa1, ['a2b1', 'a1a1']),
  // Big5
  encoding(0xa2, 0xaf, ['a1d0', 'a140']),
  // Shift JIS
  encoding(0x82, 0x4f, ['817c', '81af', '8140']),
  // Johab
  encoding(0xda, 0x40, ['da3d', 'd931']),
]

/** A pair of bytes of such a row, or an ASCII separator. */
const PAIR = /[ .-]|[^ .-]./gs
