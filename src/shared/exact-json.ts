/**
 * JSON as the gateway writes it. A field that is there twice, white space, or another spelling of the same value means to one reader
 * what it does not mean to another, and no signature covers it: such a text is refused. Throws where it is none or not exact.
 */
export function parseExactJson(text: string): unknown {
  const value = parsed(text)
  // Other readers go to another depth before they give up.
  if (isDeeper(value, MAX_DEPTH)) throw new SyntaxError('has values nested too deep')
  if (JSON.stringify(value) !== text) throw new SyntaxError('is not JSON as the gateway writes it')
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    // Its words for that are another's, and of each version of Node others.
    throw new SyntaxError('is not JSON', { cause })
  }
}

const isDeeper = (value: unknown, depth: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1)))

const MAX_DEPTH = 100
