import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { withFinalStatus } from '../../../../src/protocols/http/upstream/final-status.ts'

const answer = (status: number) => ({ status, headers: [], body: Readable.from([]) })

it('passes statuses of HTTP, and no others', () => {
  for (const status of [200, 204, 304, 404, 418, 599]) expect(withFinalStatus(answer(status)).status).toBe(status)
  for (const status of [0, 99, 100, 101, 199, 600, 999]) expect(() => withFinalStatus(answer(status))).toThrow(/status/)
})
