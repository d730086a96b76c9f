import { bodyOf } from '../../wire/framer.ts'
import { query } from '../../wire/query.ts'
import { rowDescription } from '../../wire/row-description.ts'
import { decodeMessage, encodeMessage, serverTags } from '../../wire/server-message.ts'
import { readyForQueryCodec } from '../../wire/session-start.ts'
import { rowValues } from '../pipeline/gateway-query.ts'
import type { OwnRows } from '../pipeline/pending.ts'
import { violation, type TargetMessages } from './target-messages.ts'
import { TargetSaidNo, unexpected } from './upstream-login.ts'

/** Runs constant texts of the gateway's own in one round trip, on a connection that no client uses yet; the rows of each. */
export async function runQueries(messages: TargetMessages, texts: readonly string[]): Promise<OwnRows[]> {
  messages.send(encodeMessage(query, { type: 'query', sql: texts.join(';') }))
  const results: OwnRows[] = []
  let rows: OwnRows | undefined
  let columns = 0
  let error: TargetSaidNo | undefined
  for (;;) {
    const frame = await messages.next().catch((failure: unknown) => {
      throw error ?? failure
    })
    switch (frame.tag) {
      case serverTags.noticeResponse:
        break
      case serverTags.errorResponse:
        error ??= new TargetSaidNo(bodyOf(frame))
        break
      case serverTags.rowDescription:
        if (rows !== undefined) throw unexpected(frame)
        columns = decodeMessage(rowDescription, bodyOf(frame), 'RowDescription').columns.length
        rows = []
        break
      case serverTags.dataRow:
        if (rows === undefined) throw unexpected(frame)
        rows.push(rowValues(bodyOf(frame), columns))
        break
      case serverTags.commandComplete:
        if (rows === undefined) throw unexpected(frame)
        if (results.push(rows) > texts.length) throw violation('the target answered more than it was asked')
        rows = undefined
        break
      case serverTags.parameterStatus:
        break
      case serverTags.readyForQuery: {
        const { status } = decodeMessage(readyForQueryCodec, bodyOf(frame), 'ReadyForQuery')
        if (error !== undefined) throw error
        if (rows !== undefined || results.length !== texts.length || status !== 'I') throw unexpected(frame)
        return results
      }
      default:
        throw unexpected(frame)
    }
  }
}
