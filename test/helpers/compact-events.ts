import { encodeBlocks, itemKinds, type BlockContent } from '../../src/recording/compact-format.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import type { Segment } from '../../src/recording/read.ts'
import { CompactReader } from '../../src/recording/read-compact.ts'
import { SEAL_PURPOSE, signStatement, type SegmentSeal, type Signer } from '../../src/recording/seal.ts'
import { compress, decodeCompact, encodeSegment, MAGIC, sha256 } from '../../src/recording/segment.ts'

/** Numbers of so many bytes, texts and bytes, one after the other: an item as somebody may spell it. */
export const item = (...parts: readonly (readonly [number, number] | string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part)
      if (Buffer.isBuffer(part)) return part
      const out = Buffer.alloc(part[1])
      out.writeUIntBE(part[0], 0, part[1])
      return out
    }),
  )

export const byte = (value: number) => [value, 1] as const
export const uint16 = (value: number) => [value, 2] as const
export const uint32 = (value: number) => [value, 4] as const
export const uint48 = (value: number) => [value, 6] as const

/** The length of a text, and the text. */
export const long = (text: string): Buffer => item(uint32(Buffer.byteLength(text)), text)

export const time = (wall = 1_780_000_000_000, ms = 0): Buffer => item(byte(itemKinds.time), uint48(wall), uint48(ms))

export const json = (event: object, since = 0): Buffer =>
  item(byte(itemKinds.json), uint32(since), long(JSON.stringify(event)))

/** Events as they would stand if none were like another: in JSON, in blocks of 16. */
export function blocksOf(events: readonly (RecordedEvent | object)[]): BlockContent[] {
  const blocks: BlockContent[] = []
  for (let at = 0; at < events.length; at += 16) {
    const some = events.slice(at, at + 16).map((event) => {
      const { seq: _seq, at: _at, ms: _ms, ...body } = event as RecordedEvent
      return json(body)
    })
    blocks.push({ events: some.length, bytes: Buffer.concat(at === 0 ? [time(), ...some] : some) })
  }
  return blocks
}

/** The segment with other blocks; its seal, and signature if a signer is given, made to fit. */
export async function sealedWith(
  { seal }: Pick<Segment, 'seal'>,
  blocks: readonly BlockContent[],
  sign?: Signer,
): Promise<Pick<Segment, 'seal' | 'body'>> {
  const { bytes, hash } = encodeBlocks(Buffer.from(seal.previous, 'hex'), blocks)
  return withBody(seal, bytes, { hash: hash.toString('hex'), events: countOf(blocks) }, sign)
}

/** With a body whatever it says; of the seal, what else is to be other. */
export async function withBody(
  seal: SegmentSeal,
  bytes: Buffer,
  other: Partial<SegmentSeal>,
  sign?: Signer,
): Promise<Pick<Segment, 'seal' | 'body'>> {
  const body = await compress(bytes, { level: 1 })
  const { key, signature, ...rest } = seal
  const content = { ...rest, ...other, bytes: body.length, sha256: sha256(body) }
  return {
    seal: sign === undefined ? { ...content, key, signature } : signStatement(SEAL_PURPOSE, content, sign),
    body,
  }
}

const countOf = (blocks: readonly BlockContent[]): number => blocks.reduce((sum, { events }) => sum + events, 0)

/** The blocks of a segment that is not encrypted, and its events. */
export async function contentOf({ seal, body }: Segment): Promise<{ blocks: BlockContent[]; events: RecordedEvent[] }> {
  const blocks = [...((await decodeCompact(seal, body, undefined)) ?? [])]
  const reader = new CompactReader(seal.first)
  const events = blocks.flatMap(({ compact }) => [...reader.read(compact ?? Buffer.alloc(0))])
  return { blocks, events: events.map(({ event }) => event) }
}

export const fileOf = (segments: readonly Pick<Segment, 'seal' | 'body'>[]): Buffer =>
  Buffer.concat([Buffer.from(MAGIC), ...segments.map(({ seal, body }) => encodeSegment(seal, body))])
