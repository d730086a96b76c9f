import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { PamError } from '../../../shared/errors.ts'
import { WireError } from '../../../wire/wire-error.ts'
import type { QueryStart } from '../../client-half.ts'
import type { QueryConnection, QueryPart, QueryText } from '../../query-client.ts'
import { QueryExchange } from '../../query-exchange.ts'
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

class Connection implements QueryConnection {
  readonly #exchange: QueryExchange<Frame>

  constructor(socket: Socket) {
    this.#exchange = new QueryExchange(socket, new Framer(MAX_MESSAGE_BYTES, 'server'))
  }

  async logIn(parameters: ReadonlyMap<string, string>, password: string): Promise<void> {
    await this.#exchange.converse(encodeStartupPacket({ type: 'startup', major: 3, minor: 0, parameters }), (frame) => {
      const body = bodyOf(frame)
      if (frame.tag === serverTags.errorResponse)
        throw errorOf(decodeMessage(errorResponse, body, 'ErrorResponse').fields)
      if (frame.tag === serverTags.authentication) {
        const { method } = decodeMessage(authentication, body, 'Authentication')
        if (method === 'cleartext-password')
          this.#exchange.write(encodeMessage(passwordMessage, { type: 'password', password }))
        else if (method !== 'ok') throw new WireError(`the gateway asks for a password by ${method}`)
      }
      return frame.tag === serverTags.readyForQuery
    })
  }

  async run(text: QueryText, hear: (part: QueryPart) => void): Promise<void> {
    const reader = new AnswerReader(text.maxRows)
    let failure: PamError | undefined
    await this.#exchange.converse(messagesFor(text), (frame) => {
      const step = reader.read(frame)
      switch (step.type) {
        case 'ready':
          return true
        case 'error':
          // The first one is the cause of what follows it.
          failure ??= step.error
          this.#exchange.reason ??= step.error
          return false
        case 'copy-in':
          this.#exchange.write(COPY_FAIL)
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
    this.#exchange.reason = undefined
    if (failure !== undefined) throw failure
  }

  close(): void {
    this.#exchange.close(TERMINATE)
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

const COPY_FAIL = Buffer.concat([Buffer.from([clientTags.copyFail, 0, 0, 0, 4 + 1]), Buffer.from([0])])
/** As much as one row may have. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
