import { Worker, type ResourceLimits } from 'node:worker_threads'
import { READY } from './answer-requests.ts'
import { whenLate } from './when-late.ts'

/** Work that is done off the main thread, one piece at a time, each within a time limit. */
export interface DeadlineWorker<Request, Reply> {
  /** `late`: it took too long; `broken`: the worker failed in an unforeseen way. Either way the next has a new worker. */
  run(request: Request): Promise<Reply | 'late' | 'broken'>
  close(): Promise<void>
}

export interface DeadlineWorkerOptions {
  /** A module that says when it is ready, and answers each message `{ id, request }` with `{ id, reply }` (see `answerRequests`). */
  readonly module: URL
  /** For one request; how long a worker takes to start depends on the machine alone, and does not count. */
  readonly timeoutMs: number
  readonly resourceLimits?: ResourceLimits
}

interface Waiting<Request, Reply> {
  readonly id: number
  readonly request: Request
  readonly resolve: (reply: Reply | 'late' | 'broken') => void
}

export function deadlineWorker<Request, Reply>({
  module,
  timeoutMs,
  resourceLimits,
}: DeadlineWorkerOptions): DeadlineWorker<Request, Reply> {
  let worker: Worker | undefined
  let isReady = false
  let inTime = (): void => {}
  let nextId = 0
  const queue: Waiting<Request, Reply>[] = []

  const finish = (reply: Reply | 'late' | 'broken'): void => {
    inTime()
    queue.shift()?.resolve(reply)
    next()
  }
  const discard = (): void => {
    const old = worker
    worker = undefined
    old?.removeAllListeners()
    old?.on('error', () => {})
    void old?.terminate()
  }
  const start = (): Worker => {
    const started = new Worker(module, resourceLimits === undefined ? {} : { resourceLimits })
    started.unref()
    isReady = false
    started.on('message', (message: typeof READY | { id: number; reply: Reply }) => {
      if (message === READY) {
        isReady = true
        limit()
      } else if (queue[0]?.id === message.id) finish(message.reply)
    })
    started.on('error', () => {
      discard()
      finish('broken')
    })
    return started
  }
  const limit = (): void => {
    inTime()
    if (queue.length === 0) return
    inTime = whenLate(isReady ? timeoutMs : MAX_START_MS, () => {
      discard()
      finish('late')
    })
  }
  const next = (): void => {
    const [waiting] = queue
    if (waiting === undefined) return
    worker ??= start()
    limit()
    worker.postMessage({ id: waiting.id, request: waiting.request })
  }
  return {
    run: (request) =>
      new Promise((resolve) => {
        queue.push({ resolve, request, id: nextId++ })
        if (queue.length === 1) next()
      }),
    close: async () => {
      inTime()
      await worker?.terminate()
    },
  }
}

const MAX_START_MS = 60_000
