import type { Channel as SshChannel } from 'ssh2'
import { PamError } from '../../../shared/errors.ts'
import type { Verdict } from '../../../gateway/engine.ts'
import { draftOf, type HostCommand } from './command-draft.ts'
import type { HostConnection } from './host-connection.ts'
import { hostStatement } from '../command/host-statement.ts'

/**
 * Forwarded connections (RFC 4254, section 7): refused, unless a rule names their kind. What passes is recorded by
 * endpoint and size, so a target that asks for full records has none.
 */
export function serveForwarding(host: HostConnection): void {
  const { client, upstream, session } = host
  /** The library throws where the other side has gone meanwhile. */
  const safely = (reject: (() => void) | undefined, work: () => void): void => {
    try {
      work()
    } catch (error) {
      host.failed(error)
      reject?.()
    }
  }
  client.on('tcpip', (accept, reject, { destIP, destPort, srcIP, srcPort }) => {
    void judge(host, 'forward-local', endpointOf(destIP, destPort)).then((verdict) => {
      if (verdict.type === 'refuse') return reject()
      safely(reject, () => {
        upstream.forwardOut(srcIP, srcPort, destIP, destPort, (error, target) => {
          if (error !== undefined) {
            host.guard(() => session.recorder.outcome(resultOf(verdict.id, 0, 0, 'refused by the target')))
            return reject()
          }
          const source = accept()
          if (source === undefined) return target.close()
          splice(host, verdict.id, source, target)
        })
      })
    }, host.failed)
  })
  const bound = new Map<string, string>()
  client.on('request', (accept, reject, name, info) => {
    if (name === 'tcpip-forward') {
      const { bindAddr, bindPort } = info
      void judge(host, 'forward-remote', endpointOf(bindAddr, bindPort)).then((verdict) => {
        if (verdict.type === 'refuse') return reject?.()
        safely(reject, () => {
          upstream.forwardIn(bindAddr, bindPort, (error, port) => {
            if (error !== undefined) return reject?.()
            bound.set(endpointOf(bindAddr, bindPort === 0 ? port : bindPort), verdict.id)
            accept?.(bindPort === 0 ? port : undefined)
          })
        })
      }, host.failed)
    } else if (name === 'cancel-tcpip-forward') {
      const { bindAddr, bindPort } = info
      if (!bound.delete(endpointOf(bindAddr, bindPort))) return reject?.()
      safely(reject, () => {
        upstream.unforwardIn(bindAddr, bindPort, (error) => (error === undefined ? accept?.() : reject?.()))
      })
    } else reject?.()
  })
  // From the target: only what was asked for, and allowed.
  upstream.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
    const command = bound.get(endpointOf(destIP, destPort))
    if (command === undefined || session.ended.aborted) return reject()
    safely(reject, () => {
      client.forwardOut(destIP, destPort, srcIP, srcPort, (error, source) => {
        if (error !== undefined) return reject()
        splice(host, command, source, accept())
      })
    })
  })
}

async function judge(host: HostConnection, kind: string, endpoint: string): Promise<Verdict> {
  const { session } = host
  const { user } = session.lease
  const command: HostCommand = {
    text: `${kind} ${endpoint}`,
    facts: {
      type: 'forward',
      statements: [hostStatement(user, { kinds: [kind], endpoints: [endpoint], named: true })],
    },
    context: {},
    refusal: session.config.fullRecord
      ? new PamError(
          'COMMAND_REFUSED',
          `connections are not forwarded on ${session.target.name}: it asks for full records`,
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
