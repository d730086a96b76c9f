import { deadlineWorker } from '../shared/deadline-worker.ts'

/** Reads long texts off the main thread, one at a time. */
export interface LongTextReader<Request, Reply> {
  read(request: Request): Promise<Reply | { readonly failure: string }>
  close(): Promise<void>
}

/** `module` answers as `answerRequests` says. A worker that takes too long or fails is replaced. */
export function longTextReader<Request, Reply>(module: URL): LongTextReader<Request, Reply> {
  const worker = deadlineWorker<Request, Reply>({
    module,
    timeoutMs: MAX_READING_MS,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  })
  return {
    async read(request) {
      const reply = await worker.run(request)
      if (reply === 'late') return { failure: TOO_LATE }
      return reply === 'broken' ? { failure: 'it is nested too deeply to be read' } : reply
    },
    close: () => worker.close(),
  }
}

/** Why a text is not read: it took longer than a worker is given, or would. */
export const TOO_LATE = 'it takes too long to be read'
const MAX_READING_MS = 5000
