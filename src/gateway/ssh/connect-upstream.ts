import { connect } from 'node:net'
import type { Client } from 'ssh2'
import { channelStream } from '../../shared/channel-stream.ts'
import { PamError } from '../../shared/errors.ts'
import { socketChannel } from '../../shared/socket-channel.ts'
import { afterRecord } from '../after-record.ts'
import type { Session } from '../engine.ts'
import type { SshTarget } from '../target.ts'
import { ALGORITHMS } from './admit.ts'
import { checkHostKey, type FirstUse } from './host-keys.ts'
import { guardPeer } from './peer-guard.ts'
import { hasOverrun, ssh2 } from './ssh2-internals.ts'

/** Logs in to the target with the session's credential; what is written goes out only once it is on record. */
export async function connectUpstream(
  session: Session<SshTarget>,
  baseDirectory: string,
  firstUse: FirstUse,
): Promise<Client> {
  const { config, lease, limits } = session
  const socket = connect({ host: config.host, port: config.port })
  const client = new ssh2.Client()
  let untrusted: PamError | undefined
  const over = new AbortController()
  const onEnded = (): void => over.abort(session.ended.reason)
  session.ended.addEventListener('abort', onEnded, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      over.signal.addEventListener('abort', () => reject(over.signal.reason as PamError), { once: true })
      const fail = (error: Error): void => void client.emit('error', error)
      const stream = channelStream(afterRecord(socketChannel(socket), session), () => {
        if (!hasOverrun(client)) return
        fail(new Error('more than there was a window for'))
        client.destroy()
      })
      client.on('ready', resolve)
      client.on('error', (error) => reject(untrusted ?? upstreamError(config, error)))
      client.on('close', () => reject(untrusted ?? upstreamError(config, new Error('closed during the handshake'))))
      socket.on('error', (error) => reject(upstreamError(config, error)))
      client.connect({
        sock: stream,
        username: lease.user,
        algorithms: ALGORITHMS,
        readyTimeout: limits.handshake,
        keepaliveInterval: KEEP_ALIVE,
        keepaliveCountMax: 4,
        authHandler: lease.privateKey === undefined ? ['password', 'keyboard-interactive'] : ['publickey'],
        tryKeyboard: lease.privateKey === undefined,
        ...(lease.password === undefined ? {} : { password: lease.password }),
        ...(lease.privateKey === undefined
          ? {}
          : {
              privateKey: lease.privateKey.text,
              ...(lease.privateKey.passphrase === undefined ? {} : { passphrase: lease.privateKey.passphrase }),
            }),
        hostVerifier: (key: Buffer, verify: (isValid: boolean) => void) => {
          checkHostKey(key, config, baseDirectory, firstUse)
            .then(
              () => verify(true),
              (error: unknown) => {
                untrusted = error instanceof PamError ? error : upstreamError(config, error)
                verify(false)
              },
            )
            // What the library finds wrong when it goes on is thrown into nowhere.
            .catch(fail)
        },
      })
      guardPeer(client, (error) => {
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
    session.ended.removeEventListener('abort', onEnded)
  }
  return client
}

function upstreamError({ name }: SshTarget, cause: unknown): PamError {
  const { level } = cause as { level?: string }
  if (level === 'client-authentication') {
    return new PamError('TARGET_CREDENTIAL', `${name} did not accept the gateway's login`, {
      side: 'upstream',
      cause,
      hint: 'whoever runs the gateway must look at the credential of the target',
    })
  }
  if (level === 'client-timeout') {
    return new PamError('TARGET_UNREACHABLE', `${name} did not answer in time`, { side: 'upstream', cause })
  }
  return new PamError('TARGET_UNREACHABLE', `${name} cannot be reached, or the SSH handshake with it failed`, {
    side: 'upstream',
    cause,
    hint: 'the log of the gateway has the reason',
  })
}

const KEEP_ALIVE = 30_000
