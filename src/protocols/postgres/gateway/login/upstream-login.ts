import { createHash } from 'node:crypto'
import { PamError } from '../../../../shared/errors.ts'
import { authentication, type Authentication } from '../../wire/authentication.ts'
import { briefError } from '../../wire/error-response.ts'
import { bodyOf, type Frame } from '../../wire/framer.ts'
import { passwordMessage } from '../../wire/password-message.ts'
import { saslInitialResponse, saslResponse } from '../../wire/sasl-response.ts'
import { decodeMessage, encodeMessage, serverTags } from '../../wire/server-message.ts'
import {
  backendKeyDataCodec,
  parameterStatusCodec,
  readyForQueryCodec,
  type BackendKeyData,
} from '../../wire/session-start.ts'
import { encodeStartupPacket } from '../../wire/startup.ts'
import type { AuthenticationMethod, ChannelBinding } from '../../target.ts'
import { ScramClient, type TlsBinding } from './scram.ts'
import { TargetRefusal } from '../../../../gateway/target-failure.ts'
import { violation, type TargetMessages } from '../../../../gateway/target-messages.ts'

export interface LoginParts {
  /** Host and port: expensive hashing for one target must not delay others. */
  readonly target: string
  readonly user: string
  readonly database: string
  readonly password: string | undefined
  readonly settings: ReadonlyMap<string, string>
  /** The authentication methods that the gateway may use. */
  readonly methods: readonly AuthenticationMethod[]
  readonly tls: TlsBinding | undefined
  readonly channelBinding: ChannelBinding
}

/** What the server reported at login. */
export interface LoggedIn {
  readonly parameters: ReadonlyMap<string, string>
  /** Undefined if the server sends none, as some poolers do; then queries cannot be cancelled. */
  readonly key: BackendKeyData | undefined
}

/** The server refused, with an SQLSTATE. */
export function refusalOf(body: Buffer): TargetRefusal {
  const { sqlstate = 'XX000', message } = briefError(body)
  return new TargetRefusal({
    code: sqlstate,
    said: message,
    isCredential: sqlstate === '28P01' || sqlstate === '28000',
  })
}

/** Protocol 3.0 from the start-up to the first ReadyForQuery. Spec: Message Flow, Start-up. */
export async function logIn(messages: TargetMessages<Frame>, parts: LoginParts): Promise<LoggedIn> {
  messages.allow('the login', { bytes: MAX_BYTES, messages: MAX_MESSAGES })
  const { user, database, settings } = parts
  messages.send(
    encodeStartupPacket({
      type: 'startup',
      major: 3,
      minor: 0,
      parameters: new Map([...settings, ['user', user], ['database', database]]),
    }),
  )
  await authenticate(messages, parts)
  const parameters = new Map<string, string>()
  let key: BackendKeyData | undefined
  for (;;) {
    const frame = await nextOf(messages)
    const body = bodyOf(frame)
    switch (frame.tag) {
      case serverTags.parameterStatus: {
        const { name, value } = decodeMessage(parameterStatusCodec, body, 'ParameterStatus')
        parameters.set(name, value)
        break
      }
      case serverTags.backendKeyData:
        if (key !== undefined) throw violation('the target gave two keys for cancelling')
        key = decodeMessage(backendKeyDataCodec, body, 'BackendKeyData')
        if (key.secretKey.length !== 4) throw violation('the key for cancelling is not one of protocol 3.0')
        break
      case serverTags.readyForQuery: {
        const { status } = decodeMessage(readyForQueryCodec, body, 'ReadyForQuery')
        if (status !== 'I') throw violation('the target is in a transaction after the login')
        checkPinned(parameters)
        return { parameters, key }
      }
      default:
        throw unexpected(frame)
    }
  }
}

/**
 * Settings that determine how statements are parsed. The gateway checks the values that the server reports: the account or a pooler may
 * have set others.
 */
export const PINNED: Readonly<Record<string, string>> = { client_encoding: 'UTF8', standard_conforming_strings: 'on' }

function checkPinned(parameters: ReadonlyMap<string, string>): void {
  for (const [name, value] of Object.entries(PINNED)) {
    const said = parameters.get(name)
    if (said !== value)
      throw new PamError('SETTING_REFUSED', `the target reports ${name} as ${said ?? 'nothing'}, and not as ${value}`, {
        side: 'upstream',
      })
  }
}

async function authenticate(messages: TargetMessages<Frame>, parts: LoginParts): Promise<void> {
  const asked = await nextAuthentication(messages)
  switch (asked.method) {
    case 'ok':
      return allowed('none', parts)
    case 'cleartext-password':
      allowed('cleartext-password', parts)
      sendPassword(messages, passwordOf(parts))
      break
    case 'md5-password': {
      allowed('md5', parts)
      const inner = md5(`${passwordOf(parts)}${parts.user}`)
      sendPassword(messages, `md5${md5(Buffer.concat([Buffer.from(inner), asked.salt]))}`)
      break
    }
    case 'sasl':
      allowed('scram-sha-256', parts)
      await scram(messages, parts, asked.mechanisms)
      break
    case 'sasl-continue':
    case 'sasl-final':
      throw violation('the target continues an exchange that was not started')
    case 'unsupported':
      throw new PamError(
        'TARGET_CREDENTIAL',
        `the target asks for an authentication that the gateway does not support (method ${asked.code})`,
        { side: 'upstream', hint: 'use scram-sha-256 for the account in pg_hba.conf of the target' },
      )
  }
  const answer = await nextAuthentication(messages)
  if (answer.method !== 'ok') throw violation('the target asks again after it was answered')
}

async function scram(messages: TargetMessages<Frame>, parts: LoginParts, mechanisms: readonly string[]): Promise<void> {
  const client = new ScramClient({
    password: passwordOf(parts),
    tls: parts.tls,
    channelBinding: parts.channelBinding,
    mechanisms,
    fewestIterations: parts.tls?.verified === true ? 1 : MIN_ITERATIONS,
  })
  messages.send(
    encodeMessage(saslInitialResponse, {
      type: 'sasl-initial-response',
      mechanism: client.mechanism,
      data: client.first,
    }),
  )
  const first = await nextAuthentication(messages)
  if (first.method !== 'sasl-continue') throw violation('the target leaves the SCRAM exchange')
  messages.send(
    encodeMessage(saslResponse, {
      type: 'sasl-response',
      data: await client.proof(first.data, parts.target, messages.signal),
    }),
  )
  const final = await nextAuthentication(messages)
  if (final.method !== 'sasl-final') throw violation('the target does not prove that it knows the password')
  client.verify(final.data)
}

function allowed(method: AuthenticationMethod, { methods }: LoginParts): void {
  if (methods.includes(method)) return
  throw new PamError(
    'TARGET_CREDENTIAL',
    `the target asks for ${ASKED[method]}, which its configuration does not allow`,
    {
      side: 'upstream',
      hint: 'ask your administrator to use scram-sha-256 on the target, verify its certificate (tls: verify-full), or list the method under `authentication`',
    },
  )
}

const ASKED: Readonly<Record<AuthenticationMethod, string>> = {
  'scram-sha-256': 'SCRAM authentication',
  md5: 'the password hashed with MD5',
  'cleartext-password': 'the password in clear text',
  none: 'no credential at all',
}

function passwordOf({ password }: LoginParts): string {
  if (password === undefined || password === '')
    throw new PamError('TARGET_CREDENTIAL', 'the target asks for a password, and none is configured', {
      side: 'upstream',
      hint: 'ask your administrator to set `password` for this target',
    })
  return password
}

const sendPassword = (messages: TargetMessages<Frame>, password: string): void =>
  messages.send(encodeMessage(passwordMessage, { type: 'password', password }))

const md5 = (text: string | Buffer): string => createHash('md5').update(text).digest('hex')

async function nextAuthentication(messages: TargetMessages<Frame>): Promise<Authentication> {
  const frame = await nextOf(messages)
  if (frame.tag !== serverTags.authentication) throw unexpected(frame)
  return decodeMessage(authentication, bodyOf(frame), 'Authentication')
}

/** The next message that is not a notice; an error is thrown. */
async function nextOf(messages: TargetMessages<Frame>): Promise<Frame> {
  for (;;) {
    const frame = await messages.next()
    if (frame.tag === serverTags.errorResponse) throw refusalOf(bodyOf(frame))
    if (frame.tag !== serverTags.noticeResponse) return frame
  }
}

export const unexpected = ({ tag }: Frame): PamError =>
  violation(`the target sent message '${String.fromCharCode(tag)}' where none was due`)

/** A login takes some hundred bytes in twenty messages, and possibly notices. */
const MAX_BYTES = 128 * 1024
const MAX_MESSAGES = 1000
/** RFC 7677, section 4. The gateway sends an unverified server no proof with fewer iterations: the password is cheaper to guess from it. */
const MIN_ITERATIONS = 4096
