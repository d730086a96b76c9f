import { Readable, Writable } from 'node:stream'
import type { ProgramStreams } from '../../src/cli/surroundings.ts'

export interface StreamOptions {
  /** Of a terminal that both outputs are; pipes without it. */
  readonly columns?: number | undefined
  readonly input?: string
  /** Told what is written, as it is written. */
  readonly heard?: (text: string, to: 'stdout' | 'stderr') => void
}

/** Standard streams in memory. Standard input is no terminal: nothing is ever asked. */
export function programStreams({ columns, input = '', heard = () => {} }: StreamOptions): ProgramStreams {
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
  return { stdin: Readable.from(input === '' ? [] : [input]), stdout: output('stdout'), stderr: output('stderr') }
}
