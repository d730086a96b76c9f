import { expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'

it('gives every caller another free port, although none of them is open yet', async () => {
  const ports = await Promise.all(Array.from({ length: 300 }, freePort))
  expect(new Set(ports).size).toBe(300)
})
