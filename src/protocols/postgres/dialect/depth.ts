/**
 * Whether a part of the parser's tree has more levels than `MAX_DEPTH`: functions that map it, and those that walk what it is mapped to,
 * recurse as deeply, and a thread's stack ends them at some ten thousand calls. Walks the tree without recursion. An expression of
 * `levels` operators, casts or calls in one another has twice as many levels here, a sub-select six.
 */
export function isTooDeep(tree: unknown): boolean {
  let level: object[] = typeof tree === 'object' && tree !== null ? [tree] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true
    const below: object[] = []
    for (const node of level) addParts(node, below)
    level = below
  }
  return false
}

/** The objects directly in a node; a list adds no level. */
function addParts(node: object, to: object[]): void {
  for (const part of Object.values(node) as unknown[]) {
    if (typeof part !== 'object' || part === null) continue
    if (!Array.isArray(part)) to.push(part)
    else for (const item of part) if (typeof item === 'object' && item !== null) to.push(item)
  }
}

/** Whether a text is so short that nothing in it can have that many levels. */
export const isShallow = (sql: string): boolean => sql.length * MAX_LEVELS_PER_CHARACTER <= MAX_DEPTH

/** In objects of the tree. Names and lists of lists count as well. */
export const MAX_DEPTH = 1000
/** `a[b[c[…]]]` has four for every three characters. */
const MAX_LEVELS_PER_CHARACTER = 2
/** As for the other dialect. */
export const TOO_DEEP = 'it is nested too deeply'
