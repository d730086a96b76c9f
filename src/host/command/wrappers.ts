import { item } from '../../shared/item.ts'
import {
  ANY_WORDS,
  compileOptions,
  isText,
  readWords,
  type CompiledOptions,
  type OptionTable,
  type ReadWords,
  type Word,
} from './options.ts'
import { ANYWHERE, placePath, type Place } from './paths.ts'
import { effectOf, plainName } from './programs.ts'

/** A program that runs another: what that is, where it can be told. */
export interface Wrapped {
  /** The command that it runs. */
  readonly runs?: readonly Word[]
  /** A script that it runs, and in which shell. */
  readonly script?: { readonly text: string; readonly shell: 'bash' | 'sh' }
  readonly variables?: readonly (readonly [name: string, value: Word | undefined])[]
  readonly unknown?: string
  readonly opaque?: string
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
  /** Does nothing besides. */
  readonly silent?: boolean
  /** What it runs may go on when it has ended itself. */
  readonly background?: boolean
  /** Runs it any number of times. */
  readonly repeats?: boolean
}

type Words = readonly Word[]
type Wrapper = (words: Words, place: Place, name: string) => Wrapped | undefined

/** undefined: no program that runs others. */
export function unwrap(name: string, words: Words, place: Place): Wrapped | undefined {
  const program = plainName(name)
  if (program === undefined) return undefined
  if (HIDING.has(program)) return { unknown: `${program} hides the command it runs` }
  if (SHELLS.has(program)) return shell(program, words)
  if (/^(python|perl|ruby|node|php|lua|tclsh|awk|gawk|mawk|nawk)[\d.]*$/.test(program))
    return { unknown: `what a program of ${program} does is not known` }
  return WRAPPERS.get(program)?.(words, place, program)
}

/** `sh -c 'text'` is read as well; anything else of a shell hides what it runs. */
function shell(program: string, [option, text]: Words): Wrapped {
  const name = READ_SHELLS.get(program)
  if (name === undefined) return { unknown: `${program} is not a shell the gateway can read` }
  if (isText(option) && /^-[eux]*c$/.test(option)) {
    // Before a text that looks like an option, more options may stand.
    if (isText(text) && !/^[-+]/.test(text)) return { script: { text, shell: name }, silent: true }
    return { unknown: `what ${program} -c runs is known only to the shell` }
  }
  return { unknown: `${program} runs commands that are not on the command line` }
}

interface Shape {
  readonly style?: { readonly hasNumbers?: boolean }
  /** Operands before the command. */
  readonly skips?: number
  /** `NAME=value` before the command. */
  readonly assigns?: boolean
  readonly own?: Wrapped
}

/** Options, each of them listed, then the command that it runs. */
function before(table: OptionTable, shape: Shape = {}): Wrapper {
  const compiled = compileOptions(table, { ...shape.style, stopsAtOperand: true })
  return (words, place, name) => {
    const split = splitCommand(compiled, words, name)
    if ('unknown' in split) return split
    let at = split.at + (shape.skips ?? 0)
    if (words.slice(split.at, at).some((word) => !isText(word) && !word.isSingle)) return unclear(name)
    const variables: [string, Word | undefined][] = split.unset.map((word) => [isText(word) ? word : '', undefined])
    for (; shape.assigns === true && at < words.length; at++) {
      const word = item(words, at)
      if (!isText(word)) break
      const [, variable, value] = /^([^=]+)=(.*)$/s.exec(word) ?? []
      if (variable === undefined || value === undefined) break
      variables.push([variable, value])
    }
    return {
      ...(shape.own ?? { silent: true }),
      reads: split.reads.map((path) => placePath(path, place)),
      ...(at < words.length ? { runs: words.slice(at) } : { silent: false }),
      variables,
    }
  }
}

const unclear = (name: string): { unknown: string } => ({ unknown: `what ${name} runs is known only to the shell` })

function splitCommand(
  compiled: CompiledOptions,
  words: Words,
  name: string,
): { at: number; unset: Words; reads: Words; read: ReadWords } | { unknown: string } {
  const read = readWords(compiled, words)
  if ('failed' in read) return { unknown: `${name} ${read.failed} hides the command it runs` }
  if (read.hasUnclearOptions) return unclear(name)
  return {
    at: read.operandsAt,
    unset: read.argumentsOf('unset'),
    reads: read.argumentsOf('reads'),
    read,
  }
}

const XARGS = compileOptions(
  {
    plain:
      '-0 -d: -E: -e? -o -P: -r -s: -t -x --null --delimiter= --eof? --max-procs= --no-run-if-empty --max-chars= --verbose --exit --open-tty',
    grouped: '-L: -l? -n: --max-lines? --max-args=',
    replaces: '-I: -i? --replace?',
    reads: '-a: --arg-file=',
  },
  { stopsAtOperand: true },
)

/** Words come from its input: at the end, or in place of a text that stands for them. */
function xargs(words: Words, place: Place): Wrapped {
  const split = splitCommand(XARGS, words, 'xargs')
  if ('unknown' in split) return split
  const command = words.slice(split.at)
  const own = {
    silent: true,
    repeats: true,
    reads: split.reads.map((path) => placePath(path, place)),
  }
  if (command.length === 0) return { ...own, runs: ['echo', ANY_WORDS] }
  if (!split.read.has('replaces')) return { ...own, runs: [...command, ANY_WORDS] }
  // The last of these ends what the others say.
  if (split.read.has('grouped')) return unclear('xargs')
  const marks = ['{}', ...split.read.argumentsOf('replaces')]
  const isReplaced = (word: Word): boolean =>
    !isText(word) || marks.some((mark) => !isText(mark) || mark === '' || word.includes(mark))
  return {
    ...own,
    runs: command.map((word) => (isReplaced(word) ? { isSingle: true, isOperand: false } : word)),
  }
}

/** `find … -exec CMD ;` runs CMD on what it finds. Without -exec it is no wrapper. */
function find(words: Words, place: Place): Wrapped | undefined {
  const at = words.findIndex((word) => isText(word) && /^-(exec|execdir|ok|okdir)$/.test(word))
  if (at < 0) return undefined
  if (!words.every(isText)) return { unknown: 'what find runs is known only to the shell' }
  // With -execdir the command runs in other directories.
  const action = item(words, at)
  if (action.endsWith('dir')) return { unknown: `find ${action} runs commands in other directories` }
  const end = words.findIndex(
    (word, index) => index > at && (word === ';' || (word === '+' && words[index - 1] === '{}')),
  )
  const rest = end < 0 ? undefined : effectOf('find', [...words.slice(0, at), ...words.slice(end + 1)], place)
  if (rest === undefined || rest.unknown !== undefined || rest.writes.length > 0)
    return { unknown: 'find does more than run one command' }
  const runs = words.slice(at + 1, end).map((word): Word => {
    if (!word.includes('{}')) return word
    return words[end] === '+' && word === '{}' ? ANY_WORDS : { isSingle: true, isOperand: false }
  })
  // `!` and parentheses belong to an expression in which -exec is the argument of something else.
  if (!/^[\w./[]/.test(words[at + 1] ?? '')) return unclear('find')
  return { runs, repeats: true, reads: [ANYWHERE] }
}

/** `command -v NAME` tells what a name means; otherwise it runs it. */
const command: Wrapper = (words, place, name) => {
  const [first] = words
  if (first === '-v' || first === '-V') return {}
  return before({ plain: '-p' })(words, place, name)
}

/** The output of a program without one goes to a file, where it would go to a terminal. */
const nohup: Wrapper = (words, place, name) => ({
  ...before({})(words, place, name),
  silent: false,
  writes: [placePath('nohup.out', place), placePath('~/nohup.out', place)],
})

const WRAPPERS: ReadonlyMap<string, Wrapper> = new Map<string, Wrapper>([
  [
    'sudo',
    before(
      {
        plain:
          '-b -E -H -k -K -n -S -u: -g: -v --background --set-home --non-interactive --stdin --user= --group= --preserve-env --validate',
      },
      { assigns: true, own: { opaque: 'sudo runs it as another user', background: true } },
    ),
  ],
  ['doas', before({ plain: '-n -u:' }, { own: { opaque: 'doas runs it as another user' } })],
  ['env', before({ plain: '-0 -v --null --debug', unset: '-u: --unset=' }, { assigns: true })],
  ['nice', before({ plain: '-n: --adjustment=' }, { style: { hasNumbers: true } })],
  ['ionice', before({ plain: '-c: -n: -t --class= --classdata= --ignore' })],
  ['nohup', nohup],
  ['setsid', before({ plain: '-c -f -w --ctty --fork --wait' }, { own: { silent: true, background: true } })],
  ['time', before({ plain: '-f: -p -q -v --format= --portability --quiet --verbose' })],
  ['stdbuf', before({ plain: '-i: -o: -e: --input= --output= --error=' })],
  [
    'timeout',
    before({ plain: '-k: -s: -v --kill-after= --signal= --foreground --preserve-status --verbose' }, { skips: 1 }),
  ],
  ['command', command],
  ['builtin', before({})],
  ['exec', before({})],
  ['xargs', xargs],
  ['find', find],
])

/** Shells whose texts can be read; `sh` may be any of them. */
const READ_SHELLS: ReadonlyMap<string, 'bash' | 'sh'> = new Map([
  ['sh', 'sh'],
  ['dash', 'sh'],
  ['bash', 'bash'],
])
const SHELLS = new Set(
  'sh bash dash ash zsh ksh ksh93 mksh lksh pdksh rbash yash posh fish csh tcsh rc es nu elvish xonsh pwsh'.split(' '),
)

/** They run words or texts, or change what words mean; or their applets take other options than the programs of that name. */
const HIDING = new Set(
  'eval . source trap alias unalias enable hash bind complete compgen compopt let shopt fc history pushd popd dirs coproc caller disown fg bg suspend logout help chdir busybox toybox'.split(
    ' ',
  ),
)
