import { expect, it } from 'vitest'
import { serverEvents } from '../../src/gateway-client/server-events.ts'

async function* lines(...all: string[]): AsyncGenerator<string> {
  yield* all
}

const eventsIn = async (...all: string[]): Promise<unknown[]> => {
  const events = []
  for await (const event of serverEvents(lines(...all))) events.push(event)
  return events
}

it('reads changes, where it is, and that nothing happens', async () => {
  const data = '{"kind":"grant","id":"grt_1","change":"grant.revoked","type":"ready","seq":9}'
  expect(await eventsIn('id: 7', 'event: ready', '', ':', 'id: 8', 'event: changed', `data: ${data}`, '')).toEqual([
    { type: 'ready', seq: 7 },
    { type: 'beat' },
    { type: 'changed', seq: 8, kind: 'grant', id: 'grt_1', change: 'grant.revoked' },
  ])
})

it.each(['toString', 'a kind of later'])('looks at everything again at a change of the kind %s', async (kind) => {
  const data = JSON.stringify({ kind, id: 'x', change: 'x' })
  expect(await eventsIn('id: 8', 'event: changed', `data: ${data}`, '')).toEqual([{ type: 'resync', seq: 8 }])
})

it.each(['', 'null', '[]', '{"kind":"review","id":1,"change":"x"}', '{"kind":7,"id":"x","change":"x"}'])(
  'ends at a change that is none: %j',
  async (data) => {
    await expect(eventsIn('id: 8', 'event: changed', `data: ${data}`, '')).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
    })
  },
)

it('ends at an event that does not end', async () => {
  const data = Array.from({ length: 20 }, () => `data: ${'x'.repeat(8192)}`)
  await expect(eventsIn('id: 8', 'event: changed', ...data, '')).rejects.toMatchObject({ code: 'VERSION_MISMATCH' })
})
