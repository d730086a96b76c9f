import { Worker, type ResourceLimits } from 'node:worker_threads'

/** Work that is done off the main thread, one piece at a time, each within a time limit. */
export interface DeadlineWorker<Request, Reply> {
  /** `late`: it took too long; `broken`: the worker failed in an unforeseen way. Either way the next has a new worker. */
  run(request: Request): Promise<Reply | 'late' | 'broken'>
  close(): Promise<void>
}

export interface DeadlineWorkerOptions {
  /** A module that answers each message `{ id, request }` with `{ id, reply }` (see `answerRequests`). */
  readonly module: URL
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
  let timer: NodeJS.Timeout | undefined
  let nextId = 0
  const queue: Waiting<Request, Reply>[] = []

  const finish = (reply: Reply | 'late' | 'broken'): void => {
    clearTimeout(timer)
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
    started.on('message', ({ id, reply }: { id: number; reply: Reply }) => {
      if (queue[0]?.id === id) finish(reply)
    })
    started.on('error', () => {
      discard()
      finish('broken')
    })
    return started
  }
  const next = (): void => {
    const [waiting] = queue
    if (waiting === undefined) return
    worker ??= start()
    timer = setTimeout(() => {
      discard()
      finish('late')
    }, timeoutMs)
    worker.postMessage({ id: waiting.id, request: waiting.request })
  }
  return {
    run: (request) =>
      new Promise((resolve) => {
        queue.push({ resolve, request, id: nextId++ })
        if (queue.length === 1) next()
      }),
    close: async () => {
      clearTimeout(timer)
      await worker?.terminate()
    },
  }
}
