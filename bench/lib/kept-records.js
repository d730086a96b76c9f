import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { firstBlockHash } from '../../dist/recording/compact-format.js'
import { OpenSegment } from '../../dist/recording/open-segment.js'
import { SEAL_PURPOSE, signStatement } from '../../dist/recording/seal.js'
import { encodeCompact, encodeSegment, MAGIC, sha256 } from '../../dist/recording/segment.js'

/** The record of a short session, sealed as the gateway does, in the place of one that was kept; returns what the store knows of it. */
export async function keepRecord({ directory, file, session, person, target, at, signer, texts }) {
  const segment = new OpenSegment(0)
  const add = (event, ms) => segment.add(event, undefined, at + ms, ms)
  const grant = { id: 'grt_1', rule: 'all', reason: '', endsAt: '2030-01-01T00:00:00.000Z' }
  add(
    {
      ...{ type: 'opened', version: 3, session, person, target, protocol: 'postgres', account: 'app', grant },
      policy: 'c'.repeat(64),
    },
    0,
  )
  for (const [n, text] of texts.entries()) {
    const id = `dec_${String(at).slice(-12)}${n}`
    add(
      {
        ...{
          type: 'command',
          id,
          verdict: 'allow',
          rule: 'everyday work',
          text,
          digest: sha256(Buffer.from(text + id)),
        },
        ...{ kinds: ['select'], reads: ['public.orders'], writes: [] },
      },
      1000 * n,
    )
    add({ type: 'result', command: id, tag: 'SELECT 1', rows: 1, bytes: 40, durationMs: 1 }, 1000 * n + 2)
  }
  add({ type: 'ended', code: 'CLIENT_LEFT', message: 'the client closed the connection' }, 30_000)
  const previous = firstBlockHash(session)
  const body = await encodeCompact(previous, segment.blocks(), undefined)
  const seal = signStatement(
    SEAL_PURPOSE,
    {
      ...{ session, segment: 0, first: 0, events: body.events },
      ...{ previous: previous.toString('hex'), hash: body.hash.toString('hex'), status: 'sealed' },
      ...{ encoding: body.encoding, bytes: body.bytes.length, sha256: sha256(body.bytes) },
      at: new Date(at + 30_000).toISOString(),
    },
    signer,
  )
  const bytes = Buffer.concat([Buffer.from(MAGIC), encodeSegment(seal, body.bytes)])
  const path = join(directory, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return { status: 'sealed', events: body.events, bytes: bytes.length, sha256: sha256(bytes), hash: seal.hash }
}
