import { fork, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  startDemoStack,
  startGateway,
  type DemoStack,
  type DemoStackOptions,
  type RunningGateway,
} from '../../src/demo/stack.ts'

/**
 * `startGateway` in a process that all gateways of this worker share, since to load its modules takes longer than all else of a start. Everything
 * else is as in a process of its own, but for two things: a signal reaches all of the process, and SIGKILL only where no other gateway
 * runs in it. A test that looks at memory, at the program or at how it ends starts one with `startGateway`, as is done here for one that runs under `prefix`.
 */
export async function hostGateway(
  config: string,
  logFile: string,
  prefix: readonly string[] = [],
): Promise<RunningGateway> {
  if (prefix.length > 0) return startGateway(config, logFile, prefix)
  host ??= new Host()
  return host.start(config, logFile)
}

/** The demo with such a gateway. */
export const startHostedStack = (options: DemoStackOptions = {}): Promise<DemoStack> =>
  startDemoStack({ ...options, startGateway: hostGateway })

interface Answer {
  readonly number: number
  /** Of one that has started. */
  readonly url?: string
  readonly issuer?: string
}

class Host {
  readonly #child: ChildProcess
  readonly #gone: Promise<undefined>
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #running = new Set<number>()

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'gateway-host.js'), [], {
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#gone = new Promise((resolve) => this.#child.once('exit', () => resolve(undefined)))
    void this.#gone.then(() => {
      if (host === this) host = undefined
    })
    this.#child.on('message', (answer: Answer) => this.#waiting.get(answer.number)?.(answer))
    // The worker need not wait for it.
    this.#child.unref()
    this.#child.channel?.unref()
  }

  async start(config: string, logFile: string): Promise<RunningGateway> {
    const number = ++started
    const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
    const before = log().length
    const answer = await this.#ask(number, { config, log: logFile, environment: process.env })
    if (answer === undefined) throw new Error(`the gateway did not start:\n${log().slice(before)}`)
    const { url = '', issuer = '' } = answer
    this.#running.add(number)
    let stopped: Promise<void> | undefined
    return {
      url,
      issuer,
      pid: this.#child.pid ?? 0,
      log,
      signal: (signal) => void this.#child.kill(signal),
      stop: (signal) => (stopped ??= this.#stop(number, signal)),
    }
  }

  async #stop(number: number, signal: NodeJS.Signals): Promise<void> {
    this.#running.delete(number)
    if (signal !== 'SIGKILL') return void (await this.#ask(number, undefined))
    if (this.#running.size > 0)
      throw new Error('other gateways run in this process: start the one to be killed with startGateway')
    if (host === this) host = undefined
    this.#child.kill(signal)
    await this.#gone
  }

  /** Asks for a gateway to be started, or without `start` to be stopped; undefined where the process ends first. */
  async #ask(number: number, start?: object): Promise<Answer | undefined> {
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(number, resolve))
    if (this.#child.connected) this.#child.send({ number, start })
    const answer = await Promise.race([answered, this.#gone])
    this.#waiting.delete(number)
    return answer
  }
}

let host: Host | undefined
let started = 0
