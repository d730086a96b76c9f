import { bodyOf, type Frame } from '../../wire/framer.ts'
import { SYNC } from '../../wire/client-message.ts'
import { errorResponse } from '../../wire/error-response.ts'
import { decodeMessage, serverTags } from '../../wire/server-message.ts'
import { readyForQueryCodec } from '../../wire/session-start.ts'
import { PamError } from '../../../../shared/errors.ts'
import { printedTree } from '../server-reading/printed-tree.ts'
import { OwnQueryFailed, rowValues } from './gateway-query.ts'
import type { Pending } from './pending.ts'
import type { PipelineState } from './pipeline-state.ts'

type OwnQueries = Pending & { readonly type: 'own' }

/** An ErrorResponse as the client sees it. */
export type ShownError = (frame: Frame, fields: ReadonlyMap<string, string>) => Buffer

/**
 * Takes an answer to the gateway's own queries. Returns what the client gets: nothing, unless one of them has failed within a pipeline of the
 * client.
 */
export function ownAnswer(
  frame: Frame,
  head: OwnQueries,
  pipeline: PipelineState,
  shownError: ShownError,
): Buffer | undefined {
  switch (frame.tag) {
    case serverTags.dataRow:
      head.room -= frame.bytes.length + OWN_ROW
      if (head.room < 0)
        throw new PamError('MESSAGE_TOO_LARGE', 'the target sent more to the gateway than is allowed', {
          side: 'upstream',
        })
      head.results.at(-1)?.push(rowValues(bodyOf(frame)))
      return undefined
    case serverTags.commandComplete:
      if (head.results.push([]) > head.most + 1) return pipeline.outOfStep(frame.tag)
      return undefined
    case serverTags.errorResponse: {
      const { fields } = decodeMessage(errorResponse, bodyOf(frame), 'ErrorResponse')
      head.done(new OwnQueryFailed((fields.get('C') ?? 'XX000').slice(0, 5), fields.get('M') ?? ''))
      if (head.closes === undefined || endFailed(head, pipeline)) return undefined
      return shownError(frame, fields)
    }
    case serverTags.readyForQuery:
      pipeline.status = decodeMessage(readyForQueryCodec, bodyOf(frame), 'ReadyForQuery').status
      pipeline.answered()
      head.done()
      return undefined
    case serverTags.closeComplete:
      if (head.closes === undefined || --head.closes > 0) return undefined
      pipeline.answered()
      head.done()
      return undefined
    case serverTags.noticeResponse: {
      const { trees, results } = head
      const tree = trees?.after === results.length - 1 ? printedTree(bodyOf(frame)) : undefined
      if (tree !== undefined) trees?.printed.push(tree)
      return undefined
    }
    case serverTags.parseComplete:
    case serverTags.bindComplete:
      return undefined
    default:
      return pipeline.outOfStep(frame.tag)
  }
}

/**
 * In a pipeline the server now skips everything up to a Sync, as after any error. True if the gateway sends one; otherwise the client gets
 * this error.
 */
function endFailed(head: OwnQueries, pipeline: PipelineState): boolean {
  if (head.failing === 'ended') {
    head.closes = undefined
    pipeline.upstream.write(SYNC)
    return true
  }
  pipeline.skipToSync()
  return false
}

/** Bytes of memory for a row beyond its content. */
const OWN_ROW = 16
