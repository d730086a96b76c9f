import { connect, type Socket } from 'node:net'
import { ByteReader } from '../../src/wire/byte-reader.ts'
import { nativeProof } from '../../src/protocols/mysql/gateway/login/proofs.ts'
import { Answer, type AnswerKind } from '../../src/protocols/mysql/wire/answer.ts'
import { readAuthMoreData } from '../../src/protocols/mysql/wire/auth-more-data.ts'
import { readAuthSwitch } from '../../src/protocols/mysql/wire/auth-switch.ts'
import { capabilities, UNDERSTOOD } from '../../src/protocols/mysql/wire/capabilities.ts'
import { readColumnDefinition, type ColumnDefinition } from '../../src/protocols/mysql/wire/column-definition.ts'
import { commands } from '../../src/protocols/mysql/wire/command.ts'
import { readErr } from '../../src/protocols/mysql/wire/err.ts'
import { encodePackets, Framer, payloadOf, type Frame } from '../../src/protocols/mysql/wire/framer.ts'
import { readHandshake, type Handshake } from '../../src/protocols/mysql/wire/handshake.ts'
import { encodeHandshakeResponse } from '../../src/protocols/mysql/wire/handshake-response.ts'
import type { StmtPrepareOk } from '../../src/protocols/mysql/wire/stmt-prepare-ok.ts'
import { readTextRow } from '../../src/protocols/mysql/wire/text-row.ts'

/** One result of a command. */
export interface TestResult {
  columns: ColumnDefinition[]
  /** As text; of binary rows, their bytes in hexadecimal. */
  rows: (string | null)[][]
  status: number
  affectedRows: bigint | undefined
}

export class MysqlFailure extends Error {
  readonly code: number
  readonly sqlstate: string

  constructor(payload: Buffer) {
    const { code, sqlstate, message } = readErr(payload)
    super(message.toString('utf8'))
    this.code = code
    this.sqlstate = sqlstate
  }
}

export interface MysqlClientOptions {
  readonly user?: string
  readonly password?: string
  readonly database?: string
  /** Of those that are offered, what is not wanted. */
  readonly without?: number
  readonly collation?: number
  readonly plugin?: string
}

/** A client by hand: it says what a test has it say, and reads what comes in order. */
export class MysqlClient {
  readonly socket: Socket
  greeting!: Handshake
  capabilities = 0
  readonly #framer = new Framer(256 * 1024 * 1024, 'the server')
  readonly #frames: Frame[] = []
  #hasEnded = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.#framer.push(bytes, (frame) => void this.#frames.push({ ...frame, bytes: Buffer.from(frame.bytes) }))
      this.#wake()
    })
    const over = (): void => {
      this.#hasEnded = true
      this.#wake()
    }
    socket.on('close', over)
    socket.on('error', over)
  }

  static async connect(port: number, options: MysqlClientOptions = {}): Promise<MysqlClient> {
    const client = new MysqlClient(connect({ port, host: '127.0.0.1' }))
    await client.logIn(options)
    return client
  }

  /** The next payload; undefined once the connection is closed. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.#hasEnded) return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async payload(): Promise<Buffer> {
    const frame = await this.next()
    if (frame === undefined) throw new Error('the connection was closed')
    return payloadOf(frame)
  }

  send(payload: Buffer, sequence = 0): void {
    this.socket.write(encodePackets(payload, sequence))
  }

  async logIn({ user = 'app', password = '', ...options }: MysqlClientOptions): Promise<void> {
    const first = await this.payload()
    if (first[0] === 0xff) throw new MysqlFailure(first)
    this.greeting = readHandshake(Buffer.from(first))
    const { plugin = 'mysql_native_password', collation = 45, database, without = 0 } = options
    const wanted = database === undefined ? capabilities.connectWithDatabase : 0
    this.capabilities = this.greeting.capabilities & UNDERSTOOD & ~(without | wanted | capabilities.connectAttributes)
    const proof = (scramble: Buffer): Buffer => (password === '' ? Buffer.alloc(0) : nativeProof(password, scramble))
    this.send(
      encodeHandshakeResponse({
        type: 'response',
        capabilities: this.capabilities,
        maxPacket: 1 << 30,
        collation,
        user: Buffer.from(user),
        authentication: plugin === 'mysql_native_password' ? proof(this.greeting.scramble) : Buffer.of(1, 2, 3),
        database: database === undefined ? undefined : Buffer.from(database),
        plugin,
        attributes: undefined,
      }),
      1,
    )
    for (;;) {
      const frame = await this.next()
      if (frame === undefined) throw new Error('the connection was closed during the login')
      const payload = payloadOf(frame)
      if (payload[0] === 0xff) throw new MysqlFailure(payload)
      if (payload[0] === 0) return
      if (payload[0] === 1) readAuthMoreData(payload)
      else this.send(proof(readAuthSwitch(payload)?.data.subarray(0, 20) ?? Buffer.alloc(0)), frame.next)
    }
  }

  /** The results of one text. */
  query(sql: string): Promise<TestResult[]> {
    return this.command(Buffer.concat([Buffer.of(commands.query), Buffer.from(sql)]), 'results')
  }

  /** The rows of the only result. */
  async rows(sql: string): Promise<(string | null)[][]> {
    const [result] = await this.query(sql)
    return result?.rows ?? []
  }

  /** Sends a command and reads its answer. `file`: what is sent where the server asks for one. */
  async command(payload: Buffer, kind: AnswerKind, file?: Buffer): Promise<TestResult[]> {
    this.send(payload)
    return (await this.answer(kind, file)).results
  }

  async answer(
    kind: AnswerKind,
    file?: Buffer,
  ): Promise<{ results: TestResult[]; prepared?: StmtPrepareOk; text?: string }> {
    const answer = new Answer(kind, this.capabilities)
    const results: TestResult[] = []
    let current = emptyResult()
    let prepared: StmtPrepareOk | undefined
    let text: string | undefined
    while (!answer.isComplete) {
      const frame = await this.next()
      if (frame === undefined) throw new Error('the connection was closed within an answer')
      const part = answer.next(frame)
      const body = payloadOf(frame)
      switch (part.type) {
        case 'error':
          throw new MysqlFailure(body)
        case 'ok':
          results.push({ ...current, status: part.ok.status, affectedRows: part.ok.affectedRows })
          current = emptyResult()
          break
        case 'column':
          current.columns.push(readColumnDefinition(new ByteReader(body, 'column'), 'binary'))
          break
        case 'row':
          current.rows.push(
            answer.isBinary
              ? [body.toString('hex')]
              : readTextRow(body, current.columns.length).map((value) => value && value.toString('utf8')),
          )
          break
        case 'rows-end':
          results.push({ ...current, status: part.end.status })
          current = emptyResult()
          break
        case 'file': {
          let { next } = frame
          if (file !== undefined && file.length > 0) {
            this.send(file, next)
            next = (next + 1) & 0xff
          }
          this.send(Buffer.alloc(0), next)
          break
        }
        case 'prepared':
          prepared = part.prepared
          break
        case 'text':
          text = body.toString('utf8')
          break
        case 'columns':
        case 'columns-end':
      }
    }
    return { results, ...(prepared === undefined ? {} : { prepared }), ...(text === undefined ? {} : { text }) }
  }

  async prepare(sql: string): Promise<StmtPrepareOk> {
    this.send(Buffer.concat([Buffer.of(commands.stmtPrepare), Buffer.from(sql)]))
    const { prepared } = await this.answer('prepared')
    if (prepared === undefined) throw new Error('nothing was prepared')
    return prepared
  }

  /** With texts as parameters. */
  execute(id: number, parameters: readonly (string | null)[], flags = 0): Promise<TestResult[]> {
    return this.command(executeCommand(id, parameters, flags), 'binary-results')
  }

  /** Resolves when the server has closed the connection; what it said last. */
  async closed(): Promise<MysqlFailure | undefined> {
    let last: MysqlFailure | undefined
    for (let frame = await this.next(); frame !== undefined; frame = await this.next())
      if (frame.head === 0xff) last = new MysqlFailure(payloadOf(frame))
    return last
  }

  quit(): void {
    this.send(Buffer.of(commands.quit))
    this.socket.end()
  }
}

const emptyResult = (): TestResult => ({ columns: [], rows: [], status: 0, affectedRows: undefined })

export function executeCommand(id: number, parameters: readonly (string | null)[], flags = 0): Buffer {
  const head = Buffer.alloc(10)
  head[0] = commands.stmtExecute
  head.writeUInt32LE(id, 1)
  head[5] = flags
  head.writeUInt32LE(1, 6)
  if (parameters.length === 0) return head
  const nulls = Buffer.alloc((parameters.length + 7) >> 3)
  for (const [index, value] of parameters.entries())
    if (value === null) nulls[index >> 3] = (nulls[index >> 3] as number) | (1 << (index & 7))
  const types = Buffer.concat(parameters.map(() => Buffer.of(0xfd, 0)))
  const values = parameters.map((value) => {
    if (value === null) return Buffer.alloc(0)
    const bytes = Buffer.from(value)
    return Buffer.concat([Buffer.of(0xfc, bytes.length & 0xff, bytes.length >> 8), bytes])
  })
  return Buffer.concat([head, nulls, Buffer.of(1), types, ...values])
}
