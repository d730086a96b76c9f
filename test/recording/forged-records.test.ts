import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  encodeCompact,
  encodeFramed,
  encodeSegment,
  encodeUnpacked,
  MAGIC,
  MAGIC_2,
  sha256,
  type SegmentBody,
} from '../../src/recording/segment.ts'
import { firstBlockHash } from '../../src/recording/compact-format.ts'
import { firstHash, nextHash, type Frame } from '../../src/recording/frame.ts'
import {
  SEAL_PURPOSE,
  SEAL_PURPOSE_2,
  signStatement,
  statementVerifies,
  type SegmentSeal,
} from '../../src/recording/seal.ts'
import { readValidPrefix } from '../../src/recording/valid-prefix.ts'
import { publicKeyFromPem, verifyRecording, type Verification } from '../../src/recording/verify.ts'
import { blocksOf } from '../helpers/compact-events.ts'
import { command, keys, opened, signer } from '../helpers/recordings.ts'

/** What somebody can write who has the key, or no key where a seal is none: each is refused for what its events say. */
const ENDED = { type: 'ended', code: 'CLIENT_LEFT', message: '' }
const EVENTS = [{ ...opened(), version: 2 }, command('select 1'), ENDED]

type Content = Omit<SegmentSeal, 'key' | 'signature'>

function contentOf({ encoding, events, hash, bytes }: SegmentBody, previous: Buffer, other: Partial<Content>): Content {
  const { status = 'sealed', tail, ...more } = other
  return {
    session: 'ses_1',
    segment: 0,
    first: 0,
    events,
    previous: previous.toString('hex'),
    hash: hash.toString('hex'),
    status,
    // Fields stand in one order.
    ...(tail === undefined ? {} : { tail }),
    encoding,
    bytes: bytes.length,
    sha256: sha256(bytes),
    at: '2026-01-01T00:00:00.000Z',
    ...more,
  }
}

/** Version 2: the events, numbered, each with its hash; then what was changed of that. */
async function record2(
  events: readonly object[],
  { seal = {}, frames = (all) => all }: { seal?: Partial<Content>; frames?: (all: Frame[]) => Frame[] } = {},
): Promise<Verification> {
  const first = firstHash('ses_1')
  let hash = first
  const made = events.map((event, seq) => {
    const payload = Buffer.from(JSON.stringify({ seq, at: '2026-01-01T00:00:00.000Z', ms: seq, ...event }))
    hash = nextHash(hash, payload)
    return { hash, payload }
  })
  const body = { ...(await encodeFramed(frames(made), first)), hash }
  const signed = signStatement(SEAL_PURPOSE_2, contentOf(body, first, seal), signer)
  return verify(Buffer.concat([Buffer.from(MAGIC_2), encodeSegment(signed, body.bytes)]))
}

async function verify(bytes: Buffer): Promise<Verification> {
  async function* once(): AsyncGenerator<Buffer> {
    yield bytes
  }
  return verifyRecording(once(), keys)
}

describe('a record of version 2 that was sealed with the key', () => {
  it('is genuine if its events follow from each other', async () => {
    expect(await record2(EVENTS)).toMatchObject({ status: 'sealed', events: 3 })
    const seal = { status: 'recovered', tail: 'whole' } as const
    expect(await record2(EVENTS, { seal })).toMatchObject({ status: 'recovered', events: 3 })
  })

  it('is not where an event has another hash than it should, and names that event', async () => {
    const frames = ([a, b, c]: Frame[]): Frame[] => [a, { ...b, hash: Buffer.alloc(32) }, c] as Frame[]
    expect(await record2(EVENTS, { frames })).toMatchObject({ status: 'invalid', event: 1, reason: /does not follow/ })
  })

  it('is not where an event says it is another one', async () => {
    const [first, , last] = EVENTS
    expect(await record2([first, { ...command('select 1'), seq: 2 }, last] as object[])).toMatchObject({
      status: 'invalid',
      event: 1,
      reason: 'says it is event 2',
    })
  })

  it.each<[string, readonly object[]]>([
    ['a second end', [...EVENTS, ENDED]],
    ['a command and a second end', [...EVENTS, command('drop table t'), ENDED]],
  ])('is not with %s behind the end of the session', async (_what, events) => {
    expect(await record2(events)).toMatchObject({ status: 'invalid', event: 3, reason: /after the end of the session/ })
  })

  it('is not where its seal is about other events', async () => {
    expect(await record2(EVENTS, { seal: { hash: '0'.repeat(64) } })).toMatchObject({
      status: 'invalid',
      segment: 0,
      reason: /ends with another event than its seal says/,
    })
  })

  it.each<Partial<Content>>([{}, { status: 'recovered', tail: 'whole' }])(
    'is not where the session has no end in it: %j',
    async (seal) => {
      expect(await record2(EVENTS.slice(0, 2), { seal })).toMatchObject({
        status: 'invalid',
        reason: /the session has no end in it/,
      })
    },
  )
})

/** Version 3 under the key. */
async function sealed(other: Partial<Content> = {}): Promise<{ body: SegmentBody; seal: SegmentSeal; file: Buffer }> {
  const previous = firstBlockHash('ses_1')
  const body = await encodeCompact(previous, blocksOf([opened(), command('select 1'), ENDED]), undefined)
  const seal = signStatement(SEAL_PURPOSE, contentOf(body, previous, other), signer)
  return { body, seal, file: Buffer.concat([Buffer.from(MAGIC), encodeSegment(seal, body.bytes)]) }
}

/** Version 3 before it is sealed: nobody needs a key to write it. */
function unsealed(events: readonly object[], previous: Buffer, other: Partial<Content> = {}): Buffer {
  const body = encodeUnpacked('compact-plain', previous, blocksOf(events))
  const content = contentOf(body, previous, { status: 'unsealed', ...other })
  return encodeSegment({ ...content, key: '', signature: '' }, body.bytes)
}

describe('a sealed record', () => {
  it('is not genuine where its seal is about other events', async () => {
    const { file } = await sealed({ hash: '0'.repeat(64) })
    expect(await verify((await sealed()).file)).toMatchObject({ status: 'sealed' })
    expect(await verify(file)).toMatchObject({
      status: 'invalid',
      reason: /ends with another event than its seal says/,
    })
  })

  it.each<[string, readonly object[]]>([
    ['nothing', []],
    ['a command', [command('drop table t')]],
  ])('is not reopened by an unsealed segment behind it, with %s in it', async (_what, events) => {
    const { file, body } = await sealed()
    const more = unsealed(events, body.hash, { segment: 1, first: 3 })
    expect(await verify(Buffer.concat([file, more]))).toMatchObject({
      status: 'invalid',
      segment: 1,
      reason: 'comes after the segment that says it is the last',
    })
  })

  it('has its signature in one spelling', async () => {
    const { seal, body } = await sealed()
    const respelled = { ...seal, signature: respelling(seal.signature) }
    expect(Buffer.from(respelled.signature, 'base64url')).toEqual(Buffer.from(seal.signature, 'base64url'))
    const key = publicKeyFromPem(signer.publicKeyPem)
    expect([seal, respelled].map((one) => statementVerifies(SEAL_PURPOSE, one, key))).toEqual([true, false])
    expect(await verify(Buffer.concat([Buffer.from(MAGIC), encodeSegment(respelled, body.bytes)]))).toMatchObject({
      status: 'invalid',
      reason: 'has an invalid signature',
    })
  })
})

/** Other characters for the same 64 bytes: the last of 86 has four bits that say nothing (RFC 4648, section 3.5). */
function respelling(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return signature.slice(0, -1) + (alphabet[alphabet.indexOf(signature.at(-1) as string) + 1] as string)
}

it('a spool file that has events without a seal is damaged: a recovery must not sign what anybody can write', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  try {
    const path = join(directory, 'ses_1.pamrec')
    const events = [opened(), command('select 1')]
    writeFileSync(path, Buffer.concat([Buffer.from(MAGIC), unsealed(events, firstBlockHash('ses_1'))]))
    expect(await verifyRecording(path, keys)).toMatchObject({ status: 'open', events: 2 })
    expect(await readValidPrefix(path, 'ses_1', keys)).toEqual({ damaged: 'segment 0 has no seal' })
  } finally {
    rmSync(directory, { recursive: true })
  }
})
