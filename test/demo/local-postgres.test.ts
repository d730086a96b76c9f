import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { freePort, portOrFree } from '../../src/demo/local-postgres.ts'

it('gives every caller another free port, although none of them is open yet', async () => {
  const ports = await Promise.all(Array.from({ length: 300 }, freePort))
  expect(new Set(ports).size).toBe(300)
})

it('gives the port that is asked for to one caller, and to none while somebody listens on it', async () => {
  // Above those that freePort gives, and below those that systems give to whoever asks for any.
  const [port, taken] = [20_000 + (process.pid % 5000), 25_000 + (process.pid % 5000)]
  expect(await portOrFree(port)).toBe(port)
  expect(await portOrFree(port)).not.toBe(port)
  const server = createServer().listen(taken, '127.0.0.1')
  await once(server, 'listening')
  expect(await portOrFree(taken)).not.toBe(taken)
  server.close()
})
