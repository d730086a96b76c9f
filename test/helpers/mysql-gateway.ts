import { createServer, type AddressInfo, type Server } from 'node:net'
import type { CredentialLease } from '../../src/credentials/credential.ts'
import type { Engine } from '../../src/gateway/engine.ts'
import { createSession, type RunningSession } from '../../src/gateway/session.ts'
import { mysqlEngine } from '../../src/protocols/mysql/gateway/engine.ts'
import type { createSqlParser, SqlParser } from '../../src/protocols/mysql/dialect/sql-parser.ts'
import type {
  createStatementRecorder,
  StatementRecorder,
} from '../../src/protocols/mysql/gateway/pipeline/statement-recorder.ts'
import type { Hello } from '../../src/protocols/mysql/gateway/greeting.ts'
import type { MysqlTarget } from '../../src/protocols/mysql/target.ts'
import type { EventBody } from '../../src/recording/event.ts'
import type { Recorder } from '../../src/recording/recorder.ts'
import { asPamError } from '../../src/shared/errors.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import { loginOf, SessionBench } from './session-parts.ts'

export interface GatewayOptions {
  readonly rules: string
  readonly target: Partial<MysqlTarget> & Pick<MysqlTarget, 'port'>
  readonly password?: string
  /** What sessions log in with, in place of a password; it is given back at their end. */
  readonly lease?: (config: MysqlTarget, session: string) => Promise<CredentialLease>
  readonly statementBytes?: number
  /** What stands in the place of the parser, and of what makes texts for the record. */
  readonly parser?: (own: SqlParser) => SqlParser
  readonly recorder?: (own: StatementRecorder) => StatementRecorder
}

/** A session as the gateway serves it, and what is put on record of it. */
export interface Served {
  readonly session: RunningSession
  readonly events: EventBody[]
  /** What the person was told through the agent. */
  readonly notices: string[]
  readonly over: Promise<void>
}

/** The engine behind a port, with sessions in memory: what stands between a client and it in the gateway is tested elsewhere. */
export class MysqlGateway {
  readonly bench: SessionBench
  readonly served: Served[] = []
  readonly refusals: string[] = []
  /** Warnings and errors that it has logged, with their fields. */
  readonly logged: (readonly [message: unknown, fields: unknown])[] = []
  /** Of who connects next. */
  personId = 'jane'
  readonly #engine: Engine<Hello>
  readonly #server: Server
  readonly #config: MysqlTarget
  readonly #options: GatewayOptions
  #wake: () => void = () => {}

  private constructor(options: GatewayOptions, parser: SqlParser, recorder: StatementRecorder) {
    this.#options = options
    this.bench = new SessionBench(options.rules)
    this.#config = {
      name: 'store',
      type: 'mysql',
      labels: { env: 'prod' },
      host: '127.0.0.1',
      database: 'shop',
      user: 'app',
      ...(options.password === undefined ? {} : { password: 'env:PASSWORD' }),
      ownAccount: false,
      safeRoutines: [],
      unseenTriggers: 'unknown',
      recordRows: 0,
      tls: 'disable',
      ...options.target,
    }
    this.#engine = mysqlEngine(parser, process.cwd(), recorder)
    this.#server = createServer((socket) => void this.#serve(socketChannel(socket)))
  }

  static async start(options: GatewayOptions): Promise<MysqlGateway> {
    // As they are built: their workers are files beside them.
    const built = (path: string): Promise<unknown> =>
      import(new URL(`../../dist/protocols/mysql/${path}`, import.meta.url).href)
    const parsing = (await built('dialect/sql-parser.js')) as { createSqlParser: typeof createSqlParser }
    const recording = (await built('gateway/pipeline/statement-recorder.js')) as {
      createStatementRecorder: typeof createStatementRecorder
    }
    const [parser, recorder] = [parsing.createSqlParser(), recording.createStatementRecorder()]
    const gateway = new MysqlGateway(
      options,
      options.parser?.(parser) ?? parser,
      options.recorder?.(recorder) ?? recorder,
    )
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve))
    return gateway
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get last(): Served {
    return this.served.at(-1) as Served
  }

  /** Resolves once something that is looked at has come. */
  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  async stop(): Promise<void> {
    this.#server.close()
    for (const { session } of this.served) session.end(asPamError(new Error('the test is over')))
    await Promise.all(this.served.map(({ over }) => over))
    await this.#engine.close()
  }

  async #serve(client: ReturnType<typeof socketChannel>): Promise<void> {
    let greeting: Awaited<ReturnType<Engine<Hello>['greet']>>
    const { personId } = this
    try {
      greeting = await this.#engine.greet(client, { personId, target: this.#config }, { handshake: 60_000 })
    } catch (error) {
      this.refusals.push(asPamError(error).code)
      client.end()
      return
    }
    if (greeting === 'handled') return
    const events: EventBody[] = []
    const notices: string[] = []
    const record = (event: EventBody): void => {
      events.push(event)
      this.#wake()
    }
    const recorder = {
      intent: record,
      outcome: record,
      isWritten: true,
      isFull: false,
      detach: () => ({ id: '1', sha256: '' }),
    }
    const { clock } = this.bench
    const { person } = loginOf(clock)
    const ended = new AbortController()
    const log = (fields: unknown, message: unknown): void => void this.logged.push([message, fields])
    const id = `ses_${this.served.length}`
    const lease = (await this.#options.lease?.(this.#config, id)) ?? {
      user: this.#config.user,
      password: this.#options.password,
      release: () => Promise.resolve(),
    }
    const session = createSession(
      this.bench.parts({
        id,
        login: loginOf(clock, { person: { ...person, id: personId } }),
        recorder: recorder as unknown as Recorder,
        ended,
        config: this.#config,
        target: { name: 'store', type: 'mysql', labels: { env: 'prod' } },
        defaultSchema: this.#config.database,
        lease,
        limits: {
          handshake: 20_000,
          catalogs: 20_000,
          catalogBytes: 64 * 1024 * 1024,
          statementBytes: this.#options.statementBytes ?? 1024 * 1024,
          resultMessageBytes: 64 * 1024 * 1024,
        },
        logger: { error: log, info() {}, warn: log, debug() {} } as never,
      }),
    )
    let finish!: () => void
    this.served.push({ session, events, notices, over: new Promise((resolve) => (finish = resolve)) })
    try {
      await this.#engine.serve(client, greeting.hello, session, (notice) => {
        notices.push(notice)
        this.#wake()
      })
    } catch (error) {
      const refusal = asPamError(error)
      this.refusals.push(refusal.code)
      ended.abort(refusal)
      await this.#engine.refuse(client, refusal)
    } finally {
      await lease.release().catch((error: unknown) => this.logged.push(['credential.release_failed', error]))
      finish()
      this.#wake()
    }
  }
}
