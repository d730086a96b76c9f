import { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import type { LocalOpening, LocalProgress } from '../../local-half.ts'
import { capabilities, has, statusFlags } from '../wire/capabilities.ts'
import { commands } from '../wire/command.ts'
import { PacketHeads, type PacketHead } from './packet-heads.ts'
import { errPacket, MAX_RESPONSE, refuse, refuseNext } from './refuse.ts'
import { byteAt } from '../../../wire/byte-at.ts'

/**
 * Follows one connection. Each packet of an answer has the sequence id after the previous one, and a command begins at 0 again: a client
 * reads an error in place of a whole answer, or as the answer to its next command.
 */
export class MysqlProgress implements LocalProgress {
  readonly #client = new PacketHeads((head) => this.#isSafe(() => this.#fromClient(head)))
  readonly #server = new PacketHeads((head) => this.#isSafe(() => this.#fromServer(head)))
  #isSilent = true
  #phase: Phase = { type: 'greeting' }
  /** During the login: the bytes that the client has sent since the server's last packet. */
  #unanswered: Buffer = Buffer.alloc(0)
  /** After the login: the sequence id that the client expects in the server's next packet. */
  #next = 0
  #hasEof = true

  get isSilent(): boolean {
    return this.#isSilent
  }

  fromClient(bytes: Buffer): void {
    if (this.#phase.type === 'lost') return
    if (this.#phase.type === 'login') this.#unanswered = Buffer.concat([this.#unanswered, bytes])
    if (this.#unanswered.length > MAX_RESPONSE) this.#lose()
    else this.#client.push(bytes)
  }

  fromServer(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#isSilent = false
    if (this.#phase.type !== 'lost') this.#server.push(bytes)
  }

  opening(): LocalOpening | undefined {
    if (this.#isSilent) return { refuse, unanswered: Buffer.alloc(0) }
    const { type } = this.#phase
    if (!this.#server.isBetween) return undefined
    if (type === 'login') return { refuse: refuseNext, unanswered: this.#unanswered }
    if (type !== 'idle' && type !== 'asked') return undefined
    const next = this.#next
    return {
      refuse: (bytes, reason) => ({ reply: errPacket(reason, next), taken: bytes.length, done: true }),
      unanswered: Buffer.alloc(0),
    }
  }

  #fromClient({ sequence, start }: PacketHead): void {
    switch (this.#phase.type) {
      case 'login':
        if (this.#phase.isGreeted) {
          // The response to the greeting, or a request to encrypt: both begin with the client's capabilities.
          const flags = start.length < 4 ? 0 : start.readUInt32LE(0)
          if (has(flags, capabilities.ssl)) return this.#lose()
          this.#hasEof = !has(flags, capabilities.deprecateEof)
          this.#phase = { type: 'login', isGreeted: false }
        }
        return
      case 'idle':
        if (UNANSWERED.has(byteAt(start, 0))) return
        this.#phase = { type: 'asked', command: byteAt(start, 0) }
        this.#next = 1
        return
      case 'asked': // a file that the server has asked for, or commands in a row
        this.#next = sequence + 1
        return
      case 'greeting':
      case 'answer':
      case 'lost':
    }
  }

  #fromServer(head: PacketHead): void {
    const first = head.start[0]
    switch (this.#phase.type) {
      case 'greeting':
        this.#phase = { type: 'login', isGreeted: true }
        return
      case 'login':
        this.#unanswered = Buffer.alloc(0)
        if (first === OK) this.#idle()
        return
      case 'asked':
        return this.#beginning(head, this.#phase.command)
      case 'answer':
        return this.#more(head, this.#phase)
      case 'idle':
      case 'lost':
    }
  }

  /** The first packet of an answer. */
  #beginning({ start, sequence }: PacketHead, command: number): void {
    const [first] = start
    if (command === commands.stmtPrepare && first === OK) {
      const [columns, parameters] = [start.readUInt16LE(5), start.readUInt16LE(7)]
      const eof = this.#hasEof ? 1 : 0
      const definitions = columns + parameters + (columns > 0 ? eof : 0) + (parameters > 0 ? eof : 0)
      this.#answer({ type: 'answer', command, definitions, isResult: false })
    } else if (command === commands.statistics || first === ERR) this.#idle()
    else if (first === LOCAL_FILE) this.#next = sequence + 2
    else if (first === OK && command !== commands.stmtFetch) this.#after(okStatus(start), command)
    else if (first === EOF) this.#after(start.length >= 5 ? start.readUInt16LE(3) : 0, command)
    else if (command === commands.fieldList || command === commands.stmtFetch)
      this.#answer({ type: 'answer', command, definitions: 0, isResult: true })
    else {
      const columns = new ByteReader(start, 'column count').lengthEncoded()
      this.#answer({ type: 'answer', command, definitions: columns + (this.#hasEof ? 1 : 0), isResult: true })
    }
  }

  #answer(phase: Phase & { readonly type: 'answer' }): void {
    if (phase.definitions === 0 && !phase.isResult) this.#idle()
    else this.#phase = phase
  }

  /** Follows definitions, then rows to their end. */
  #more({ start, length }: PacketHead, { command, definitions, isResult }: Phase & { readonly type: 'answer' }): void {
    const [first] = start
    if (first === ERR && definitions === 0) return this.#idle()
    if (definitions > 0) {
      // With an open cursor no rows follow.
      if (isResult && definitions === 1 && this.#hasEof && has(start.readUInt16LE(3), statusFlags.cursorExists))
        return this.#idle()
      return this.#answer({ type: 'answer', command, definitions: definitions - 1, isResult })
    }
    if (first !== EOF || length >= MAX_PACKET) return
    this.#after(this.#hasEof ? start.readUInt16LE(3) : okStatus(start), command)
  }

  #after(status: number, command: number): void {
    if (has(status, statusFlags.moreResults)) this.#phase = { type: 'asked', command }
    else this.#idle()
  }

  #idle(): void {
    this.#phase = { type: 'idle' }
    this.#next = 1
  }

  /** Stops following a connection that does not follow the protocol. */
  #isSafe(follow: () => void): void {
    try {
      follow()
    } catch (error) {
      if (!(error instanceof WireError) && !(error instanceof RangeError)) throw error
      this.#lose()
    }
  }

  #lose(): void {
    this.#phase = { type: 'lost' }
    this.#unanswered = Buffer.alloc(0)
  }
}

type Phase =
  | { readonly type: 'greeting' }
  | { readonly type: 'login'; readonly isGreeted: boolean }
  | { readonly type: 'idle' }
  /** The answer, or the next of several, has not begun. */
  | { readonly type: 'asked'; readonly command: number }
  | {
      readonly type: 'answer'
      readonly command: number
      /** The number of packets before rows, and whether rows follow. */
      readonly definitions: number
      readonly isResult: boolean
    }
  /** Not the protocol, or encrypted. */
  | { readonly type: 'lost' }

/** The status flags of an OK packet, whatever its first byte. */
function okStatus(start: Buffer): number {
  const body = new ByteReader(start, 'OK packet')
  body.uint8()
  body.lengthEncodedBig()
  body.lengthEncodedBig()
  return body.uint16le()
}

const OK = 0x00
const EOF = 0xfe
const ERR = 0xff
const LOCAL_FILE = 0xfb
const MAX_PACKET = 0xff_ff_ff
/** Spec: COM_STMT_CLOSE, COM_STMT_SEND_LONG_DATA, COM_QUIT. */
const UNANSWERED = new Set<number>([commands.stmtClose, commands.stmtSendLongData, commands.quit])
