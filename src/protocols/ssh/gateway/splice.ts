import type { Channel as SshChannel } from 'ssh2'
import type { HostConnection } from './host-connection.ts'

/** Bytes both ways with backpressure, counted. */
export function splice(host: HostConnection, command: string, source: SshChannel, target: SshChannel): void {
  const started = performance.now()
  const counts = { up: 0, down: 0 }
  let open = 2
  let isRecorded = false
  /** Once: also where the session ends before both sides have closed. */
  const record = (): void => {
    if (isRecorded) return
    isRecorded = true
    host.guard(() =>
      host.session.recorder.outcome(
        forwardingResult(command, counts.up, counts.down, undefined, performance.now() - started),
      ),
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

/** What is recorded of a forwarded connection: sizes in bytes, the duration in milliseconds. */
export const forwardingResult = (command: string, up: number, down: number, error: string | undefined, duration = 0) =>
  ({
    type: 'result',
    command,
    tag: `${up} bytes up, ${down} bytes down`,
    rows: 0,
    bytes: up + down,
    durationMs: Math.round(duration),
    ...(error === undefined ? {} : { error }),
  }) as const
