import {
  forEachChild,
  parse,
  type AndOr,
  type Assignment,
  type Command,
  type ParsedScript,
  type SyntaxNode,
  type Word as WordNode,
} from 'unbash'
import { readBuiltin } from './builtins.ts'
import type { HostStatement } from './facts.ts'
import { Findings, TooComplex } from './findings.ts'
import type { CommandLineScope } from './host-statement.ts'
import { isText, textOf, type Word } from './options.ts'
import { ANYWHERE, climbs, placePath, type Place } from './paths.ts'
import { effectOf, isKnownProgram, plainName } from './programs.ts'
import { readRedirection } from './redirections.ts'
import { noteSettings } from './settings.ts'
import { isHarmlessVariable, Settings } from './variables.ts'
import { hasFunction, hasIndex, mentions, valueOf } from './syntax.ts'
import { evaluate, type EvaluatedWord, literal } from './words.ts'
import { unwrap } from './wrappers.ts'
import {
  type Dialect,
  mayExpandAgain,
  hasJoinedSubstitution,
  isPlainDescriptor,
  isPlainHereDoc,
  hiding,
} from './shell-differences.ts'

/** Walks a script and gathers a statement for each command in it. */
export class Reader {
  readonly #scope: CommandLineScope
  readonly #dialect: Dialect
  readonly #found: Findings
  readonly #settings: Settings
  #directory: string | undefined
  /** Where a command stands that may run elsewhere, later or not at all, a change of directory tells nothing. */
  #depth: number
  /** Once the script defines a function, any command name may be one, and may change directory. */
  #hasFunctions = false
  readonly #functions = new Set<string>()
  /** Nothing in the text takes a function away again. */
  #keepsFunctions = true
  /** It runs after everything before it in its chain has succeeded, and what comes next only if it succeeds too. */
  #isChained = false
  /** Some command before may have changed the directory. */
  #hasMoved = false

  constructor(scope: CommandLineScope, dialect: Dialect, outer?: Reader) {
    this.#scope = scope
    this.#dialect = dialect
    this.#directory = outer === undefined ? scope.home : outer.#place.directory
    this.#depth = outer === undefined ? 0 : outer.#depth
    this.#found = outer === undefined ? new Findings(scope.login) : outer.#found
    this.#settings = new Settings(outer === undefined ? undefined : outer.#settings)
  }

  text(text: string): void {
    // The parser joins lines later than shells do, which find a name or an operator in what is joined.
    if (/[^ \t]\\\n|^\\\n/.test(text)) this.#hides('a line that is continued within a word is not analysed')
    // Some shells take it for itself, some drop it; bash does one or the other.
    if (/(^|[^\\])(\\\\)*\\$/.test(text)) this.#hides('shells read a backslash at the end of a text differently')
    // Commands in later versions of bash, and in ksh.
    if (/\$\{[\s|(]/.test(text)) this.#hides('shells read ${ …; } differently')
    const script = parse(text)
    noteSettings(script, this.#settings)
    this.#keepsFunctions = !mentions(script, 'unset')
    this.#script(script)
  }

  /** A program with its words, as no shell reads it. */
  argv(words: readonly string[]): void {
    this.#run(words, [])
  }

  #script(script: ParsedScript): void {
    for (const { message } of script.errors ?? []) this.#hides(`the shell would not read it: ${message}`)
    for (const { command, background } of script.commands) {
      // From here on its name surely means what has been defined.
      if (command.type === 'Function' && background !== true && this.#depth === 0 && this.#keepsFunctions)
        this.#functions.add(command.name.text)
      if (background === true) this.#beside(() => this.#visit(command))
      else this.#visit(command)
    }
  }

  result(): readonly HostStatement[] {
    return this.#found.result()
  }

  get #place(): Place {
    return { home: this.#scope.home, directory: this.#hasFunctions ? undefined : this.#directory }
  }

  #hides(reason: string): void {
    this.#found.add({ kinds: ['exec'], unknown: [reason] })
  }

  #visit(node: SyntaxNode): void {
    if (node.type === 'Script') return this.#isolated(() => this.#script(node))
    if (node.type === 'Statement')
      return node.background === true ? this.#beside(() => this.#visit(node.command)) : this.#visit(node.command)
    if (node.type === 'Command') return this.#command(node)
    if (node.type === 'AndOr') return this.#chain(node)
    if (node.type === 'Redirect' || node.type === 'HereString' || node.type === 'HereDoc')
      return this.#redirections([node])
    if (node.type === 'Assignment') this.#assignment(node)
    if (node.type === 'Function') this.#hasFunctions = true
    // dash knows no `time`: the program of that name runs programs, and no functions.
    if (this.#hasFunctions && this.#dialect === 'sh' && node.type === 'Time')
      this.#hides('shells read time differently')
    if (node.type === 'For') this.#loop(node.name, node.wordlist)
    if (node.type === 'ProcessSubstitution') this.#found.hasBackground = true
    const reason = hiding(node, this.#dialect, this.#settings)
    if (reason !== undefined) this.#hides(reason)
    this.#isolated(() => {
      // What stands before a `cd` runs after it as well.
      if (LOOPS.has(node.type) && (mentions(node, 'cd') || hasFunction(node))) this.#directory = undefined
      forEachChild(node, (child) => this.#visit(child))
    })
  }

  #beside(work: () => void): void {
    this.#found.hasBackground = true
    this.#isolated(work)
  }

  /**
   * After `cd` and `&&` the directory is certain as long as nothing but `&&` stands in the chain: had anything failed,
   * the next would not run. From the first `||` on, and after the chain, any part of it may have run or not.
   */
  #chain({ commands, operators }: AndOr): void {
    let isCertain = true
    commands.forEach((command, index) => {
      if (operators[index - 1] === '||') {
        isCertain = false
        this.#forgetMoves()
      }
      this.#isChained = isCertain && operators[index] === '&&'
      this.#visit(command)
    })
    this.#isChained = false
    this.#forgetMoves()
  }

  #forgetMoves(): void {
    if (this.#hasMoved) this.#directory = undefined
  }

  /** What happens within is not seen outside; a directory that changes within is not known after. */
  #isolated(work: () => void): void {
    if (this.#depth >= MAX_DEPTH)
      throw new TooComplex(`a command line nested more than ${MAX_DEPTH} levels deep is not analysed`)
    const before = this.#directory
    this.#depth++
    work()
    this.#depth--
    this.#directory = this.#directory === before ? before : undefined
  }

  #assignment({ name, value, index, append }: Assignment): void {
    if (index !== undefined) this.#hides('the shell may evaluate an index as a command')
    const word: Word = value.type === 'Word' ? valueOf(value) : { isSingle: true, isOperand: false }
    this.#sets(name, append === true ? { isSingle: true, isOperand: false } : word)
    if (isText(word) && /`|\$\(/.test(word)) this.#hides(`the value of ${name} may be evaluated as a command`)
    // An index is evaluated, however it comes to stand there.
    if (value.type === 'ArrayValue' && value.elements.some(({ text }) => hasIndex(text)))
      this.#hides('the shell may evaluate an index as a command')
    if (value.type === 'ArrayValue') this.#lists(value.elements.map((element) => this.#evaluate(element)))
    if (this.#dialect === 'sh' && (append === true || value.type === 'ArrayValue'))
      this.#hides('shells read assignments of this form differently')
  }

  #sets(name: string, value: Word | undefined): void {
    if (!isHarmlessVariable(name, value)) this.#hides(`it sets ${name || 'a variable'}, which other programs rely on`)
  }

  #loop(name: WordNode, words: readonly WordNode[] | undefined): void {
    const evaluated = (words ?? []).map((word) => this.#evaluate(word))
    const values = evaluated.map(({ word }) => word)
    const variable = literal(name) ?? ''
    if (words === undefined || values.length === 0) this.#sets(variable, { isSingle: true, isOperand: false })
    for (const value of values) this.#sets(variable, value)
    this.#lists(evaluated)
  }

  #lists(words: readonly EvaluatedWord[]): void {
    const reads = [...new Set(words.flatMap(({ lists }) => lists))]
    if (reads.length > 0) this.#found.add({ kinds: ['file-list'], reads })
  }

  #evaluate(node: WordNode): EvaluatedWord {
    return evaluate(node, this.#settings, this.#place)
  }

  #command(command: Command): void {
    // Substitutions within run as well.
    this.#isolated(() => {
      forEachChild(command, (child) => {
        if (!('operator' in child)) this.#visit(child)
      })
    })
    this.#redirections(command.redirects)
    if (command.name === undefined) return
    if (hasJoinedSubstitution(command)) this.#hides('a process substitution is part of a longer word')
    const evaluated = [command.name, ...command.args].map((word): EvaluatedWord => {
      if (word.type === 'Word') return this.#evaluate(word)
      if (mayExpandAgain(word, this.#settings)) this.#hides(`the shell may expand the value of ${word.name} once more`)
      // The value is looked at as an assignment; a shell that splits it finds more words in it.
      if (word.value.type === 'Word' && this.#dialect === 'sh') {
        const { word: value, lists } = this.#evaluate(word.value)
        if (!isText(value) && !value.isSingle) this.#hides(`shells read ${word.text} differently`)
        return { word: `${word.name}=`, lists }
      }
      return { word: `${word.name}=`, lists: [] }
    })
    this.#run(
      evaluated.map(({ word }) => word),
      [...new Set(evaluated.flatMap(({ lists }) => lists))],
    )
  }

  /** A command, and those that it runs in turn. */
  #run(words: readonly Word[], lists: readonly string[]): void {
    let argv = words
    let listed = lists
    let isRepeated = false
    for (let depth = 0; ; depth++) {
      if (depth > MAX_WRAPPERS)
        throw new TooComplex(`more than ${MAX_WRAPPERS} programs that run one another are not analysed`)
      const [name, ...rest] = argv
      if (!isText(name) || name === '' || name.startsWith('-')) {
        this.#found.add({
          kinds: ['exec'],
          argv: argv.map(textOf),
          reads: listed,
          unknown: ['which program runs is known only to the shell'],
        })
        return
      }
      const wrapped = unwrap(name, rest, this.#place)
      if (wrapped === undefined) return this.#plainCommand(name, rest, listed, { isDirect: depth === 0, isRepeated })
      const { reads = [], writes = [], variables = [] } = wrapped
      if (wrapped.background === true) this.#found.hasBackground = true
      isRepeated ||= wrapped.repeats === true
      const effect = { ...wrapped, reads: [...reads, ...listed], writes }
      const isSilent = wrapped.silent === true && effect.reads.length + writes.length === 0
      if (!isSilent) this.#add(argv, effect)
      for (const [variable, value] of variables) {
        this.#sets(variable, value)
        this.#settings.note(variable, value ?? '')
      }
      if (wrapped.script !== undefined) {
        const { text, shell } = wrapped.script
        this.#isolated(() => new Reader(this.#scope, shell, this).text(text))
      }
      if (wrapped.runs === undefined) return
      argv = wrapped.runs
      listed = []
    }
  }

  #plainCommand(
    name: string,
    words: readonly Word[],
    listed: readonly string[],
    { isDirect, isRepeated }: { readonly isDirect: boolean; readonly isRepeated: boolean },
  ): void {
    const argv = [name, ...words]
    const program = plainName(name)
    if (program === undefined)
      return this.#add(argv, { reads: listed, opaque: `${name} is not a program of the system` })
    const builtin = readBuiltin(program, words, this.#place)
    if (builtin !== undefined) {
      this.#add(argv, { ...builtin, reads: [...(builtin.reads ?? []), ...listed] })
      if (program === 'cd') this.#changeDirectory(isDirect && name === 'cd' ? words : undefined)
      return
    }
    // What a function does was read with its definition; where it has the name of a program, that is read as well.
    if (isDirect && this.#functions.has(name) && !isKnownProgram(program)) return this.#add(argv, { reads: listed })
    const effect = effectOf(program, words, this.#place)
    if (effect.makesLinks === true)
      this.#found.linksFrom ??= isRepeated || this.#depth > 0 || this.#hasFunctions ? 0 : this.#found.count + 1
    this.#add(argv, { ...effect, reads: [...effect.reads, ...listed] })
  }

  #add(
    argv: readonly Word[],
    effect: {
      readonly reads?: readonly string[]
      readonly writes?: readonly string[]
      readonly unknown?: string | undefined
      readonly opaque?: string | undefined
    },
  ): void {
    this.#found.add({
      kinds: ['exec'],
      argv: argv.map(textOf),
      reads: [...new Set(effect.reads)],
      writes: [...new Set(effect.writes)],
      unknown: effect.unknown === undefined ? [] : [effect.unknown],
      opaque: effect.opaque === undefined ? [] : [effect.opaque],
    })
  }

  /** undefined: whether the shell itself runs it is not certain. */
  #changeDirectory(words: readonly Word[] | undefined): void {
    this.#hasMoved = true
    this.#directory = undefined
    const [first, ...more] = words ?? []
    // CDPATH and options may lead elsewhere; only an absolute path is sure.
    if (!this.#isChained || this.#depth > 0 || more.length > 0 || !isText(first) || !first.startsWith('/')) return
    const directory = placePath(first, this.#place)
    if (directory !== ANYWHERE && !climbs(directory)) this.#directory = directory
  }

  #redirections(redirections: Command['redirects']): void {
    const reads: string[] = []
    const writes: string[] = []
    for (const redirection of redirections) {
      const { descriptor } = redirection
      if (descriptor?.type === 'FileDescriptorVariable') this.#sets(descriptor.name, '10')
      if (this.#dialect === 'sh' && descriptor !== undefined && !isPlainDescriptor(descriptor))
        this.#hides('shells read this redirection differently')
      if (redirection.type === 'HereDoc') {
        if (!isPlainHereDoc(redirection)) this.#hides('shells read this here-document differently')
        this.#isolated(() => forEachChild(redirection, (child) => this.#visit(child)))
        continue
      }
      if (redirection.target !== undefined) this.#visit(redirection.target)
      if (redirection.type === 'HereString') {
        if (this.#dialect === 'sh') this.#hides('shells read <<< differently')
        continue
      }
      const effect = readRedirection(redirection, {
        dialect: this.#dialect,
        settings: this.#settings,
        place: this.#place,
      })
      reads.push(...effect.reads)
      writes.push(...effect.writes)
      for (const reason of effect.hidden) this.#hides(reason)
    }
    if (reads.length + writes.length === 0) return
    const kinds = [...(reads.length > 0 ? ['file-read'] : []), ...(writes.length > 0 ? ['file-write'] : [])]
    this.#found.add({ kinds, reads, writes })
  }
}

const LOOPS: ReadonlySet<SyntaxNode['type']> = new Set(['For', 'While', 'Select', 'ArithmeticFor'] as const)

/** Levels of the grammar: a list, a loop, a substitution each are some. */
const MAX_DEPTH = 100
/** Programs that run one another, as `sudo env nice …`. */
const MAX_WRAPPERS = 16
