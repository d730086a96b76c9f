import { createHash } from 'node:crypto'
import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { PamError } from '../../../shared/errors.ts'
import { WireError } from '../../../wire/wire-error.ts'
import type { QueryStart } from '../../client-half.ts'
import type { QueryConnection, QueryPart, QueryText } from '../../query-client.ts'
import { QueryExchange } from '../../query-exchange.ts'
import { AUTH_SWITCH, readAuthSwitch } from '../wire/auth-switch.ts'
import { capabilities } from '../wire/capabilities.ts'
import { ERR, readErr } from '../wire/err.ts'
import { encodePackets, Framer, payloadOf, type Frame } from '../wire/framer.ts'
import { encodeHandshakeResponse } from '../wire/handshake-response.ts'
import { readHandshake } from '../wire/handshake.ts'
import { OK } from '../wire/ok.ts'
import { commands } from '../wire/command.ts'
import { AnswerReader, errorOf } from './answer.ts'
import { closeStatement, executeStatement, prepareStatement, queryText } from './commands.ts'

/** Logs in to a port of the agent, as a client of MySQL would. */
export async function connectMysql({ target, listener }: QueryStart): Promise<QueryConnection> {
  const { host, port, socketDirectory, secret } = listener
  const socket = connectSocket(
    socketDirectory === undefined ? { host, port } : { path: join(socketDirectory, 'mysql.sock') },
  )
  const connection = new Connection(socket)
  try {
    // Only the user can access the Unix socket, so it needs no password.
    await connection.logIn(
      target.accounts[0] ?? '',
      target.database,
      socketDirectory === undefined ? secret : undefined,
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
    this.#exchange = new QueryExchange(socket, new Framer(MAX_MESSAGE_BYTES, 'server'), (frame) => {
      // The gateway's error when it ends the connection between two commands.
      if (frame.head === ERR) this.#exchange.fail(errorOf(readErr(payloadOf(frame))))
    })
  }

  async logIn(user: string, database: string | undefined, password: string | undefined): Promise<void> {
    let isGreeted = false
    await this.#exchange.converse(undefined, (frame) => {
      const payload = payloadOf(frame)
      if (frame.head === ERR) throw errorOf(readErr(payload))
      if (!isGreeted) {
        isGreeted = true
        const authentication = proof(password, readHandshake(payload).scramble)
        this.#exchange.write(encodePackets(responseOf(user, database, authentication), frame.next))
        return false
      }
      if (frame.head === AUTH_SWITCH) {
        const asked = readAuthSwitch(payload)
        if (asked?.plugin !== NATIVE) throw new WireError('the gateway asks for an unknown way to log in')
        this.#exchange.write(encodePackets(proof(password, asked.data.subarray(0, SCRAMBLE_BYTES)), frame.next))
        return false
      }
      return frame.head === OK
    })
  }

  async run({ sql, parameters, maxRows }: QueryText, hear: (part: QueryPart) => void): Promise<void> {
    if (parameters.length === 0) return void (await this.#command(queryText(sql), 'results', maxRows, hear))
    const { prepared } = await this.#command(prepareStatement(sql), 'prepared', 0, () => {})
    if (prepared === undefined) throw new WireError('the server did not answer with a prepared statement')
    if (prepared.parameters !== parameters.length) {
      throw new PamError(
        'USAGE',
        `the statement has ${prepared.parameters} parameters, and ${parameters.length} were given`,
        { hint: 'write ? for each parameter, and give --param once for each' },
      )
    }
    await this.#command(executeStatement(prepared.id, parameters), 'binary-results', maxRows, hear)
    this.#exchange.write(encodePackets(closeStatement(prepared.id), 0))
  }

  close(): void {
    this.#exchange.close(encodePackets(Buffer.of(commands.quit), 0))
  }

  async #command(
    payload: Buffer,
    kind: 'results' | 'prepared' | 'binary-results',
    maxRows: number,
    hear: (part: QueryPart) => void,
  ): Promise<AnswerReader> {
    const reader = new AnswerReader(kind, CAPABILITIES, maxRows)
    await this.#exchange.converse(encodePackets(payload, 0), (frame) => {
      const step = reader.read(frame)
      if (step === 'file') {
        // An empty packet: no file is sent. Spec: LOCAL INFILE Request.
        this.#exchange.write(encodePackets(Buffer.alloc(0), frame.next))
      } else if (step !== undefined) hear(step)
      return reader.isComplete
    })
    if (reader.failure !== undefined) throw reader.failure
    return reader
  }
}

/** Several statements in one text, and no TLS: the tunnel is encrypted. */
const CAPABILITIES =
  capabilities.longPassword |
  capabilities.longFlag |
  capabilities.protocol41 |
  capabilities.transactions |
  capabilities.secureConnection |
  capabilities.multiStatements |
  capabilities.multiResults |
  capabilities.preparedMultiResults |
  capabilities.pluginAuth

function responseOf(user: string, database: string | undefined, authentication: Buffer): Buffer {
  return encodeHandshakeResponse({
    type: 'response',
    capabilities: CAPABILITIES | (database === undefined ? 0 : capabilities.connectWithDatabase),
    maxPacket: MAX_MESSAGE_BYTES,
    collation: UTF8MB4_GENERAL_CI,
    user: Buffer.from(user),
    authentication,
    database: database === undefined ? undefined : Buffer.from(database),
    plugin: NATIVE,
    attributes: undefined,
  })
}

/** SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))); nothing for no password. Spec: Native Authentication. */
function proof(password: string | undefined, scramble: Buffer): Buffer {
  if (password === undefined) return Buffer.alloc(0)
  const sha1 = (...parts: readonly (string | Buffer)[]): Buffer => {
    const hash = createHash('sha1')
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const once = sha1(password)
  const mask = sha1(scramble, sha1(once))
  return Buffer.from(once.map((byte, at) => byte ^ mask.readUInt8(at)))
}

const NATIVE = 'mysql_native_password'
const SCRAMBLE_BYTES = 20
const UTF8MB4_GENERAL_CI = 45
/** The limit for one row, in bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
