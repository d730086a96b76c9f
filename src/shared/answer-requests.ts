import { parentPort } from 'node:worker_threads'

/** Said once the worker has loaded all that it needs. */
export const READY = 'ready'

/** The worker's side of `deadlineWorker`: what `answer` throws ends the worker. */
export function answerRequests(answer: (request: never) => unknown): void {
  parentPort?.on('message', ({ id, request }: { id: number; request: unknown }) => {
    parentPort?.postMessage({ id, reply: answer(request as never) })
  })
  parentPort?.postMessage(READY)
}
