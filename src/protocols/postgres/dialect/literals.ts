/** Where a constant begins in the text, in bytes, as the parser counts. */
export interface LiteralPlace {
  readonly at: number
  /** Of a number with a minus before it: where that is. The grammar takes both for one constant. */
  readonly signAt: number | undefined
}

/** Constants and comments of a text, in order. Spec: PostgreSQL manual, 4.1 Lexical Structure. */
export const literalsAndComments = (sql: string): RegExpExecArray[] =>
  [...sql.matchAll(LITERAL)].filter(([literal]) => !literal.startsWith('"'))

export const isComment = (literal: string): boolean => literal.startsWith('--') || literal.startsWith('/*')

export function placesIn(sql: string): LiteralPlace[] {
  const places: LiteralPlace[] = []
  let characters = 0
  let bytes = 0
  for (const { 0: literal, index } of literalsAndComments(sql)) {
    if (isComment(literal)) continue
    bytes += Buffer.byteLength(sql.slice(characters, index))
    characters = index
    // Space is ASCII: so many characters are as many bytes.
    const sign = /^[.\d]/.test(literal) ? SIGN.exec(sql.slice(Math.max(0, index - LONGEST_SIGN), index)) : null
    places.push({ at: bytes, signAt: sign === null ? undefined : bytes - sign[0].length })
  }
  return places
}

const SIGN = /-[ \t\n\r\f\v]*$/
const LONGEST_SIGN = 20

// Quoted identifiers are matched too, so that a quote inside one does not look like the start of a constant.
// An unfinished constant runs to the end of the text. A digit within a name or a parameter ($1) begins no number.
const LITERAL =
  /"(?:[^"]|"")*(?:"|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\1\$|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(?<![\w$\u0080-\uffff])\.?\d[\w.]*/g
