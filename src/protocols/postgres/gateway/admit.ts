import { item } from '../../../shared/item.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { readStartupPacket } from '../wire/startup.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError } from '../../../shared/errors.ts'
import type { Greeting, HandshakeLimits } from '../../../gateway/engine.ts'
import type { PostgresTarget } from '../target.ts'
import { HARMLESS_SETTINGS } from '../dialect/settings.ts'

/** The first message of a client: its start-up parameters, and the bytes that arrived after it. */
export interface Hello {
  readonly minor: number
  readonly parameters: ReadonlyMap<string, string>
  readonly rest: Buffer
}

/** Reads up to the start-up message, declining encryption: the tunnel is encrypted already. */
export function readGreeting(
  client: Channel,
  limits: HandshakeLimits,
): Promise<Greeting<Hello> | { readonly cancel: Uint8Array }> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const timer = setTimeout(() => {
      fail(new PamError('HANDSHAKE_TIMEOUT', 'the client said nothing in time'))
    }, limits.handshake)
    const done = (): void => {
      clearTimeout(timer)
      client.pause()
    }
    const fail = (error: PamError): void => {
      done()
      reject(error)
    }
    client.handler = {
      data(chunk) {
        bytes = Buffer.concat([bytes, chunk])
        try {
          for (let read = readStartupPacket(bytes); read !== undefined; read = readStartupPacket(bytes)) {
            bytes = bytes.subarray(read.length)
            const { packet } = read
            if (packet.type === 'startup') {
              done()
              return resolve({
                hello: { minor: packet.minor, parameters: packet.parameters, rest: bytes },
              })
            }
            if (packet.type === 'cancel-request') {
              done()
              const key = Buffer.alloc(4 + packet.secretKey.length)
              key.writeUInt32BE(packet.processId)
              packet.secretKey.copy(key, 4)
              return resolve({ cancel: key })
            }
            // A client that encrypts sends nothing before the answer: bytes that arrived with the request were injected.
            if (bytes.length > 0)
              return fail(new PamError('PROTOCOL_VIOLATION', 'bytes after a request for encryption'))
            client.write(Buffer.from('N'))
          }
        } catch (error) {
          fail(new PamError('PROTOCOL_VIOLATION', error instanceof WireError ? error.message : 'malformed start-up'))
        }
      },
      drained() {},
      ended: () => fail(new PamError('CLIENT_LEFT', 'the client left during start-up')),
      closed: () => fail(new PamError('CLIENT_LEFT', 'the client left during start-up')),
    }
    client.resume()
  })
}

/**
 * The start-up settings to pass on. The names of user and database are checked against the grant; they do not select anything. Throws if a
 * parameter is not allowed.
 */
export function admitStartup(hello: Hello, target: PostgresTarget): ReadonlyMap<string, string> {
  const settings = new Map<string, string>()
  for (const [name, value] of hello.parameters) {
    switch (name) {
      case 'user':
        if (value === target.user) break
        throw refused(
          `this target takes the user "${target.user}", not "${value}"`,
          `connect as user ${target.user} (PGUSER, or user= in the URL)`,
        )
      case 'database':
        if (value === target.database) break
        throw refused(
          `this target serves the database "${target.database}", not "${value}"`,
          `connect to database ${target.database} (PGDATABASE, or the path of the URL)`,
        )
      case 'replication':
        if (/^(0|off|false|no)$/i.test(value)) break
        throw new PamError('FEATURE_REFUSED', 'replication connections are not supported')
      case 'options':
        for (const [option, setting] of parseOptions(value)) settings.set(...checkSetting(option, setting))
        break
      default:
        if (!name.startsWith('_pq_.')) settings.set(...checkSetting(name, value))
    }
  }
  if (!hello.parameters.has('user'))
    throw refused('the start-up names no user', `connect as user ${target.user} (PGUSER, or user= in the URL)`)
  if (!hello.parameters.has('database')) {
    throw refused(
      'the start-up names no database',
      `connect to database ${target.database} (PGDATABASE, or the path of the URL)`,
    )
  }
  return settings
}

function checkSetting(name: string, value: string): [string, string] {
  const setting = name.toLowerCase()
  if (setting === 'client_encoding') {
    // SQL_ASCII means "no conversion": with UTF-8 on the server that is the same as UTF8.
    if (/^'?(utf-?8|unicode|sql_ascii)'?$/i.test(value)) return ['client_encoding', 'UTF8']
    throw new PamError('ENCODING_REFUSED', `client_encoding ${value} is not supported: use UTF8`, {
      hint: 'set PGCLIENTENCODING=UTF8',
    })
  }
  if (setting === 'standard_conforming_strings' && /^(on|true|yes|1)$/i.test(value)) return [setting, 'on']
  // Evaluated like the equivalent SET once the session has started.
  if (setting === 'search_path') return [setting, value]
  if (setting === 'default_transaction_read_only' || HARMLESS_SETTINGS.has(setting)) return [setting, value]
  throw refused(`the start-up setting ${name} is not passed on`, 'use SET after connecting')
}

/** PGOPTIONS: `-c name=value` and `--name=value`, with a backslash before a space. Spec: libpq, options. */
function parseOptions(text: string): [string, string][] {
  const words = text.match(/(?:\\.|[^\s\\])+/g)?.map((word) => word.replace(/\\(.)/g, '$1')) ?? []
  const settings: [string, string][] = []
  for (let i = 0; i < words.length; i++) {
    const word = item(words, i)
    const assignment =
      word === '-c'
        ? (words[++i] ?? '')
        : word.startsWith('--')
          ? word.slice(2)
          : word.startsWith('-c')
            ? word.slice(2)
            : ''
    const at = assignment.indexOf('=')
    if (at < 1) throw refused(`the start-up option ${word} is not passed on`, 'only -c name=value is')
    settings.push([assignment.slice(0, at).replaceAll('-', '_'), assignment.slice(at + 1)])
  }
  return settings
}

const refused = (message: string, hint: string): PamError => new PamError('STARTUP_REFUSED', message, { hint })
