/**
 * Whether the name of a database matches a pattern of GRANT: `%` for any characters, `_` for one, and a backslash before a literal one. Source: MySQL manual,
 * GRANT Statement, and wild_compare() in strings.cc. By hand: as an expression, a pattern of many `%` takes a power of the length of the name.
 */
export function matchesGrantPattern(name: string, pattern: string): boolean {
  const characters = [...name]
  const signs = pattern.match(/\\?[\s\S]/gu) ?? []
  let [at, sign] = [0, 0]
  /** The last `%`, and where what follows it was tried last: no earlier one needs to take more. */
  let any: { sign: number; at: number } | undefined
  while (at < characters.length) {
    const next = signs[sign]
    if (next === '%') any = { sign: ++sign, at }
    else if (next !== undefined && (next === '_' || literalOf(next) === characters[at])) {
      at++
      sign++
    } else if (any === undefined) return false
    else {
      any = { sign: any.sign, at: any.at + 1 }
      ;({ at, sign } = any)
    }
  }
  return signs.slice(sign).every((left) => left === '%')
}

const literalOf = (sign: string): string => (sign.length > 1 && sign.startsWith('\\') ? sign.slice(1) : sign)
