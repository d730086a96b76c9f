import type { Assignment, Command, HereDoc, ParameterExpansionPart, Pipeline, Redirect, SyntaxNode } from 'unbash'
import { isHarmlessVariable, Settings } from './variables.ts'
import { hasUnreadBrace, hasUnreadOperator, literal } from './words.ts'

/** Shells that run a text: bash alone, or whatever `sh` is, which may be bash or dash. */
export type Dialect = 'bash' | 'sh'

/** A builtin takes what is in parentheses for a list where its variable is an array, and expands that. */
export function mayExpandAgain({ name, value }: Assignment, settings: Settings): boolean {
  if (value.type === 'ArrayValue') return true
  const text = literal(value)
  return settings.mayBeArray(name) && (text === null || /[(`$]/.test(text))
}

/** The grammar takes `a<(b)` for two words, and bash for one. */
export function hasJoinedSubstitution({ name, args, redirects }: Command): boolean {
  const words = [...(name === undefined ? [] : [name]), ...args]
  const substitutions = words.filter(
    (word) => word.type === 'Word' && word.parts?.some(({ type }) => type === 'ProcessSubstitution') === true,
  )
  const ends = new Set([...words, ...redirects].map(({ end }) => end))
  const starts = new Set([...words, ...redirects].map(({ pos }) => pos))
  return substitutions.some(
    (word) => ends.has(word.pos) || starts.has(word.end) || (word.type === 'Word' && word.parts?.length !== 1),
  )
}

export const isPlainDescriptor = (descriptor: NonNullable<Redirect['descriptor']>): boolean =>
  descriptor.type === 'FileDescriptor' && descriptor.end - descriptor.pos === 1

/** Where its end is, every shell agrees on. */
export function isPlainHereDoc({ delimiter, body, closing }: HereDoc): boolean {
  if (delimiter === undefined || closing === undefined) return false
  if (!/^(\\?[\w.-]+|'[\w.-]+'|"[\w.-]+")$/.test(delimiter.text)) return false
  return delimiter.quoted || !body.text.includes('\\\n')
}

/** Why nobody can tell from the text what this part of it does. A kind of node that is not listed does not compile. */
export function hiding(node: SyntaxNode, dialect: Dialect, settings: Settings): string | undefined {
  const kind: string = NODES[node.type] ?? 'this'
  if (kind === 'plain') return undefined
  if (kind.startsWith('bash: ')) return dialect === 'sh' ? `shells read ${kind.slice(6)} differently` : undefined
  if (kind !== 'read') return `shells read ${kind} differently`
  if (node.type === 'ArithmeticExpansion')
    return isPlainArithmetic(node.text, settings) ? undefined : 'the shell may evaluate arithmetic as a command'
  if (node.type === 'CommandExpansion') {
    if (node.text.startsWith('`') && node.text.includes('\\')) return 'shells read backslashes in `…` differently'
    return node.text.startsWith('$((') || node.script === undefined ? 'shells read $((…)) differently' : undefined
  }
  if (node.type === 'ParameterExpansion') return hidingExpansion(node, dialect)
  // bash takes no other for a name, says so and goes on: what has that name stays what it was.
  if (node.type === 'Function' && !/^[A-Za-z_]\w*$/.test(node.name.text))
    return 'shells read the name of this function differently'
  if (node.type === 'Word') {
    if (hasUnreadOperator(node)) return 'where a word ends is not certain'
    return hasUnreadBrace(node) ? 'where a brace expansion ends is not certain' : undefined
  }
  if (dialect !== 'sh') return undefined
  if (node.type === 'Function') return node.name.pos !== node.pos ? 'shells read function differently' : undefined
  if (node.type === 'Pipeline') return hidingPipeline(node)
  if (node.type === 'CaseItem' && node.terminator !== undefined && node.terminator !== ';;')
    return `shells read ${node.terminator} differently`
  return undefined
}

/**
 * What becomes of each kind of node: `plain` is what its parts are, `read` is looked at more closely, `bash: …` is read
 * in bash alone; any other is read differently by shells, or evaluates words.
 */
const NODES: Readonly<Record<SyntaxNode['type'], string>> = {
  AndOr: 'plain',
  AnsiCQuoted: "bash: $'…'",
  ArithmeticBinary: 'plain',
  ArithmeticCommand: '((…))',
  ArithmeticCommandExpansion: 'plain',
  ArithmeticExpansion: 'read',
  ArithmeticFor: 'for ((…))',
  ArithmeticGroup: 'plain',
  ArithmeticTernary: 'plain',
  ArithmeticUnary: 'plain',
  ArithmeticWord: 'plain',
  ArrayValue: 'plain',
  Assignment: 'plain',
  BraceExpansion: 'bash: {…}',
  BraceGroup: 'plain',
  Case: 'plain',
  CaseItem: 'read',
  CaseModification: 'plain',
  Command: 'plain',
  CommandExpansion: 'read',
  CompoundList: 'plain',
  Coproc: 'coproc',
  Default: 'plain',
  DoubleQuoted: 'plain',
  Elif: 'plain',
  ExtendedGlob: '(…) in a pattern',
  FileDescriptor: 'plain',
  FileDescriptorVariable: 'plain',
  For: 'plain',
  Function: 'read',
  Glob: 'plain',
  HereDoc: 'plain',
  HereDocBody: 'plain',
  HereDocDelimiter: 'plain',
  HereString: 'plain',
  If: 'plain',
  Literal: 'plain',
  LocaleString: 'bash: $"…"',
  Names: 'plain',
  Negation: 'plain',
  ParameterExpansion: 'read',
  Pipeline: 'read',
  ProcessSubstitution: 'bash: <(…)',
  Redirect: 'plain',
  Redirected: 'plain',
  Remove: 'plain',
  Replace: 'plain',
  Script: 'plain',
  Select: 'select',
  SimpleExpansion: 'plain',
  SingleQuoted: 'plain',
  Slice: 'plain',
  Statement: 'plain',
  Subshell: 'plain',
  TestBinary: '[[ … ]]',
  TestCommand: '[[ … ]]',
  TestGroup: '[[ … ]]',
  TestLogical: '[[ … ]]',
  TestNot: '[[ … ]]',
  TestUnary: '[[ … ]]',
  Time: 'plain',
  Transform: 'plain',
  Unknown: 'plain',
  While: 'plain',
  Word: 'read',
}

function hidingExpansion(node: ParameterExpansionPart, dialect: Dialect): string | undefined {
  const { prefix, index, operation, text, parameter } = node
  if (prefix === '!' || index !== undefined || (operation !== undefined && EVALUATING.has(operation.type)))
    return `what ${text} evaluates is not known`
  if (operation?.type === 'Default' && operation.operator.endsWith('=')) {
    const value = literal(operation.operand) ?? { isSingle: true, isOperand: false }
    if (!isHarmlessVariable(parameter, value)) return `it sets ${parameter}, which other programs rely on`
  }
  // Between double quotes and in a here-document, single quotes within are text, and what stands in them is expanded.
  if (operation !== undefined && (/['"\\`]/.test(text) || (dialect === 'sh' && BASH_OPERATIONS.has(operation.type))))
    return `shells read ${text} differently`
  return undefined
}

/** dash knows no `time`: the program of that name takes the rest. */
function hidingPipeline({ prefixes, commands: [first], operators }: Pipeline): string | undefined {
  if (operators.includes('|&')) return 'shells read |& differently'
  if (!prefixes.some(({ type }) => type === 'Time')) return undefined
  const isPlain =
    prefixes.length === 1 && first?.type === 'Command' && first.name !== undefined && first.prefix.length === 0
  return isPlain ? undefined : 'shells read time differently'
}

/** Numbers, and variables that hold nothing else: of any other, the value would be evaluated. */
function isPlainArithmetic(text: string, settings: Settings): boolean {
  if (!/^\$\(\([\w\s+*/%()<>=&|!?:~^$-]*\)\)$/.test(text)) return false
  const names = text.match(/[A-Za-z_]\w*/g) ?? []
  return !/\$[^A-Za-z_]/.test(text.slice(1)) && names.every((name) => settings.isNumber(name))
}

const EVALUATING = new Set(['Transform', 'Slice', 'Unknown', 'Names'])
const BASH_OPERATIONS = new Set(['Replace', 'CaseModification'])
