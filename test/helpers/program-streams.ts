import { Readable, Writable } from 'node:stream'
import type { ProgramStreams } from '../../src/cli/surroundings.ts'

export interface StreamOptions {
  /** Of a terminal that both outputs are; pipes without it. */
  readonly columns?: number | undefined
  readonly input?: string
  /** Standard input is a terminal as well, and whoever sits there has typed `input`. */
  readonly isTyped?: boolean
  /** Told what is written, as it is written. */
  readonly heard?: (text: string, to: 'stdout' | 'stderr') => void
}

/** Standard streams in memory. Standard input is no terminal unless it `isTyped`: nothing is ever asked. */
export function programStreams({
  columns,
  input = '',
  isTyped = false,
  heard = () => {},
}: StreamOptions): ProgramStreams {
  const output = (to: 'stdout' | 'stderr'): Writable => {
    const decoder = new TextDecoder()
    return Object.assign(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          heard(decoder.decode(chunk, { stream: true }), to)
          done()
        },
      }),
      columns === undefined ? {} : { isTTY: true, columns },
    )
  }
  const stdin = Object.assign(Readable.from(input === '' ? [] : [input]), isTyped ? { isTTY: true } : {})
  return { stdin, stdout: output('stdout'), stderr: output('stderr') }
}
