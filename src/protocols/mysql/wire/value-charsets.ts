import { isUtf8 } from 'node:buffer'
import { charsetOfCollation, decodeLatin1 } from './charsets.ts'

/** A text of a result, and a function that encodes a replacement; undefined if its character set cannot encode that. */
export interface DecodedText {
  readonly text: string
  readonly encode: (text: string) => Buffer | undefined
}

/**
 * The encoding of texts in results that have the character set of their own column, because the client has asked for no other
 * (`character_set_results` is NULL). `bytes`: ASCII characters are unchanged, and every other byte is treated as one character.
 */
export type ValueCharset = 'utf8' | 'latin1' | 'utf16be' | 'utf16le' | 'utf32be' | 'bytes'

/** Undefined for binary, for unknown collations, and for swe7, in which some ASCII codes are other letters. */
export function valueCharset(collation: number): ValueCharset | undefined {
  switch (charsetOfCollation(collation)) {
    case 'utf8mb4':
    case 'utf8mb3':
      return 'utf8'
    case 'latin1':
      return 'latin1'
    case 'ascii':
      return 'bytes'
    case 'binary':
      return undefined
    case undefined:
      return RANGES.find(([from, to]) => collation >= from && collation <= to)?.[2]
  }
}

/** Undefined if the bytes are not valid in the character set. */
export function decodeValue(bytes: Buffer, charset: ValueCharset): DecodedText | undefined {
  switch (charset) {
    case 'utf8':
      return isUtf8(bytes) ? { text: bytes.toString('utf8'), encode: (text) => Buffer.from(text, 'utf8') } : undefined
    case 'latin1':
      return { text: decodeLatin1(bytes), encode: encodeLatin1 }
    case 'bytes':
      return decodeBytes(bytes)
    case 'utf16le':
      return bytes.length % 2 === 0
        ? { text: bytes.toString('utf16le'), encode: (text) => Buffer.from(text, 'utf16le') }
        : undefined
    case 'utf16be':
      return bytes.length % 2 === 0
        ? {
            text: Buffer.from(bytes).swap16().toString('utf16le'),
            encode: (text) => Buffer.from(text, 'utf16le').swap16(),
          }
        : undefined
    case 'utf32be':
      return decodeUtf32(bytes)
  }
}

/** Bytes without a character set, each as one character. */
export const decodeBytes = (bytes: Buffer): DecodedText => ({ text: bytes.toString('latin1'), encode: encodeBytes })

function decodeUtf32(bytes: Buffer): DecodedText | undefined {
  if (bytes.length % 4 !== 0) return undefined
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const code = bytes.readUInt32BE(at)
    if (code > 0x10ffff) return undefined
    text += String.fromCodePoint(code)
  }
  return { text, encode: encodeUtf32 }
}

function encodeUtf32(text: string): Buffer {
  const codes = [...text].map((character) => character.codePointAt(0) ?? 0)
  const bytes = Buffer.alloc(codes.length * 4)
  for (const [index, code] of codes.entries()) bytes.writeUInt32BE(code, index * 4)
  return bytes
}

function encodeLatin1(text: string): Buffer | undefined {
  const bytes = Buffer.alloc(text.length)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    const byte = code < 0x80 || (code >= 0xa0 && code < 0x100) ? code : LATIN1_OF.get(text.charAt(index))
    if (byte === undefined) return undefined
    bytes[index] = byte
  }
  return bytes
}

const encodeBytes = (text: string): Buffer | undefined => {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0xff) return undefined
  return Buffer.from(text, 'latin1')
}

/** By character: the bytes from 0x80 to 0x9f. */
const LATIN1_OF = new Map(
  Array.from({ length: 0x20 }, (_, index) => [decodeLatin1(Buffer.of(0x80 + index)), 0x80 + index]),
)

/**
 * Character sets that clients cannot use for a connection. Source: information_schema.collations of MariaDB 10.11 and 11.4, and of MySQL
 * 8.4.
 */
const RANGES: readonly (readonly [from: number, to: number, charset: ValueCharset])[] = [
  [35, 35, 'utf16be'],
  [54, 55, 'utf16be'],
  [56, 56, 'utf16le'],
  [60, 61, 'utf32be'],
  [62, 62, 'utf16le'],
  [90, 90, 'utf16be'],
  [101, 124, 'utf16be'],
  [128, 151, 'utf16be'],
  [159, 159, 'utf16be'],
  [160, 183, 'utf32be'],
  [640, 642, 'utf16be'],
  [672, 674, 'utf16be'],
  [736, 738, 'utf32be'],
  [1059, 1059, 'utf16be'],
  [1078, 1079, 'utf16be'],
  [1080, 1080, 'utf16le'],
  [1084, 1085, 'utf32be'],
  [1086, 1086, 'utf16le'],
  [1114, 1114, 'utf16be'],
  [1125, 1125, 'utf16be'],
  [1147, 1147, 'utf16be'],
  [1152, 1152, 'utf16be'],
  [1174, 1174, 'utf16be'],
  [1184, 1184, 'utf32be'],
  [1206, 1206, 'utf32be'],
  [2560, 2759, 'utf16be'],
  [2816, 3015, 'utf16be'],
  [3072, 3271, 'utf32be'],
  // armscii8, big5, cp125x, cp85x, cp866, cp932, dec8, eucjpms, euckr, gb18030, gb2312, gbk, geostd8, greek, hebrew, hp8, keybcs2, koi8r,
  // koi8u, latin2, latin5, latin7, macce, macroman, sjis, tis620, ujis: no part of a longer character is a digit or a sign below "@".
  [1, 4, 'bytes'],
  [6, 7, 'bytes'],
  [9, 9, 'bytes'],
  [12, 14, 'bytes'],
  [16, 16, 'bytes'],
  [18, 30, 'bytes'],
  [32, 32, 'bytes'],
  [34, 34, 'bytes'],
  [36, 44, 'bytes'],
  [50, 53, 'bytes'],
  [57, 59, 'bytes'],
  [64, 64, 'bytes'],
  [66, 75, 'bytes'],
  [77, 81, 'bytes'],
  [84, 89, 'bytes'],
  [91, 93, 'bytes'],
  [95, 99, 'bytes'],
  [248, 250, 'bytes'],
  [1025, 1028, 'bytes'],
  [1030, 1031, 'bytes'],
  [1033, 1033, 'bytes'],
  [1036, 1038, 'bytes'],
  [1040, 1056, 'bytes'],
  [1058, 1058, 'bytes'],
  [1060, 1068, 'bytes'],
  [1072, 1077, 'bytes'],
  [1081, 1083, 'bytes'],
  [1088, 1088, 'bytes'],
  [1090, 1105, 'bytes'],
  [1108, 1113, 'bytes'],
  [1115, 1117, 'bytes'],
  [1119, 1122, 'bytes'],
]
