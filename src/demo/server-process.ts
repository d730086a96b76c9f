import { spawn, type ChildProcess } from 'node:child_process'
import { pause } from '../shared/pause.ts'
import { findProgram } from '../shared/find-program.ts'
import type { Owner } from './postgres-data.ts'

/** Ends with the process that started it, however that goes. */
const WITH_PARENT = findProgram('setpriv', process.env)
const MAX_LOG_LENGTH = 16 * 1024 * 1024

export interface ServerProcessOptions {
  readonly directory?: string
  /** Besides PATH: nothing of the user's own configuration. */
  readonly env?: Readonly<Record<string, string>>
  /** Whom it runs as, where that is not whoever runs this process. */
  readonly owner?: Owner | undefined
}

/** How a server is asked to end, and how it is ended where it has not after so many milliseconds. */
export interface StopSignals {
  readonly first: NodeJS.Signals
  readonly last: NodeJS.Signals
  readonly afterMs: number
}

/** A server as a child process, with what it has said (the last 16 million characters). */
export class ServerProcess {
  readonly #program: string
  readonly #child: ChildProcess
  readonly #gone: Promise<void>
  #log = ''

  constructor(program: string, args: readonly string[], { directory, env, owner }: ServerProcessOptions = {}) {
    this.#program = program
    const [file, ...before] = WITH_PARENT === undefined ? [program] : [WITH_PARENT, '--pdeathsig', 'KILL', program]
    this.#child = spawn(file, [...before, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
      ...owner,
      ...(directory === undefined ? {} : { cwd: directory }),
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.#say(text))
    this.#child.on('error', ({ message }) => this.#say(message))
    this.#gone = new Promise((resolve) => this.#child.once('close', () => resolve()))
  }

  /** What it has said so far, on stdout and stderr. */
  log(): string {
    return this.#log
  }

  /** Throws where it has ended, with what it said. */
  check(): void {
    if (this.hasEnded) throw new Error(`${this.#program} ended:\n${this.#log}`)
  }

  /** Resolves once it has ended; without `signals` it is killed. */
  async stop(signals?: StopSignals): Promise<void> {
    if (!this.hasEnded) this.#child.kill(signals?.first ?? 'SIGKILL')
    const timer =
      signals === undefined ? undefined : setTimeout(() => this.#child.kill(signals.last), signals.afterMs).unref()
    await this.#gone
    clearTimeout(timer)
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #say(text: string): void {
    this.#log += text
    if (this.#log.length > MAX_LOG_LENGTH) this.#log = this.#log.slice(-MAX_LOG_LENGTH / 2)
  }
}

/**
 * What `look` gives once that is something; it is asked every so many milliseconds, for four minutes at most: how soon servers start is for
 * the machine to say. Throws where one of the servers has ended before, with what they said. `name`: what they are together.
 */
export async function untilReady<T>(
  name: string,
  servers: readonly ServerProcess[],
  look: () => Promise<T | undefined> | T | undefined,
  everyMs = 50,
): Promise<T> {
  const said = (): string => servers.map((server) => server.log()).join('\n')
  for (let waited = 0; waited < MAX_START_MS; waited += everyMs) {
    if (servers.some((server) => server.hasEnded)) throw new Error(`${name} did not start: ${said()}`)
    const found = await look()
    if (found !== undefined) return found
    await pause(everyMs)
  }
  throw new Error(`${name} does not answer: ${said()}`)
}

const MAX_START_MS = 240_000
