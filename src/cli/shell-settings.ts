import { basename } from 'node:path'
import { variable } from '../shared/environment.ts'

/** Shells that settings can be written for, and JSON for everything else. */
export const SHELLS = ['sh', 'fish', 'powershell', 'json'] as const
export type Shell = (typeof SHELLS)[number]

/** Values of variables, by name; undefined: the variable is to be removed. */
export type Settings = ReadonlyMap<string, string | undefined>

/** The shell that somebody is at, as far as the environment tells. */
export function usualShell(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): Shell {
  const shell = variable(environment, 'SHELL') ?? ''
  const name = basename(shell)
  if (name === 'fish') return 'fish'
  if (name === 'pwsh' || name === 'powershell') return 'powershell'
  return platform === 'win32' && shell === '' ? 'powershell' : 'sh'
}

/** What differs between an environment and the one that is wanted, in the order of names. */
export function settingsBetween(present: NodeJS.ProcessEnv, wanted: NodeJS.ProcessEnv): Settings {
  const names = [...new Set([...Object.keys(present), ...Object.keys(wanted)])].toSorted()
  return new Map(names.filter((name) => present[name] !== wanted[name]).map((name) => [name, wanted[name]]))
}

/** Commands that make these settings; a value is data in each of them, whatever is in it. */
export function settingsFor(shell: Exclude<Shell, 'json'>, settings: Settings): string {
  const { set, unset } = SYNTAX[shell]
  return [...settings].map(([name, value]) => `${value === undefined ? unset(name) : set(name, value)}\n`).join('')
}

/** A command that fails: what is behind `&&` does not run with the settings of before. */
export const failureFor = (shell: Exclude<Shell, 'json'>): string => SYNTAX[shell].failure

interface Syntax {
  readonly set: (name: string, value: string) => string
  readonly unset: (name: string) => string
  readonly failure: string
}

const SYNTAX: Readonly<Record<Exclude<Shell, 'json'>, Syntax>> = {
  // POSIX XCU 2.2.2: within single quotes every character is itself.
  sh: {
    set: (name, value) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
    unset: (name) => `unset ${name}`,
    failure: 'false\n',
  },
  // fish, Quotes: within single quotes only \' and \\ are escapes.
  fish: {
    set: (name, value) => `set -gx ${name} '${value.replaceAll(/['\\]/g, String.raw`\$&`)}'`,
    unset: (name) => `set -e ${name}`,
    failure: 'false\n',
  },
  powershell: {
    set: (name, value) => `$env:${name} = ${powershellQuoted(value)}`,
    unset: (name) => `Remove-Item -LiteralPath Env:${name} -ErrorAction SilentlyContinue`,
    failure: "throw 'pamctl env failed'\n",
  },
}

/**
 * about_Quoting_Rules: a quote within single quotes is doubled, and typographic ones count as such. Ends of lines are written as numbers:
 * Out-String would replace them by the system's own.
 */
function powershellQuoted(value: string): string {
  const pieces = value.split(/([\r\n]+)/).flatMap((piece, index) => {
    if (index % 2 === 0) return piece === '' ? [] : [`'${piece.replaceAll(/['\u2018\u2019\u201A\u201B]/g, '$&$&')}'`]
    return Array.from(piece, (char) => `[char]${char.charCodeAt(0)}`)
  })
  // A sum has the type of what comes first.
  return pieces.length > 0 && pieces[0]?.startsWith("'") === true ? pieces.join(' + ') : ["''", ...pieces].join(' + ')
}
