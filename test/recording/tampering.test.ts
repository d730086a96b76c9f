import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeBlocks, firstBlockHash, type BlockContent } from '../../src/recording/compact-format.ts'
import { recordReader } from '../../src/recording/encryption.ts'
import { headOf, JournalFile, realDisk } from '../../src/recording/journal-file.ts'
import { encodeEvents, entryKinds, JOURNAL_MAGIC, type JournalEntry } from '../../src/recording/journal-format.ts'
import { OpenSegment } from '../../src/recording/open-segment.ts'
import { readJournals, type JournalFileReading } from '../../src/recording/read-journal.ts'
import { recoverSpool, type Recovery } from '../../src/recording/recover.ts'
import { BrokenRecording, readRecording, readSegments, type Segment } from '../../src/recording/read.ts'
import { signStatement, SEAL_PURPOSE, type SegmentSeal } from '../../src/recording/seal.ts'
import { compress, encodeSegment, MAGIC, MAGIC_2, sha256 } from '../../src/recording/segment.ts'
import { parseTrustedKeys, verifyRecording, type Verification } from '../../src/recording/verify.ts'
import { canonicalJson, type Json } from '../../src/shared/canonical-json.ts'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { byte, contentOf, fileOf, item, json, long, time, uint32 } from '../helpers/compact-events.ts'
import {
  command,
  eventsOf,
  filesIn,
  keys,
  macKey,
  opened,
  openSpool,
  recorderOptions,
  signer,
  written,
} from '../helpers/recordings.ts'
import { sampled, sampledRuns } from '../helpers/sampled.ts'
import { hasProgram } from '../helpers/test-clients.ts'

const VERIFIER = join(import.meta.dirname, '..', 'fixtures', 'verifier.py')

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}
async function segmentsOf(bytes: Buffer): Promise<Segment[]> {
  const found: Segment[] = []
  for await (const segment of readSegments(once(bytes))) found.push(segment)
  return found
}

/** What a record says: each event, and the bytes of terminals. */
async function readingOf(bytes: Buffer): Promise<string> {
  const digest = createHash('sha256')
  for await (const { event, data } of readRecording(once(bytes))) {
    digest.update(canonicalJson({ ...event, at: Date.parse(event.at) } as unknown as Json))
    digest
      .update('\n')
      .update(data ?? '')
      .update('\n')
  }
  return digest.digest('hex')
}

let directory: string
/** Two sessions in which the same was done, in several segments each, and one that is encrypted. */
let records: { one: Buffer; other: Buffer; encrypted: Buffer }
let identity: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  identity = await generateX25519Identity()
  const spool = openSpool(join(directory, 'spool'))
  const same = { kinds: ['select'], reads: ['public.t'], writes: [] as string[] }
  const made = async (session: string, recipients: readonly string[]): Promise<Buffer> => {
    const recorder = await spool.open(opened(session), { ...recorderOptions(session), recipients })
    for (let segment = 0; segment < 3; segment++) {
      for (let n = 0; n < 9; n++) {
        const id = `dec_${String(n).padStart(13, '0')}`
        recorder.intent({ ...command('select 1', id), ...same, digest: 'ab'.repeat(32), parameters: ['42', null, 'ü'] })
        recorder.outcome({ type: 'result', command: id, tag: 'SELECT 1', rows: 1, bytes: 30, durationMs: 1 })
      }
      recorder.outcome({ type: 'terminal', channel: 'c', direction: 'out' }, Buffer.from('\nbytes\u0000'))
      await written(recorder)
      if (segment < 2) await recorder.sealNow()
    }
    await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    return readFileSync(join(directory, 'spool', recorderOptions(session).file))
  }
  records = {
    one: await made('ses_one', []),
    other: await made('ses_two', []),
    encrypted: await made('ses_three', [await identityToRecipient(identity)]),
  }
  await spool.stop()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('a sealed record', () => {
  it('with any byte changed is not genuine, and with any byte cut off it has no end', async () => {
    for (const [record, all] of [
      [records.one, sampled([...records.one.keys()])],
      // Without its key: but for what seals say, the same.
      [records.encrypted, sampled(sampled([...records.encrypted.keys()]))],
    ] as const) {
      const ends = new Set([MAGIC.length, ...(await segmentsOf(record)).map(({ end }) => end)])
      const places = new Set([...all, ...[...ends].filter((at) => at < record.length)])
      const cuts = new Set(sampled([...places]))
      for (const at of places) {
        const changed = Buffer.from(record)
        changed[at] = (changed[at] as number) ^ (1 << (at % 8))
        expect([at, (await verifyRecording(once(changed), keys)).status]).toEqual([at, 'invalid'])
        // Most cuts are within what one signature is about, and alike.
        if (!cuts.has(at) && !ends.has(at)) continue
        const { status } = await verifyRecording(once(record.subarray(0, at)), keys)
        expect([at, status]).toEqual([at, ends.has(at) ? 'open' : 'invalid'])
      }
    }
  })

  it('with segments of another order or session, twice, or left out, is not genuine', async () => {
    const [a, b, c] = (await segmentsOf(records.one)) as [Segment, Segment, Segment]
    const [x, y, z] = (await segmentsOf(records.other)) as [Segment, Segment, Segment]
    const [e, f, g] = (await segmentsOf(records.encrypted)) as [Segment, Segment, Segment]
    const made: [string, readonly Pick<Segment, 'seal' | 'body'>[], string][] = [
      ['whole', [a, b, c], 'sealed'],
      ['cut', [a, b], 'open'],
      ['nothing in it', [], 'open'],
      ['without its first', [b, c], 'invalid'],
      ['without the second', [a, c], 'invalid'],
      ['the last alone', [c], 'invalid'],
      ['another order', [b, a, c], 'invalid'],
      ['another order at the end', [a, c, b], 'invalid'],
      ['the first twice', [a, a, b, c], 'invalid'],
      ['the last twice', [a, b, c, c], 'invalid'],
      ['all of it twice', [a, b, c, a, b, c], 'invalid'],
      ['another session behind it', [a, b, c, x, y, z], 'invalid'],
      ['a segment of another session', [a, y, c], 'invalid'],
      ['the end of another session', [a, b, z], 'invalid'],
      ['the body of another session', [a, { ...b, body: y.body }, c], 'invalid'],
      ['the body of another segment', [a, { ...b, body: a.body }, c], 'invalid'],
      ['the seal of another session', [a, { ...b, seal: y.seal }, c], 'invalid'],
      ['an encrypted segment twice', [e, e, f, g], 'invalid'],
      ['encrypted segments swapped', [e, g, f], 'invalid'],
      ['encrypted bodies swapped', [{ ...e, body: f.body }, { ...f, body: e.body }, g], 'invalid'],
      ['an encrypted segment of another session', [a, f, c], 'invalid'],
    ]
    const reader = recordReader([identity])
    for (const [name, segments, status] of made) {
      expect([name, (await verifyRecording(once(fileOf(segments)), keys)).status]).toEqual([name, status])
      expect([name, (await verifyRecording(once(fileOf(segments)), keys, reader)).status]).toEqual([name, status])
    }
    const older = Buffer.concat([Buffer.from(MAGIC_2), records.one.subarray(MAGIC.length)])
    expect((await verifyRecording(once(older), keys)).status).toBe('invalid')
  })
})

/** A segment without a seal: nobody's key is needed to make one. */
function unsealed(blocks: readonly BlockContent[], other: Partial<Record<keyof SegmentSeal, unknown>> = {}): Buffer {
  const previous = firstBlockHash('ses_one')
  const { bytes, hash } = encodeBlocks(previous, blocks)
  const seal = {
    session: 'ses_one',
    segment: 0,
    first: 0,
    events: blocks.reduce((sum, { events }) => sum + events, 0),
    previous: previous.toString('hex'),
    hash: hash.toString('hex'),
    status: 'unsealed',
    encoding: 'compact-plain',
    bytes: bytes.length,
    sha256: sha256(bytes),
    at: '2026-01-01T00:00:00.000Z',
    key: '',
    signature: '',
    ...other,
  }
  return Buffer.concat([Buffer.from(MAGIC), encodeSegment(seal as SegmentSeal, bytes)])
}
const opening = [time(), json(opened('ses_one'))]
const eventOf = (text: string | Buffer): Buffer => {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text)
  return item(byte(0x10), uint32(0), uint32(bytes.length), bytes)
}
const noticeOf = (value: string): Buffer => unsealed([block(...opening, eventOf(`{"type":"notice","x":${value}}`))])
const block = (...items: readonly Buffer[]): BlockContent => ({ events: items.length - 1, bytes: Buffer.concat(items) })
const deep = (depth: number): string => '['.repeat(depth - 1) + ']'.repeat(depth - 1)

const VALUES: readonly [string, 'open' | 'invalid'][] = [
  ['1', 'open'],
  ['0.5', 'open'],
  ['-0.25', 'open'],
  ['1.0', 'invalid'],
  ['-0', 'invalid'],
  ['-0.0', 'invalid'],
  ['1e3', 'invalid'],
  ['1E21', 'invalid'],
  ['1e21', 'invalid'],
  ['1e+21', 'open'],
  ['1.5e+300', 'open'],
  ['100000000000000000000', 'open'],
  ['1000000000000000000000', 'invalid'],
  ['1e-7', 'open'],
  ['1e-07', 'invalid'],
  ['0.000001', 'open'],
  ['0.0000001', 'invalid'],
  ['1.25e-8', 'open'],
  ['123456.789', 'open'],
  ['5e-324', 'open'],
  ['1.7976931348623157e+308', 'open'],
  ['1e400', 'invalid'],
  ['-1e400', 'invalid'],
  ['NaN', 'invalid'],
  ['Infinity', 'invalid'],
  ['9007199254740991', 'open'],
  ['9007199254740992', 'open'],
  ['9007199254740993', 'invalid'],
  ['12345678901234567890', 'invalid'],
  ['01', 'invalid'],
  ['+1', 'invalid'],
  ['0x1', 'invalid'],
  ['"\\ud83d"', 'open'],
  ['"\\uD83D"', 'invalid'],
  ['"\\ud83d\\ude00"', 'invalid'],
  ['"😀"', 'open'],
  ['"\u2028\u007f\u00a0"', 'open'],
  ['"\\u2028"', 'invalid'],
  ['"\\/"', 'invalid'],
  ['"\\u0041"', 'invalid'],
  ['"\\u0007\\b\\t\\n\\f\\r\\"\\\\"', 'open'],
  ['"\\u0008"', 'invalid'],
  ['"\\u001F"', 'invalid'],
  ['"\u0001"', 'invalid'],
  ['"\ufeff"', 'open'],
  ['{"b":1,"1":2}', 'invalid'],
  ['{"1":2,"b":1}', 'open'],
  ['{"10":1,"2":1}', 'invalid'],
  ['{"2":1,"10":1}', 'open'],
  ['{"b":1,"01":2,"4294967295":3}', 'open'],
  ['{"b":1,"4294967294":3}', 'invalid'],
  ['{"\uffff":1,"😀":2}', 'open'],
  ['{"a":1,"a":1}', 'invalid'],
  ['{"__proto__":{"type":"ended"}}', 'open'],
  ['{"__proto__":1,"__proto__":1}', 'invalid'],
  ['1,"__proto__":{"seq":7}', 'open'],
  ['1,"type":"notice"', 'invalid'],
  ['1,"\\u0074ype":"ended"', 'invalid'],
  [deep(100), 'open'],
  [deep(101), 'invalid'],
  [deep(2000), 'invalid'],
  [deep(200_000), 'invalid'],
  ['[1, 2]', 'invalid'],
  ['true', 'open'],
  ['null', 'open'],
  ['True', 'invalid'],
  ["'x'", 'invalid'],
]

const SEALS: readonly [string, Partial<Record<keyof SegmentSeal, unknown>>, 'open' | 'invalid'][] = [
  ['as it is', {}, 'open'],
  ['no time', { at: '' }, 'invalid'],
  ['another time', { at: 'yesterday' }, 'invalid'],
  ['a time without milliseconds', { at: '2026-01-01T00:00:00Z' }, 'invalid'],
  ['the thirtieth of February', { at: '2026-02-30T00:00:00.000Z' }, 'invalid'],
  ['a day of 24 hours', { at: '2026-01-01T24:00:00.000Z' }, 'invalid'],
  ['the year 0', { at: '0000-01-01T00:00:00.000Z' }, 'invalid'],
  ['before 1970', { at: '1969-12-31T23:59:59.999Z' }, 'invalid'],
  ['digits of another script', { at: '２０２６-01-01T00:00:00.000Z' }, 'invalid'],
  ['a session with a space', { session: 'ses one' }, 'invalid'],
  ['a session with a path', { session: '../ses_one' }, 'invalid'],
  ['a session of other letters', { session: 'ses_ü' }, 'invalid'],
  ['no session', { session: '' }, 'invalid'],
  ['a session that is a number', { session: 1 }, 'invalid'],
  ['a long session', { session: 's'.repeat(65) }, 'invalid'],
  ['a number that is true', { segment: false }, 'invalid'],
  ['a number that is half', { events: 1.5 }, 'invalid'],
  ['a number that is negative', { first: -1 }, 'invalid'],
  ['a number as text', { bytes: '10' }, 'invalid'],
  ['a body longer than there is', { bytes: 2 ** 52 }, 'invalid'],
  ['a body larger than any', { bytes: 1e300 }, 'invalid'],
  ['capital digits', { hash: 'A'.repeat(64) }, 'invalid'],
  ['one event more', { events: 2 }, 'invalid'],
  ['none', { events: 0 }, 'invalid'],
  ['4294967297 events', { events: 2 ** 32 + 1 }, 'invalid'],
  ['a wrapped key', { wrappedKey: 'AA==' }, 'invalid'],
  ['a tail', { tail: 'whole' }, 'invalid'],
  ['compressed', { encoding: 'compact-gzip' }, 'invalid'],
  ['of version 2', { encoding: 'plain' }, 'invalid'],
  ['more to come', { status: 'more' }, 'invalid'],
  ['sealed', { status: 'sealed' }, 'invalid'],
  ['a key', { key: '0123456789abcdef' }, 'invalid'],
  ['a signature', { signature: 'AA' }, 'invalid'],
  ['a field that is none', { ['note' as 'at']: 'checked' }, 'invalid'],
]

const wordOf = ({ status }: Verification): string => status
const OPENED = block(...opening)

describe('what nobody signed', () => {
  it.each(VALUES.map(([value, status]) => [value.slice(0, 40), value, status] as const))(
    'the value %s',
    async (_short, value, status) => {
      expect(wordOf(await verifyRecording(once(noticeOf(value)), keys))).toBe(status)
    },
  )

  it.each(SEALS)('a seal with %s', async (_name, other, status) => {
    expect(wordOf(await verifyRecording(once(unsealed([OPENED], other)), keys))).toBe(status)
  })
})

/** The genuine events, changed somewhere, in blocks whose hashes are worked out again: the reader of events is all that stands in the way. */
const change = fc.oneof(
  fc.record({ what: fc.constant('flip' as const), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ what: fc.constant('drop' as const), at: fc.nat(), by: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ what: fc.constant('double' as const), at: fc.nat(), by: fc.integer({ min: 1, max: 120 }) }),
  fc.record({ what: fc.constant('digit' as const), at: fc.nat(), by: fc.nat() }),
)
const DIGITS = ['0', '1', '.', 'e', '-', '"', ',', '\\', '{', '}', ' ', '\u00ff']
function changed(bytes: Buffer, { what, at, by }: { what: string; at: number; by: number }): Buffer {
  const place = at % bytes.length
  if (what === 'drop') return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + by)])
  if (what === 'double')
    return Buffer.concat([bytes.subarray(0, place + by), bytes.subarray(place, place + by), bytes.subarray(place + by)])
  const out = Buffer.from(bytes)
  if (what === 'flip') out[place] = (out[place] as number) ^ by
  else out.write(DIGITS[by % DIGITS.length] as string, place, 'latin1')
  return out
}

describe.skipIf(!hasProgram('python3'))('a reader that was written from the page alone, and ours', () => {
  async function disagreements(files: readonly Buffer[]): Promise<{ number: number; ours: string; theirs: string }[]> {
    const where = mkdtempSync(join(directory, 'read-'))
    writeFileSync(join(where, 'gateway.pub'), signer.publicKeyPem)
    const paths = files.map((bytes, number) => {
      const path = join(where, `${number}.pamrec`)
      writeFileSync(path, bytes)
      return path
    })
    const { stdout, stderr } = spawnSync('python3', [VERIFIER, 'read', join(where, 'gateway.pub'), ...paths], {
      encoding: 'utf8',
      maxBuffer: 1e8,
    })
    expect(stderr).toBe('')
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(files.length)
    const found: { number: number; ours: string; theirs: string }[] = []
    for (const [number, bytes] of files.entries()) {
      const result = await verifyRecording(once(bytes), parseTrustedKeys(signer.publicKeyPem))
      const ours = result.status === 'invalid' ? 'INVALID' : `${result.status} ${await readingOf(bytes)}`
      const theirs = (lines[number] ?? '').slice((paths[number] ?? '').length + 2)
      if (ours !== theirs && !(ours === 'INVALID' && theirs.startsWith('INVALID: ')))
        found.push({ number, ours, theirs })
    }
    return found
  }

  it('read the same from what is genuine', async () => {
    expect(await disagreements([records.one, records.other])).toEqual([])
  })

  it('take and refuse the same values and seals', async () => {
    const files = [
      ...VALUES.map(([value]) => noticeOf(value)),
      ...SEALS.map(([, other]) => unsealed([OPENED], other)),
      unsealed([]),
      unsealed([OPENED, { events: 0, bytes: Buffer.alloc(0) }]),
      unsealed([{ events: 0, bytes: Buffer.alloc(0) }, OPENED]),
      unsealed([OPENED, OPENED]),
      unsealed([block(...opening, item(byte(0x11), uint32(0), long('{"type":"terminal"}'), uint32(2), 'xy'))]),
      unsealed([block(...opening, eventOf(Buffer.from('\ufeff{"type":"notice"}')))]),
      unsealed([block(...opening, eventOf('{"type":["notice"]}'))]),
      unsealed([block(...opening, eventOf('{"type":{}}'))]),
      unsealed([block(...opening, eventOf('{"type":"toString"}'))]),
      unsealed([block(time(), eventOf('{"type":"opened","version":3.0,"session":"ses_one"}'))]),
      unsealed([block(time(), eventOf('{"type":"opened","version":3,"session":"ses_one"}'))]),
      unsealed([block(time(), eventOf('{"type":"opened","session":"ses_one"}'))]),
      unsealed([block(time(), eventOf('{"type":"opened","version":3}'))]),
      Buffer.from(MAGIC),
      Buffer.from(MAGIC_2),
      Buffer.alloc(0),
      Buffer.concat([Buffer.from(MAGIC), Buffer.from([0xff, 0xff, 0xff, 0xff])]),
      Buffer.concat([Buffer.from(MAGIC), Buffer.from([0, 0, 0, 2]), Buffer.from('[]')]),
      Buffer.concat([unsealed([OPENED]), Buffer.from([0])]),
    ]
    expect(await disagreements(files)).toEqual([])
  })

  it('take and refuse the same of what is changed and sealed again', async () => {
    const [first] = (await segmentsOf(records.one)) as [Segment]
    const { blocks } = await contentOf(first)
    const seed = Math.floor(Math.random() * 2 ** 31)
    const changes = fc.sample(fc.tuple(fc.nat(blocks.length - 1), change), { seed, numRuns: sampledRuns(1000) })
    const files = changes.map(([number, one]) =>
      unsealed(blocks.map((was, index) => (index === number ? { ...was, bytes: changed(was.bytes, one) } : was))),
    )
    const found = await disagreements(files)
    expect({ seed, found: found.map((one) => [one, changes[one.number]]) }).toEqual({ seed, found: [] })
  })

  it('take and refuse the same members of gzip', async () => {
    const [first] = (await segmentsOf(records.one)) as [Segment]
    const { key: _key, signature: _signature, ...seal } = first.seal
    const sealed = (body: Buffer): Buffer =>
      Buffer.concat([
        Buffer.from(MAGIC),
        encodeSegment(signStatement(SEAL_PURPOSE, { ...seal, bytes: body.length, sha256: sha256(body) }, signer), body),
      ])
    const { body } = first
    const withFlags = (flags: number, more: Buffer): Buffer =>
      Buffer.concat([body.subarray(0, 3), Buffer.from([flags]), body.subarray(4, 10), more, body.subarray(10)])
    const members: [string, Buffer, string][] = [
      ['as it is', body, 'open'],
      ['a name', withFlags(8, Buffer.from('name\0')), 'invalid'],
      ['a comment', withFlags(16, Buffer.from('text\0')), 'invalid'],
      ['another field', withFlags(4, Buffer.from([2, 0, 1, 1])), 'invalid'],
      ['text', withFlags(1, Buffer.alloc(0)), 'invalid'],
      ['nothing', Buffer.alloc(0), 'invalid'],
      ['another method', Buffer.concat([body.subarray(0, 2), Buffer.from([7]), body.subarray(3)]), 'invalid'],
      ['a member behind it', Buffer.concat([body, await compress(Buffer.alloc(0), { level: 1 })]), 'invalid'],
      ['a byte behind it', Buffer.concat([body, Buffer.alloc(1)]), 'invalid'],
      ['cut', body.subarray(0, -1), 'invalid'],
      ['another checksum', Buffer.concat([body.subarray(0, -8), Buffer.alloc(4), body.subarray(-4)]), 'invalid'],
      ['another length', Buffer.concat([body.subarray(0, -4), Buffer.alloc(4)]), 'invalid'],
    ]
    for (const [name, bytes, status] of members)
      expect([name, (await verifyRecording(once(sealed(bytes)), keys)).status]).toEqual([name, status])
    expect(await disagreements(members.map(([, bytes]) => sealed(bytes)))).toEqual([])
  })
})

describe('a body that unpacks to much', () => {
  /** Read as whoever shows a record does, without a look at its seal. */
  const read = async (encoding: SegmentSeal['encoding'], magic: string, unpacked: Buffer): Promise<string> => {
    const body = await compress(unpacked, { level: 9 })
    const [{ seal }] = (await segmentsOf(unsealed([OPENED]))) as [Segment]
    const bomb = { ...seal, encoding, bytes: body.length, sha256: sha256(body) }
    return readingOf(Buffer.concat([Buffer.from(magic), encodeSegment(bomb, body)]))
  }
  it('is refused at the first block without events, and at the first event that is none', async () => {
    await expect(read('compact-gzip', MAGIC, Buffer.alloc(1e6))).rejects.toThrow('shorter than its events')
    await expect(read('gzip', MAGIC_2, Buffer.alloc(1e6))).rejects.toThrow(BrokenRecording)
  })

  it('or seems endless is not waited for', async () => {
    const file = unsealed([OPENED], { bytes: 512 * 1024 * 1024 + 1 })
    let pieces = 0
    async function* endless(): AsyncGenerator<Buffer> {
      yield file
      for (; pieces < 10; pieces++) yield Buffer.alloc(1000)
    }
    expect(await verifyRecording(endless(), keys)).toMatchObject({ status: 'invalid', segment: 0 })
    expect(pieces).toBe(0)
  })

  it('is gone through one event at a time', async () => {
    const [{ bytes }] = [block(...opening, json({ type: 'notice', message: '' }))]
    const few = encodeBlocks(firstBlockHash('ses_one'), [{ events: 2, bytes }]).bytes
    const many = Buffer.concat([few, Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff])])
    // The first events come before what is behind them is looked at.
    const [{ seal }] = (await segmentsOf(unsealed([OPENED]))) as [Segment]
    const body = await compress(many, { level: 1 })
    const other = { ...seal, encoding: 'compact-gzip' as const, bytes: body.length, sha256: sha256(body) }
    const seen: string[] = []
    const reading = async (): Promise<void> => {
      const bytes = Buffer.concat([Buffer.from(MAGIC), encodeSegment(other, body)])
      for await (const { event } of readRecording(once(bytes))) seen.push(event.type)
    }
    await expect(reading()).rejects.toThrow(BrokenRecording)
    expect(seen).toEqual(['opened', 'notice'])
  })
})

describe('a journal', () => {
  const SESSIONS = ['ses_1', 'ses_2']
  const known = new Map(SESSIONS.map((session) => [session, { file: recorderOptions(session).file }]))
  const recover = async (spool: string, expected: readonly string[]): Promise<Recovery> => {
    const recovery = await recoverSpool(spool, { macKey, signer, keys, expected, known })
    recovery.finish()
    return recovery
  }
  /** Everything that a session said, in order, without what differs from run to run. */
  const saidIn = async (spool: string, session: string): Promise<string[]> =>
    (await eventsOf(join(spool, recorderOptions(session).file))).map((event) => JSON.stringify(event))

  let left: string
  let original: Buffer
  let id: string
  let whole: Record<string, string[]>
  beforeAll(async () => {
    const running = join(directory, 'running')
    left = join(directory, 'left')
    const spool = openSpool(running)
    for (const session of SESSIONS) {
      const recorder = await spool.open(opened(session), recorderOptions(session))
      for (let n = 0; n < 4; n++) {
        recorder.intent(command(`select ${n}`))
        await written(recorder)
      }
    }
    cpSync(running, left, { recursive: true })
    await spool.stop()
    const journal = filesIn(left, '.journal')[0] as string
    original = readFileSync(journal)
    id = readJournals(join(left, 'journal'), macKey).files[0]?.journal as string
    const copy = join(directory, 'whole')
    cpSync(left, copy, { recursive: true })
    await recover(copy, [id])
    whole = Object.fromEntries(
      await Promise.all(
        SESSIONS.map(async (session) => [session, (await saidIn(copy, session)).slice(0, -1)] as const),
      ),
    )
    expect(Object.values(whole).map((events) => events.length)).toEqual([5, 5])
  })

  const isPrefix = (some: readonly string[], all: readonly string[]): boolean =>
    some.every((one, index) => one === all[index])
  const changesAt = (at: number): [string, Buffer][] => {
    const flipped = Buffer.from(original)
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
    const without = Buffer.concat([original.subarray(0, at), original.subarray(at + 1)])
    return [
      [`${at} changed`, flipped],
      [`cut at ${at}`, original.subarray(0, at)],
      [`${at} gone`, without],
    ]
  }

  it('changed or cut at any byte gives what was written up to there, and is not said to be whole', () => {
    const where = join(directory, 'bytes')
    mkdirSync(where)
    const path = join(where, '00000001.journal')
    const head = readFileSync(headOf(filesIn(left, '.journal')[0] as string))
    writeFileSync(headOf(path), head)
    const read = (): { turns: Record<string, string[]>; file: JournalFileReading | undefined } => {
      const { sessions, files } = readJournals(where, macKey)
      const turns = SESSIONS.map((session) => [
        session,
        (sessions.get(session)?.turns ?? []).map(({ first, bytes }) => `${first} ${bytes.toString('latin1')}`),
      ])
      return { turns: Object.fromEntries(turns) as Record<string, string[]>, file: files[0] }
    }
    writeFileSync(path, original)
    const { turns: all } = read()
    expect(Object.values(all).map((some) => some.length > 3)).toEqual([true, true])
    const isAll = sampledRuns(2) === 2
    for (const [turn, at] of sampled([...original.keys()]).entries())
      for (const [what, bytes] of changesAt(at)
        .slice(0, 2)
        .filter((_, kind) => isAll || kind === turn % 2)) {
        writeFileSync(path, bytes)
        const { turns, file } = read()
        for (const session of SESSIONS)
          if (!isPrefix(turns[session] ?? [], all[session] ?? [])) expect([what, turns]).toEqual([what, all])
        // One that has nothing of anybody in it: the chain says which one is gone.
        if (file?.tail === 'whole')
          expect([what, file.journal, bytes.length < JOURNAL_MAGIC.length + 4]).toEqual([what, undefined, true])
      }
    writeFileSync(path, original)
    for (let at = 0; at < head.length; at++) {
      // Of the number's high bytes one stands for all: each has as many keys worked out as a file can hold records.
      if (at > 2 && at < 6) continue
      const changed = Buffer.from(head)
      changed[at] = (changed[at] as number) ^ (1 << (at % 8))
      writeFileSync(headOf(path), changed)
      const [file] = readJournals(where, macKey).files
      expect([at, file?.tail]).toEqual([at, 'altered'])
    }
  })

  it('changed or cut somewhere is recovered as what is left, says so, and the next start finds the same', async () => {
    const spool = join(directory, 'again')
    const step = Math.floor(original.length / 25)
    for (let at = 0; at < original.length; at += step)
      for (const [what, bytes] of changesAt(at)) {
        rmSync(spool, { recursive: true, force: true })
        cpSync(left, spool, { recursive: true })
        writeFileSync(filesIn(spool, '.journal')[0] as string, bytes)
        await recover(spool, [id])
        const records = filesIn(spool, '.pamrec')
        for (const session of SESSIONS) {
          const path = join(spool, recorderOptions(session).file)
          if (!existsSync(path)) continue
          const result = await verifyRecording(path, keys)
          expect([what, result.status, 'tail' in result && result.tail !== 'whole']).toEqual([what, 'recovered', true])
          const said = await saidIn(spool, session)
          expect([what, said.slice(0, -1)]).toEqual([what, whole[session]?.slice(0, said.length - 1)])
        }
        const before = records.map((path) => readFileSync(path))
        await recover(spool, [])
        expect(filesIn(spool, '.pamrec').map((path) => readFileSync(path))).toEqual(before)
      }
  })

  /** Two journal files of one session, each with some of its turns, as a gateway leaves them that went on to a new file. */
  function twoFiles(spool: string): void {
    const open = new OpenSegment(0)
    for (const begin of [0, 3]) {
      const journal = new JournalFile(join(spool, 'journal'), macKey, realDisk)
      const opening = Buffer.from(JSON.stringify({ file: recorderOptions().file }))
      const entries: JournalEntry[] = [{ session: 'ses_1', kind: entryKinds.opened, seq: 0, bytes: opening }]
      for (let n = begin; n < begin + 3; n++) {
        open.add(n === 0 ? opened() : command(`select ${n}`), undefined, 1_780_000_000_000 + n, n)
        const taken = open.take()
        if (taken === undefined) throw new Error('nothing was added')
        entries.push({
          session: 'ses_1',
          kind: entryKinds.events,
          seq: n,
          bytes: encodeEvents({ ...taken, hidden: false }),
        })
      }
      journal.writeSync(journal.record(entries))
      journal.close()
    }
  }
  const move = (spool: string, from: string, to: string): void => {
    for (const ending of ['journal', 'head'])
      renameSync(join(spool, 'journal', `${from}.${ending}`), join(spool, 'journal', `${to}.${ending}`))
  }
  const copy = (spool: string, from: string, to: string): void => {
    for (const ending of ['journal', 'head'])
      cpSync(join(spool, 'journal', `${from}.${ending}`), join(spool, 'journal', `${to}.${ending}`))
  }
  it.each<[string, (spool: string) => void]>([
    ['as they are', () => {}],
    [
      'under each other’s name',
      (spool) => {
        move(spool, '00000001', '00000009')
        move(spool, '00000002', '00000001')
        move(spool, '00000009', '00000002')
      },
    ],
    ['the first a second time, in front', (spool) => copy(spool, '00000001', '00000000')],
    ['the first a second time, behind', (spool) => copy(spool, '00000001', '00000003')],
    ['the second a second time, in front', (spool) => copy(spool, '00000002', '00000000')],
  ])('two files, %s: all events are there once', async (_what, change) => {
    const spool = mkdtempSync(join(directory, 'two-'))
    twoFiles(spool)
    change(spool)
    await recover(spool, [])
    const said = (await eventsOf(join(spool, recorderOptions().file))).map((event) =>
      'text' in event ? event.text : event.type,
    )
    expect(said).toEqual(['opened', 'select 1', 'select 2', 'select 3', 'select 4', 'select 5', 'ended'])
    expect(await verifyRecording(join(spool, recorderOptions().file), keys)).toMatchObject({
      status: 'recovered',
      tail: 'whole',
    })
  })
})

it('what is seen live is what stands there unsealed, and what is sealed', async () => {
  const where = join(directory, 'live')
  const spool = openSpool(where)
  const recorder = await spool.open(opened('ses_live'), recorderOptions('ses_live'))
  const live: string[] = []
  recorder.listen(({ event, data }) => live.push(JSON.stringify([plain(event), data?.toString('hex')])))
  const plain = (event: object): unknown => JSON.parse(canonicalJson(event as unknown as Json))
  const same = { kinds: ['select'], reads: [], writes: [], digest: 'ab'.repeat(32) }
  const large = 'ü\u0000‹'.repeat(200_000)
  for (const parameters of [undefined, [], [null], ['', 'ü'], ['\ud83d'], [large], ['x'], ['x']])
    for (const id of ['dec_0000000000001', 'dec_other']) {
      recorder.intent({ ...command('select 1', id), ...same, parameters })
      for (const rows of [0, 2 ** 32, 2 ** 32 - 1])
        recorder.outcome({ type: 'result', command: id, tag: 'SELECT é', rows, bytes: 1, durationMs: 0.5 })
      recorder.outcome({ type: 'result', command: id, rows: 1, bytes: 1, durationMs: 1 })
      recorder.outcome({ type: 'terminal', channel: 'c', direction: 'in' }, Buffer.from(id))
    }
  const unsealed = [...recorder.unsealed()]
  const shown = (events: readonly { event: object; data: Buffer | undefined }[]): string[] =>
    events.map(({ event, data }) => JSON.stringify([plain(event), data?.toString('hex')]))
  expect(shown(unsealed).slice(1)).toEqual(live)
  await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
  await spool.stop()
  const sealed = []
  for await (const one of readRecording(join(where, recorderOptions('ses_live').file))) sealed.push(one)
  expect(shown(sealed).slice(1)).toEqual(live)
})
