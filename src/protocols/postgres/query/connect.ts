import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { PamError } from '../../../shared/errors.ts'
import { WireError } from '../../../wire/wire-error.ts'
import type { QueryStart } from '../../client-half.ts'
import type { QueryConnection, QueryPart, QueryText } from '../../query-client.ts'
import { authentication } from '../wire/authentication.ts'
import { bind } from '../wire/bind.ts'
import { clientTags, describePortal, SYNC, TERMINATE } from '../wire/client-message.ts'
import { errorResponse } from '../wire/error-response.ts'
import { execute } from '../wire/execute.ts'
import { bodyOf, Framer, type Frame } from '../wire/framer.ts'
import { parse } from '../wire/parse.ts'
import { passwordMessage } from '../wire/password-message.ts'
import { query } from '../wire/query.ts'
import { decodeMessage, encodeMessage, serverTags } from '../wire/server-message.ts'
import { encodeStartupPacket } from '../wire/startup.ts'
import { AnswerReader, errorOf } from './answer.ts'

/** Logs in to a port of the agent, as a client of PostgreSQL would. */
export async function connectPostgres({ target, listener }: QueryStart): Promise<QueryConnection> {
  const { host, port, socketDirectory, secret } = listener
  const socket = connectSocket(
    socketDirectory === undefined ? { host, port } : { path: join(socketDirectory, `.s.PGSQL.${port}`) },
  )
  const connection = new Connection(socket)
  try {
    await connection.logIn(
      new Map([
        ['user', target.accounts[0] ?? ''],
        ['database', target.database ?? ''],
        ['client_encoding', 'UTF8'],
        ['application_name', 'pamctl query'],
      ]),
      secret ?? '',
    )
    return connection
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Handles the messages of one exchange; true when it is over. */
type Exchange = (frame: Frame) => boolean

class Connection implements QueryConnection {
  readonly #socket: Socket
  readonly #framer = new Framer(MAX_MESSAGE_BYTES, 'server')
  #exchange: { readonly hear: Exchange; resolve(): void; reject(error: unknown): void } | undefined
  #ended: unknown

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#data(chunk))
    socket.on('error', (error) => this.#fail(lost(error)))
    socket.on('close', () => this.#fail(lost()))
  }

  async logIn(parameters: ReadonlyMap<string, string>, password: string): Promise<void> {
    await this.#converse(encodeStartupPacket({ type: 'startup', major: 3, minor: 0, parameters }), (frame) => {
      const body = bodyOf(frame)
      if (frame.tag === serverTags.errorResponse)
        throw errorOf(decodeMessage(errorResponse, body, 'ErrorResponse').fields)
      if (frame.tag === serverTags.authentication) {
        const { method } = decodeMessage(authentication, body, 'Authentication')
        if (method === 'cleartext-password')
          this.#socket.write(encodeMessage(passwordMessage, { type: 'password', password }))
        else if (method !== 'ok') throw new WireError(`the gateway asks for a password by ${method}`)
      }
      return frame.tag === serverTags.readyForQuery
    })
  }

  async run(text: QueryText, hear: (part: QueryPart) => void): Promise<void> {
    const reader = new AnswerReader(text.maxRows)
    let failure: PamError | undefined
    await this.#converse(messagesFor(text), (frame) => {
      const step = reader.read(frame)
      switch (step.type) {
        case 'ready':
          return true
        case 'error':
          // The first one is the cause of what follows it.
          failure ??= step.error
          this.#ended ??= step.error
          return false
        case 'copy-in':
          this.#socket.write(COPY_FAIL)
          failure ??= noCopy('FROM STDIN')
          return false
        case 'copy-out':
          throw noCopy('TO STDOUT')
        case 'nothing':
          return false
        case 'columns':
        case 'row':
        case 'end':
        case 'notice':
          hear(step)
          return false
      }
    })
    this.#ended = undefined
    if (failure !== undefined) throw failure
  }

  close(): void {
    if (this.#exchange === undefined) this.#socket.end(TERMINATE)
    else this.#socket.destroy()
  }

  #converse(bytes: Buffer, hear: Exchange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#exchange = { hear, resolve, reject }
      this.#socket.write(bytes)
    })
  }

  #data(chunk: Buffer): void {
    try {
      this.#framer.push(chunk, (frame) => {
        const exchange = this.#exchange
        if (exchange === undefined || !exchange.hear(frame)) return true
        this.#exchange = undefined
        exchange.resolve()
        return true
      })
    } catch (error) {
      this.#fail(
        error instanceof WireError ? new PamError('PROTOCOL_VIOLATION', error.message, { cause: error }) : error,
      )
      this.#socket.destroy()
    }
  }

  /** What was said last is why the connection ended. */
  #fail(error: unknown): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.reject(this.#ended ?? error)
  }
}

/**
 * A single statement goes by the extended protocol, whose Execute can be told how many rows are wanted: a portal that is
 * suspended there is closed by the Sync, and what it wrote is committed. A text that may have several statements goes by the simple one,
 * which knows no limit; a semicolon within a constant costs nothing but that.
 */
export function messagesFor({ sql, parameters, maxRows }: QueryText): Buffer {
  const text = sql.replace(/[;\s]+$/, '')
  if (text.includes(';') && parameters.length === 0) return encodeMessage(query, { type: 'query', sql })
  return Buffer.concat([
    encodeMessage(parse, { type: 'parse', statement: '', sql: text, parameterTypes: [] }),
    encodeMessage(bind, {
      type: 'bind',
      portal: '',
      statement: '',
      parameterFormats: [],
      parameters: parameters.map((value) => (value === null ? null : Buffer.from(value))),
      resultFormats: [],
    }),
    describePortal(''),
    // One more, which says that there are more.
    encodeMessage(execute, { type: 'execute', portal: '', maxRows: maxRows + 1 }),
    SYNC,
  ])
}

const noCopy = (way: string): PamError =>
  new PamError('FEATURE_REFUSED', `COPY … ${way} is not supported by pamctl query`, {
    hint: 'use psql: pamctl connect NAME -- psql',
  })

const lost = (cause?: Error): PamError =>
  new PamError('GATEWAY_LOST', 'the connection was lost before the answer was complete', {
    hint: 'whether the statement ran is not known; run it again if it did not',
    cause,
  })

const COPY_FAIL = Buffer.concat([Buffer.from([clientTags.copyFail, 0, 0, 0, 4 + 1]), Buffer.from([0])])
/** As much as one row may have. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
