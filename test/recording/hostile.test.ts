import { createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstBlockHash, type BlockContent } from '../../src/recording/compact-format.ts'
import { parseDetached } from '../../src/recording/detached.ts'
import type { RecordReader } from '../../src/recording/encryption.ts'
import type { EventBody } from '../../src/recording/event.ts'
import { decodeFrames, decodePayload, encodeFrames, firstHash, nextFrame } from '../../src/recording/frame.ts'
import { headOf } from '../../src/recording/journal-file.ts'
import { decodeEntries } from '../../src/recording/journal-format.ts'
import { readJournals } from '../../src/recording/read-journal.ts'
import { OpenSegment } from '../../src/recording/open-segment.ts'
import { BrokenRecording, readRecording, readSegments, type Segment } from '../../src/recording/read.ts'
import {
  generateSigningKeyPem,
  SEAL_PURPOSE,
  signerFromPem,
  signStatement,
  type BodyEncoding,
} from '../../src/recording/seal.ts'
import { encodeSegment, encodeUnpacked, MAGIC, sha256 } from '../../src/recording/segment.ts'
import { verifyRecording, type TrustedKey } from '../../src/recording/verify.ts'
import {
  command,
  filesIn,
  keys,
  macKey,
  opened,
  openSpool,
  recorderOptions,
  signer,
  written,
} from '../helpers/recordings.ts'

const segmentsOf = async (file: Buffer): Promise<Segment[]> => {
  const found = []
  for await (const segment of readSegments(pieces(file, 1000))) found.push(segment)
  return found
}
const compact = (event: EventBody): Buffer => {
  const segment = new OpenSegment(0)
  segment.add(event, undefined, 1000, 0)
  return (segment.take() as { bytes: Buffer }).bytes
}
const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array))
async function* pieces(whole: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}

describe('bytes that somebody made up', () => {
  it('frames come back as they were, whatever is in them', () => {
    const frame = fc.record({
      hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((a) => Buffer.from(a)),
      payload: bytes,
    })
    fc.assert(
      fc.property(fc.array(frame), (frames) => {
        expect([...decodeFrames(encodeFrames(frames))]).toEqual(frames)
      }),
    )
  })

  it('events and the bytes behind them come back as they were', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.option(bytes), (message, data) => {
        const event = { seq: 0, at: '', ms: 0, type: 'notice', message } as const
        const { payload } = nextFrame(firstHash('ses_1'), JSON.stringify(event), data ?? undefined)
        const decoded = decodePayload(payload)
        expect(decoded).toEqual({ event: JSON.parse(JSON.stringify(event)) as unknown, data: data ?? undefined })
      }),
    )
  })

  it('a file of anything is no recording, or broken: never a crash, never valid', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), fc.integer({ min: 1, max: 50 }), async (noise, withMagic, size) => {
        const file = withMagic ? Buffer.concat([Buffer.from(MAGIC), noise]) : noise
        const { status } = await verifyRecording(pieces(file, size), keys)
        expect(['invalid', 'open']).toContain(status)
        if (status === 'open') expect(file.toString('latin1')).toBe(MAGIC)
      }),
    )
  })

  it('a seal of anything is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), bytes, async (seal, body) => {
        const file = Buffer.concat([Buffer.from(MAGIC), encodeSegment(seal as never, body)])
        expect((await verifyRecording(pieces(file, 1000), keys)).status).toBe('invalid')
      }),
    )
  })

  it('entries and detached texts are refused or read, nothing else', () => {
    fc.assert(
      fc.property(bytes, (noise) => {
        try {
          for (const entry of decodeEntries(noise)) expect(entry.bytes.length).toBeLessThanOrEqual(noise.length)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
        expect(Array.isArray(parseDetached(Buffer.from(noise)))).toBe(true)
      }),
    )
  })
})

describe('a real file, changed anywhere', () => {
  let directory: string
  let record: Buffer
  let journal: string
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    const spool = openSpool(directory)
    const recorder = await spool.open(opened(), recorderOptions())
    for (let n = 0; n < 5; n++) {
      recorder.intent(command(`select ${n}`))
      await written(recorder)
    }
    journal = join(directory, 'copy', '00000001.journal')
    const [original = ''] = filesIn(directory, '.journal')
    const { mkdirSync, copyFileSync } = await import('node:fs')
    mkdirSync(join(directory, 'copy'))
    copyFileSync(original, journal)
    copyFileSync(headOf(original), headOf(journal))
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    record = readFileSync(join(directory, '2026-11', 'ses_1.pamrec'))
    await spool.stop()
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('is the same however it comes in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), async (size) => {
        const seals = []
        for await (const { seal, end } of readSegments(pieces(record, size))) seals.push([seal.events, end])
        expect(seals).toEqual([[7, record.length]])
      }),
      { numRuns: 30 },
    )
  })

  it('nothing of what the gateway has not signed is read by those who trust nobody', async () => {
    const read = async (
      file: Buffer | AsyncGenerator<Buffer>,
      isOpen = false,
      trusted: readonly TrustedKey[] = keys,
    ): Promise<string[]> => {
      const types = []
      const source = Buffer.isBuffer(file) ? pieces(file, 1000) : file
      for await (const { event } of readRecording(source, { trust: { keys: trusted, isOpen } })) types.push(event.type)
      return types
    }
    expect(await read(record)).toHaveLength(7)
    const stranger = { key: createPublicKey(signerFromPem(generateSigningKeyPem()).publicKeyPem) }
    await expect(read(record, false, [stranger])).rejects.toThrow('is not among the keys given')
    const late = keys.map((trusted): TrustedKey => ({ ...trusted, until: 0 }))
    await expect(read(record, false, late)).rejects.toThrow('was not in use')
    const early = keys.map((trusted): TrustedKey => ({ ...trusted, from: Date.now() + 86_400_000 }))
    await expect(read(record, false, early)).rejects.toThrow('was not in use')
    const changed = Buffer.from(record)
    changed.writeUInt8(changed.readUInt8(changed.length - 20) ^ 1, changed.length - 20)
    await expect(read(changed)).rejects.toThrow('not the one that was sealed')
    // What a seal without a signature announces is not even fetched.
    const [segment] = await segmentsOf(record)
    const huge = encodeSegment({ ...(segment as Segment).seal, bytes: 2 ** 29 }, Buffer.alloc(0))
    let fetched = 0
    const endless = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from(MAGIC)
      yield huge
      for (; fetched < 100; fetched++) yield Buffer.alloc(2 ** 20)
    }
    await expect(read(endless())).rejects.toThrow('has an invalid signature')
    expect(fetched).toBe(0)
    expect(await verifyRecording(endless(), keys)).toMatchObject({ reason: 'has an invalid signature' })
    expect(fetched).toBe(0)
    // What is not sealed yet comes from the gateway alone, and as it is.
    const unsealed = (encoding: BodyEncoding): Buffer => {
      const content = { ...(segment as Segment).seal, status: 'unsealed', encoding, key: '', signature: '' } as const
      return Buffer.concat([Buffer.from(MAGIC), encodeSegment(content, (segment as Segment).body)])
    }
    await expect(read(unsealed('compact-plain'))).rejects.toThrow('has no signature')
    await expect(read(unsealed('compact-plain'), true)).rejects.toThrow('has a body that cannot be read')
    await expect(read(unsealed('compact-gzip'), true)).rejects.toThrow('has no signature')
  })

  it('is gone through once by who verifies it, and what is hidden is shown once', async () => {
    const blocks = [16, 16, 3].map((events, index): BlockContent => {
      const segment = new OpenSegment(0)
      for (let n = 0; n < events; n++)
        segment.add(index + n === 0 ? opened() : { type: 'notice', message: `${index} ${n}` }, undefined, 1000, 0)
      return { events, bytes: (segment.take() as { bytes: Buffer }).bytes }
    })
    const ends: BlockContent = { events: 1, bytes: compact({ type: 'ended', code: 'X', message: '' }) }
    const { bytes, events, hash } = encodeUnpacked('compact-hidden', firstBlockHash('ses_1'), [...blocks, ends])
    const content = {
      session: 'ses_1',
      segment: 0,
      first: 0,
      events,
      previous: firstBlockHash('ses_1').toString('hex'),
      hash: hash.toString('hex'),
      status: 'recovered',
      tail: 'whole',
      encoding: 'compact-hidden',
      wrappedKey: 'AAAA',
      bytes: bytes.length,
      sha256: sha256(bytes),
      at: new Date().toISOString(),
    } as const
    const fileOf = (said: number): Buffer => {
      const seal = signStatement(SEAL_PURPOSE, { ...content, events: said }, signer)
      return Buffer.concat([Buffer.from(MAGIC), encodeSegment(seal, bytes)])
    }
    const shown: number[] = []
    const reader: RecordReader = {
      decrypt: (body) => Promise.resolve(body),
      reveal: () => Promise.resolve((seq, hidden) => (shown.push(seq), hidden)),
    }
    const verified = (said: number) => verifyRecording(pieces(fileOf(said), 1000), keys, reader)
    expect(await verified(36)).toMatchObject({ status: 'recovered', events: 36 })
    expect(shown).toEqual([0, 16, 32, 35])
    expect(await verified(35)).toMatchObject({ reason: 'has more events than the 35 that its seal says' })
    expect(await verified(37)).toMatchObject({ reason: 'has 36 events where its seal says 37' })
  })

  it('cut: says so and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: MAGIC.length + 1, max: record.length - 1 }), async (length) => {
        const read = async () => {
          for await (const { seal } of readSegments(pieces(record.subarray(0, length), 100))) void seal
        }
        await expect(read()).rejects.toThrow(BrokenRecording)
      }),
      { numRuns: 50 },
    )
  })

  it('a journal gives what was written up to where it was changed, and never anything else', () => {
    const original = readFileSync(journal)
    const texts = (): string[] =>
      (readJournals(join(directory, 'copy'), macKey).sessions.get('ses_1')?.turns ?? []).map(
        ({ first, bytes }) => `${first} ${bytes.toString('latin1')}`,
      )
    const all = texts()
    expect(all.length).toBeGreaterThan(4)
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: original.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, difference) => {
          const changed = Buffer.from(original)
          changed[at] = (changed[at] as number) ^ difference
          writeFileSync(journal, changed)
          const found = texts()
          expect(found).toEqual(all.slice(0, found.length))
          expect(readJournals(join(directory, 'copy'), macKey).files[0]?.tail).not.toBe('whole')
        },
      ),
      { numRuns: 300 },
    )
    writeFileSync(journal, original)
  })
})
