import type { Argument, Command, Option } from 'commander'

/** One thing that can be typed next. */
export interface Candidate {
  readonly value: string
  readonly description: string
}

/** What a gateway knows the names or ids of. */
export type Kind = 'targets' | 'requests' | 'reviews' | 'sessions' | 'grants' | 'locks' | 'emergencies'

/** What can stand where the cursor is. */
export interface Expected {
  /** The part of the word to which candidates are completions. */
  readonly typed: string
  /** What stands before that in the same word: `--format=`. */
  readonly before: string
  readonly candidates: readonly Candidate[]
  readonly kind?: Kind
  readonly files: boolean
  /** Options of the program that were typed, by their attribute names: they choose the login. */
  readonly globals: Readonly<Record<string, string>>
}

/** What can be typed at the end of a command line, of which `words` are all after the program's name; the last one is being typed. */
export function readLine(program: Command, words: readonly string[]): Expected {
  const globals: Record<string, string> = {}
  const nothing: Expected = { typed: '', before: '', candidates: [], files: false, globals }
  const [done, typed] = [words.slice(0, -1), words.at(-1) ?? '']
  let command = program
  let given = 0
  for (let at = 0; at < done.length; at++) {
    const word = done[at] ?? ''
    if (word === '--') return { ...nothing, typed, files: true }
    if (word.startsWith('-') && word !== '-') {
      const [flag = '', ...value] = word.split('=')
      const option = optionNamed(command, program, flag)
      if (option === undefined || option.isBoolean() || value.length > 0) continue
      // bash makes three words of `--format=json`.
      const isSplit = done[at + 1] === '=' || (at + 1 === done.length && typed === '=')
      if (!isSplit && !option.required) continue
      at += isSplit ? 2 : 1
      if (at >= done.length) return { ...nothing, ...ofOption(option), typed: typed === '=' ? '' : typed }
      if (program.options.some(({ long }) => long === option.long)) globals[option.attributeName()] = done[at] ?? ''
      continue
    }
    const next = given === 0 ? visibleCommands(command).find((verb) => verb.name() === word) : undefined
    if (next === undefined) given++
    else command = next
  }
  if (typed.startsWith('-')) return ofFlag(nothing, command, program, typed)
  if (given === 0 && command.commands.length > 0)
    return { ...nothing, typed, candidates: visibleCommands(command).map(verbCandidate) }
  const argument = command.registeredArguments[given] ?? lastIfVariadic(command)
  if (argument === undefined) return { ...nothing, typed }
  if (command.name() === 'help') return { ...nothing, typed, candidates: visibleCommands(program).map(verbCandidate) }
  return { ...nothing, ...ofArgument(command, argument), typed }
}

function ofFlag(nothing: Expected, command: Command, program: Command, typed: string): Expected {
  const [flag = '', ...value] = typed.split('=')
  if (value.length === 0) return { ...nothing, typed, candidates: flagsOf(command, program) }
  const option = optionNamed(command, program, flag)
  if (option === undefined || option.isBoolean()) return nothing
  return { ...nothing, ...ofOption(option), typed: value.join('='), before: `${flag}=` }
}

const visibleCommands = (command: Command): readonly Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((verb) => verb.name() !== 'complete')

const verbCandidate = (verb: Command): Candidate => ({ value: verb.name(), description: verb.description() })

const optionNamed = (command: Command, program: Command, flag: string): Option | undefined =>
  [...command.options, ...program.options].find(({ long, short }) => long === flag || short === flag)

function flagsOf(command: Command, program: Command): Candidate[] {
  const shown = [...command.options, ...program.options].filter(({ hidden }) => !hidden)
  return [
    ...shown.flatMap(({ long, description }) => (typeof long === 'string' ? [{ value: long, description }] : [])),
    { value: '--help', description: 'display help for command' },
  ]
}

const lastIfVariadic = (command: Command): Argument | undefined => {
  const last = command.registeredArguments.at(-1)
  return last?.variadic === true ? last : undefined
}

type Values = Pick<Expected, 'candidates' | 'kind' | 'files'>

const choices = (values: readonly string[] | undefined): Candidate[] =>
  (values ?? []).map((value) => ({ value, description: '' }))

const ofOption = (option: Option): Values => ({
  candidates: choices(option.argChoices),
  files: /[<[](?:file|directory)[>\]]/.test(option.flags),
})

function ofArgument(command: Command, argument: Argument): Values {
  const kind = kindOf(command, argument)
  return {
    candidates: choices(argument.argChoices),
    files: argument.name().includes('file'),
    ...(kind === undefined ? {} : { kind }),
  }
}

/** What an argument names, where that is something that a gateway knows. */
export function kindOf(command: Command, argument: Argument): Kind | undefined {
  if (command.name() === 'approve' || command.name() === 'deny') return 'reviews'
  if (command.name() === 'review') return 'emergencies'
  if (command.name() === 'withdraw') return 'requests'
  return KINDS[argument.name()]
}

/** By the names of arguments. */
const KINDS: Readonly<Record<string, Kind>> = {
  target: 'targets',
  targets: 'targets',
  name: 'targets',
  'id-or-target': 'targets',
  session: 'sessions',
  'session-or-file': 'sessions',
  grant: 'grants',
  lock: 'locks',
}
