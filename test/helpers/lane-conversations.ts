import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SYNC } from '../../src/protocols/postgres/wire/client-message.ts'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { EMAIL_RULES, KIND_RULES, RULES, Twins } from './lane-connections.ts'
import { C, D, E, P, Q } from './messages.ts'
import { bindOf } from './model-postgres.ts'
import { sampled, sampledRuns } from './sampled.ts'

/** What a client sends, and whether a lane takes any of it where nothing is masked. */
export type Conversation = readonly [name: string, sent: Buffer, takes: boolean]

export const IDS = 'select id from people where id = $1'
export const BOTH = 'select id, email from people where id = $1'
export const INSERT = 'insert into people (id) values ($1)'
/** A statement of a batch, by its name and its parameter. */
export const one = (name: string, word: string | null): Buffer => Buffer.concat([bindOf(name, [word]), D(), E()])
export const bare = (name: string, word: string | null): Buffer => Buffer.concat([bindOf(name, [word]), E()])
export const batch = (...messages: Buffer[]): Buffer => Buffer.concat([...messages, SYNC])
export const text = (sql: string, word: string | null): Buffer => Buffer.concat([P(sql), bindOf('', [word]), D(), E()])
/** Simple queries, with a constant of theirs. */
export const ids = (word: string): Buffer => Q(`select id from people where id = '${word}'`)
export const mail = (word: string): Buffer => Q(`select id, email from people where id = '${word}'`)
export const add = (word: string): Buffer => Q(`insert into people (id) values ('${word}')`)

const PREPARED = [
  ['ids', IDS],
  ['both', BOTH],
  ['add', INSERT],
] as const
const TEXTS = [batch(text(IDS, '1')), batch(text(INSERT, '1'))]
/** What is known once it has come twice. */
const SIMPLE = [ids, mail, add]
const BLOCKS = ['begin', 'commit', 'begin', 'rollback', 'begin', 'commit', 'begin', 'rollback'].map(Q)

let parser: SqlParser

/**
 * Connections on which what the tests send has been sent often enough to be known: everything, or what is in `sent`, since most of the time
 * of these tests goes by in this.
 */
export async function twins(rules: string, sent?: Buffer): Promise<Twins> {
  const made = new Twins({ parser, rules })
  await know(made, sent)
  await made.prepare(...(sent === undefined || BLOCKS.some((block) => sent.includes(block)) ? BLOCKS : []), ...TEXTS)
  made.compare()
  return made
}

/** The same once more, whatever has become of it. */
async function again(pair: Twins, rules: string, sent: Buffer): Promise<Twins> {
  if (pair.slow.session.ended.aborted) return twins(rules, sent)
  await pair.prepare(SYNC, Q('rollback'))
  await know(pair, sent)
  for (const sql of [IDS, INSERT]) if (sent.includes(sql)) await pair.prepare(batch(text(sql, '1')))
  pair.compare()
  return pair
}

/** Of a simple query, up to its first constant. */
const beginningOf = (query: Buffer): Buffer => query.subarray(5, query.indexOf("'") + 1)

async function know(pair: Twins, sent?: Buffer): Promise<void> {
  for (const [name, sql] of PREPARED)
    if (sent === undefined || name === 'ids' || sent.includes(`${name}\0`))
      await pair.prepare(batch(C(name), P(sql, name)), batch(one(name, '1')))
  for (const query of SIMPLE)
    if (sent === undefined || sent.includes(beginningOf(query('')))) await pair.prepare(query('1'), query('2'))
}

const RUNS = sampledRuns(100)

/** All places where a stream may be cut; of a long one, some, and fewer where only the masking differs. Each `turn` takes others. */
function cutsOf(length: number, rules: string, turn: number): readonly number[] {
  const step = (length > 600 ? 61 : 1) * (rules === RULES ? 1 : 5)
  const places = Array.from({ length: Math.floor((length - 1) / step) }, (_, index) => 1 + index * step)
  return sampled(places, { turn, rarer: 2 })
}

const KINDS_OF_RULES = [
  ['nothing masked', RULES],
  ['a masked column', EMAIL_RULES],
  ['a masked kind', KIND_RULES],
] as const

export function usesParser(): void {
  beforeAll(async () => {
    parser = await createSqlParser()
  })
  afterAll(() => parser.close())
}

/** The same bytes to both sides, the same record and the same state with and without a lane, however these conversations are cut. */
export function holdToSlowPath(conversations: readonly Conversation[]): void {
  const numbered = conversations.map(([name, sent], turn) => [name, sent, turn] as const)
  describe.each(KINDS_OF_RULES)(
    'the same bytes to both sides and the same record with and without a lane, %s',
    (_, rules) => {
      it.each(conversations)('%s: in one piece', async (_name, sent, takes) => {
        const after = batch(one('both', '2'))
        const pair = await twins(rules, Buffer.concat([sent, after]))
        const before = pair.lane.taken
        await pair.run(sent)
        pair.compareInside()
        if (rules === RULES) expect(pair.lane.taken > before).toBe(takes)
        expect(pair.slow.taken).toBe(0)
        // What comes after it does not depend on who had it.
        await pair.run(batch(bare('', '1')))
        await pair.run(after)
        pair.compareInside()
      })

      it.each(numbered)('%s: cut at every byte', async (_name, sent, turn) => {
        let pair = await twins(rules, sent)
        for (const at of cutsOf(sent.length, rules, turn)) {
          await pair.each((connection) => connection.fromClient(sent.subarray(0, at)))
          if (at % 2 === 0) await pair.each((connection) => connection.fromServer())
          await pair.each((connection) => connection.fromClient(sent.subarray(at)))
          await pair.each((connection) => connection.fromServer())
          pair = await again(pair, rules, sent)
        }
      })

      it.each(numbered)('%s: answered in pieces', async (_name, sent, turn) => {
        let pair = await twins(rules, sent)
        await pair.each((connection) => connection.fromClient(sent))
        for (const at of cutsOf(pair.slow.due, rules, turn)) {
          await pair.each((connection) => connection.fromServer(at))
          if (at % 3 === 0) pair.compareInside()
          if (at % 4 === 0) await pair.each((connection) => connection.fromClient(batch(one('ids', '1'))))
          await pair.each((connection) => connection.fromServer())
          pair.compareInside()
          pair = await again(pair, rules, sent)
          await pair.each((connection) => connection.fromClient(sent))
        }
      })
    },
  )

  const taken = conversations.filter(([, , takes]) => takes).map(([, sent]) => sent)
  const all = conversations.map(([, sent]) => sent)
  const steps = fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          send: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...taken.slice(0, 9)) }, fc.constantFrom(...all)),
          cut: fc.oneof({ weight: 3, arbitrary: fc.constant(1_000_000) }, fc.nat(300)),
        }),
      },
      { weight: 6, arbitrary: fc.record({ say: fc.oneof(fc.nat(60), fc.constant(1_000_000)) }) },
      { weight: 1, arbitrary: fc.constant({ look: true } as const) },
    ),
    { minLength: 5, maxLength: 60 },
  )
  describe('a client and a server that say what they like, in pieces of any size', () => {
    it.each(KINDS_OF_RULES)(
      'are told the same, and so is the record, with and without a lane: %s',
      async (_, rules) => {
        let count = 0
        await fc.assert(
          fc.asyncProperty(steps, async (moves) => {
            const pair = await twins(rules)
            for (const step of moves) {
              if (pair.slow.session.ended.aborted) break
              if ('look' in step) pair.compareInside()
              else if ('say' in step) await pair.each((connection) => connection.fromServer(step.say))
              else {
                const { send, cut } = step
                await pair.each((connection) => connection.fromClient(send.subarray(0, cut)))
                if (cut < send.length) await pair.each((connection) => connection.fromClient(send.subarray(cut)))
              }
            }
            await pair.each((connection) => connection.fromServer())
            pair.compareInside()
            count += pair.lane.taken
          }),
          { numRuns: RUNS },
        )
        expect(count).toBeGreaterThan(RUNS)
      },
    )
  })
}
