import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createRequest } from '../../../src/access/request.ts'
import { reviewRoutes } from '../../../src/api/routes/reviews.ts'
import { saveApproval } from '../../../src/storage/approvals.ts'
import type { Database } from '../../../src/storage/database.ts'
import { saveRequest } from '../../../src/storage/requests.ts'
import {
  BOBS_LOGIN as bob,
  heldCommand as held,
  REQUEST_RULE as RULE,
  REVIEW_TIME as NOW,
} from '../../helpers/review-fixtures.ts'
import { testStore } from '../../helpers/test-store.ts'

const jane = { id: 'jane', kind: 'person', label: 'jane' } as const

let directory: string
let db: Database
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  db = await testStore(join(directory, 'state.db'))
})
afterEach(async () => {
  await db.close()
  rmSync(directory, { recursive: true })
})

async function inbox(query: string): Promise<{ readonly items: { readonly id: string }[]; readonly next?: string }> {
  const app = fastify()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.decorateRequest('login', () => bob)
  await app.register(reviewRoutes, {
    db,
    clock: { now: () => NOW },
    registry: { has: (id: string) => id === 'ses_live', find: () => undefined, held: () => undefined },
    readings: { noteOften: async () => {} },
    settings: () => ({ targets: [], roles: { audit: [], operate: [], lock: [] } }),
  } as never)
  const answer = await app.inject({ url: `/v1/reviews${query}` })
  await app.close()
  expect(answer.statusCode).toBe(200)
  return answer.json()
}

// Where the store cannot be written, a held command stays pending in it although its session has ended.
it.each(['', '?visible=true', '?limit=1'])(
  'the inbox has no held command whose session has ended: %j',
  async (query) => {
    const request = createRequest(
      { requester: jane, target: 'db', reason: '', length: undefined, rule: RULE },
      { now: NOW + 1, expire: 60_000 },
    )
    await db.change(async (tx) => {
      for (let at = 0; at < 3; at++) await saveApproval(tx, held(`apr_dead${at}`, 'ses_dead'))
      await saveApproval(tx, held('apr_live', 'ses_live'))
      await saveRequest(tx, request)
    })
    const { items, next } = await inbox(query)
    expect(items.map(({ id }) => id)).toEqual(query === '?limit=1' ? ['apr_live'] : ['apr_live', request.id])
    expect(next === undefined).toBe(query !== '?limit=1')
  },
)
