/**
 * The text form of the server's own trees (pg_node_tree, and what debug_print_parse prints): `{QUERY :commandType 1 …}`. Nodes with named
 * fields, lists, and tokens; which nodes and fields exist differs from version to version and does not matter here. Source: nodeToString in
 * the server's outfuncs.c, and pg_strtok in read.c, which reads it back.
 */
export interface TreeNode {
  /** As printed: `QUERY`, `VAR`. */
  readonly tag: string
  readonly fields: ReadonlyMap<string, TreeValue>
}

/** Null is `<>`, a list is an array; lists of numbers begin with a token of one letter, `i`, `o`, `b` or `x`. */
export type TreeValue = null | string | TreeNode | readonly TreeValue[]

export const isList = (value: TreeValue | undefined): value is readonly TreeValue[] => Array.isArray(value)
export const isNode = (value: TreeValue | undefined): value is TreeNode =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export class TreeError extends Error {}

/**
 * Parses a tree as a message shows it, broken into lines of 78 characters at blanks. Throws a TreeError unless the text is exactly one
 * tree.
 */
export function readNodeTree(printed: string): TreeNode {
  if (printed.length > MAX_LENGTH) throw new TreeError('it is too long')
  // A token that fills a line is broken inside, perhaps between a backslash and the character that it escapes.
  for (const line of printed.split('\n'))
    if (line.length >= LINE && !line.includes(' ', 1)) throw new TreeError('a name in it is too long')
  const reader = new Reader(printed)
  const root = reader.value(0)
  if (!isNode(root) || reader.token() !== undefined) throw new TreeError('it is not a tree')
  return root
}

class Reader {
  readonly #text: string
  #at = 0
  #left = MAX_VALUES

  constructor(text: string) {
    this.#text = text
  }

  /** The next token; a parenthesis or brace is a token by itself. Undefined at the end. */
  token(): string | undefined {
    const text = this.#text
    let at = this.#at
    while (isBlank(text.charCodeAt(at))) at++
    if (at >= text.length) return undefined
    const start = at
    if (isBracket(text.charCodeAt(at))) at++
    else
      while (at < text.length && !isBlank(text.charCodeAt(at)) && !isBracket(text.charCodeAt(at)))
        // The character after a backslash is part of the token, whatever it is.
        at += text[at] === '\\' && at + 1 < text.length ? 2 : 1
    this.#at = at
    return text.slice(start, at)
  }

  value(depth: number): TreeValue {
    return this.#valueOf(this.#due(), depth)
  }

  #valueOf(token: string, depth: number): TreeValue {
    if (depth > DEEPEST || --this.#left < 0) throw new TreeError('it is too large')
    switch (token) {
      case '<>':
        return null
      case '{':
        return this.#node(depth)
      case '(': {
        const list: TreeValue[] = []
        for (let next = this.#due(); next !== ')'; next = this.#due()) list.push(this.#valueOf(next, depth + 1))
        return list
      }
      case '}':
      case ')':
        throw new TreeError('a bracket closes what was not opened')
      default:
        return token
    }
  }

  #node(depth: number): TreeNode {
    const tag = this.#due()
    if (!/^[A-Z_0-9]+$/.test(tag)) throw new TreeError('a node in it has no name')
    const fields = new Map<string, TreeValue>()
    for (let label = this.#due(); label !== '}'; label = this.#due()) {
      // A user-defined name can look like a label, so each label takes exactly one value, whatever it looks like.
      if (!/^:[A-Za-z_0-9]+(?:\.[A-Za-z_0-9]+)?$/.test(label)) throw new TreeError(`${tag} has a field without a name`)
      const name = label.slice(1)
      if (fields.has(name)) throw new TreeError(`${tag} has a field twice`)
      const value = this.value(depth + 1)
      fields.set(name, tag === 'CONST' && name === 'constvalue' && value !== null ? this.#bytes() : value)
    }
    return { tag, fields }
  }

  /** `[ 24 0 0 0 ]` after the length: the bytes of a constant, whose value does not matter. */
  #bytes(): TreeValue {
    if (this.#due() !== '[') throw new TreeError('a constant has no value')
    for (let token = this.#due(); token !== ']'; token = this.#due())
      if (!/^-?\d{1,3}$/.test(token)) throw new TreeError('a constant has no value')
    return 'value'
  }

  #due(): string {
    const token = this.token()
    if (token === undefined) throw new TreeError('it ends early')
    return token
  }
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x09
const isBracket = (code: number): boolean => code === 0x28 || code === 0x29 || code === 0x7b || code === 0x7d

/** In characters of one tree; that of a SELECT of a thousand columns has about half a million. */
const MAX_LENGTH = 4 * 1024 * 1024
const MAX_VALUES = 500_000
/** A sum of a thousand terms is two thousand levels deep; the server's own stack allows somewhat more. */
const DEEPEST = 2500
/** LINELEN in the server's print.c. */
const LINE = 78
