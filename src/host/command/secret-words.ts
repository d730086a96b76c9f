import { forEachChild, parse, type Command, type SyntaxNode, type Word as WordNode, type WordPart } from 'unbash'
import { literal } from './words.ts'

export interface Span {
  readonly start: number
  readonly end: number
}

/** Where secrets stand in a command line, by the grammar of the shell. */
export interface SecretWords {
  /** Values in quotes that are whole words, or the ends of words, behind what passwords are called, without the quotes around them. */
  readonly values: readonly Span[]
  /** What the shell puts something else in place of: substitutions of commands and variables. No secret reaches into one from outside. */
  readonly expansions: readonly Span[]
}

/**
 * The secrets of a command line that only quotes show: `--password 'a b'`, `PGPASSWORD="a b"`, `curl -u 'jane:a b'`, also in the text that is given to
 * `sh -c`. Undefined where the text cannot be read by the grammar, is long, or has nothing of the kind.
 */
export function secretWords(text: string): SecretWords | undefined {
  if (text.length > MAX_LENGTH || (text.match(/[({`]|<</g)?.length ?? 0) > MAX_OPENERS || !MAY_BE_SECRET.test(text))
    return undefined
  try {
    const found: Found = { text, values: [], expansions: [] }
    return readScript(found, text, 0, 0) ? found : undefined
  } catch {
    // Nested too deeply for the parser.
    return undefined
  }
}

interface Found {
  readonly text: string
  readonly values: Span[]
  readonly expansions: Span[]
}

/** `script` begins at `offset`. */
function readScript(found: Found, script: string, offset: number, depth: number): boolean {
  const tree = parse(script)
  if (tree.errors !== undefined && tree.errors.length > 0) return false
  visit(found, tree, offset, depth)
  return true
}

function visit(found: Found, node: SyntaxNode, offset: number, depth: number): void {
  if (EXPANSIONS.has(node.type)) found.expansions.push({ start: offset + node.pos, end: offset + node.end })
  if (node.type === 'Command') readCommand(found, node, offset)
  if (node.type === 'Assignment' && node.value.type === 'Word' && CALLED_SECRET.test(node.name ?? ''))
    addBehind(found, node.value, offset, NO_PREFIX)
  // What is in quotes may be a script of its own, as for `sh -c`.
  if ((node.type === 'SingleQuoted' || node.type === 'DoubleQuoted') && depth < MAX_DEPTH) {
    const inner = found.text.slice(offset + node.pos + 1, offset + node.end - 1)
    if (/\s/.test(inner) && /["']/.test(inner) && !inner.includes('\\') && MAY_BE_SECRET.test(inner))
      readScript(found, inner, offset + node.pos + 1, depth + 1)
  }
  forEachChild(node, (child) => visit(found, child, offset, depth))
}

function readCommand(found: Found, { name, args }: Command, offset: number): void {
  let own: SecretOption | undefined
  let before = ''
  for (const word of name === undefined ? args : [name, ...args]) {
    if (word.type !== 'Word') continue
    const text = literal(word) ?? ''
    if (OPTION_OF_SECRET.test(before)) addBehind(found, word, offset, NO_PREFIX)
    else if (own?.next?.test(before) === true) addBehind(found, word, offset, own.prefix ?? NO_PREFIX)
    else if (own?.joined?.test(word.text) === true) addBehind(found, word, offset, own.joined)
    else if (!isOneText(word)) addBehind(found, word, offset, ENDS_IN_NAME)
    // What begins with a dash is an option to whatever program; as a script of its own it would have to go on behind one of these signs.
    else if (!/[;|&$`()<>\n]/.test(word.value)) addBehind(found, word, offset, OPTION_IN_QUOTES)
    before = text
    // The program itself, or one that it runs.
    own = SECRET_OPTIONS.get(text.split('/').at(-1) ?? '') ?? own
  }
}

/** The word from the end of `prefix` on, without quotes around that. */
function addBehind(found: Found, word: WordNode, offset: number, prefix: RegExp): void {
  const match = prefix.exec(word.text)
  if (match === null || !isPlain(word.parts)) return
  const opened = /["']/.exec(match[0])?.[0] ?? ''
  const rest = word.text.slice(match[0].length)
  const quote = opened === '' ? (/^["']/.exec(rest)?.[0] ?? '') : opened
  const start = offset + word.pos + match[0].length + (opened === '' ? quote.length : 0)
  const end = offset + word.end - (quote !== '' && word.text.endsWith(quote) ? 1 : 0)
  if (start < end) found.values.push({ start, end })
}

/** All of it is in one pair of quotes. */
const isOneText = ({ parts = [] }: WordNode): boolean => parts.length === 1 && QUOTED.has(parts[0]?.type ?? '')

/** What it is to the program does not depend on anything else. */
const isPlain = (parts: readonly WordPart[] = []): boolean =>
  parts.every(
    (part) =>
      part.type === 'Literal' ||
      part.type === 'SingleQuoted' ||
      (part.type === 'DoubleQuoted' && part.parts.every(({ type }) => type === 'Literal')),
  )

const QUOTED: ReadonlySet<string> = new Set(['SingleQuoted', 'DoubleQuoted'])
const EXPANSIONS: ReadonlySet<string> = new Set([
  'CommandExpansion',
  'ProcessSubstitution',
  'ArithmeticExpansion',
  'ParameterExpansion',
  'SimpleExpansion',
])

const NAMES = 'pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key'
const CALLED_SECRET = new RegExp(`(?:${NAMES})$`, 'i')
/** An option by itself, whose value is the next word. */
const OPTION_OF_SECRET = new RegExp(`^--?[\\w-]*(?:${NAMES})$`, 'i')
/** Behind it quotes begin. */
const ENDS_IN_NAME = new RegExp(`^[^"'\\\\]*(?:${NAMES})[=:](?=["'])`, 'i')
const OPTION_IN_QUOTES = new RegExp(`^["']--?[\\w-]*(?:${NAMES})[=:]`, 'i')
const NO_PREFIX = /^/

/**
 * Options of programs that take a secret and do not say so by their names: behind `next` it is the next word, from the end of `prefix` on; `joined` is
 * what a word begins with that ends in one.
 */
interface SecretOption {
  readonly next?: RegExp
  readonly prefix?: RegExp
  readonly joined?: RegExp
}

const SECRET_OPTIONS: ReadonlyMap<string, SecretOption> = new Map([
  ...['mysql', 'mysqldump', 'mysqladmin', 'mariadb', 'mariadb-dump', 'mariadb-admin'].map(
    (program): [string, SecretOption] => [program, { joined: /^["']?-p/ }],
  ),
  ['sshpass', { next: /^-p$/, joined: /^["']?-p/ }],
  [
    'curl',
    {
      next: /^(?:-u|-U|--user|--proxy-user)$/,
      prefix: /^["']?[^:"']*:/,
      joined: /^["']?(?:-[uU]|--(?:proxy-)?user=)[^:"']*:/,
    },
  ],
  ['redis-cli', { next: /^-a$/ }],
  ...['ldapsearch', 'ldapmodify', 'ldapadd', 'ldapdelete', 'ldappasswd'].map((program): [string, SecretOption] => [
    program,
    { next: /^-w$/, joined: /^["']?-w/ },
  ]),
])
const MAY_BE_SECRET = new RegExp(`${NAMES}|${[...SECRET_OPTIONS.keys()].join('|')}`, 'i')

const MAX_LENGTH = 4000
const MAX_OPENERS = 100
const MAX_DEPTH = 3
