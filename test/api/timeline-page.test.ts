import { expect, it } from 'vitest'
import { timelinePage } from '../../src/api/timeline-page.ts'
import type { EventBody } from '../../src/recording/event.ts'
import type { ReadEvent } from '../../src/recording/read.ts'

const command = (id: string, verdict: 'allow' | 'deny' | 'hold', text = id): EventBody => ({
  type: 'command',
  id,
  verdict,
  text,
  digest: '',
  kinds: [],
  reads: [],
  writes: [],
})
const result = (id: string, error?: string): EventBody => ({
  type: 'result',
  command: id,
  rows: 0,
  bytes: 0,
  durationMs: 1,
  ...(error === undefined ? {} : { error }),
})
const EVENTS: readonly EventBody[] = [
  command('fine', 'allow'),
  result('fine'),
  command('wrong', 'allow'),
  result('wrong', '42P01'),
  command('denied', 'deny'),
  command('held', 'hold'),
  { type: 'approval', id: 'apr_1', command: 'held', state: 'approved' },
  { type: 'forwarded', command: 'held' },
  // It was a text of two statements.
  result('held'),
  result('held'),
  { type: 'notice', message: 'x' },
  { type: 'ended', code: 'CLIENT_LEFT', message: '' },
]

async function* read(): AsyncGenerator<ReadEvent, void, undefined> {
  for (const [seq, body] of EVENTS.entries())
    yield { event: { seq, at: '2026-11-30T12:00:00.000Z', ms: seq, ...body }, data: undefined }
}

const page = (asked: { from?: number; limit?: number; matters?: boolean; text?: string }) =>
  timelinePage(() => Promise.resolve(read()), { from: 0, limit: 100, types: undefined, text: undefined, ...asked })

it('shows what was denied, held or failed, with what became of it', async () => {
  const { items, next } = await page({ matters: true })
  expect(items.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6, 8, 9, 11])
  expect(next).toBeUndefined()
})

it('goes on where a page ended, with the command of an error on its page', async () => {
  const seen: number[] = []
  for (let from: number | undefined = 0; from !== undefined;) {
    const { items, next } = await page({ matters: true, limit: 1, from })
    seen.push(...items.map(({ seq }) => seq))
    from = next
  }
  expect([...new Set(seen)].toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 8, 9, 11])
})

it('shows everything where that is not asked for, and what has a text', async () => {
  expect((await page({})).items).toHaveLength(EVENTS.length)
  expect((await page({ text: 'DENIED' })).items.map(({ seq }) => seq)).toEqual([4])
})
