import { deadlineWorker, type DeadlineWorker } from '../../../shared/deadline-worker.ts'
import { PamError } from '../../../shared/errors.ts'
import { readPaths, type DocumentOptions } from './read-document.ts'
import type { DescribedPath } from './service-description.ts'

export interface DocumentRequest {
  readonly text: string
  /** What errors call it. */
  readonly file: string
  readonly options: DocumentOptions
}

/** `problem`: what is wrong with the document, a line each. */
export type DocumentReply = { readonly paths: readonly DescribedPath[] } | { readonly problem: string }

/** Reads documents off the main thread: one of some megabytes takes seconds. */
export const documentReader = (): DeadlineWorker<DocumentRequest, DocumentReply> =>
  deadlineWorker({
    module: new URL('./document-worker.js', import.meta.url),
    timeoutMs: MAX_READING_MS,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  })

/** The worker's side. */
export function replyTo({ text, file, options }: DocumentRequest): DocumentReply {
  try {
    return { paths: readPaths(text, file, options) }
  } catch (error) {
    if (error instanceof PamError) return { problem: error.message }
    throw error
  }
}

/** For one document, of at most 8 MiB. */
const MAX_READING_MS = 60_000
