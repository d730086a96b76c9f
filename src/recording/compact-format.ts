import { createHash, hash } from 'node:crypto'

/** How events stand in a segment of version 3: in blocks of compact events. Format: docs/recording-format.md, Compact events. */
export const itemKinds = {
  time: 0x01,
  template: 0x02,
  json: 0x10,
  data: 0x11,
  command: 0x12,
  result: 0x13,
} as const

/** Events of one block: a block that does not hold is named, so it is small. */
export const BLOCK_EVENTS = 16

/** Events that stand behind each other, as they are hashed: a run of them in the clear, or what the journal had of one turn, encrypted. */
export interface BlockContent {
  readonly events: number
  readonly bytes: Buffer
}

export interface Block extends BlockContent {
  /** The beginning of the hash, which names the block that does not hold. */
  readonly check: Buffer
}

/** What comes before the first block: it names the session, so that no event fits into another session's chain. */
export const firstBlockHash = (session: string): Buffer =>
  createHash('sha256').update(`pamrec/3 session ${session}`).digest()

/** A block's hash covers the hash before it, how many events it has, and its bytes. */
export function nextBlockHash(previous: Buffer, { events, bytes }: BlockContent): Buffer {
  const length = previous.length + 4 + bytes.length
  // What is hashed at once costs half of what a Hash object does: blocks are short, and there are many.
  const all = length > scratch.length ? Buffer.allocUnsafe(length) : scratch
  previous.copy(all)
  all.writeUInt32BE(events, previous.length)
  bytes.copy(all, previous.length + 4)
  return hash('sha256', all.subarray(0, length), 'buffer')
}

/** Nothing waits between the writing and the hashing. */
const scratch = Buffer.allocUnsafeSlow(16_384)

/** The blocks as they stand in a body, and the hash of the last. */
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
 * The blocks in these bytes, one at a time: small bytes may unpack to many. Throws where they end within one, or where one has no room
 * for its events.
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
/** How many events, how many bytes, the check. */
const HEADER = 8 + CHECK
/** No event is shorter: what kind it is, when it was, and the length of what it says. */
const MIN_EVENT = 9

/** `dec_` and 13 characters, which are all that stands in a compact command. Source: newId. */
export const DECISION = 'dec_'
export const DECISION_LENGTH = 13
export const DECISION_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** Bytes of a digest. */
export const DIGEST = 32
/** The length of a value that is NULL. */
export const NULL_VALUE = 0xffff_ffff
/** The length of a tag or an error that is not there. */
export const ABSENT = 0xff
export const MAX_UINT32 = 0xffff_ffff
