import { connect } from 'node:net'
import type { Algorithms, Client, ConnectConfig, NegotiatedAlgorithms } from 'ssh2'
import type { CredentialLease } from '../../../credentials/credential.ts'
import { channelStream } from '../../../shared/channel-stream.ts'
import type { Channel } from '../../../shared/channel.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import { socketChannel } from '../../../shared/socket-channel.ts'
import { RecordedChannel } from '../../../gateway/recorded-channel.ts'
import type { Session } from '../../../gateway/engine.ts'
import type { SshTarget } from '../target.ts'
import { ALGORITHMS } from './admit.ts'
import type { FirstUse } from '../../protocol.ts'
import { checkHostKey, hostKeyAlgorithms } from './host-keys.ts'
import { publicKeyRequest } from './certificate-login.ts'
import { guardPeer } from './peer-guard.ts'
import { hasOverrun, logInWith } from './ssh2-internals.ts'
import { ssh2 } from './ssh2-library.ts'

/** Logs in to the target with the session's credential; what is written goes out only once it is on record. */
export function connectUpstream(
  session: Session<SshTarget>,
  baseDirectory: string,
  firstUse: FirstUse,
): Promise<Client> {
  const { config, lease, limits, ended } = session
  return logIn({
    config,
    lease,
    handshake: limits.handshake,
    baseDirectory,
    firstUse,
    ended,
    channel: (channel) => new RecordedChannel(channel, session),
  })
}

export interface SshLogin {
  readonly config: SshTarget
  readonly lease: CredentialLease
  /** Milliseconds. */
  readonly handshake: number
  readonly baseDirectory: string
  readonly firstUse: FirstUse
  /** Gives up; the reason is a PamError. */
  readonly ended?: AbortSignal
  /** What stands between the library and the socket. */
  readonly channel?: (channel: Channel) => Channel
  readonly onHandshake?: (negotiated: NegotiatedAlgorithms) => void
}

/** Opens a connection to a target, checks its host key and logs in. */
export async function logIn(login: SshLogin): Promise<Client> {
  const { config, lease, handshake, baseDirectory, firstUse, ended, channel = (same) => same, onHandshake } = login
  const socket = connect({ host: config.host, port: config.port })
  const client = new ssh2.Client()
  let untrusted: PamError | undefined
  let verified: Buffer | undefined
  let onEnded = (): void => {}
  try {
    await new Promise<void>((resolve, reject) => {
      if (ended !== undefined) {
        onEnded = () => reject(reasonOf(ended))
        if (ended.aborted) return onEnded()
        ended.addEventListener('abort', onEnded, { once: true })
      }
      const fail = (error: Error): void => void client.emit('error', error)
      const stream = channelStream(channel(socketChannel(socket)), () => {
        if (!hasOverrun(client)) return
        fail(new Error('more was sent than the window allows'))
        client.destroy()
      })
      client.on('ready', resolve)
      client.on('error', (error) => reject(untrusted ?? upstreamError(config, error)))
      client.on('close', () => reject(untrusted ?? upstreamError(config, new Error('closed during the handshake'))))
      socket.on('error', (error) => reject(upstreamError(config, error)))
      if (onHandshake !== undefined) client.on('handshake', onHandshake)
      client.connect({
        sock: stream,
        algorithms: algorithmsFor(config, baseDirectory),
        readyTimeout: handshake,
        keepaliveInterval: KEEP_ALIVE,
        keepaliveCountMax: 4,
        ...authentication(lease),
        hostVerifier: (key: Buffer, verify: (isValid: boolean) => void) => {
          // Where keys are exchanged again the answer has to be there at once: while the library waits for it, with the target's part of the
          // exchange done, it writes packets that nobody can read (1.17.0, kex.js, `partial`). The key stays the one that was verified.
          if (verified !== undefined) return key.equals(verified)
          checkHostKey(key, config, baseDirectory, firstUse)
            .then(
              () => {
                verified = Buffer.from(key)
                verify(true)
              },
              (error: unknown) => {
                untrusted = error instanceof PamError ? error : upstreamError(config, error)
                verify(false)
              },
            )
            // What the library finds wrong when it goes on is thrown into nowhere.
            .catch(fail)
          return undefined
        },
      })
      const { sshCertificate } = lease
      if (sshCertificate !== undefined)
        logInWith(client, (sessionId) => publicKeyRequest(lease.user, sshCertificate, sessionId))
      guardPeer(client, { handshake }, (error) => {
        fail(error)
        client.destroy()
      })
      // A target that asks by keyboard-interactive (RFC 4256) for one hidden answer asks for the password.
      client.on('keyboard-interactive', (_name, _instructions, _lang, prompts, finish) => {
        finish(prompts.map(({ echo }) => (echo === true ? '' : (lease.password ?? ''))))
      })
    })
  } catch (error) {
    client.destroy()
    socket.destroy()
    throw error instanceof PamError ? error : upstreamError(config, error)
  } finally {
    ended?.removeEventListener('abort', onEnded)
  }
  return client
}

function algorithmsFor(config: SshTarget, baseDirectory: string): Algorithms {
  const serverHostKey = hostKeyAlgorithms(config, baseDirectory)
  // The library's own types list plain keys only.
  return serverHostKey === undefined ? ALGORITHMS : Object.assign({}, ALGORITHMS, { serverHostKey })
}

/** What the gateway logs in with, as ssh2 takes it. */
const authentication = ({ user, password, privateKey, sshCertificate }: CredentialLease): ConnectConfig => ({
  username: user,
  authHandler:
    sshCertificate !== undefined
      ? ['none']
      : privateKey === undefined
        ? ['password', 'keyboard-interactive']
        : ['publickey'],
  tryKeyboard: privateKey === undefined && sshCertificate === undefined,
  ...(password === undefined ? {} : { password }),
  ...(privateKey === undefined
    ? {}
    : {
        privateKey: privateKey.text,
        ...(privateKey.passphrase === undefined ? {} : { passphrase: privateKey.passphrase }),
      }),
})

function upstreamError({ name }: SshTarget, cause: unknown): PamError {
  const level = cause instanceof Error && 'level' in cause ? cause.level : undefined
  if (level === 'client-authentication') {
    return new PamError('TARGET_CREDENTIAL', `${name} did not accept the gateway's login`, {
      side: 'upstream',
      cause,
      hint: 'ask your administrator to check the credential of this target',
    })
  }
  if (level === 'client-timeout') {
    return new PamError('TARGET_UNREACHABLE', `${name} did not answer in time`, { side: 'upstream', cause })
  }
  return new PamError('TARGET_UNREACHABLE', `${name} cannot be reached, or the SSH handshake failed`, {
    side: 'upstream',
    cause,
    hint: 'ask your administrator: the log of the gateway has the reason',
  })
}

const KEEP_ALIVE = 30_000
