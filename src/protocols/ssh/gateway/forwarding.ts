import type { Channel as SshChannel } from 'ssh2'
import { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import type { Verdict } from '../../../gateway/engine.ts'
import { draftOf, type HostCommand } from './command-draft.ts'
import { forwardedEndpoint } from './forwarded-endpoint.ts'
import type { HostConnection } from './host-connection.ts'
import { hostStatement } from '../../../host/command/host-statement.ts'
import { OPEN_FAILURE, openFailureOf, refuseOpening, type OpenFailure } from './ssh2-internals.ts'

/**
 * Forwarded connections (RFC 4254, section 7): refused, unless a rule names their kind. What passes is recorded by
 * endpoint and size, so a target that asks for full records has none.
 */
export function serveForwarding(host: HostConnection): void {
  const { client, upstream, session } = host
  /** The library throws where the other side has gone meanwhile. */
  const safely = (refuse: (failure: OpenFailure) => void, work: () => void): void => {
    try {
      work()
    } catch (error) {
      host.failed(error)
      refuse(GONE)
    }
  }
  /** What was asked for and is neither open nor refused yet: each may be held, and is then shown to people. */
  let asking = 0
  client.on('tcpip', (accept, reject, { destIP, destPort, srcIP, srcPort }) => {
    let isAsking = true
    const answered = (): void => {
      if (isAsking) asking--
      isAsking = false
    }
    const refuse = (failure: OpenFailure): void => {
      answered()
      refuseOpening(client, reject, failure)
    }
    if (asking++ >= MAX_ASKING) return refuse(TOO_MANY)
    judge(host, 'forward-local', destIP, destPort).then(
      (verdict) => {
        if (verdict.type === 'refuse') return refuse(prohibited(verdict.error))
        safely(refuse, () => {
          upstream.forwardOut(srcIP, srcPort, destIP, destPort, (error, target) => {
            if (error !== undefined) {
              host.guard(() => session.recorder.outcome(resultOf(verdict.id, 0, 0, 'refused by the target')))
              return refuse(openFailureOf(error))
            }
            answered()
            const source = accept()
            if (source === undefined) return target.close()
            splice(host, verdict.id, source, target)
          })
        })
      },
      (error: unknown) => {
        host.failed(error)
        refuse(GONE)
      },
    )
  })
  client.on('openssh.streamlocal', (_accept, reject) =>
    refuseOpening(client, reject, {
      reason: OPEN_FAILURE.prohibited,
      text: 'pam: Unix sockets are not forwarded',
    }),
  )
  const bound = new Map<string, string>()
  client.on('request', (accept, reject, name: string, info) => {
    // A global request is refused without a word (RFC 4254, section 4): the next program says why.
    const refuse = (why: string): void => {
      if (host.notices.length < MAX_NOTICES) host.notices.push(why)
      reject?.()
    }
    if (name === 'tcpip-forward') {
      if (asking >= MAX_ASKING) return refuse(TOO_MANY.text)
      asking++
      const { bindAddr, bindPort } = info
      const endpoint = endpointOf(bindAddr, bindPort)
      judge(host, 'forward-remote', bindAddr, bindPort)
        .finally(() => asking--)
        .then(
          (verdict) => {
            if (verdict.type === 'refuse') return refuse(sentence(verdict.error))
            safely(
              () => refuse(GONE.text),
              () => {
                upstream.forwardIn(bindAddr, bindPort, (error, port) => {
                  if (error !== undefined) return refuse(`the target does not listen on ${endpoint}`)
                  bound.set(endpointOf(bindAddr, bindPort === 0 ? port : bindPort), verdict.id)
                  accept?.(bindPort === 0 ? port : undefined)
                })
              },
            )
          },
          (error: unknown) => {
            host.failed(error)
            reject?.()
          },
        )
    } else if (name === 'cancel-tcpip-forward') {
      const { bindAddr, bindPort } = info
      if (!bound.delete(endpointOf(bindAddr, bindPort))) return reject?.()
      safely(
        () => reject?.(),
        () => {
          upstream.unforwardIn(bindAddr, bindPort, (error) => (error === undefined ? accept?.() : reject?.()))
        },
      )
    } else if (name.startsWith('streamlocal-forward')) refuse('Unix sockets are not forwarded')
    else reject?.()
  })
  let incoming = 0
  // From the target: only what was asked for, and allowed.
  upstream.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
    const refuse = (failure: OpenFailure): void => refuseOpening(upstream, reject, failure)
    const command = bound.get(endpointOf(destIP, destPort))
    if (incoming >= MAX_ASKING) return refuse(TOO_MANY)
    if (command === undefined || session.ended.aborted)
      return refuse({ reason: OPEN_FAILURE.prohibited, text: 'pam: nobody listens there' })
    safely(refuse, () => {
      incoming++
      client.forwardOut(destIP, destPort, srcIP, srcPort, (error, source) => {
        incoming--
        if (error !== undefined) return refuse(openFailureOf(error))
        splice(host, command, source, accept())
      })
    })
  })
}

const GONE: OpenFailure = { reason: OPEN_FAILURE.connectFailed, text: 'pam: the connection has ended' }
/** Connections and ports of one client that wait to be opened; what it is told where there are more. */
const MAX_ASKING = 200
const TOO_MANY: OpenFailure = {
  reason: OPEN_FAILURE.resourceShortage,
  text: `pam: ${MAX_ASKING} forwarded connections are being opened already`,
}
/** Refusals that wait for a program to say them. */
const MAX_NOTICES = 20

const sentence = ({ message, hint }: PamError): string => (hint === undefined ? message : `${message}; ${hint}`)

const prohibited = (error: PamError): OpenFailure => ({
  reason: OPEN_FAILURE.prohibited,
  text: visible(`pam: ${sentence(error)}`),
})

async function judge(
  host: HostConnection,
  kind: 'forward-local' | 'forward-remote',
  address: string,
  port: number,
): Promise<Verdict> {
  const { session } = host
  const { user } = session.lease
  const { endpoint, unknown } = forwardedEndpoint(address, port, kind === 'forward-remote')
  const command: HostCommand = {
    text: `${kind} ${endpointOf(address, port)}`,
    facts: {
      type: 'forward',
      statements: [hostStatement(user, { kinds: [kind], endpoints: [endpoint], unknown, named: true })],
    },
    context: {},
    refusal: session.config.fullRecord
      ? new PamError(
          'COMMAND_REFUSED',
          `connections cannot be forwarded on ${session.target.name}: it requires full records`,
        )
      : undefined,
  }
  const decision = session.decide(draftOf(command, session))
  return decision.type === 'hold' ? decision.verdict : decision
}

const endpointOf = (address: string, port: number): string => `${address}:${port}`

/** Bytes both ways with backpressure, counted. */
function splice(host: HostConnection, command: string, source: SshChannel, target: SshChannel): void {
  const started = performance.now()
  const counts = { up: 0, down: 0 }
  let open = 2
  let isRecorded = false
  /** Once: also where the session ends before both sides have closed. */
  const record = (): void => {
    if (isRecorded) return
    isRecorded = true
    host.guard(() =>
      host.session.recorder.outcome(resultOf(command, counts.up, counts.down, undefined, performance.now() - started)),
    )
  }
  const entry = {
    end: () => {
      record()
      source.close()
      target.close()
      return Promise.resolve(true)
    },
  }
  // Access ended while the other side opened it.
  if (host.session.ended.aborted) return void entry.end()
  host.channels.add(entry)
  const closed = (): void => {
    if (--open > 0) return
    host.channels.delete(entry)
    record()
  }
  const pump = (from: SshChannel, to: SshChannel, count: 'up' | 'down'): void => {
    from.on('data', (bytes: Buffer) => {
      counts[count] += bytes.length
      if (!to.write(bytes)) from.pause()
    })
    to.on('drain', () => void from.resume())
    from.on('end', () => void to.end())
    from.on('error', () => {})
    from.on('close', () => {
      to.close()
      closed()
    })
  }
  pump(source, target, 'up')
  pump(target, source, 'down')
}

const resultOf = (command: string, up: number, down: number, error: string | undefined, duration = 0) =>
  ({
    type: 'result',
    command,
    tag: `${up} bytes up, ${down} bytes down`,
    rows: 0,
    bytes: up + down,
    durationMs: Math.round(duration),
    ...(error === undefined ? {} : { error }),
  }) as const
