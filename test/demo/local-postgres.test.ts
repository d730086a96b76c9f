import { expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'

it('whoever asks for a free port gets one that nobody was given, although none of them is open yet', async () => {
  const ports = await Promise.all(Array.from({ length: 300 }, freePort))
  expect(new Set(ports).size).toBe(300)
})
