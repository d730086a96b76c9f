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

it.each(['', 'null', '[]', '{"kind":"review","id":1,"change":"x"}', '{"kind":"toString","id":"x","change":"x"}'])(
  'ends at a change that is none: %j',
  async (data) => {
    await expect(eventsIn('id: 8', 'event: changed', `data: ${data}`, '')).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
    })
  },
)
