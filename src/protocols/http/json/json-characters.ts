/** The characters of JSON's structure (RFC 8259, section 2), as bytes in UTF-8 and as units of a text. */
export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const OBJECT = 0x7b
export const OBJECT_END = 0x7d
export const ARRAY = 0x5b
export const ARRAY_END = 0x5d
export const COLON = 0x3a
export const COMMA = 0x2c

/** Insignificant whitespace. */
export const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09
