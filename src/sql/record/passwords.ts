import type { Span } from '../../masking/detectors/detector.ts'

/**
 * Passwords and keys in a text of SQL, without the quotes around them: behind `IDENTIFIED BY`, in `PASSWORD('…')` and the key of functions that encrypt, behind a column or
 * an option that is called so, in JSON and in URLs; also within texts that are run as statements and in bodies of routines, which are constants or unread to
 * the parser. What a user variable holds stays: it may be run.
 */
export function findPasswords(text: string): Span[] {
  if (!MAY_BE_PASSWORD.test(text)) return NONE
  return PATTERNS.flatMap((pattern) =>
    Array.from(text.matchAll(pattern)).flatMap(({ index, 0: whole, 1: value = '' }) => {
      const end = index + whole.length
      return OF_VARIABLE.test(text.slice(Math.max(0, index - 64), index)) ? NONE : { start: end - value.length, end }
    }),
  )
}

const NONE: Span[] = []
const MAY_BE_PASSWORD = /pass|pwd|secret|token|api_?key|access_?key|identified|crypt|:\/\//i
const NAMES = 'pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key'
const OF_VARIABLE = /@[\w$]*$/
/** Quotes may be escaped, or doubled, in a text within another. */
const QUOTED = String.raw`\s{0,64}(?:_\w{1,32}\s{0,8})?\\{0,8}["']{1,2}([^"'\\]{1,65536})`

/** Each ends in its one group. Repetitions have limits, so that no text takes the square of its length. */
const PATTERNS: readonly RegExp[] = [
  // `password = 'x'`, `"token": "x"`.
  String.raw`(?:${NAMES})\\{0,8}["'\x60]{0,2}\s{0,64}(?::=|[=:])${QUOTED}`,
  // Options of servers and engines: `PASSWORD 'x'`.
  String.raw`password\s${QUOTED}`,
  String.raw`identified\s{1,64}(?:by|as|(?:via|with)\s{1,64}["'\x60]?\w{1,64}["'\x60]?\s{1,64}(?:using|by|as))(?:\s{1,64}password)?${QUOTED}`,
  String.raw`(?:password|\bcrypt)\s{0,8}\(${QUOTED}`,
  String.raw`(?:aes|des|pgp_sym)_(?:en|de)crypt(?:_bytea)?\s{0,8}\([^()]{0,1000},${QUOTED}`,
  String.raw`:\/\/[^\s:\/@"']{1,64}:([^\s"'\/@]{1,256})(?=@)`,
].map((pattern) => new RegExp(pattern, 'gi'))
