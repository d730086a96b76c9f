import { createHash, hash } from 'node:crypto'

/** The items of a segment of version 3, which contains compact events in blocks. Format: docs/recording-format.md, Compact events. */
export const itemKinds = {
  time: 0x01,
  template: 0x02,
  json: 0x10,
  data: 0x11,
  command: 0x12,
  result: 0x13,
} as const

/** The number of events in a block. Verification names the block that is invalid, so blocks are small. */
export const BLOCK_EVENTS = 16

/** Consecutive events, as they are hashed: a run of plain ones, or those that the journal took in one turn, encrypted. */
export interface BlockContent {
  readonly events: number
  readonly bytes: Buffer
}

export interface Block extends BlockContent {
  /** The beginning of the hash, which identifies an invalid block. */
  readonly check: Buffer
}

/** The hash before the first block. It depends on the session, so that no event can be moved to another session's chain. */
export const firstBlockHash = (session: string): Buffer =>
  createHash('sha256').update(`pamrec/3 session ${session}`).digest()

/** A block's hash covers the hash before it, the number of its events, and its bytes. */
export function nextBlockHash(previous: Buffer, { events, bytes }: BlockContent): Buffer {
  const length = previous.length + 4 + bytes.length
  // A single hash() call costs half as much as a Hash object: blocks are short, and there are many.
  const all = length > scratch.length ? Buffer.allocUnsafe(length) : scratch
  previous.copy(all)
  all.writeUInt32BE(events, previous.length)
  bytes.copy(all, previous.length + 4)
  return hash('sha256', all.subarray(0, length), 'buffer')
}

/** Nothing is awaited between writing and hashing. */
const scratch = Buffer.allocUnsafeSlow(16_384)

/** The blocks as they are in a body, and the hash of the last. */
export function encodeBlocks(previous: Buffer, blocks: readonly BlockContent[]): { bytes: Buffer; hash: Buffer } {
  const out = Buffer.allocUnsafe(blocks.reduce((sum, { bytes }) => sum + HEADER + bytes.length, 0))
  let last = previous
  let at = 0
  for (const block of blocks) {
    last = nextBlockHash(last, block)
    at = out.writeUInt32BE(block.events, at)
    at = out.writeUInt32BE(block.bytes.length, at)
    at += last.copy(out, at, 0, CHECK)
    at += block.bytes.copy(out, at)
  }
  return { bytes: out, hash: last }
}

/**
 * The blocks in these bytes, one at a time: few bytes may unpack to many. Throws if the bytes end within a block, or if a block is too
 * short for its events.
 */
export function* decodeBlocks(bytes: Buffer): Generator<Block, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const start = at + HEADER
    const end = start > bytes.length ? Infinity : start + bytes.readUInt32BE(at + 4)
    if (end > bytes.length) throw new Error('the bytes end within a block')
    const events = bytes.readUInt32BE(at)
    if (events === 0 || end - start < MIN_EVENT * events) throw new Error('a block is shorter than its events are')
    yield { events, check: bytes.subarray(at + 8, start), bytes: bytes.subarray(start, end) }
    at = end
  }
}

export const isChecked = (block: Block, hash: Buffer): boolean => hash.subarray(0, CHECK).equals(block.check)

const CHECK = 16
/** The number of events, the number of bytes, the check. */
const HEADER = 8 + CHECK
/** The shortest event: its kind, its time, and the length of its content. */
const MIN_EVENT = 9

/** `dec_` and 13 characters, of which a compact command has only the latter. Source: newId. */
export const DECISION = 'dec_'
export const DECISION_LENGTH = 13
export const DECISION_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** Bytes of a digest. */
export const DIGEST = 32
/** The length of a value that is NULL. */
export const NULL_VALUE = 0xffff_ffff
/** The length of an absent tag or error. */
export const ABSENT = 0xff
export const MAX_UINT32 = 0xffff_ffff
