import { describe, expect, it } from 'vitest'
import { deadlineWorker } from '../../src/shared/deadline-worker.ts'

/** A worker that takes so many milliseconds to start, and then as many for a request as it is asked for. */
const slow = (start: number): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from 'node:worker_threads'
      const work = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
      work(${start})
      parentPort.on('message', ({ id, request }) => {
        if (request < 0) throw new Error('broken')
        work(request)
        parentPort.postMessage({ id, reply: request })
      })
      parentPort.postMessage('ready')`)}`,
  )

describe('the time limit of a worker', () => {
  it('applies to a request, and not to the start of the worker', async () => {
    const worker = deadlineWorker<number, number>({ module: slow(2500), timeoutMs: 2000 })
    expect(await Promise.all([worker.run(0), worker.run(1)])).toEqual([0, 1])
    await worker.close()
  })

  it('accepts an answer that was in time but read late, since this process was suspended', async () => {
    const worker = deadlineWorker<number, number>({ module: slow(0), timeoutMs: 2000 })
    await worker.run(0)
    const reply = worker.run(1)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
    expect(await reply).toBe(1)
    await worker.close()
  })

  it('terminates the worker; the next request has a new one and the full limit', async () => {
    const worker = deadlineWorker<number, number>({ module: slow(0), timeoutMs: 2000 })
    const replies = [600_000, 0, -1, 1].map((request) => worker.run(request))
    expect(await Promise.all(replies)).toEqual(['late', 0, 'broken', 1])
    await worker.close()
  })
})
