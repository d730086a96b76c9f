import type { DoubleQuotedChild, ParsedScript, Word as WordNode, WordPart } from 'unbash'
import type { Word } from './options.ts'
import { ANYWHERE, placePath, tree, type Place } from './paths.ts'
import type { Settings } from './variables.ts'

/** A word of the grammar: what it is to the command, and what the shell lists to make it out. */
export interface EvaluatedWord {
  readonly word: Word
  readonly lists: readonly string[]
}

/** What the word is, where the text alone says so in every shell. */
export function evaluate(node: WordNode, settings: Settings, place: Place): EvaluatedWord {
  const text = literal(node) ?? withEchoes(node, settings)
  if (text !== null) return { word: text, lists: hasUnreadBracket(node) ? listedFor(text, place) : [] }
  return { word: unclearWord(node, settings), lists: listed(node, settings, place) }
}

export function literal(node: WordNode): string | null {
  // A tilde that is quoted stands for itself, one that is not for a home; where it is half quoted, shells differ.
  if (node.value.startsWith('~') && (node.parts !== undefined || !/^~(\/[^\\]*)?$/.test(node.text))) return null
  // What looks like an assignment may have homes in its value.
  if (/^[A-Za-z_]\w*\+?=(.*:)?~/s.test(node.text)) return null
  if (node.parts === undefined) return node.value
  let value = ''
  for (const part of node.parts) {
    const text = literalPart(part)
    if (text === null) return null
    value += text
  }
  return value
}

function literalPart(part: WordPart): string | null {
  if (part.type === 'Literal' || part.type === 'SingleQuoted') return part.value
  if (part.type !== 'DoubleQuoted') return null
  const inner = part.parts.map((child) => (child.type === 'Literal' ? child.value : null))
  return inner.includes(null) ? null : inner.join('')
}

/**
 * A word in double quotes in which `echo` says constants, as Ansible writes the directory that it makes. Without quotes the
 * shell would split what is said.
 */
function withEchoes({ parts = [] }: WordNode, settings: Settings): string | null {
  const [quoted, ...more] = parts
  if (quoted?.type !== 'DoubleQuoted' || more.length > 0 || settings.definesFunctions) return null
  // A word's text is a path to what follows, and there a tilde is a home: see literal().
  if (beginning(quoted).startsWith('~')) return null
  let value = ''
  for (const part of quoted.parts) {
    const text = part.type === 'CommandExpansion' ? echoed(part.script) : part.type === 'Literal' ? part.value : null
    if (text === null) return null
    value += text
  }
  return value
}

/** What `echo` prints of words that every shell and every `echo` takes as they are. */
function echoed(script: ParsedScript | undefined): string | null {
  const [statement, ...more] = script?.commands ?? []
  const command = statement?.command
  if (command?.type !== 'Command' || more.length > 0 || statement?.background === true) return null
  if (script?.errors !== undefined || command.name?.text !== 'echo') return null
  if (command.prefix.length > 0 || command.redirects.length > 0) return null
  const words = command.args.map((word) => (word.type === 'Word' ? word.text : ''))
  return words.length > 0 && words.every((word) => /^[\w./][\w./-]*$/.test(word)) ? words.join(' ') : null
}

/**
 * Whether bash may expand braces where the grammar sees text: a brace expansion does not end at a `}` that no comma came before, so that
 * `{x},a}` is `x}` and `a`.
 */
export const hasUnreadBrace = (node: WordNode): boolean =>
  bareText(node).includes('{') && /,|\.\./.test(node.text.slice(node.text.indexOf('{')))

/**
 * Whether the grammar took an operator for text: a shell ends the word there, as bash does in `{x}<(…)`, where the grammar sees the name
 * of a descriptor (POSIX.1-2017, 2.3: token recognition).
 */
export const hasUnreadOperator = (node: WordNode): boolean => /[<>;&]/.test(bareText(node))

/**
 * Whether bash looks through a directory where the grammar sees text: to it, any `[` before a `]` begins a pattern, also where the brackets
 * are empty (`unquoted_glob_pattern_p` in pathexp.c).
 */
const hasUnreadBracket = (node: WordNode): boolean => {
  const text = bareText(node)
  return text.includes('[') && text.indexOf('[') < text.lastIndexOf(']')
}

/** Where the names stand that the brackets in a text are compared with: the first of them may be quoted. */
function listedFor(text: string, place: Place): string[] {
  const at = text.indexOf('[')
  const directory = placePath(directoryOf(text.slice(0, at)), place)
  return text.includes('/', at) ? [...tree(directory)] : [directory]
}

/** What of a word stands neither in quotes nor behind a backslash. */
function bareText({ text, parts }: WordNode): string {
  const literals =
    parts === undefined ? text : parts.map((part) => (part.type === 'Literal' ? part.text : '')).join(' ')
  return literals.replace(/\\./gs, '')
}

/** What is certain of a word whose text is not. */
function unclearWord({ parts = [], value }: WordNode, settings: Settings): Word {
  if (parts.length === 1 && parts[0]?.type === 'SimpleExpansion' && isOwnNumber(parts[0].text))
    return { isSingle: parts[0].text !== '$!', isOperand: true }
  // It may not be set yet.
  if (parts.length === 1 && parts[0]?.type === 'SimpleExpansion' && settings.isNumber(parts[0].text.slice(1)))
    return { isSingle: false, isOperand: true }
  const isSingle = parts.every((part) =>
    part.type === 'DoubleQuoted'
      ? part.parts.every(isOneWord)
      : part.type === 'Literal' || part.type === 'SingleQuoted' || part.type === 'AnsiCQuoted',
  )
  // Patterns and braces stand for words that begin alike; an expansion without quotes may be split.
  const beginsAlike = parts.every((part) =>
    part.type === 'DoubleQuoted' ? part.parts.every(isOneWord) : UNSPLIT.has(part.type),
  )
  const first = beginning(parts[0])
  const isPlain = first !== '' && !/^[-~+@]/.test(first) && !value.startsWith('~')
  return { isSingle: isSingle && !value.startsWith('~'), isOperand: beginsAlike && isPlain }
}

const UNSPLIT = new Set(['Literal', 'SingleQuoted', 'Glob', 'BraceExpansion'])

/** The text that a part surely begins with. */
function beginning(part: WordPart | DoubleQuotedChild | undefined): string {
  if (part === undefined) return ''
  if (part.type === 'Literal' || part.type === 'SingleQuoted') return part.value
  return part.type === 'DoubleQuoted' ? beginning(part.parts[0]) : ''
}

/** Between double quotes, only these stand for more words than one. */
function isOneWord(part: DoubleQuotedChild): boolean {
  if (part.type === 'SimpleExpansion') return part.text !== '$@'
  if (part.type === 'ParameterExpansion')
    return part.parameter !== '@' && part.index === undefined && part.prefix !== '!'
  return true
}

const isOwnNumber = (text: string): boolean => /^\$[?$#!]$/.test(text)

/** Directories whose names the shell looks through: for a pattern in the word, or in a value that is not quoted. */
function listed(node: WordNode, settings: Settings, place: Place): string[] {
  const { parts = [], value } = node
  if (parts.some((part) => mayBePattern(part, settings))) return [ANYWHERE]
  if (!parts.some(({ type }) => type === 'Glob')) return hasUnreadBracket(node) ? [ANYWHERE] : []
  let prefix = ''
  let isDeep = false
  let isFound = false
  for (const part of parts) {
    const text = part.type === 'Glob' ? part.value : literalPart(part)
    isFound ||= part.type === 'Glob'
    if (isFound) isDeep ||= text === null || text.includes('/')
    else if (text === null) return [ANYWHERE]
    else prefix += text
  }
  if (value.startsWith('~') && !prefix.includes('/')) return [ANYWHERE]
  const directory = placePath(directoryOf(prefix), place)
  return isDeep ? [...tree(directory)] : [directory]
}

/** Where the names stand that a pattern is compared with. */
function directoryOf(prefix: string): string {
  const at = prefix.lastIndexOf('/')
  return at < 0 ? '.' : prefix.slice(0, at) || '/'
}

function mayBePattern(part: WordPart, settings: Settings): boolean {
  if (part.type === 'SimpleExpansion') return !isOwnNumber(part.text) && settings.mayBePattern(part.text.slice(1))
  if (part.type === 'ParameterExpansion') {
    if (part.prefix === '#' && part.operation === undefined) return false
    return part.operation !== undefined || settings.mayBePattern(part.parameter)
  }
  if (part.type === 'CommandExpansion') return part.script === undefined || !saysNoPattern(part.script)
  if (part.type === 'BraceExpansion') return /[*?[$`]/.test(part.text)
  return part.type === 'ExtendedGlob' || part.type === 'LocaleString'
}

/** Whether bash may find /dev/tcp/HOST/PORT in it, by which it connects: for all that is not surely another path. */
export function mayConnect(node: WordNode, settings: Settings): boolean {
  if (literal(node) !== null) return false
  const first = beginning(node.parts?.[0])
  if (first !== '') return '/dev/'.startsWith(first.slice(0, 5))
  let isSet = false
  let text = ''
  for (const part of (node.parts ?? []).flatMap((one): readonly { type: string; text: string }[] =>
    one.type === 'DoubleQuoted' ? one.parts : [one],
  )) {
    const name = /^\$(\w+)$|^\$\{(\w+)\}$/.exec(part.text)?.slice(1).join('') ?? ''
    const isExpansion = part.type === 'SimpleExpansion' || part.type === 'ParameterExpansion'
    if (part.type === 'Literal' || part.type === 'SingleQuoted') text += part.text
    else if (!isExpansion) return true
    else if (settings.isName(name)) isSet = true
    else if (!settings.isInherited(name)) return true
  }
  // Variables may be empty, and then the path begins behind them.
  return text.includes(isSet ? '/' : 'dev')
}

/** One command whose output holds no pattern where its words hold none. */
function saysNoPattern({ commands: [statement, ...more] }: ParsedScript): boolean {
  const command = statement?.command
  if (command?.type !== 'Command' || command.name === undefined || more.length > 0 || command.prefix.length > 0)
    return false
  const words = [command.name, ...command.args].map((word) => (word.type === 'Word' ? literal(word) : null))
  return words.every((word) => word !== null && !/[*?[\\@]/.test(word)) && WITHOUT_PATTERNS.has(words[0] ?? '')
}

const WITHOUT_PATTERNS = new Set('arch date hostname id nproc pgrep pidof seq uname wc whoami'.split(' '))
