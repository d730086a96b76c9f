import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeFrames, encodeFrames, firstHash, nextHash } from '../../src/recording/frame.ts'
import { BLOCK_EVENTS, encodeBlocks, type BlockContent } from '../../src/recording/compact-format.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import { readSegments, type Segment } from '../../src/recording/read.ts'
import { generateSigningKeyPem, SEAL_PURPOSE, signerFromPem, signStatement } from '../../src/recording/seal.ts'
import { encodeSegment, MAGIC } from '../../src/recording/segment.ts'
import { parseTrustedKeys, RecordingVerifier, verifyRecording } from '../../src/recording/verify.ts'
import { blocksOf, contentOf, fileOf, sealedWith, withBody } from '../helpers/compact-events.ts'
import { command, keys, opened, openSpool, recorderOptions, signer, written } from '../helpers/recordings.ts'

/** A recording of three segments, another session's, and a place for what is made of them. */
let directory: string
let original: string
let other: string
let changed: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  const spool = openSpool(directory)
  for (const session of ['ses_1', 'ses_2']) {
    const recorder = await spool.open(opened(session), recorderOptions(session))
    for (const texts of [['select 1', 'select 2'], ['select 3'], ['select 4']]) {
      for (const text of texts) recorder.intent(command(text))
      await written(recorder)
      if (texts[0] !== 'select 4') await recorder.sealNow()
    }
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: 'bye' })
  }
  await spool.stop()
  original = join(directory, '2026-11', 'ses_1.pamrec')
  other = join(directory, '2026-11', 'ses_2.pamrec')
  changed = join(directory, 'changed')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function segmentsOf(path: string): Promise<Segment[]> {
  const all: Segment[] = []
  for await (const segment of readSegments(path)) all.push(segment)
  return all
}

const write = (segments: readonly Pick<Segment, 'seal' | 'body'>[]): void => writeFileSync(changed, fileOf(segments))

/** The segment with its events changed; its seal, and signature if a signer is given, made to fit. */
async function forge(
  segment: Segment,
  change: (events: RecordedEvent[]) => readonly RecordedEvent[],
  sign?: typeof signer,
): Promise<Pick<Segment, 'seal' | 'body'>> {
  return sealedWith(segment, blocksOf(change((await contentOf(segment)).events)), sign)
}

/** Bytes between two changes of a file; odd, so that each bit has its turn. */
const STEP = 31

describe('verify', () => {
  it('what the gateway wrote is valid', async () => {
    expect(await verifyRecording(original, keys)).toMatchObject({ status: 'sealed', events: 6, segments: 3, hidden: 0 })
  })

  // tampering.test.ts changes and cuts at every byte; these read files.
  it('finds a changed bit', async () => {
    const bytes = readFileSync(original)
    for (let at = 0; at < bytes.length; at += STEP) {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] as number) ^ (1 << (at % 8))
      writeFileSync(changed, copy)
      const { status } = await verifyRecording(changed, keys)
      expect([at, status === 'invalid' || status === 'open']).toEqual([at, true])
    }
  })

  it('finds a cut: nothing that was cut off reads as sealed', async () => {
    const bytes = readFileSync(original)
    for (let length = 0; length < bytes.length; length += STEP) {
      writeFileSync(changed, bytes.subarray(0, length))
      expect([length, (await verifyRecording(changed, keys)).status]).not.toEqual([length, 'sealed'])
    }
  })

  type Change = (
    own: Segment[],
    foreign: Segment[],
  ) => Pick<Segment, 'seal' | 'body'>[] | Promise<Pick<Segment, 'seal' | 'body'>[]>
  const text = (from: string, to: string) => (events: RecordedEvent[]) =>
    events.map((event) => JSON.parse(JSON.stringify(event).replace(from, to)) as RecordedEvent)
  it.each<[string, Change, RegExp, number]>([
    ['a segment cut out', (own) => own.toSpliced(1, 1), /segment 2 where 1/, 1],
    ['the first segment cut off', (own) => own.slice(1), /segment 1 where 0/, 0],
    ['two segments swapped', ([a, b, c]) => [a, c, b] as Segment[], /segment 2 where 1/, 1],
    ['a segment twice', ([a, b, c]) => [a, b, b, c] as Segment[], /segment 1 where 2/, 2],
    ['a segment after the last', (own, foreign) => [...own, foreign[1] as Segment], /after the segment/, 3],
    ['a segment of another session', ([a, , c], foreign) => [a, foreign[1], c] as Segment[], /belongs to ses_2/, 1],
    ['the end of another session', ([a, b], foreign) => [a, b, foreign[2]] as Segment[], /belongs to ses_2/, 2],
    [
      'an event changed, chain and seal made to fit',
      async ([a, b, c]) => [a, await forge(b as Segment, text('select 3', 'select 9')), c] as Segment[],
      /signature/,
      1,
    ],
    [
      'the same, sealed with another key',
      async ([a, b, c]) =>
        [
          a,
          await forge(b as Segment, text('select 3', 'select 9'), signerFromPem(generateSigningKeyPem())),
          c,
        ] as Segment[],
      /not among the keys/,
      1,
    ],
    [
      'the same, sealed with the stolen key: the next segment does not follow',
      async ([a, b, c]) => [a, await forge(b as Segment, text('select 3', 'select 9'), signer), c] as Segment[],
      /does not follow/,
      2,
    ],
    [
      'the last segment marked as recovered',
      ([a, b, c]) => [a, b, { ...(c as Segment), seal: { ...(c as Segment).seal, status: 'recovered' } }] as Segment[],
      /signature/,
      2,
    ],
    [
      'the last segment marked as unsealed: then it is not sealed',
      ([a, b, c]) => [a, b, { ...(c as Segment), seal: { ...(c as Segment).seal, status: 'more' } }] as Segment[],
      /signature/,
      2,
    ],
  ])('%s', async (_what, change, reason, segment) => {
    write(await change(await segmentsOf(original), await segmentsOf(other)))
    expect(await verifyRecording(changed, keys)).toMatchObject({
      status: 'invalid',
      segment,
      reason: expect.stringMatching(reason),
    })
  })

  it.each<[string, (events: RecordedEvent[]) => RecordedEvent[], RegExp, object]>([
    ['an event cut out', (all) => all.toSpliced(1, 1), /begins with event 3 where 2/, { segment: 1 }],
    ['two events swapped', ([a, b, c]) => [a, c, b] as RecordedEvent[], /does not follow/, { segment: 1 }],
    ['an event twice', ([a, b, c]) => [a, b, b, c] as RecordedEvent[], /begins with event 3 where 4/, { segment: 1 }],
    ['no opening', ([, b, c]) => [b, c] as RecordedEvent[], /recording begins with/, { segment: 0, event: 0 }],
    ['a second opening', ([a, b]) => [a, b, a] as RecordedEvent[], /recording begins with/, { segment: 0, event: 2 }],
    [
      'an opening of version 2',
      ([a, b, c]) => [{ ...a, version: 2 }, b, c] as RecordedEvent[],
      /version 2 in one of version 3/,
      { segment: 0, event: 0 },
    ],
  ])('even the key does not help: %s is named', async (_what, change, reason, where) => {
    const [first, ...rest] = await segmentsOf(original)
    write([await forge(first as Segment, change, signer), ...rest])
    expect(await verifyRecording(changed, keys)).toMatchObject({
      status: 'invalid',
      ...where,
      reason: expect.stringMatching(reason),
    })
  })

  describe('of many events', () => {
    /** One segment of 53 events: three full blocks and one of five. */
    let long: Segment
    let blocks: BlockContent[]
    beforeAll(async () => {
      const spool = openSpool(join(directory, 'long'))
      const recorder = await spool.open(opened('ses_4'), recorderOptions('ses_4'))
      for (let n = 0; n < 51; n++) recorder.intent(command(`select ${100 + n}`, `dec_000000000${n + 1000}`))
      await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
      await spool.stop()
      ;[long] = (await segmentsOf(join(directory, 'long', '2026-11', 'ses_4.pamrec'))) as [Segment]
      blocks = (await contentOf(long)).blocks
      expect(blocks.map(({ events }) => events)).toEqual([16, 16, 16, 5])
    })
    const again = (content: readonly BlockContent[]): Buffer =>
      encodeBlocks(Buffer.from(long.seal.previous, 'hex'), content).bytes
    const invalid = async (bytes: Buffer, other = {}): Promise<unknown> => {
      write([await withBody(long.seal, bytes, other, signer)])
      return verifyRecording(changed, keys)
    }

    it('is genuine as it is', async () => {
      write([await withBody(long.seal, again(blocks), {}, signer)])
      expect(await verifyRecording(changed, keys)).toMatchObject({ status: 'sealed', events: 53 })
    })

    it.each([
      [0, 0, 15],
      [1, 16, 31],
      [2, 32, 47],
      [3, 48, 52],
    ])(
      'an event of block %i changed, and only the body made to fit: that block is named',
      async (n, event, lastEvent) => {
        const bytes = again(blocks)
        const start = again(blocks.slice(0, n)).length
        bytes.write('drop  ', bytes.indexOf('select', start))
        expect(await invalid(bytes)).toMatchObject({
          status: 'invalid',
          segment: 0,
          event,
          lastEvent,
          reason: expect.stringContaining('do not follow'),
        })
      },
    )

    it.each<[string, (all: BlockContent[]) => BlockContent[], object]>([
      ['two swapped', ([a, b, c, d]) => [a, c, b, d] as BlockContent[], { event: 16, lastEvent: 31 }],
      ['one twice', ([a, b, c, d]) => [a, b, b, c, d] as BlockContent[], { segment: 0 }],
      ['one cut out', ([a, b, , d]) => [a, b, d] as BlockContent[], { segment: 0 }],
      ['the last cut off', (all) => all.slice(0, -1), { segment: 0 }],
    ])('blocks: %s, with the checks of before', async (_what, change, where) => {
      const checks = again(blocks)
      const parts = new Map<BlockContent, Buffer>()
      let at = 0
      for (const block of blocks) {
        const length = 24 + block.bytes.length
        parts.set(block, checks.subarray(at, at + length))
        at += length
      }
      const bytes = Buffer.concat(change(blocks).map((block) => parts.get(block) as Buffer))
      expect(await invalid(bytes)).toMatchObject({ status: 'invalid', ...where })
    })

    it.each<[string, (all: BlockContent[]) => BlockContent[], number]>([
      ['of 15 events', ([a, ...rest]) => [{ ...(a as BlockContent), events: 15 }, ...rest], 52],
      ['of 17 events', ([a, ...rest]) => [{ ...(a as BlockContent), events: 17 }, ...rest], 54],
      [
        'the last with one event less than it has',
        (all) => [...all.slice(0, 3), { ...(all[3] as BlockContent), events: 4 }],
        52,
      ],
      ['the last with one event more', (all) => [...all.slice(0, 3), { ...(all[3] as BlockContent), events: 6 }], 54],
      [
        'two in one',
        ([a, b, ...rest]) => [
          { events: 32, bytes: Buffer.concat([a?.bytes ?? '', b?.bytes ?? ''] as Buffer[]) },
          ...rest,
        ],
        53,
      ],
    ])('a block %s, sealed as such: refused', async (_what, change, events) => {
      write([await sealedWith(long, change(blocks), signer)])
      expect((await segmentsOf(changed))[0]?.seal.events).toBe(events)
      expect(await verifyRecording(changed, keys)).toMatchObject({
        status: 'invalid',
        segment: 0,
        event: expect.any(Number),
      })
    })

    it.each<[string, (all: BlockContent[]) => BlockContent[]]>([
      ['of none, in front', (all) => [{ events: 0, bytes: Buffer.alloc(0) }, ...all]],
      ['of none, behind', (all) => [...all, { events: 0, bytes: Buffer.alloc(0) }]],
      ['with no room for its events', (all) => [...all, { events: 5, bytes: Buffer.alloc(44) }]],
    ])('a block %s, sealed as such: refused', async (_what, change) => {
      write([await sealedWith(long, change(blocks), signer)])
      expect(await verifyRecording(changed, keys)).toMatchObject({
        status: 'invalid',
        segment: 0,
        reason: expect.stringMatching(/a block is shorter than its events are|are no block as the gateway writes them/),
      })
    })

    it('a block ends within the memory that there is', async () => {
      const bytes = again(blocks)
      bytes.writeUInt32BE(0xffff_ffff, 4)
      expect(await invalid(bytes)).toMatchObject({ status: 'invalid', reason: /end within a block/ })
      expect(BLOCK_EVENTS).toBe(16)
    })
  })

  it('of an encrypted record, too: a segment that was sealed again with the stolen key does not fit the next', async () => {
    const spool = openSpool(join(directory, 'hidden'))
    const recipients = [await identityToRecipient(await generateX25519Identity())]
    const recorder = await spool.open(opened('ses_3'), { ...recorderOptions('ses_3'), recipients })
    await recorder.sealNow()
    recorder.intent(command('select 1'))
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    await spool.stop()
    const [first, last] = (await segmentsOf(join(directory, 'hidden', '2026-11', 'ses_3.pamrec'))) as [Segment, Segment]
    const { key: _key, signature: _signature, ...content } = first.seal
    write([{ seal: signStatement(SEAL_PURPOSE, { ...content, hash: '0'.repeat(64) }, signer), body: first.body }, last])
    expect(await verifyRecording(changed, keys)).toMatchObject({
      status: 'invalid',
      segment: 1,
      reason: /does not follow/,
    })
  })

  it('a key is believed only for the time it was in use', async () => {
    const key = createPublicKey(signer.publicKeyPem)
    expect(await verifyRecording(original, [{ key, until: Date.now() - 86_400_000 }])).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('not in use'),
    })
    const other = signerFromPem(generateSigningKeyPem())
    const bundle = `# key ${other.keyId} from 2020-01-01T00:00:00.000Z until 2021-01-01T00:00:00.000Z\n${other.publicKeyPem}# key ${signer.keyId} from 2020-01-01T00:00:00.000Z\n${signer.publicKeyPem}`
    const trusted = parseTrustedKeys(bundle)
    expect(trusted.map(({ from, until }) => [from, until])).toEqual([
      [Date.UTC(2020, 0, 1), Date.UTC(2021, 0, 1)],
      [Date.UTC(2020, 0, 1), undefined],
    ])
    expect(await verifyRecording(original, trusted)).toMatchObject({ status: 'sealed' })
  })

  it('what is no recording says so', async () => {
    writeFileSync(changed, 'PK\u0003\u0004')
    expect(await verifyRecording(changed, keys)).toMatchObject({ status: 'invalid', reason: /not a recording/ })
  })

  it('a seal that claims more bytes than there are, or a bomb, is no harm', async () => {
    const [first] = await segmentsOf(original)
    const { seal } = first as Segment
    copyFileSync(original, changed)
    for (const [bytes, reason] of [
      [2 ** 29, 'has an invalid signature'],
      [2 ** 29 + 1, 'has a seal that cannot be read'],
      [2 ** 52, 'has a seal that cannot be read'],
    ] as const) {
      writeFileSync(changed, Buffer.concat([Buffer.from(MAGIC), encodeSegment({ ...seal, bytes }, Buffer.from('x'))]))
      expect(await verifyRecording(changed, keys)).toMatchObject({ status: 'invalid', reason })
    }
  })
})

describe('frames', () => {
  it('events of one session fit into no other: the chain begins with its name', () => {
    const payload = Buffer.from(JSON.stringify({ seq: 0, at: '', ms: 0, ...opened() }))
    expect(nextHash(firstHash('ses_1'), payload)).not.toEqual(nextHash(firstHash('ses_2'), payload))
  })

  it('bytes that end within an event are refused', () => {
    const bytes = encodeFrames([{ hash: Buffer.alloc(32), payload: Buffer.from('{}') }])
    for (let length = 1; length < bytes.length; length++)
      expect(() => [...decodeFrames(bytes.subarray(0, length))]).toThrow('end within an event')
  })
})

describe('a file of public keys', () => {
  const old = signerFromPem(generateSigningKeyPem())
  const retired = `# key ${old.keyId} from 2020-01-01T00:00:00.000Z until 2021-01-01T00:00:00.000Z`
  const current = `# key ${signer.keyId} from 2021-01-01T00:00:00.000Z\n${signer.publicKeyPem}`
  it.each([
    ['an empty line', `${retired}\n\n${old.publicKeyPem}`],
    ['line ends of Windows', `${retired}\r\n${old.publicKeyPem.replaceAll('\n', '\r\n')}`],
    ['another comment', `${retired}\n# of the old machine\n${old.publicKeyPem}`],
  ])('%s between a key and its time: the time counts', (what, text) => {
    if (what === 'another comment') return expect(() => parseTrustedKeys(text)).toThrow(/no key follows/)
    expect(parseTrustedKeys(text + current).map(({ until }) => until)).toEqual([Date.parse('2021-01-01'), undefined])
  })
  it.each([
    ['a key without its time beside others', `${old.publicKeyPem}${current}`, /several keys/],
    ['a time that is none', `# key ${old.keyId} from yesterday until never\n${old.publicKeyPem}`, /not of the form/],
    ['a time with more behind it', `${retired} or so\n${old.publicKeyPem}`, /not of the form/],
    [
      'the time of another key',
      `# key ${signer.keyId} from 2021-01-01T00:00:00.000Z\n${old.publicKeyPem}`,
      /another one/,
    ],
    ['a time without a key', `${old.publicKeyPem}${retired}\n`, /no key follows/],
    [
      'a key of another algorithm',
      generateKeyPairSync('ec', {
        namedCurve: 'P-256',
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      }).publicKey,
      /expected an Ed25519 public key/,
    ],
    ['two times for one key', `${retired}\n${current}`, /no key follows/],
  ])('%s is refused', (_what, text, message) => expect(() => parseTrustedKeys(text)).toThrow(message))
})

describe('a seal whose fields contradict each other', () => {
  const BODY = Buffer.from('body')
  const FIELDS = {
    session: 'ses_1',
    segment: 0,
    first: 0,
    events: 1,
    previous: '',
    hash: '',
    status: 'sealed',
    encoding: 'compact-gzip',
    bytes: BODY.length,
    sha256: createHash('sha256').update(BODY).digest('hex'),
    at: new Date().toISOString(),
  } as const

  const problemOf = async (given: Partial<Segment['seal']>): Promise<string> => {
    const fields = { ...FIELDS, ...given }
    const seal =
      fields.status === 'unsealed' ? { key: '', signature: '', ...fields } : signStatement(SEAL_PURPOSE, fields, signer)
    const checked = new RecordingVerifier(keys, undefined).check({ version: 3, seal, body: BODY, start: 0, end: 0 })
    return checked.then(
      () => 'nothing',
      ({ message }: Error) => message,
    )
  }

  it.each<[string, Partial<Segment['seal']>]>([
    ['the end of a recovered recording, in one that was sealed', { tail: 'whole' }],
    ['a recovered recording without what is known of its end', { status: 'recovered' }],
    ['an encoding of version 2 in version 3', { encoding: 'gzip' }],
    ['encrypted blocks without their key', { encoding: 'compact-hidden' }],
    ['a key where no blocks are encrypted one by one', { wrappedKey: 'x' }],
    ['plain events that are sealed', { encoding: 'compact-plain' }],
    ['events that are not sealed, and not plain', { status: 'unsealed' }],
    ['events that are not sealed, with a key', { status: 'unsealed', encoding: 'compact-plain', key: signer.keyId }],
    ['events that are not sealed, with a signature', { status: 'unsealed', encoding: 'compact-plain', signature: 'x' }],
  ])('is refused, also where it is signed: %s', async (_, given) => {
    expect(await problemOf(given)).toBe('has a seal whose fields contradict each other')
  })

  it('is told from one that follows from nothing', async () => {
    expect(await problemOf({})).toMatch(/^does not follow from the segment before it/)
    expect(await problemOf({ segment: 1 })).toBe('is segment 1 where 0 should be')
    expect(await problemOf({ first: 1 })).toBe('begins with event 1 where 0 should be')
    expect(await problemOf({ sha256: '' })).toBe('has a body that is not the one that was sealed')
  })
})
