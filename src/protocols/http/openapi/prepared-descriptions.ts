import { createHash } from 'node:crypto'
import type { DeadlineWorker } from '../../../shared/deadline-worker.ts'
import type { DocumentReply, DocumentRequest } from './document-reader.ts'
import { ServiceDescription } from './service-description.ts'

/** A document that was read, or why it could not be. */
export type PreparedDescription = ServiceDescription | { readonly problem: string }

/**
 * The documents of a configuration, read before it is loaded. Each is known by its content: one that changes in between is another one. A document that has not
 * changed since the time before is not read again.
 */
let prepared: ReadonlyMap<string, PreparedDescription> = new Map()

/** What was prepared of a document; undefined where that was not. */
export const preparedOf = (request: DocumentRequest): PreparedDescription | undefined => prepared.get(keyOf(request))

/** Reads documents with `reader`, one after the other, in place of those that were prepared before. Never rejects for what is in one. */
export async function prepareDocuments(
  requests: readonly DocumentRequest[],
  reader: Pick<DeadlineWorker<DocumentRequest, DocumentReply>, 'run'>,
): Promise<void> {
  const next = new Map<string, PreparedDescription>()
  for (const request of requests) {
    const key = keyOf(request)
    if (next.has(key)) continue
    const known = prepared.get(key)
    // What went wrong may go well another time.
    const isRead = known instanceof ServiceDescription
    next.set(key, isRead ? known : toDescription(await reader.run(request), request.file))
  }
  prepared = next
}

function toDescription(reply: DocumentReply | 'late' | 'broken', file: string): PreparedDescription {
  if (reply === 'late') return { problem: `${file} takes too long to be read: leave out what is not about paths` }
  if (reply === 'broken') return { problem: `${file} is too large or too deeply nested to be read` }
  return 'problem' in reply ? reply : new ServiceDescription(reply.paths)
}

function keyOf({ text, file, options: { basePath, unsafe } }: DocumentRequest): string {
  const said = JSON.stringify([file, basePath ?? null, unsafe])
  return createHash('sha256').update(said).update('\n').update(text).digest('hex')
}
