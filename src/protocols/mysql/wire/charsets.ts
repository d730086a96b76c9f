import { byteAt } from '../../../wire/byte-at.ts'

/**
 * Character sets whose texts the gateway reads byte for byte as the server does: ASCII characters are unchanged in each, and no byte of a
 * longer character is an ASCII byte. In others (gbk, sjis, big5, ucs2) a backslash or quote may be part of a character.
 */
export type Charset = 'utf8mb4' | 'utf8mb3' | 'latin1' | 'ascii' | 'binary'

/**
 * The character set of a collation's number, undefined if it is not supported. Source: information_schema.collations of MariaDB 10.11 and
 * MySQL 8.4.
 */
export function charsetOfCollation(id: number): Charset | undefined {
  return RANGES.find(([from, to]) => id >= from && id <= to)?.[2]
}

/**
 * The name of a character set as servers write it; `utf8` is either of two, depending on a server setting, and is read as the larger one.
 */
export function charsetNamed(name: string): Charset | undefined {
  return NAMES.get(name.toLowerCase())
}

/**
 * The characters of a text; undefined if its bytes are not valid in the character set. `latin1` is Windows-1252 in MySQL, where the five
 * bytes that are unassigned there represent the control characters with the same number. In `binary` each byte is a character.
 */
export function decodeText(bytes: Uint8Array, charset: Charset): string | undefined {
  switch (charset) {
    case 'utf8mb4':
    case 'utf8mb3':
      try {
        return strict.decode(bytes)
      } catch {
        return undefined
      }
    case 'latin1':
      return decodeLatin1(bytes)
    case 'binary':
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    case 'ascii':
      return bytes.every((byte) => byte < 0x80) ? Buffer.from(bytes).toString('latin1') : undefined
  }
}

/** The characters of a text in `latin1`, where each byte is a character. */
export const decodeLatin1 = (bytes: Uint8Array): string => windows1252.decode(bytes)

/**
 * The same for a statement, whose constants may have bytes that are not valid UTF-8, as drivers write those of a BLOB: each is represented
 * by a lone surrogate, U+DC00 plus its number. Lone surrogates occur nowhere else.
 */
export function decodeStatement(bytes: Uint8Array, charset: Charset): string | undefined {
  const text = decodeText(bytes, charset)
  return text === undefined && (charset === 'utf8mb4' || charset === 'utf8mb3') ? decodeLoosely(bytes) : text
}

function decodeLoosely(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length)
  let count = 0
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    const first = byteAt(bytes, at)
    if (length === 0) units[count++] = LOW_HALF + first
    else if (length === 1) units[count++] = first
    else {
      let code = first & (0x7f >> length)
      for (let n = 1; n < length; n++) code = (code << 6) | (byteAt(bytes, at + n) & 0x3f)
      if (code > 0xffff) units[count++] = 0xd7c0 + (code >> 10)
      units[count++] = code > 0xffff ? LOW_HALF + (code & 0x3ff) : code
    }
    at += Math.max(length, 1)
  }
  return Buffer.from(units.buffer, 0, count * 2).toString('utf16le')
}

const LOW_HALF = 0xdc00

/** The number of bytes of the character that begins here; 0 if the bytes are not valid. Source: Unicode Standard, table 3-7. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = byteAt(bytes, at)
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  const second = bytes[at + 1] ?? 0
  const from = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const to = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (length === 0 || second < from || second > to) return 0
  for (let n = 2; n < length; n++) if (((bytes[at + n] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const windows1252 = new TextDecoder('windows-1252')

const NAMES: ReadonlyMap<string, Charset> = new Map([
  ['utf8mb4', 'utf8mb4'],
  ['utf8mb3', 'utf8mb3'],
  ['utf8', 'utf8mb3'],
  ['latin1', 'latin1'],
  ['ascii', 'ascii'],
  ['binary', 'binary'],
])

const RANGES: readonly (readonly [from: number, to: number, charset: Charset])[] = [
  [5, 5, 'latin1'],
  [8, 8, 'latin1'],
  [11, 11, 'ascii'],
  [15, 15, 'latin1'],
  [31, 31, 'latin1'],
  [33, 33, 'utf8mb3'],
  [45, 46, 'utf8mb4'],
  [47, 49, 'latin1'],
  [63, 63, 'binary'],
  [65, 65, 'ascii'],
  [76, 76, 'utf8mb3'],
  [83, 83, 'utf8mb3'],
  [94, 94, 'latin1'],
  [192, 215, 'utf8mb3'],
  [223, 223, 'utf8mb3'],
  [224, 247, 'utf8mb4'],
  // MySQL 8: utf8mb4_0900_ai_ci and its family.
  [255, 323, 'utf8mb4'],
  // MariaDB's own: Croatian and Myanmar collations, NO PAD collations, and from 10.10 on those of UCA 14.
  [576, 578, 'utf8mb3'],
  [608, 610, 'utf8mb4'],
  [1032, 1032, 'latin1'],
  [1035, 1035, 'ascii'],
  [1057, 1057, 'utf8mb3'],
  [1069, 1070, 'utf8mb4'],
  [1071, 1071, 'latin1'],
  [1089, 1089, 'ascii'],
  [1107, 1107, 'utf8mb3'],
  [1216, 1216, 'utf8mb3'],
  [1238, 1238, 'utf8mb3'],
  [1248, 1248, 'utf8mb4'],
  [1270, 1270, 'utf8mb4'],
  [2048, 2247, 'utf8mb3'],
  [2304, 2503, 'utf8mb4'],
]
