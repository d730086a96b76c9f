import { WireError } from '../../../wire/wire-error.ts'

/** A line of scp's old protocol, as OpenSSH's `sink()` (scp.c) reads it. */
export type ScpLine =
  | ScpEntry
  /** The times of the file or directory that comes next. */
  | { readonly type: 'times' }
  /** The end of a directory. */
  | { readonly type: 'end' }
  /** Something could not be read at the source, which goes on with what comes next. */
  | { readonly type: 'error' }
  /** The source gives up. */
  | { readonly type: 'fatal' }

export interface ScpEntry {
  readonly type: 'file' | 'directory'
  readonly name: Buffer
  readonly size: number
}

/** Bytes of a line without its end. Whoever reads it has a buffer of 2048, and takes what is beyond for another line. */
export const MAX_SCP_LINE = 2000

/** Throws WireError for what is none, or is one to some readers only. */
export function parseScpLine(line: Buffer): ScpLine {
  if (line[0] === 1) return { type: 'error' }
  if (line[0] === 2) return { type: 'fatal' }
  const text = line.toString('latin1')
  if (text === 'E') return { type: 'end' }
  if (/^T\d{1,15} \d{1,6} \d{1,15} \d{1,6}$/.test(text)) return { type: 'times' }
  // A name ends at a zero byte, for whoever reads it.
  // oxlint-disable-next-line no-control-regex
  const [, letter, size = '', name = ''] = /^([CD])[0-7]{4} (\d{1,15}) ([^/\0]+)$/.exec(text) ?? []
  if (letter === undefined || name === '.' || name === '..') throw new WireError('not a line of the scp protocol')
  return { type: letter === 'C' ? 'file' : 'directory', name: Buffer.from(name, 'latin1'), size: Number(size) }
}

/** What a side says of what it was sent: well, an error after which it goes on, or one after which it does not. */
export interface ScpAnswer {
  readonly type: 'ok' | 'error' | 'fatal'
  /** What it says of an error. */
  readonly text: string
}

/** Cuts answers: a zero, or 1 or 2 and a line. Anything else is a line, too: something printed before scp ran. */
export class ScpAnswers {
  #type: 'error' | 'fatal' | undefined
  #text: Buffer = Buffer.alloc(0)

  /** The answer that ends in these bytes, if any, and where the next one begins. */
  next(bytes: Buffer, at: number): { readonly answer: ScpAnswer | undefined; readonly end: number } {
    let start = at
    if (this.#type === undefined) {
      const first = bytes.readUInt8(at)
      if (first === 0) return { answer: { type: 'ok', text: '' }, end: at + 1 }
      this.#type = first === 1 ? 'error' : 'fatal'
      this.#text = Buffer.alloc(0)
      if (first <= 2) start++
    }
    const newline = bytes.indexOf(0x0a, start)
    const end = newline < 0 ? bytes.length : newline
    // Who reads it takes what is beyond for another answer.
    if (this.#text.length + end - start > MAX_SCP_LINE) this.#type = 'fatal'
    else this.#text = Buffer.concat([this.#text, bytes.subarray(start, end)])
    if (newline < 0) return { answer: undefined, end: bytes.length }
    const answer: ScpAnswer = { type: this.#type, text: this.#text.toString('utf8') }
    this.#type = undefined
    return { answer, end: newline + 1 }
  }
}
