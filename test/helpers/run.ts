import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { hasProgram } from '../../src/demo/programs.ts'
import type { Port } from './gateway-client.ts'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string | Buffer
  readonly cwd?: string
  /** Of a program that does not end by itself: it is ended once its output has this text. */
  readonly until?: string
}

/** Runs a program to its end; `input` is its standard input. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, cwd: options.cwd, stdio: 'pipe' })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (options.until !== undefined && stdout.includes(options.until)) child.kill()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

export interface RunningProgram {
  /** Both of its outputs so far. */
  output(): string
  readonly closed: Promise<number | null>
  kill(signal?: NodeJS.Signals): void
}

/** Starts a program without input. */
export function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv): RunningProgram {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { output: () => output, closed, kill: (signal) => void child.kill(signal) }
}

export const PSQL = hasProgram('psql')
export const PGBENCH = hasProgram('pgbench')
export const PG_DUMP = hasProgram('pg_dump')
/** Makes the certificates of the TLS tests. */
export const OPENSSL = hasProgram('openssl')

/** What makes libpq's programs connect through a port. */
export const pgEnvironment = (port: Port, database: string): Record<string, string> => ({
  PGHOST: '127.0.0.1',
  PGPORT: String(port.port),
  PGUSER: 'app',
  PGDATABASE: database,
  PGSSLMODE: 'disable',
})

/** psql through a port, unaligned, stopping at nothing. */
export function psql(port: Port, database: string, script: string, args: readonly string[] = []): Promise<Outcome> {
  return run('psql', ['-X', '-q', '-A', '-t', ...args], {
    input: script,
    env: { ...pgEnvironment(port, database), LC_ALL: 'C.UTF-8' },
  })
}

export const ROOT = join(import.meta.dirname, '..', '..')

/** One run of pamctl: within this process, but for what has the standard streams or the signals of its own. */
export function pamctl(args: readonly string[], env: NodeJS.ProcessEnv, input?: string): Promise<Outcome> {
  const own = { NO_COLOR: '1', ...env }
  // The word after an option may be its value.
  const verb = args.find((word, at) => !word.startsWith('-') && args[at - 1]?.startsWith('-') !== true)
  if (verb !== undefined && WITHIN.has(verb)) return pamctlWithin(args, own, input)
  return run(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), ...args], {
    env: own,
    ...(input === undefined ? {} : { input }),
  })
}

async function pamctlWithin(args: readonly string[], env: NodeJS.ProcessEnv, input?: string): Promise<Outcome> {
  const { runPamctl } = await import('./run-pamctl.ts')
  const printed = { stdout: '', stderr: '' }
  const code = await runPamctl(args, {
    environment: { ...process.env, ...env },
    ...(input === undefined ? {} : { input }),
    heard: (text, to) => (printed[to] += text),
  })
  return { code, ...printed }
}

/** Verbs that ask the agent or the gateway, print and end. */
const WITHIN: ReadonlySet<string> = new Set(
  'agent approve audit batch deny env export grants kill logout request result reviews revoke sessions targets whoami withdraw'.split(
    ' ',
  ),
)
