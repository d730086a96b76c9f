import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { PreparedClient } from '../protocols/client-half.ts'
import type { Io } from './output/io.ts'

/** Takes what a client prints; where it returns a promise, the client waits for it. */
export interface OutputSink {
  add(stream: 'stdout' | 'stderr', chunk: Buffer): void | Promise<void>
}

/** What a client printed, up to a limit. */
export class CapturedOutput implements OutputSink {
  readonly #chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  #left = MAX_CAPTURED_BYTES
  isTruncated = false

  add(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#left)
    this.#left -= kept.length
    this.isTruncated ||= kept.length < chunk.length
    this.#chunks[stream].push(kept)
  }

  /** As UTF-8: U+FFFD stands for bytes that are not. */
  text(stream: 'stdout' | 'stderr'): string {
    return this.bytes(stream).toString('utf8')
  }

  bytes(stream: 'stdout' | 'stderr'): Buffer {
    return Buffer.concat(this.#chunks[stream])
  }
}

/** Runs the client with what it needs, as if it had been started by hand: terminal, signals and exit code are its own. `sink`: gets what it prints. */
export function runClient(
  program: string,
  { args, environment, cleanUp }: PreparedClient,
  context: { readonly io: Pick<Io, 'fail'> },
  sink?: OutputSink,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const output = sink === undefined ? 'inherit' : 'pipe'
    const child = spawn(program, args, { stdio: ['inherit', output, output], env: environment })
    if (sink !== undefined) for (const name of ['stdout', 'stderr'] as const) pour(child[name], name, sink)
    // The terminal sends these to the child as well: they are its to handle.
    const ignored = ['SIGINT', 'SIGQUIT'] as const
    const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
    const ignore = (): void => {}
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
    for (const signal of ignored) process.on(signal, ignore)
    for (const signal of passedOn) process.on(signal, pass)
    const done = (): void => {
      for (const signal of ignored) process.removeListener(signal, ignore)
      for (const signal of passedOn) process.removeListener(signal, pass)
      cleanUp()
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      done()
      context.io.fail(
        error.code === 'ENOENT'
          ? `${program} was not found`
          : error.code === 'EACCES'
            ? `${program} cannot be run: permission denied`
            : `${program} cannot be run (${error.code})`,
        error.code === 'ENOENT' ? 'check that it is installed and on your PATH' : undefined,
      )
      if (error.code === 'ENOENT' || error.code === 'EACCES') resolve(error.code === 'ENOENT' ? 127 : 126)
      else reject(error)
    })
    child.on('close', (code, signal) => {
      done()
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

function pour(from: Readable | null, name: 'stdout' | 'stderr', sink: OutputSink): void {
  from?.on('data', (chunk: Buffer) => {
    const taken = sink.add(name, chunk)
    if (taken === undefined) return
    from.pause()
    void taken.finally(() => from.resume())
  })
}

/** Of both streams together. */
const MAX_CAPTURED_BYTES = 32 * 1024 * 1024
