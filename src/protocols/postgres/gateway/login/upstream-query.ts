import { bodyOf, type Frame } from '../../wire/framer.ts'
import { query } from '../../wire/query.ts'
import { rowDescription } from '../../wire/row-description.ts'
import { decodeMessage, encodeMessage, serverTags, type TransactionStatus } from '../../wire/server-message.ts'
import { readyForQueryCodec } from '../../wire/session-start.ts'
import { rowValues } from '../pipeline/gateway-query.ts'
import type { OwnRows } from '../pipeline/pending.ts'
import type { TargetRefusal } from '../../../../gateway/target-failure.ts'
import { violation, type TargetMessages } from '../../../../gateway/target-messages.ts'
import { refusalOf, unexpected } from './upstream-login.ts'

/** Runs the gateway's own constant queries in one round trip, on a connection that no client uses yet. Returns the rows of each. */
export async function runQueries(messages: TargetMessages<Frame>, texts: readonly string[]): Promise<OwnRows[]> {
  messages.send(encoded(texts.join(';')))
  const { results, status } = await answersOf(messages, texts.length)
  if (status !== 'I') throw violation('the target is in a transaction that nobody started')
  return results
}

/**
 * The same in a transaction of its own that begins with `first`, which sets the settings for the queries: an account may have time limits
 * that are meant for people.
 */
export async function runShielded(
  messages: TargetMessages<Frame>,
  first: string,
  texts: readonly string[],
): Promise<OwnRows[]> {
  messages.send(Buffer.concat([BEGIN, first, texts.join(';'), 'commit'].map(encoded)))
  let failure: TargetRefusal | undefined
  const run = async (count: number, expected: TransactionStatus): Promise<OwnRows[]> => {
    const { results, status, error } = await answersOf(messages, count, true)
    failure ??= error
    if (status !== (error === undefined && failure === undefined ? expected : expected === 'I' ? 'I' : 'E'))
      throw violation('the target is not in the transaction that the gateway started')
    return results
  }
  await run(0, 'T')
  await run(1, 'T')
  const results = await run(texts.length, 'T')
  await run(0, 'I')
  if (failure !== undefined) throw failure
  return results
}

/** Runs one statement that returns no rows, in the open transaction if there is one. */
export async function runCommand(messages: TargetMessages<Frame>, text: string): Promise<void> {
  messages.send(encoded(text))
  await answersOf(messages, 0)
}

const encoded = (sql: string): Buffer => encodeMessage(query, { type: 'query', sql })

/** Reads up to ReadyForQuery. Returns the rows of `count` queries; 0 for a command without rows. */
async function answersOf(
  messages: TargetMessages<Frame>,
  count: number,
  keepError = false,
): Promise<{ results: OwnRows[]; status: TransactionStatus; error: TargetRefusal | undefined }> {
  const results: OwnRows[] = []
  let rows: OwnRows | undefined
  let columns = 0
  let error: TargetRefusal | undefined
  let commands = 0
  for (;;) {
    const frame = await messages.next().catch((failure: unknown) => {
      throw error ?? failure
    })
    switch (frame.tag) {
      case serverTags.noticeResponse:
        break
      case serverTags.errorResponse:
        error ??= refusalOf(bodyOf(frame))
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
        if (count === 0) {
          if (rows !== undefined || ++commands > 1) throw unexpected(frame)
          break
        }
        if (rows === undefined) throw unexpected(frame)
        if (results.push(rows) > count) throw violation('the target sent more than was asked for')
        rows = undefined
        break
      case serverTags.parameterStatus:
        break
      case serverTags.readyForQuery: {
        const { status } = decodeMessage(readyForQueryCodec, bodyOf(frame), 'ReadyForQuery')
        if (error !== undefined && !keepError) throw error
        if (error === undefined && (rows !== undefined || results.length !== count)) throw unexpected(frame)
        return { results, status, error }
      }
      default:
        throw unexpected(frame)
    }
  }
}

/** Overrides the defaults of the account and of the client. */
const BEGIN = 'begin isolation level read committed, read only, not deferrable'
