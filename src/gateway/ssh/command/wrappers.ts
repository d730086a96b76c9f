import { ANYWHERE, type Place } from './paths.ts'
import { plainName } from './programs.ts'

/** A program that runs another: what that is, where it can be told. */
export interface Wrapped {
  /** The command that it runs. */
  readonly runs?: readonly (string | null)[]
  /** A script that it runs. */
  readonly script?: string
  readonly variables?: readonly string[]
  readonly unknown?: string
  readonly opaque?: string
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
  /** Does nothing besides. */
  readonly silent?: boolean
}

type Argv = readonly [string, ...(string | null)[]]

/** undefined: no program that runs others. */
export function unwrap(argv: Argv, place: Place): Wrapped | undefined {
  const program = plainName(argv[0])
  if (program === undefined) return undefined
  if (HIDING.has(program)) return { unknown: `${program} hides what is run` }
  if (SHELLS.has(program)) return shell(argv)
  if (/^(python|perl|ruby|node|php|lua|tclsh|awk|gawk|mawk|nawk)[\d.]*$/.test(program))
    return { unknown: `what a program of ${program} does is not known` }
  return WRAPPERS.get(program)?.(argv, place)
}

/** `sh -c 'text'` is read as well; anything else of a shell hides what it runs. */
function shell([program, option, text]: Argv): Wrapped {
  if (typeof option === 'string' && /^-[eux]*c$/.test(option)) {
    if (typeof text === 'string') return { script: text, silent: true }
    return { unknown: `what ${program} -c runs is known only to the shell` }
  }
  return { unknown: `${program} runs what it reads elsewhere` }
}

/** Skips options (those in `valued` take the next word, too), then runs the rest. */
const after =
  (valued: RegExp, skip = 0, own: Wrapped = { silent: true }) =>
  (argv: Argv): Wrapped => {
    const variables: string[] = []
    let at = 1
    for (; at < argv.length; at++) {
      const word = argv[at] as string | null
      if (word === null) return { unknown: `what ${argv[0]} runs is known only to the shell` }
      if (word === '--') {
        at++
        break
      }
      if (!word.startsWith('-') || word === '-') break
      // Letters in a bundle may take the next word, too.
      const isRead = valued.test(word) || word.startsWith('--') || /^-[a-zA-Z\d]([\dL]*)$/.test(word)
      if (!isRead || (UNSAFE.test(word) && !valued.test(word)))
        return { unknown: `${argv[0]} ${word} hides what is run` }
      if (valued.test(word)) at++
    }
    at += skip
    for (; at < argv.length; at++) {
      const word = argv[at] as string | null
      const name = word === null ? undefined : /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(word)?.[1]
      if (name === undefined) break
      variables.push(name)
    }
    const runs = argv.slice(at)
    return { ...own, ...(runs.length > 0 ? { runs } : { silent: own.silent ?? false }), variables }
  }

/** Words come from its input. */
function xargs(argv: Argv): Wrapped {
  const wrapped = after(/^-[IEdLnPsa]$|^--(arg-file|delimiter|max-args|max-procs|replace)$/)(argv)
  const runs = wrapped.runs
  if (runs === undefined || wrapped.unknown !== undefined) return wrapped
  return {
    ...wrapped,
    runs: [...runs, null],
    reads: argv.some((word) => word?.startsWith('-a') === true) ? [ANYWHERE] : [],
  }
}

/** `find … -exec CMD ;` runs CMD on what it finds. Without -exec it is no wrapper. */
function find(argv: Argv): Wrapped | undefined {
  const at = argv.findIndex((word) => word !== null && /^-(exec|execdir|ok|okdir)$/.test(word))
  if (at < 0) return undefined
  if (argv.includes(null)) return { unknown: 'what find runs is known only to the shell' }
  const end = argv.findIndex((word, index) => index > at && (word === ';' || word === '+'))
  const rest = end < 0 ? [] : argv.slice(end + 1)
  if (end < 0 || rest.some((word) => word !== null && /^-(exec|execdir|ok|okdir|delete|fprint|fls)/.test(word)))
    return { unknown: 'find does more than one thing' }
  const command = argv.slice(at + 1, end).map((word) => (word?.includes('{}') === true ? null : word))
  return { runs: command, reads: [ANYWHERE] }
}

function busybox(argv: Argv): Wrapped {
  const applet = argv[1]
  if (typeof applet !== 'string' || applet.startsWith('-')) return { opaque: 'what busybox does is not known' }
  return { runs: argv.slice(1), silent: true }
}

const SUDO_VALUED = /^-[ugpChrtT]$|^--(user|group|prompt|close-from|host|role|type)$/

const WRAPPERS: ReadonlyMap<string, (argv: Argv, place: Place) => Wrapped | undefined> = new Map<
  string,
  (argv: Argv, place: Place) => Wrapped | undefined
>([
  ['sudo', after(SUDO_VALUED, 0, { opaque: 'sudo gives other rights' })],
  ['doas', after(/^-u$/, 0, { opaque: 'doas gives other rights' })],
  ['env', after(/^-u$|^--unset$/)],
  ['nice', after(/^-n$|^--adjustment$/)],
  ['ionice', after(/^-[cnp]$/)],
  ['nohup', after(/^$/)],
  ['setsid', after(/^$/)],
  ['time', after(/^-f$/)],
  ['stdbuf', after(/^-[ioe]$/)],
  ['timeout', after(/^-[ks]$|^--(kill-after|signal)$/, 1)],
  ['command', after(/^$/)],
  ['builtin', after(/^$/)],
  ['exec', after(/^-a$/)],
  ['busybox', busybox],
  ['toybox', busybox],
  ['xargs', xargs],
  ['find', find],
])

/** Options that make these take their command from elsewhere, run it elsewhere, or write a file. */
const UNSAFE =
  /^-[a-zA-Z]*[iseAloCDR]$|^-S|^--(split-string|login|shell|edit|askpass|output|append|chdir|chroot|process-slot-var)/
const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'mksh', 'rbash', 'fish', 'csh', 'tcsh'])
const HIDING = new Set(
  'eval . source trap alias unalias enable hash bind complete let set shopt fc history pushd popd coproc'.split(' '),
)
