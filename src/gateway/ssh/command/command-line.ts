import {
  forEachChild,
  parse,
  type AndOr,
  type Assignment,
  type Command,
  type ParsedScript,
  type SyntaxNode,
  type Word,
  type WordPart,
} from 'unbash'
import type { HostFacts, HostStatement } from '../../../policy/command.ts'
import { hostStatement, type CommandLineScope } from './host-statement.ts'
import { ANYWHERE, placePath, type Place } from './paths.ts'
import { effectOf, plainName } from './programs.ts'
import { readTransfer } from './transfers.ts'
import { unwrap } from './wrappers.ts'

/**
 * What a command line does, by the grammar of bash. Where shells read a text differently, or the text hides what it
 * does, its effect is unknown.
 */
export function readCommandLine(text: string, scope: CommandLineScope): HostFacts {
  if (text.length > LONGEST) return hidden(scope, `a command line of more than ${LONGEST} characters is not read`)
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return hidden(scope, 'it contains control characters')
  const transfer = readTransfer(text, scope)
  if (transfer !== undefined) return { type: 'exec', statements: transfer }
  const reader = new Reader(scope)
  reader.script(parse(text))
  if (reader.statements.length === 0) return hidden(scope, 'there is no command in it')
  return { type: 'exec', statements: reader.statements }
}

const hidden = ({ login }: CommandLineScope, reason: string): HostFacts => ({
  type: 'exec',
  statements: [hostStatement(login, { kinds: ['exec'], unknown: [reason] })],
})

/** Walks a script and gathers a statement for each command in it. */
class Reader {
  readonly statements: HostStatement[] = []
  readonly #scope: CommandLineScope
  #directory: string | undefined
  /** Where a command stands that may run elsewhere, later or not at all, a change of directory tells nothing. */
  #depth = 0
  /** A function may have the name of any program, and go elsewhere. */
  #hasFunctions = false
  /** What comes next runs only if this succeeds. */
  #isChained = false

  constructor(scope: CommandLineScope, depth = 0) {
    this.#scope = scope
    this.#directory = scope.home
    this.#depth = depth
  }

  script(script: ParsedScript): void {
    for (const { message } of script.errors ?? []) this.#hides(`the shell would not read it: ${message}`)
    for (const { command } of script.commands) this.#visit(command)
  }

  get #place(): Place {
    return { home: this.#scope.home, directory: this.#hasFunctions ? undefined : this.#directory }
  }

  #hides(reason: string): void {
    this.statements.push(hostStatement(this.#scope.login, { kinds: ['exec'], unknown: [reason] }))
  }

  #visit(node: SyntaxNode): void {
    if (node.type === 'Script') return this.#apart(() => this.script(node))
    if (node.type === 'Command') return this.#command(node)
    if (node.type === 'AndOr') return this.#chain(node)
    if (node.type === 'Redirect' || node.type === 'HereString' || node.type === 'HereDoc')
      return this.#redirections([node])
    if (node.type === 'Assignment') this.#assignment(node)
    if (node.type === 'Function') this.#hasFunctions = true
    const reason = hiding(node)
    if (reason !== undefined) this.#hides(reason)
    this.#apart(() => forEachChild(node, (child) => this.#visit(child)))
  }

  /** After `cd` and `&&` the directory is certain: had it failed, the next would not run. After anything else it is not. */
  #chain({ commands, operators }: AndOr): void {
    const before = this.#directory
    commands.forEach((command, index) => {
      if (operators[index - 1] === '||' && this.#directory !== before) this.#directory = undefined
      this.#isChained = operators[index] === '&&'
      this.#visit(command)
    })
    this.#isChained = false
    if (this.#directory !== before) this.#directory = undefined
  }

  /** What happens within is not seen outside; a directory that changes within is not known after. */
  #apart(work: () => void): void {
    const before = this.#directory
    this.#depth++
    work()
    this.#depth--
    this.#directory = this.#directory === before ? before : undefined
  }

  #assignment({ name, value, index }: Assignment): void {
    if (index !== undefined) this.#hides('the shell may evaluate an index as a command')
    if (!isHarmlessVariable(name)) this.#hides(`it sets ${name}, which other programs go by`)
    if (value.type === 'Word' && /`|\$\(/.test(literal(value) ?? ''))
      this.#hides(`the value of ${name} may be evaluated as a command`)
  }

  #command(command: Command): void {
    // Substitutions within run as well.
    this.#apart(() => {
      forEachChild(command, (child) => {
        if (!('operator' in child)) this.#visit(child)
      })
    })
    this.#redirections(command.redirects)
    if (command.name === undefined) return
    const argv = [command.name, ...command.args].map((word) => (word.type === 'Word' ? literal(word) : word.text))
    this.#argv(argv)
  }

  #argv(argv: readonly (string | null)[]): void {
    const { login } = this.#scope
    const [name, ...words] = argv
    if (name === null || name === undefined || name === '') {
      this.statements.push(
        hostStatement(login, { kinds: ['exec'], argv, unknown: ['which program runs is known only to the shell'] }),
      )
      return
    }
    const wrapped = unwrap(argv as readonly [string, ...(string | null)[]], this.#place)
    if (wrapped !== undefined) {
      this.#add(argv, wrapped)
      if (wrapped.variables?.some((variable) => !isHarmlessVariable(variable)) === true)
        this.#hides(`it sets ${wrapped.variables.join(', ')}, which other programs go by`)
      if (wrapped.script !== undefined) this.#apart(() => this.script(parse(wrapped.script as string)))
      if (wrapped.runs !== undefined) this.#argv(wrapped.runs)
      return
    }
    const program = plainName(name)
    if (program === undefined) return this.#add(argv, { opaque: `${name} is no program of the system` })
    const effect = effectOf(program, words, this.#place)
    this.#add(argv, effect)
    if (program === 'cd') this.#changeDirectory(words)
    if (program === 'pushd' || program === 'popd') this.#directory = undefined
  }

  #add(
    argv: readonly (string | null)[],
    effect: {
      readonly reads?: readonly string[]
      readonly writes?: readonly string[]
      readonly unknown?: string | undefined
      readonly opaque?: string | undefined
      readonly silent?: boolean | undefined
    },
  ): void {
    if (effect.silent === true) return
    this.statements.push(
      hostStatement(this.#scope.login, {
        kinds: ['exec'],
        argv,
        reads: effect.reads ?? [],
        writes: effect.writes ?? [],
        unknown: effect.unknown === undefined ? [] : [effect.unknown],
        opaque: effect.opaque === undefined ? [] : [effect.opaque],
      }),
    )
  }

  #changeDirectory(words: readonly (string | null)[]): void {
    const [first, ...more] = words
    // CDPATH and options may lead elsewhere; only an absolute path is sure.
    const certain =
      this.#isChained && this.#depth === 0 && more.length === 0 && typeof first === 'string' && first.startsWith('/')
    this.#directory = certain ? placePath(first, this.#place) : undefined
    if (this.#directory === ANYWHERE) this.#directory = undefined
  }

  #redirections(redirections: Command['redirects']): void {
    const reads: string[] = []
    const writes: string[] = []
    for (const redirection of redirections) {
      if (redirection.type === 'HereDoc') this.#apart(() => forEachChild(redirection, (child) => this.#visit(child)))
      else if (redirection.target !== undefined) this.#visit(redirection.target)
      if (redirection.type !== 'Redirect') continue
      const word = redirection.target === undefined ? null : literal(redirection.target)
      if (/^(<|>)&$/.test(redirection.operator) && word !== null && /^(\d+-?|-)$/.test(word)) continue
      const path = placePath(word, this.#place)
      if (path === '/dev/null') continue
      if (/^\/dev\/(tcp|udp)(\/|$)/.test(path)) this.#hides('the shell opens a connection by a redirection')
      if (redirection.operator === '<') reads.push(path)
      else if (redirection.operator === '<>') {
        reads.push(path)
        writes.push(path)
      } else writes.push(path)
    }
    if (reads.length + writes.length === 0) return
    const kinds = [...(reads.length > 0 ? ['file-read'] : []), ...(writes.length > 0 ? ['file-write'] : [])]
    this.statements.push(hostStatement(this.#scope.login, { kinds, reads, writes }))
  }
}

/** What the word is, where the text alone says so in every shell. */
function literal(word: Word): string | null {
  // A tilde that is quoted stands for itself, one that is not for a home; where it is half quoted, shells differ.
  if (word.value.startsWith('~') && (word.parts !== undefined || word.text.includes('\\'))) return null
  if (word.parts === undefined) return word.value
  let value = ''
  for (const part of word.parts) {
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

/** Why nobody can tell from the text what this part of it does. */
function hiding(node: SyntaxNode): string | undefined {
  if (node.type in NAMES) return `shells read ${NAMES[node.type as keyof typeof NAMES]} differently`
  if (node.type === 'ArithmeticExpansion' && !PLAIN_ARITHMETIC.test(node.text))
    return 'the shell may evaluate arithmetic as a command'
  if (node.type === 'ParameterExpansion') {
    const { prefix, index, operation, text } = node
    if (prefix === '!' || index !== undefined || (operation !== undefined && EVALUATING.has(operation.type)))
      return `what ${text} evaluates is not known`
  }
  return undefined
}

const isHarmlessVariable = (name: string): boolean =>
  /^(LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLUMNS|LINES|DEBIAN_FRONTEND|[a-z][a-z0-9_]*)$/.test(name) &&
  !name.endsWith('proxy')

const PLAIN_ARITHMETIC = /^\$\(\([\d\s+*/%()<>=&|!?:~^-]*\)\)$/
const EVALUATING = new Set(['Transform', 'Slice', 'Unknown', 'Names'])
const NAMES = {
  TestCommand: '[[ … ]]',
  ArithmeticCommand: '((…))',
  ArithmeticFor: 'for ((…))',
  Select: 'select',
  Coproc: 'coproc',
  ExtendedGlob: '(…) in a pattern',
} as const
const LONGEST = 65_536
