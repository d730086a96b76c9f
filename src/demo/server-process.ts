import { spawn, type ChildProcess } from 'node:child_process'
import { findProgram } from './local-postgres.ts'

/** Ends with the process that started it, however that goes. */
const WITH_PARENT = findProgram('setpriv')

/** A server as a child process, with what it has said (the last 20,000 characters). */
export class ServerProcess {
  readonly #program: string
  readonly #child: ChildProcess
  readonly #gone: Promise<void>
  #log = ''

  constructor(program: string, args: readonly string[]) {
    this.#program = program
    const [file, ...before] = WITH_PARENT === undefined ? [program] : [WITH_PARENT, '--pdeathsig', 'KILL', program]
    // Nothing of the user's own configuration.
    this.#child = spawn(file, [...before, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#log = (this.#log + text).slice(-20_000)))
    this.#child.on('error', ({ message }) => (this.#log += message))
    this.#gone = new Promise((resolve) => this.#child.once('close', () => resolve()))
  }

  /** Throws where it has ended, with what it said. */
  check(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`${this.#program} ended:\n${this.#log}`)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#gone
  }
}
