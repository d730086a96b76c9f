/**
 * JSON as the gateway writes it. A field that is there twice, white space, or another spelling of the same value means to one reader
 * what it does not mean to another, and no signature covers it: such a text is refused. Throws where it is none or not exact.
 */
export function parseExactJson(text: string): unknown {
  const value = JSON.parse(text) as unknown
  if (JSON.stringify(value) !== text) throw new SyntaxError('is not JSON as the gateway writes it')
  return value
}
