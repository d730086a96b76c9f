import { asPamError, reasonOf } from '../../../shared/errors.ts'
import type { ServerChannel, Session as SshSession } from 'ssh2'
import type { Channel } from '../../../shared/channel.ts'
import type { PamError } from '../../../shared/errors.ts'
import { sessionFor, type Engine, type Session } from '../../../gateway/engine.ts'
import { greetClient, type SshHello } from './admit.ts'
import { readCommandLine } from '../../../host/command/command-line.ts'
import { createCommandReader, inOrder } from '../../../host/command/command-reader.ts'
import { connectUpstream } from './connect-upstream.ts'
import { serveConnection } from './connection.ts'
import type { FirstUse } from '../../protocol.ts'
import type { OwnHostCertificates } from '../own-host-certificates.ts'
import type { SshHostKeys } from '../own-host-keys.ts'
import type { SshTarget } from '../target.ts'
import { findLoginShell } from './login-shell.ts'
import { probeSsh } from './probe.ts'
import { answer, sendExit } from './ssh2-internals.ts'

export interface SshEngineParts {
  readonly hostKeys: SshHostKeys
  readonly certificates: OwnHostCertificates
  readonly baseDirectory: string
  readonly firstUse: FirstUse
}

/** SSH sessions: a server towards the client, a client towards the target (RFC 4251 to 4254, by ssh2). */
export function sshEngine(parts: SshEngineParts): Engine<SshHello, SshTarget> {
  const greeted = new WeakMap<Channel, SshHello>()
  const reader = createCommandReader()
  return {
    protocol: 'ssh',
    async greet(channel, { target }, limits) {
      const certificates = await parts.certificates.forTarget(target.name)
      const greeting = await greetClient(channel, { ...parts.hostKeys, certificates }, limits)
      greeted.set(channel, greeting.hello)
      return greeting
    },
    async serve(_channel, hello, anySession) {
      const session = sessionFor<SshTarget>('ssh', anySession)
      endWhenLeft(hello, session)
      const upstream = await connectUpstream(session, parts.baseDirectory, parts.firstUse)
      recordCertificate(session)
      const shell = findLoginShell(upstream, session)
      await shell()
      // A channel may come with the same bytes as the request to be let in.
      const serving = serveConnection(hello, upstream, session, { shell, reader: inOrder(reader) })
      await Promise.race([hello.admit(), serving])
      await serving
    },
    read: (text) =>
      Promise.resolve({ facts: readCommandLine(text, { login: 'login', home: '/home/login' }), refusal: undefined }),
    async probe(target, lease, { handshake }) {
      const { baseDirectory, firstUse } = parts
      return probeSsh({ config: target, lease, handshake, baseDirectory, firstUse })
    },
    async refuse(channel, error) {
      const hello = greeted.get(channel)
      if (hello !== undefined) await tellRefused(hello, error)
    },
    facts: () => ({ hostKeys: parts.hostKeys.publicKeys, hostAuthorities: parts.certificates.authorities() }),
    close: () => Promise.resolve(),
  }
}

/** With what the target can be searched for the same session. */
function recordCertificate(session: Session<SshTarget>): void {
  const { sshCertificate } = session.lease
  if (sshCertificate === undefined) return
  try {
    session.recorder.outcome({ type: 'notice', message: `logged in with ${sshCertificate.description}` })
  } catch (error) {
    session.end(asPamError(error)) // the record has failed
  }
}

/** A client may leave at any moment, also while the target is being connected to. */
function endWhenLeft({ left }: SshHello, session: Session): void {
  const end = (): void => session.end(reasonOf(left))
  if (left.aborted) end()
  else left.addEventListener('abort', end, { once: true })
}

/**
 * Says no where the user looks: the client is let in, to nothing, and the first channel that it opens says why. A
 * client that opens none is closed after a moment.
 */
async function tellRefused({ connection, left, admit }: SshHello, error: PamError): Promise<void> {
  const told = new Promise<void>((resolve) => {
    connection.on('session', (accept) => {
      const ssh: SshSession = accept()
      const say = (open: (() => ServerChannel | undefined) | undefined): void => {
        const channel = open?.()
        answer(ssh, channel !== undefined)
        if (channel === undefined) return
        channel.stderr.write(`pam: ${error.message}\r\n${error.hint === undefined ? '' : `pam: ${error.hint}\r\n`}`)
        sendExit(channel, { code: 126 })
        channel.end()
        // The client closes the connection once it has read that: disconnected before, it would drop it.
        setTimeout(resolve, READING_MS).unref()
      }
      ssh.on('pty', (acceptPty) => acceptPty?.())
      ssh.on('env', (acceptEnv) => acceptEnv?.())
      ssh.on('shell', (open) => say(open))
      ssh.on('exec', (open) => say(open))
      ssh.on('subsystem', (open) => say(open))
    })
    left.addEventListener('abort', () => resolve(), { once: true })
    setTimeout(resolve, MAX_REFUSAL_MS).unref()
  })
  await admit().catch(() => {})
  await told
  connection.end()
}

/** Milliseconds that a client has to read why it is turned away, over however long a way. */
const READING_MS = 5000
/** Milliseconds that it has to ask for something first. */
const MAX_REFUSAL_MS = 10_000
